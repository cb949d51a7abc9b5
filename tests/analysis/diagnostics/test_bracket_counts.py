"""Rungs of brackets as frames."""

from bohb_study.analysis.diagnostics.bracket_counts import COLUMNS, bracket_counts, bracket_frame
from bohb_study.analysis.diagnostics.brackets import BracketCheck

PLAN = ((1, 9), (3, 3), (9, 1))


def check(seed: int, *executed: int, complete: bool = True) -> BracketCheck:
    done = tuple((level, n) for (level, _), n in zip(PLAN, executed, strict=True))
    return BracketCheck("toy", "bohb", seed, 0, PLAN, done, complete)


def test_a_rung_is_a_row() -> None:
    got = bracket_frame([check(4, 9, 3, 2, complete=False)])
    assert tuple(got.columns) == COLUMNS
    assert got.to_numpy().tolist() == [
        ["toy", "bohb", 4, 0, 1, 9, 9, False],
        ["toy", "bohb", 4, 0, 3, 3, 3, False],
        ["toy", "bohb", 4, 0, 9, 1, 2, False],
    ]
    assert bracket_frame([]).empty


def test_cells_that_did_alike_are_counted() -> None:
    checks = [check(0, 9, 3, 1), check(1, 9, 3, 48), check(2, 9, 3, 1)]
    got = bracket_counts(bracket_frame([*checks, check(3, 9, 0, 0, complete=False)]))
    top = got[(got["level"] == 9) & got["complete"]]
    assert dict(zip(top["executed"], top["cells"], strict=True)) == {1: 2, 48: 1}
    assert got.groupby("level")["cells"].sum().tolist() == [4, 4, 4]
