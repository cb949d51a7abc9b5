"""The characters of tasks as tables: what evaluations cost, and what decides between methods."""

from collections.abc import Mapping, Sequence

from bohb_study.analysis.comparisons.families import family_of
from bohb_study.analysis.diagnostics.rung_correlation import WithTop
from bohb_study.numbers import NONE, fixed, number
from bohb_study.summaries.characters_json import Characterised
from bohb_study.summaries.table import Column, Given, Table, code, columns, rows

LOW_FIT = 0.5
"""R2 of a forest below which shares are said to overstate."""
SHORT = 3
"""Significant digits of seconds and ratios."""
LOW_MARK = "*"


def cost_table(found: Mapping[str, Characterised]) -> Table:
    """What an evaluation is and costs: a row a task."""
    shown: list[Sequence[Given]] = []
    for name, one in found.items():
        character, costs = one.character, one.character.costs
        levels = ", ".join(f"{level:,}" for level in character.levels)
        plural = "" if character.levels == (1,) else "s"
        shown.append(
            (
                code(name),
                family_of(name),
                len(character.hyperparameters),
                f"{levels} {one.unit}{plural}",
                NONE if len(character.levels) == 1 else _short(costs.shares[0]),
                NONE if costs.measured is None else _short(costs.measured),
                _short(costs.modelled),
                _ratio(costs.ratio),
            )
        )
    return Table(
        "What an evaluation costs (seconds of one core; the lowest rung by the model, as a share "
        "of the top)",
        (
            *columns("task", "family"),
            Column("d", "right"),
            *columns("rungs"),
            *columns("lowest rung", "full, measured", "full, modelled", align="right"),
            Column("modelled / measured [5 %, 95 %]", "right"),
        ),
        rows(shown),
    )


def character_table(found: Mapping[str, Characterised]) -> Table:
    """What decides between methods: a row a task."""
    shown: list[Sequence[Given]] = []
    for name, one in found.items():
        character, shares = one.character, one.character.shares
        single = NONE if shares is None else _percent(max(shares.single))
        if shares is not None:
            best = shares.single.index(max(shares.single))
            single = f"{single} ({character.hyperparameters[best]})"
        d = len(character.hyperparameters)
        pair = NONE if shares is None or d == 1 else _percent(shares.pair_share)
        shown.append(
            (
                code(name),
                character.configs,
                _correlation(character.lowest),
                _correlation(character.rungs[-1] if character.rungs else None),
                single,
                pair,
                NONE if shares is None else f"{len(shares.order)} of {d}",
                _fit(None if shares is None or d == 1 else shares.fit),
                f"{100 * character.failures:.0f} %",
                NONE if character.noise is None else fixed(character.noise),
            )
        )
    low = any(str(row[7]).endswith(LOW_MARK) for row in shown)
    return Table(
        "What decides between methods (over random configurations, their number n)",
        (
            *columns("task"),
            Column("n", "right"),
            *columns("lowest rung [95 %]", "rung below the top [95 %]", align="right"),
            *columns("best one", "best two", "needed for 90 %", "fit", "failed", "noise"),
        ),
        rows(shown),
        (
            f"{LOW_MARK} The forest predicts less than half of the variance (R2 in "
            f"cross-validation under {LOW_FIT}): shares are of what it predicts, and overstate.",
        )
        if low
        else (),
    )


def _short(value: float) -> str:
    return number(value, SHORT, zeros=False)


def _ratio(ratio: tuple[float, float, float] | None) -> str:
    if ratio is None:
        return NONE
    centre, low, high = map(fixed, ratio)
    return f"{centre} [{low}, {high}]"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _correlation(rung: WithTop | None) -> str:
    if rung is None:
        return NONE
    return f"{fixed(rung.spearman)} [{fixed(rung.low)}, {fixed(rung.high)}]"


def _fit(fit: float | None) -> str:
    if fit is None:
        return NONE
    return fixed(fit) + (LOW_MARK if fit < LOW_FIT else "")
