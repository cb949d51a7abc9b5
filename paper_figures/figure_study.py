"""What a figure is drawn from: a study's frame and the few facts about it that a figure states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

import pandas as pd

from bohb_study.analysis import BOOTSTRAP_SEED, Axis, Rule
from bohb_study.analysis.comparisons.families import family_of
from bohb_study.analysis.comparisons.spending import in_words, spent_shares, underspent
from bohb_study.analysis.frame_cells import narrow
from bohb_study.analysis.incumbents.retrained_losses import retrained_losses
from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError, UsageError
from bohb_study.methods import ALL, get_method
from bohb_study.scores import Score
from bohb_study.store import LoadedStudy
from bohb_study.store.joining import join
from paper_figures.toolkit import style

MARK = "\N{DAGGER}"
"""Beside the name of a task whose methods are not compared."""


@dataclass(frozen=True)
class FigureTask:
    """What a figure says about a task."""

    name: str
    unit: str
    """What the budget counts, in the singular."""
    top: int
    """Units of one full evaluation."""
    val_metric: str
    """What ``val_loss`` measures."""
    optimum: float | None = None
    """Lowest possible noise-free loss, where known."""
    test_metric: str = "test loss"
    """What ``test_loss`` measures."""
    budget: float = 50.0
    """Full evaluations that each cell was allowed."""
    spent: Mapping[str, float] = field(default_factory=dict)
    """Method -> share of its budget that it spent, from ``spending.spent_shares``; of those that
    are compared."""

    @property
    def underspent(self) -> dict[str, float]:
        """The methods that spent too little to be compared, and their shares."""
        return underspent(self.spent)

    @property
    def title(self) -> str:
        """Its name, marked where its methods are not compared."""
        return f"{self.name} {MARK}" if self.underspent else self.name

    @property
    def score(self) -> Score:
        """What ``val_loss`` measures, as it is shown."""
        return Score.of(self.val_metric)

    @property
    def test_score(self) -> Score:
        """What ``test_loss`` measures, as it is shown."""
        return Score.of(self.test_metric)

    @property
    def family(self) -> str:
        """Tasks of one family are averaged before families are."""
        return family_of(self.name)


SHORT = 12
"""Letters of a commit in a caption."""


@dataclass(frozen=True)
class Provenance:
    """Where a figure comes from; stored in the metadata of its files."""

    study: str
    """Name and id of the study."""
    commit: str
    """The commit, or commits, stored with its cells."""
    rows: int
    """Number of reports in its frame."""

    def __str__(self) -> str:
        """One line, as it stands in the files, with commits as short as they are unique."""
        parts = [commit.partition("-") for commit in self.commit.split()]
        commits = " ".join(f"{commit[:SHORT]}{dash}{rest}" for commit, dash, rest in parts)
        return f"study {self.study}, commit {commits}, {self.rows} rows"


@dataclass(frozen=True, eq=False)
class FigureStudy:
    """A study as figures see it."""

    frame: pd.DataFrame
    tasks: tuple[FigureTask, ...]
    provenance: Provenance
    bootstrap_seed: int = BOOTSTRAP_SEED
    allow_missing: bool = False
    """Draw although cells are missing; the caption then names them."""
    problems: tuple[str, ...] = ()
    """Cells that could not be read, one line each."""
    workers: int = 1
    """Trials that a cell ran side by side."""
    finals: pd.DataFrame | None = None
    """Final configurations retrained, from ``store.finals_frame``; None where none was."""
    larger_budgets: Mapping[str, int] = field(default_factory=dict)
    """Methods with a multiple of the budget, and that multiple."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    """Task -> what its losses are normalised with, as stored with the study; none where unknown."""
    derived: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """What was derived from all rows, by name, as ``summaries.derivation`` makes it; also
    ``seconds`` (``diagnostics.time_split``) and ``whole`` (all rows of some cells; of a study that
    was packed without some rows, those of its first seed)."""
    rule: Rule | None = None
    """How incumbents are chosen; default: each task's main rule."""
    axis: Axis | None = None
    """What curves run along; default: what fits the number of workers."""
    venue: str = "neurips"
    """Whose page the figure is made for: a key of ``style.VENUES``."""

    @property
    def underspent(self) -> dict[str, dict[str, float]]:
        """Task -> methods that spent too little of their budget, with its share: not compared."""
        return {task.name: task.underspent for task in self.tasks if task.underspent}

    @cached_property
    def retrained(self) -> dict[str, pd.DataFrame]:
        """Task -> losses of its final configurations, from ``retrained_losses``."""
        compared = self.frame[~self.frame["method"].isin(list(self.larger_budgets))]
        tops = {task.name: task.top for task in self.tasks}
        return {} if compared.empty else retrained_losses(compared, tops, self.finals)

    def at_equal_spend(self) -> "FigureStudy":
        """The same study with the tasks on which every method had spent its budget.

        Raises:
            StudyError: there is none.
        """
        left = [task.name for task in self.tasks if task.name not in self.underspent]
        if not left:
            raise StudyError(f"nothing to compare: {self.unequal_spend}")
        return self.of(left) if len(left) < len(self.tasks) else self

    @property
    def unequal_spend(self) -> str:
        """Why tasks are not compared, as a caption says it; empty where all are."""
        words = [f"{task} ({in_words(own)})" for task, own in self.underspent.items()]
        return f"unequal spend of the budget: {'; '.join(words)}" if words else ""

    @property
    def mark_in_words(self) -> str:
        """What the mark beside a task's name says; empty where none has one."""
        return f"{MARK} Not compared, for {self.unequal_spend}." if self.underspent else ""

    def derived_frame(self, name: str) -> pd.DataFrame:
        """One of the derived frames; empty where the study does not have it."""
        return self.derived.get(name, pd.DataFrame())

    def with_derived(self, **frames: pd.DataFrame) -> "FigureStudy":
        """The same study with some derived frames replaced or added."""
        return replace(self, derived={**self.derived, **frames})

    def of(
        self, tasks: Sequence[str] | None = None, methods: Sequence[str] | None = None
    ) -> "FigureStudy":
        """The same study with some of its tasks and methods alone.

        Raises:
            UsageError: one of them is not in the study.
        """
        known = {"task": [task.name for task in self.tasks], "method": list(self.methods)}
        for parameter, column, asked in (("tasks", "task", tasks), ("methods", "method", methods)):
            for name in asked or ():
                if name not in known[column]:
                    there = ", ".join(known[column])
                    raise UsageError(f"{name}: not in it; there are {there}", parameter)
        kept = {"task": tasks or known["task"], "method": methods or known["method"]}

        def cut(frame: pd.DataFrame) -> pd.DataFrame:
            for column, names in kept.items():
                if column in frame and list(names) != known[column]:
                    frame = frame[frame[column].isin(names)]
            return frame.reset_index(drop=True)

        return replace(
            self,
            frame=cut(self.frame),
            derived={name: cut(frame) for name, frame in self.derived.items()},
            tasks=tuple(
                replace(task, spent={m: s for m, s in task.spent.items() if m in kept["method"]})
                for task in self.tasks
                if task.name in kept["task"]
            ),
            larger_budgets={m: n for m, n in self.larger_budgets.items() if m in kept["method"]},
            finals=None if self.finals is None else cut(self.finals),
        )

    @property
    def common_axis(self) -> Axis:
        """What fits all tasks: with several workers seconds, where they are known."""
        timed = self.workers > 1 and bool(self.frame["virtual_seconds"].notna().all())
        return "virtual_seconds" if timed else "full_evals"

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have rows, sorted."""
        return tuple(sorted(self.frame["method"].unique()))


def together(sources: Sequence[Provenance]) -> Provenance:
    """The source of what is drawn from several studies."""
    return Provenance(
        " ".join(source.study for source in sources),
        " ".join(sorted({commit for source in sources for commit in source.commit.split()})),
        sum(source.rows for source in sources),
    )


def joined(studies: Sequence[FigureStudy]) -> FigureStudy:
    """Several studies as one, where each task belongs to one of them; without hyperparameters.

    Raises:
        StudyError: two of them have the same task, or another number of workers.
    """
    first = studies[0]
    names = [task.name for study in studies for task in study.tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise StudyError(f"{', '.join(twice)}: in several of the studies that are to be joined")
    if len({study.workers for study in studies}) > 1:
        raise StudyError("studies with different numbers of workers cannot be joined")
    trained = [study.finals for study in studies if study.finals is not None]
    derived = dict.fromkeys(name for study in studies for name in study.derived)
    return replace(
        first,
        frame=join(narrow(study.frame) for study in studies),
        tasks=tuple(chain.from_iterable(study.tasks for study in studies)),
        provenance=together([study.provenance for study in studies]),
        problems=tuple(chain.from_iterable(study.problems for study in studies)),
        finals=pd.concat(trained, ignore_index=True) if trained else None,
        larger_budgets={m: n for study in studies for m, n in study.larger_budgets.items()},
        references={t: r for study in studies for t, r in study.references.items()},
        derived={
            name: pd.concat([study.derived_frame(name) for study in studies], ignore_index=True)
            for name in derived
        },
    )


def figure_study(
    loaded: LoadedStudy,
    *,
    allow_missing: bool,
    finals: pd.DataFrame | None = None,
    references: Mapping[str, Reference] | None = None,
) -> FigureStudy:
    """A stored study as figures see it; tasks without rows are left out."""
    style.introduce(_labels(loaded))
    drawn = set(loaded.frame["task"])
    ledgers = {key: record.ledger for key, record in loaded.cells.items()}
    spent = spent_shares({key: account for key, account in ledgers.items() if account})
    tasks = tuple(
        FigureTask(
            name,
            facts.unit,
            facts.top,
            facts.val_metric,
            facts.optimum,
            facts.test_metric,
            loaded.study.config.budget,
            {m: s for m, s in spent.get(name, {}).items() if m not in loaded.larger_budgets},
        )
        for name, facts in loaded.study.tasks.items()
        if name in drawn
    )
    commits = {str(record.git) for record in loaded.cells.values()}
    provenance = Provenance(
        study=loaded.study.title,
        commit=" ".join(sorted(commits)) or "unknown",
        rows=len(loaded.frame),
    )
    return FigureStudy(
        loaded.frame,
        tasks,
        provenance,
        allow_missing=allow_missing,
        problems=tuple(loaded.problems),
        workers=loaded.study.config.workers,
        finals=finals,
        larger_budgets=loaded.larger_budgets,
        references=references or {},
    )


def _labels(loaded: LoadedStudy) -> dict[str, str]:
    """Method -> what legends call it; empty for its name."""
    own = loaded.study.method_files
    names = sorted(set(loaded.frame["method"]))
    return {name: own[name].label if name in own else _label(name) for name in names}


def _label(method: str) -> str:
    # those with a look of their own are not imported
    known = method in style.METHODS or method in style.ABLATIONS or method not in ALL
    return "" if known else get_method(method).label
