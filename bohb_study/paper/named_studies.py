"""The named studies: what ``experiments/paper.py NAME`` runs."""

import difflib
from dataclasses import dataclass

from bohb_study.errors import UsageError
from bohb_study.study import StudyConfig


@dataclass(frozen=True)
class PaperStudy:
    """A study by its name; its tasks are looked up when it is asked for."""

    name: str
    """First part of its folders' names."""
    what: str
    """One line for ``--list``."""
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    budget: float
    """Full evaluations of a cell."""
    seeds: int
    task_options: tuple[str, ...] = ()
    eta: int | None = None
    workers: int = 1
    """Trials that a cell runs side by side."""
    repeats: int = 3
    """Fresh trainings of each final incumbent, where something is trained."""
    group: str = ""
    """Studies that are run and reported together; default: its own name."""
    is_compact: bool = False
    """Packed without the rows at which no incumbent changes."""
    whole: tuple[str, ...] = ()
    """Tasks of which a compacted pack keeps all rows of the first seed, for figures of trials."""
    full: tuple[float, int] | None = None
    """Budget and seeds of the paper itself, where this machine runs less."""

    def config(self, seeds: int | None = None, *, full: bool = False) -> StudyConfig:
        """The study, with another number of seeds where one is given.

        Args:
            seeds: 0 .. seeds-1; default: the study's own number.
            full: the budget and the seeds of the paper.

        Raises:
            UsageError: a task or an option is not known here, the seeds cannot be, or there is no
                larger version.
        """
        if full and self.full is None:
            sizes = [study.name for study in STUDIES.values() if study.full]
            raise UsageError(
                f": {self.name} is run whole; allowed for {', '.join(sizes)}", parameter="full"
            )
        budget, count = self.full if full and self.full else (self.budget, self.seeds)
        return StudyConfig(
            tasks=self.tasks,
            methods=self.methods,
            budget=budget,
            seeds=count if seeds is None else seeds,
            workers=self.workers,
            task_options=self.task_options,
            eta=self.eta,
        )


COUNTING_ONES = tuple(f"counting-ones-{d}" for d in (8, 16, 32, 64))
FITTING_ALL = (
    "grid", "random", "random-2x", "median", "asha", "asha-bohb", "hyperband", "bohb",
    "bohb-stock", "hpbandster-hyperband", "hpbandster-bohb", "tpe", "tpe-univariate", "gp",
)  # fmt: skip
"""Every method, for tasks with several fidelities."""
FITTING_ONE = ("grid", "random", "random-2x", "tpe", "tpe-univariate", "gp")
"""Those that fit a task with a single fidelity."""
LCDB_TASKS = ("lcdb-23", "lcdb-44", "lcdb-679", "lcdb-720", "lcdb-722", "lcdb-728")
"""The first six by number: a choice that no result has influenced."""
REAL_TASKS = (
    "mlp-letter",
    "mlp-satellite",
    "mlp-shuttle",
    "mlp-dna",
    "mlp-digits",
    "mlp-fashion-mnist",
    "mlp-mnist-5k",
    "mlp-vowel",
    "logreg-letter",
    "logreg-satellite",
    "logreg-shuttle",
    "logreg-dna",
    "logreg-digits",
    "logreg-fashion-mnist",
    "boosting-letter",
    "boosting-satellite",
    "boosting-shuttle",
    "boosting-dna",
    "boosting-digits",
    "svm-mnist-5k",
    "svm-letter",
    "svm-fashion-mnist",
    "svm-digits",
    "bnn-toy",
    "bnn-diabetes",
    "series-co2",
    "series-elnino",
    "autoencoder-fashion-mnist",
    "fashion-mnist-1000",
    "scan-openclip",
    "scan-llm",
)
"""Real trainings of which a full evaluation takes about a second, or was measured by others."""
WORKERS = (1, 4, 16, 64)
ABLATION_TASKS = ("counting-ones-8", "counting-ones-32", "mfh3", "mfh6-bad", "branin-mf")

