"""The numbers that the tables of a study share, looked up and worded once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import pandas as pd

from bohb_study.analysis import Estimate, bootstrap_seed, summary
from bohb_study.analysis.comparisons.final_results import Which, loss_over_seeds
from bohb_study.numerics import unportable
from bohb_study.scores import Score
from bohb_study.store import LoadedStudy


@dataclass(frozen=True, eq=False)
class StudyNumbers:
    """What each method did and found on each task of a study, in the study's order."""

    study: LoadedStudy

    @cached_property
    def tops(self) -> dict[str, int]:
        """Units of one full evaluation, by task."""
        return {name: task["top"] for name, task in self.study.study["tasks"].items()}

    @cached_property
    def bootstrap_seed(self) -> int:
        """Of all intervals of the study."""
        return bootstrap_seed(self.study.study["id"])

    @cached_property
    def found(self) -> pd.DataFrame:
        """``analysis.summary``, indexed by task and method; what is missing is left out."""
        ledgers = {key: record["ledger"] for key, record in self.study.cells.items()}
        frame = self.study.frame
        return summary(
            frame, ledgers, self.tops, self.bootstrap_seed, allow_missing=True
        ).set_index(["task", "method"])

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
            for method in self.study.study["methods"]
            if (task, method) in self.found.index and method not in self.study.larger_budgets
        ]

    def score(self, task: str, which: Which) -> Score:
        """What a task's loss measures."""
        return Score.of(self.study.study["tasks"][task][f"{which}_metric"])

    def metrics(self, task: str) -> list[str]:
        """Both of a task's losses in words: one thing where nothing is held out."""
        return list(dict.fromkeys(str(self.score(task, which)) for which in ("val", "test")))

    def of(self, task: str, method: str) -> "pd.Series[Any]":
        """One row of ``found``."""
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
        yield from unportable(record.get("numerics", {}) for record in self.study.cells.values())
        for task in self.tops:
            for method, factor in self.study.larger_budgets.items():
                if (task, method) in self.found.index:
                    where = f"{task}: " if self.several else ""
                    loss = self.loss(task, method, "val").in_words(self.score(task, "val"))
                    yield f"{where}{method}, {larger_budget(factor)}: {loss}"


def larger_budget(factor: int) -> str:
    """What a method with a multiple of the budget is, for captions and notes."""
    return f"baseline with {'twice' if factor == 2 else f'{factor} times'} the budget"


def units(tasks: Iterable[Mapping[str, Any]]) -> str:
    """What budgets of some tasks are charged in."""
    return " or ".join(dict.fromkeys(f"{task['unit']}s" for task in tasks))
