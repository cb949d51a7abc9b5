"""Which figures and tables the paper has, of which studies and of which of their methods."""

from dataclasses import dataclass

from bohb_study.errors import UsageError
from bohb_study.paper.named_studies import FITTING_ALL, WORKERS
from paper_figures.registry import current_names

SHOWN = (
    "grid", "random", "asha", "asha-bohb", "hyperband", "bohb", "hpbandster-bohb", "tpe", "gp",
)  # fmt: skip
"""As many as a figure can hold; tables have all."""
COMPARED = tuple(method for method in FITTING_ALL if method != "random-2x")
"""All that spend the same budget."""
MAIN_JOB = ("grid", "random", "asha", "bohb")
"""As many as ten seeds can be tested with: of more pairs none could reach 0.05."""
HALVING = ("bohb", "hyperband", "bohb-stock", "hpbandster-bohb", "asha", "random")
GAINS = ("bohb", "random", "asha", "hyperband", "tpe", "gp")
LADDERS = ("digits", "fidelities")
"""Studies of tasks with several fidelities, which every method fits."""
EVERYTHING = (*LADDERS, "tables")


@dataclass(frozen=True)
class Item:
    """One figure or table of the paper."""

    name: str
    """Of its files."""
    what: str
    """The name of a figure or a table in ``registry``."""
    studies: tuple[str, ...]
    """Folders of packed studies; a figure has them joined, one of a series each by itself."""
    methods: tuple[str, ...] = ()
    """All that its studies have where none is named."""
    tasks: tuple[str, ...] = ()
    """All of its studies where none is named."""


PLAN = (
    Item("anytime-digits", "anytime", ("digits",), SHOWN),
    Item("anytime-fashion-mnist", "anytime", ("fashion-mnist",)),
    Item("overview", "overview", EVERYTHING, SHOWN),
    Item("ranks", "ranks", LADDERS, SHOWN),
    Item(
        "ranks-single-fidelity",
        "ranks",
        EVERYTHING,
        ("grid", "random", "tpe", "tpe-univariate", "gp"),
    ),
    Item("ecdf", "ecdf", LADDERS, SHOWN),
    Item("speedup", "speedup", LADDERS, SHOWN),
    Item(
        "learning-curves",
        "learning-curves",
        ("digits",),
        ("random", "asha", "hyperband", "bohb", "median", "asha-bohb"),
    ),
    Item("rungs", "rungs", LADDERS, HALVING),
    Item("characters", "characters", LADDERS, GAINS),
    Item("suggestions", "suggestions", LADDERS, ("bohb", "asha-bohb", "hpbandster-bohb", "tpe")),
    Item("grid-random", "grid-random", ("digits",), ("grid", "random")),
    Item("surrogate", "surrogate", ("digits",), ("bohb",)),
    Item(
        "bohb-variants",
        "bohb-variants",
        ("fidelities",),
        ("bohb", "hyperband", "bohb-stock", "hpbandster-bohb"),
        ("mfh3-good", "mfh3-bad", "mfh6-good", "mfh6-bad", "counting-ones-8", "counting-ones-32"),
    ),
    Item("scaling", "scaling", tuple(f"workers-{n}" for n in WORKERS)),
    Item("time-spent", "time-spent", LADDERS, COMPARED),
    Item(
        "finals-digits",
        "finals",
        ("digits",),
        ("grid", "random", "asha", "hyperband", "bohb", "hpbandster-bohb"),
    ),
    Item("finals-fashion-mnist", "finals", ("fashion-mnist",)),
    Item("anytime-counting-ones", "anytime", ("counting-ones",)),
    Item("anytime-asha", "anytime", ("asha",)),
    Item("anytime-dehb", "anytime", ("dehb",)),
    Item("anytime-fcnet", "anytime", ("fcnet",)),
    Item("table-finals", "table-finals", EVERYTHING, COMPARED),
    Item("table-pairwise-digits", "table-pairwise", ("digits",), MAIN_JOB),
    Item("table-pairwise", "table-pairwise", ("fidelities",), SHOWN),
    Item("table-speedups", "table-speedups", LADDERS, COMPARED),
)
"""In the order of the gallery."""


def items(names: tuple[str, ...]) -> tuple[Item, ...]:
    """Those that are named; all where none is.

    Raises:
        UsageError: there is no such figure; names those that there are.
    """
    known = {item.name: item for item in PLAN}
    names = current_names(names)
    for name in names:
        if name not in known:
            raise UsageError(
                f"{name}: no such figure; allowed: {', '.join(known)}", parameter="figures"
            )
    return tuple(known[name] for name in names) or PLAN
