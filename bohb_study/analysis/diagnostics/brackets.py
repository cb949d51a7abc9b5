"""Planned against executed rungs: was each bracket halved as its method declares?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from bohb_study.analysis.frame_cells import cells_of

Plan = Sequence[Sequence[tuple[int, int]]]
"""The brackets of one band in the order in which they are opened; each is its rungs as
(level in units, number of trials)."""


@dataclass(frozen=True)
class BracketCheck:
    """One bracket of one cell."""

    task: str
    method: str
    seed: int
    bracket: int
    planned: tuple[tuple[int, int], ...]
    """(level, trials) of each rung by the plan."""
    executed: tuple[tuple[int, int], ...]
    """(level, trials) that were judged at each of the planned levels."""
    complete: bool
    """False where the budget, or the search space, ended inside this bracket."""

    @property
    def passes(self) -> bool:
        """Complete brackets equal the plan; a cut-off one never exceeds it."""
        pairs = list(zip(self.executed, self.planned, strict=True))
        if self.complete:
            return all(done == plan for done, plan in pairs)
        return all(done[1] <= plan[1] for done, plan in pairs)

    def __str__(self) -> str:
        """``9/3/1 of 9/3/1 at 1/3/9``."""
        executed = "/".join(str(n) for _, n in self.executed)
        planned = "/".join(str(n) for _, n in self.planned)
        levels = "/".join(str(level) for level, _ in self.planned)
        return f"{executed} of {planned} at {levels}"


def check_rungs(
    frame: pd.DataFrame,
    plan: Plan,
    workers: int,
    exhausted: Collection[tuple[str, str, int]] = (),
) -> list[BracketCheck]:
    """Compare every bracket of the cells in ``frame`` with the plan of its method.

    At one worker brackets follow each other, so every bracket but a cell's last is complete, and
    the last one is where its top rung is full. With more workers several brackets are open when
    the budget ends; then only those whose top rung is full count as complete. Where a finite space
    was used up, its last bracket could not be filled, though it is halved to its top.

    Args:
        frame: rows of one method, of any number of cells; columns as in ``schema.COLUMNS``.
        plan: the brackets of one band; they repeat.
        workers: trials at a time.
        exhausted: cells (task, method, seed) that ended because their search space was used up.

    Returns:
        One check per bracket, by cell and bracket.
    """
    checks = []
    for (task, method, seed), rows in cells_of(frame):
        numbers = sorted(rows["bracket"].dropna().astype(int).unique().tolist())
        at_rung = rows.loc[rows["rung"].notna() & rows["bracket"].notna()]
        judged = at_rung.groupby(["bracket", "level"])["trial"].nunique().to_dict()
        for number in numbers:
            planned = tuple((level, n) for level, n in plan[number % len(plan)])
            executed = tuple((level, int(judged.get((number, level), 0))) for level, _ in planned)
            full = executed[-1][1] >= planned[-1][1]
            last = number == numbers[-1]
            complete = full or (workers == 1 and not last)
            if last and (task, method, seed) in exhausted and executed[0][1] < planned[0][1]:
                complete = False
            checks.append(BracketCheck(task, method, seed, number, planned, executed, complete))
    return checks


@dataclass(frozen=True)
class ModelShare:
    """How often a model suggested, in one cell."""

    task: str
    method: str
    seed: int
    suggestions: int
    """Trials suggested once the model could exist."""
    model_based: int
    """Those of them that the model made."""
    too_early: int
    """Trials that are marked as the model's although it could not exist yet; must be 0."""


def is_observation(frame: pd.DataFrame, top: int) -> "pd.Series[bool]":
    """Which rows a model learns from: reports at a rung or at full fidelity, ``top`` units."""
    return frame["rung"].notna() | (frame["level"] == top)


def model_share(frame: pd.DataFrame, needed: int, top: int) -> list[ModelShare]:
    """The share of model-based suggestions once the model can exist.

    Args:
        frame: rows of one method with a model, of any number of cells.
        needed: observations at one fidelity without which there is none (``Method.model_after``).
        top: units of one full evaluation.
    """
    shares = []
    for (task, method, seed), rows in cells_of(frame):
        ordered = rows.sort_values("seq")
        seen = ordered[is_observation(ordered, top)]
        count = seen.groupby("level").cumcount() + 1
        ready = seen.loc[count >= needed, "seq"].min()
        first = ordered.drop_duplicates("trial")
        # a trial's first report comes after its suggestion: one suggestion may still be on its
        # way while the report that completes the model arrives
        after = first[first["seq"] > ready] if pd.notna(ready) else first.iloc[:0]
        before = first[first["seq"] <= ready] if pd.notna(ready) else first
        shares.append(
            ModelShare(
                task,
                method,
                seed,
                suggestions=len(after),
                model_based=int(after["model_based"].fillna(False).sum()),
                too_early=int(before["model_based"].fillna(False).sum()),
            )
        )
    return shares
