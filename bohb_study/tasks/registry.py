"""The names of the tasks: names alone, so a new task changes no code that others depend on."""

TASKS: dict[str, str] = {
    "digits": "bohb_study.tasks.training.digits:Digits",
    **dict.fromkeys(("cifar10", "fashion-mnist", "mnist"), "bohb_study.tasks.training.lenet:LeNet"),
    "cifar10-resnet": "bohb_study.tasks.training.resnet:CifarResNet",
    "cifar10-resnet50-split": "bohb_study.tasks.training.resnet50_split:CifarResNet50Split",
    "synthetic-curves": "bohb_study.tasks.functions.synthetic_curves:SyntheticCurves",
    **{
        f"counting-ones-{dimensions}": "bohb_study.tasks.functions.counting_ones:CountingOnes"
        for dimensions in (8, 16, 32, 64, 100)
    },
    **{
        f"mfh{dimensions}{kind}": "bohb_study.tasks.functions.mfhartmann:MFHartmann"
        for dimensions in (3, 6)
        for kind in ("", "-good", "-moderate", "-bad", "-terrible")
    },
    "branin-mf": "bohb_study.tasks.functions.branin:Branin",
    "forrester-mf": "bohb_study.tasks.functions.forrester:Forrester",
    **{
        f"fcnet-{data}": "bohb_study.tasks.tabular.fcnet:FCNet"
        for data in ("naval", "parkinsons", "protein", "slice")
    },
    **{
        f"hpobench-mlp-{data}": "bohb_study.tasks.tabular.hpobench_mlp:HPOBenchMLP"
        for data in (
            "australian", "blood-transfusion", "car", "credit-g", "kc1", "phoneme", "segment",
            "vehicle",
        )
    },
    **{
        f"nasbench201-{data}": "bohb_study.tasks.tabular.nasbench201:NASBench201"
        for data in ("cifar10", "cifar100", "imagenet")
    },
    **{
        f"lcdb-{openml_id}": "bohb_study.tasks.tabular.lcdb:LCDB"
        for openml_id in (
            23, 44, 679, 720, 722, 728, 735, 741, 761, 823, 847, 897, 901, 914, 930, 934, 959, 980,
            991, 1042, 1053, 1067, 1479, 1485, 1566, 4134, 40981, 41027, 41142, 41144, 41156, 41158,
        )
    },
    "autoencoder-fashion-mnist": "bohb_study.tasks.training.autoencoder:Autoencoder",
    "fashion-mnist-1000": "bohb_study.tasks.training.lenet_1000:LeNet1000",
    **{f"series-{name}": "bohb_study.tasks.training.series:Series" for name in ("co2", "elnino")},
    "scan-llm": "bohb_study.tasks.tabular.scan:ScanLLM",
    "scan-openclip": "bohb_study.tasks.tabular.scan:ScanOpenCLIP",
}  # fmt: skip
"""Name -> module:class. Imported when asked for, so that no task pays for another's imports.

One class may serve several names; it is given its own.
"""

TABLE_KINDS: dict[str, str] = {
    "table": "bohb_study.tasks.tabular.tabulated:Tabulated",
    "surrogate": "bohb_study.tasks.tabular.surrogate:Surrogate",
}
"""What a table of curves can be a task as -> module:class; given as ``table:PATH``."""


def table_kind(given: str) -> str | None:
    """Which of ``TABLE_KINDS`` a task is that is given as KIND:PATH; None where it is another."""
    kind, colon, _ = given.partition(":")
    return kind if colon and kind in TABLE_KINDS else None


def task_name(given: str) -> str:
    """What frames and folders call a task; ``given`` itself, but for a table.

    A table is called by its kind and its file: ``table:tables/mine.parquet`` is ``table-mine``.
    """
    kind = table_kind(given)
    if kind is None:
        return given
    file = given.rpartition("/")[2].removeprefix(f"{kind}:")
    return f"{kind}-{file.rpartition('.')[0] or file}"


def home_of(name: str) -> str | None:
    """Where the task called ``name`` is, as module:class; None for one of the user's own."""
    kind = name.partition("-")[0]
    return TASKS.get(name) or (TABLE_KINDS.get(kind) if name != kind else None)
