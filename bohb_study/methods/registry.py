"""The names of the methods: names alone, so a new one changes no code that others depend on."""

METHODS: dict[str, str] = {
    "grid": "bohb_study.methods.grid",
    "random": "bohb_study.methods.random",
    "random-2x": "bohb_study.methods.random_2x",
    "median": "bohb_study.methods.median",
    "asha": "bohb_study.methods.asha",
    "asha-bohb": "bohb_study.methods.asha_bohb",
    "hyperband": "bohb_study.methods.hyperband",
    "bohb": "bohb_study.methods.bohb",
    "bohb-stock": "bohb_study.methods.bohb_stock",
    "hpbandster-hyperband": "bohb_study.methods.hpbandster_hyperband",
    "hpbandster-bohb": "bohb_study.methods.hpbandster_bohb",
    "tpe": "bohb_study.methods.tpe",
    "tpe-univariate": "bohb_study.methods.tpe_univariate",
    "gp": "bohb_study.methods.gp",
}
"""Name -> module:constant; the constant is ``METHOD`` where none is named."""

ABLATIONS: dict[str, str] = {
    "bohb-halving-mended": "bohb_study.methods.ablations:HALVING_MENDED",
    "bohb-ends-told": "bohb_study.methods.ablations:ENDS_TOLD",
    "bohb-random-0": "bohb_study.methods.ablations:RANDOM_0",
    "bohb-random-10": "bohb_study.methods.ablations:RANDOM_10",
    "bohb-random-67": "bohb_study.methods.ablations:RANDOM_67",
}
"""BOHB with one thing changed, for studies of BOHB itself."""

ALL = {**METHODS, **ABLATIONS}
