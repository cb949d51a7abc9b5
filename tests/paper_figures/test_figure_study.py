"""Parts of a study, and several studies as one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from bohb_study.analysis.statistics.normalisation import Reference
from bohb_study.errors import StudyError, UsageError
from paper_figures.figure_study import FigureStudy, Provenance, joined, together

Frames = Callable[..., pd.DataFrame]
Studies = Callable[..., FigureStudy]

BESIDE = ("seconds", "whole", "correlations", "suggestions", "brackets")


def beside(tasks: Sequence[str], methods: Sequence[str]) -> dict[str, Any]:
    """Every frame beside the rows: one row a task and method; ``whole`` has no other column."""
    rows = pd.DataFrame(
        [(task, method) for task in tasks for method in methods], columns=["task", "method"]
    )
    return {name: rows.assign(what=name) for name in BESIDE}


@pytest.fixture
def study(make_frame: Frames, make_study: Studies) -> FigureStudy:
    """Two tasks, three methods, two seeds."""
    methods = ["random", "random-2x", "bohb"]
    frames = [make_frame(methods, 2, task=task, budget=2) for task in ("digits", "mfh3")]
    finals = pd.concat(frames)[["task", "method", "seed"]].drop_duplicates()
    return make_study(
        *frames,
        larger_budgets={"random-2x": 2},
        finals=finals,
        references={"digits": Reference(0.1, 1.0, "", 5), "mfh3": Reference(-3.9, -1.0, "", 5)},
        derived=beside(["digits", "mfh3"], methods),
    )


def pairs(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["task"], frame["method"], strict=True))


def test_some_tasks_and_methods_alone_in_every_frame(study: FigureStudy) -> None:
    cut = study.of(["mfh3"], ["random", "bohb"])
    expected = {("mfh3", "random"), ("mfh3", "bohb")}
    for frame in (cut.frame, cut.finals, *map(cut.derived_frame, BESIDE)):
        assert frame is not None
        assert pairs(frame) == expected
        assert list(frame.index) == list(range(len(frame)))
    assert [task.name for task in cut.tasks] == ["mfh3"]
    assert cut.methods == ("bohb", "random")
    assert cut.larger_budgets == {}
    assert study.of(None, ["random-2x"]).larger_budgets == {"random-2x": 2}
    assert len(study.frame) > len(cut.frame)  # the whole is as it was
    own = study.frame[(study.frame["task"] == "mfh3") & (study.frame["method"] != "random-2x")]
    pd.testing.assert_frame_equal(cut.frame, own.reset_index(drop=True))


def test_nothing_named_is_everything(study: FigureStudy) -> None:
    for asked in ((), (None, None), ([], [])):
        whole = study.of(*asked)
        pd.testing.assert_frame_equal(whole.frame, study.frame)
        assert whole.tasks == study.tasks
        assert whole.larger_budgets == study.larger_budgets
    none = replace(study, finals=None, derived={})
    assert none.of(["digits"]).finals is None
    assert none.of(["digits"]).derived_frame("whole").empty


@pytest.mark.parametrize(
    ("tasks", "methods", "words"),
    [
        (["digits", "mnist"], None, "tasks mnist: not in it; there are digits, mfh3"),
        (None, ["gp"], "methods gp: not in it; there are bohb, random, random-2x"),
    ],
)
def test_what_is_not_in_it_is_named(
    study: FigureStudy, tasks: list[str] | None, methods: list[str] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        study.of(tasks, methods)


def test_sources_together_name_every_commit_once() -> None:
    sources = [Provenance("a-1", "c2 c1", 3), Provenance("b-2", "c1", 4)]
    assert together(sources) == Provenance("a-1 b-2", "c1 c2", 7)
    assert str(together(sources)) == "study a-1 b-2, commit c1 c2, 7 rows"


def test_several_studies_as_one(
    study: FigureStudy, make_frame: Frames, make_study: Studies
) -> None:
    frame = make_frame(["grid", "bohb"], 3, task="mfh6", budget=2).assign(**{"hp.x1": 0.5})
    other = make_study(
        frame,
        larger_budgets={"grid": 3},
        problems=("a cell is missing",),
        references={"mfh6": Reference(-3.3, 0.0, "", 5)},
        derived=beside(["mfh6"], ["grid"]),
    )
    both = joined([study, other])
    assert [task.name for task in both.tasks] == ["digits", "mfh3", "mfh6"]
    assert len(both.frame) == len(study.frame) + len(other.frame) == both.provenance.rows
    assert pairs(both.frame) == pairs(study.frame) | pairs(other.frame)
    assert not [name for name in both.frame if str(name).startswith("hp.")]
    mine = both.frame[both.frame["task"] == "mfh6"]
    assert mine["val_loss"].tolist() == other.frame["val_loss"].tolist()
    for name in BESIDE:
        assert pairs(both.derived_frame(name)) == pairs(study.derived_frame(name)) | {
            ("mfh6", "grid")
        }
    assert both.finals is not None
    assert study.finals is not None
    assert len(both.finals) == len(study.finals)
    assert both.larger_budgets == {"random-2x": 2, "grid": 3}
    assert set(both.references) == {"digits", "mfh3", "mfh6"}
    assert both.problems == ("a cell is missing",)
    assert joined([other]).finals is None


def test_what_does_not_belong_together_is_refused(study: FigureStudy) -> None:
    with pytest.raises(StudyError, match=r"^digits, mfh3: in several of the studies"):
        joined([study, study])
    with pytest.raises(StudyError, match="different numbers of workers"):
        joined([study.of(["digits"]), replace(study.of(["mfh3"]), workers=4)])