STUDIES = {
    study.name: study
    for study in (
        PaperStudy(
            "digits",
            "a small network on 1,797 images, final configurations retrained",
            tasks=("digits",),
            methods=FITTING_ALL,
            budget=50,
            seeds=10,
            group="main",
            is_compact=True,
            repeats=5,
            whole=("digits",),
        ),
        PaperStudy(
            "fidelities",
            "computed tasks with several fidelities",
            tasks=(
                "mfh3-good", "mfh3-bad", "mfh6-good", "mfh6-bad",
                "counting-ones-8", "counting-ones-32", *LCDB_TASKS,
            ),
            methods=FITTING_ALL,
            budget=50,
            seeds=20,
            group="main",
            is_compact=True,
            whole=("mfh6-good", "counting-ones-8"),
        ),
        PaperStudy(
            "tables",
            "tables of trainings with a single fidelity",
            tasks=(
                "fcnet-naval", "fcnet-parkinsons", "fcnet-protein",
                "hpobench-mlp-car", "hpobench-mlp-phoneme", "hpobench-mlp-segment",
                "nasbench201-cifar10", "nasbench201-cifar100",
            ),
            methods=FITTING_ONE,
            budget=50,
            seeds=20,
            group="main",
            is_compact=True,
        ),
        *(
            PaperStudy(
                f"workers-{workers}",
                f"{workers} at a time, on modelled seconds",
                tasks=("mfh6-good",),
                methods=("random", "asha", "asha-bohb", "hyperband", "bohb"),
                budget=200,
                seeds=20,
                workers=workers,
                group="main",
                is_compact=True,
            )
            for workers in WORKERS
        ),
        PaperStudy(
            "fashion-mnist",
            "LeNet on 10,000 images of clothes; about two hours on two cores",
            tasks=("fashion-mnist",),
            methods=("grid", "random", "asha", "hyperband", "bohb"),
            budget=20,
            seeds=4,
            task_options=("fashion-mnist.subset=10000", "fashion-mnist.epochs=9"),
        ),
        PaperStudy(
            "evidence",
            "real trainings of ten families; about a day on two cores, not yet run",
            tasks=REAL_TASKS,
            methods=(
                "random", "random-2x", "asha", "asha-promotion", "hyperband", "bohb",
                "hpbandster-bohb", "tpe", "tpe-univariate", "gp",
            ),
            budget=50,
            seeds=10,
            is_compact=True,
        ),
        PaperStudy(
            "counting-ones",
            "the BOHB paper's toy problem in 8 to 64 dimensions",
            tasks=COUNTING_ONES,
            methods=(
                "random", "tpe", "tpe-univariate", "hpbandster-hyperband", "hpbandster-bohb",
                "bohb", "asha",
            ),
            budget=256,
            seeds=16,
            is_compact=True,
            full=(8192, 512),
        ),
        PaperStudy(
            "counting-ones-reference",
            "random and Hyperband, for values that were computed independently",
            tasks=COUNTING_ONES[:2],
            methods=("random", "hpbandster-hyperband"),
            budget=1000,
            seeds=64,
            group="counting-ones",
            is_compact=True,
        ),
        PaperStudy(
            "dehb",
            "DEHB's toy problems; enough budget for 300 evaluations of any fidelity",
            tasks=("counting-ones-100", "mfh3", "mfh6"),
            methods=("asha", "hyperband", "bohb", "hpbandster-hyperband", "hpbandster-bohb"),
            budget=45,
            seeds=20,
            task_options=("counting-ones-100.rungs=dehb",),
            is_compact=True,
        ),
        PaperStudy(
            "dehb-full",
            "the same for methods whose every evaluation is a full one",
            tasks=("counting-ones-100", "mfh3", "mfh6"),
            methods=("random", "tpe"),
            budget=300,
            seeds=20,
            task_options=("counting-ones-100.rungs=dehb",),
            group="dehb",
            is_compact=True,
        ),
        PaperStudy(
            "fcnet",
            "tables of real trainings, 62,208 configurations each",
            tasks=("fcnet-parkinsons", "fcnet-protein", "fcnet-naval", "fcnet-slice"),
            methods=("random", "tpe", "tpe-univariate"),
            budget=100,
            seeds=50,
            is_compact=True,
        ),
        PaperStudy(
            "ablations",
            "BOHB with one thing changed at a time",
            tasks=ABLATION_TASKS,
            methods=(
                "bohb", "hyperband", "bohb-stock", "bohb-no-final-report-fix",
                "bohb-no-halving-fix", "hpbandster-bohb", "bohb-random-0",
                "bohb-random-10", "bohb-random-67",
            ),
            budget=50,
            seeds=20,
            is_compact=True,
        ),
        PaperStudy(
            "ablations-eta",
            "the same with eta 9",
            tasks=ABLATION_TASKS,
            methods=("bohb", "hyperband"),
            budget=50,
            seeds=20,
            eta=9,
            group="ablations",
            is_compact=True,
        ),
        PaperStudy(
            "asha",
            "Ray's ASHA, which stops trials, and the paper's, which promotes them",
            tasks=("counting-ones-8", "mfh3-good", "branin-mf", "synthetic-curves"),
            methods=("random", "asha", "asha-promotion"),
            budget=50,
            seeds=20,
            is_compact=True,
        ),
        PaperStudy(
            "ablations-rungs",
            "the same without the two lowest rungs",
            tasks=ABLATION_TASKS,
            methods=("bohb", "hyperband"),
            budget=50,
            seeds=20,
            task_options=tuple(f"{task}.lowest_rung=2" for task in ABLATION_TASKS),
            group="ablations",
            is_compact=True,
        ),
    )
}  # fmt: skip


def paper_studies(name: str) -> list[PaperStudy]:
    """The studies called ``name``, or that belong to that group.

    Raises:
        UsageError: there is none; names those that there are.
    """
    group = [study for study in STUDIES.values() if name and name == (study.group or study.name)]
    return group or [paper_study(name)]


def paper_study(name: str) -> PaperStudy:
    """The study called ``name``.

    Raises:
        UsageError: there is none; names those that there are.
    """
    if name in STUDIES:
        return STUDIES[name]
    if not name:
        raise UsageError(f"NAME: name a study; known: {', '.join(STUDIES)}")
    close = difflib.get_close_matches(name, STUDIES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(STUDIES)}"
    raise UsageError(f"{name}: no such study; {hint}")
