"""What a thinned pack keeps: computed from a small study that is really run."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bohb_study.analysis.incumbents.compact import compact
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.errors import StudyError, UsageError
from bohb_study.store import LoadedStudy, load_study, pack, write_cell, write_study
from bohb_study.store.sidecars.derived_frames import NAMES, read_derived, write_derived
from bohb_study.study import StudyConfig
from bohb_study.summaries.derivation import derive
from bohb_study.summaries.random_correlations import (
    correlations_off_ledger,
    rung_correlations_of,
)
from bohb_study.tasks import make_task
from paper_figures.figure_study import figure_study
from paper_figures.packed_frames import with_derived

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> LoadedStudy:
    config = StudyConfig(
        tasks=("mfh3-good", "counting-ones-8"),
        methods=("random", "asha", "bohb"),
        budget=6,
        seeds=2,
    )
    folder, tasks = tmp_path_factory.mktemp("derived"), config.resolve().tasks
    write_study(folder, "compare", config, tasks)
    for cell in config.cells():  # in this process, which is fast
        result = run_cell(CellJob(cell, tasks[cell.task], config.budget, config.workers))
        record = {"ledger": asdict(result.account), "seconds": result.seconds}
        record["study"] = config.id
        write_cell(folder, cell, result.frame, record)
    return load_study(folder)


@pytest.fixture(scope="module")
def derived(study: LoadedStudy) -> dict[str, pd.DataFrame]:
    return derive(study, ["mfh3-good"])


def test_random_configurations_at_every_rung() -> None:
    good = rung_correlations_of(make_task("mfh3-good"), 120)
    bad = rung_correlations_of(make_task("mfh3-bad"), 120)
    assert good["lower"].tolist() == [1, 3, 9, 27]
    assert set(good["upper"]) == {81}
    assert set(good["both"]) == {120}
    assert good["off_ledger"].all()
    assert not good["selected"].any()
    assert ((good["low"] < good["spearman"]) & (good["spearman"] < good["high"])).all()
    # what the names say: the lower fidelities of the bad one tell less
    assert (good["spearman"].iloc[-1] > bad["high"].iloc[-1]).all()
    pd.testing.assert_frame_equal(good, rung_correlations_of(make_task("mfh3-good"), 120))
    other = rung_correlations_of(make_task("mfh3-good"), 120, seed=1)
    assert (other["spearman"] != good["spearman"]).all()


def test_a_finite_space_counts_each_configuration_once() -> None:
    found = rung_correlations_of(make_task("lcdb-23"), 200)
    assert set(found["both"]) <= set(range(15, 21))


def test_a_single_fidelity_has_none_and_trainings_are_refused() -> None:
    table, digits = make_task("fcnet-naval"), make_task("digits")
    assert rung_correlations_of(table).empty
    with pytest.raises(UsageError, match="digits: is trained"):
        rung_correlations_of(digits)
    curve = make_task("synthetic-curves")
    tasks = {task.name: task for task in (table, digits, curve)}
    assert correlations_off_ledger(tasks).empty  # on a curve random search has them
    assert (rung_correlations_of(curve, 30)["spearman"].diff().dropna() > -0.2).all()


def test_all_rows_of_the_first_seed_of_the_tasks_named(
    study: LoadedStudy, derived: dict[str, pd.DataFrame]
) -> None:
    assert tuple(derived) == NAMES
    whole = derived["whole"]
    own = study.frame[(study.frame["task"] == "mfh3-good") & (study.frame["seed"] == 0)]
    pd.testing.assert_frame_equal(whole, own.reset_index(drop=True)[list(whole.columns)])
    assert sorted(name for name in whole if name.startswith("hp.")) == ["hp.x1", "hp.x2", "hp.x3"]
    with pytest.raises(UsageError, match="mfh6: not in the study"):
        derive(study, ["mfh6"])


def test_the_frames_hold_what_their_names_say(derived: dict[str, pd.DataFrame]) -> None:
    correlations, suggestions, brackets = (derived[name] for name in NAMES[1:])
    assert set(correlations.loc[correlations["off_ledger"], "task"]) == {
        "mfh3-good",
        "counting-ones-8",
    }
    seen = correlations[~correlations["off_ledger"]]
    assert set(seen["method"]) == {"asha", "bohb"}  # random pays for the top alone
    assert seen["selected"].all()
    assert correlations["spearman"].dtype == np.float32
    assert set(suggestions["method"]) == {"bohb"}
    complete = brackets[brackets["complete"]]
    right = (complete["planned"] == complete["executed"]).groupby(complete["method"]).all()
    assert right["bohb"]
    assert set(brackets["cells"]) <= {1, 2}


def test_a_thinned_pack_shows_what_was_derived_of_all_rows(
    study: LoadedStudy, derived: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    tops = study.study.tops
    pack(study.path, tmp_path, compact(study.frame, tops))
    is_compact = load_study(tmp_path)
    with pytest.raises(StudyError, match="packed without the rows"):
        derive(is_compact)
    seen = figure_study(is_compact, allow_missing=False)
    without = with_derived(seen, is_compact)
    assert without.derived_frame("suggestions").empty
    assert len(without.derived_frame("seconds")) == len(study.cells)
    write_derived(tmp_path, study.study.id, derived)
    assert set(read_derived(tmp_path, study.study.id)) == set(NAMES)
    got = with_derived(seen, is_compact)
    for name, frame in derived.items():
        pd.testing.assert_frame_equal(got.derived_frame(name), frame)


def test_of_a_study_with_all_rows_it_is_computed(
    study: LoadedStudy, derived: dict[str, pd.DataFrame]
) -> None:
    got = with_derived(figure_study(study, allow_missing=False), study)
    assert len(got.derived_frame("whole")) == len(study.frame)
    pd.testing.assert_frame_equal(got.derived_frame("brackets"), derived["brackets"])
    suggestions = got.derived_frame("suggestions")
    pd.testing.assert_frame_equal(suggestions, derived["suggestions"], check_dtype=False)
    assert not got.derived_frame("correlations")["off_ledger"].any()
