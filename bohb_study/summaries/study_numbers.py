"""The numbers that the tables of a study share, looked up and worded once."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import pandas as pd

from bohb_study.analysis import Estimate, summary
from bohb_study.analysis.comparisons.final_results import Which, loss_over_seeds
from bohb_study.numerics import unportable
from bohb_study.scores import Score
from bohb_study.store import LoadedStudy, StoredTask
from bohb_study.summaries.wording import larger_budget


@dataclass(frozen=True, eq=False)
class StudyNumbers:
    """What each method did and found on each task of a study, in the study's order."""

    study: LoadedStudy

    @cached_property
    def tops(self) -> dict[str, int]:
        """Units of one full evaluation, by task."""
        return self.study.study.tops

    @cached_property
    def found(self) -> pd.DataFrame:
        """``analysis.summary``, indexed by task and method; what is missing is left out."""
        ledgers = {key: record.account for key, record in self.study.cells.items()}
        frame = self.study.frame
        return summary(frame, ledgers, self.tops, allow_missing=True).set_index(["task", "method"])

    @property
    def several(self) -> bool:
        """Whether the study has more than one task, so that tables name them."""
        return len(self.tops) > 1

    @property
    def compared(self) -> list[tuple[str, str]]:
        """(task, method) of all that has rows, without methods of a larger budget."""
        return [
            (task, method)
            for task in self.tops
            for method in self.study.study.methods
            if (task, method) in self.found.index and method not in self.study.larger_budgets
        ]

    def score(self, task: str, which: Which) -> Score:
        """What a task's loss measures."""
        return score_of(self.study.study.tasks[task], which)

    def metrics(self, task: str) -> list[str]:
        """Both of a task's losses in words: one thing where nothing is held out."""
        return list(dict.fromkeys(str(self.score(task, which)) for which in ("val", "test")))

    def of(self, task: str, method: str) -> "pd.Series[Any]":
        """What one method did and found on one task, a row of ``found``."""
        row: Any = self.found.loc[(task, method)]
        return cast("pd.Series[Any]", row)

    def loss(self, task: str, method: str, which: Which) -> Estimate:
        """Loss of the final incumbents under rule full, over seeds."""
        return loss_over_seeds(self.of(task, method), which)

    def statistic(self) -> str:
        """What centres and intervals are, over how many seeds."""
        labels, kinds = (" or ".join(sorted(set(self.found[name]))) for name in ("label", "kind"))
        seeds = " or ".join(str(n) for n in sorted(set(self.found["seeds"])))
        return f"{labels} over {seeds} seed{'' if seeds == '1' else 's'} [{kinds}]"

    def notes_on_cells(self) -> Iterable[str]:
        """Which cells were not computed portably, and what methods of a larger budget found."""
        yield from unportable(record.numerics for record in self.study.cells.values())
        for task in self.tops:
            for method, factor in self.study.larger_budgets.items():
                if (task, method) in self.found.index:
                    where = f"{task}: " if self.several else ""
                    loss = self.loss(task, method, "val").in_words(self.score(task, "val"))
                    yield f"{where}{method}, {larger_budget(factor)}: {loss}"


def score_of(task: StoredTask, which: Which) -> Score:
    """What one of a task's two losses measures."""
    return Score.of(task.val_metric if which == "val" else task.test_metric)


def units(tasks: Iterable[StoredTask]) -> str:
    """What budgets of some tasks are charged in."""
    return " or ".join(dict.fromkeys(f"{task.unit}s" for task in tasks))
