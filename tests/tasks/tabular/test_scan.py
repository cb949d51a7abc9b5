"""Measured trainings of ScAn-Bench: what is read, what is looked up, how it is got."""

import hashlib
import math
import pickle
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from bohb_study.errors import UsageError
from bohb_study.seeding import Config, plain
from bohb_study.tasks import make_task
from bohb_study.tasks.tabular import scan_curves
from bohb_study.tasks.tabular.scan import ScanTask
from made_scan import CLIP_CONFIGS, DIVERGED, made_scan

NAMES = ("scan-openclip", "scan-llm")
needs_data = pytest.mark.skipif(find_spec("scan_bench") is None, reason="needs scan-bench")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_scan(tmp_path_factory.mktemp("scan"))


def scan(name: str, data: Path | str = "") -> ScanTask:
    task = make_task(name, {"data": str(data)} if data else None)
    assert isinstance(task, ScanTask)
    return task


def drawn(task: ScanTask, n: int) -> list[Config]:
    space = task.space(1)
    return [plain(space.sample_configuration()) for _ in range(n)]


# What is read


def test_trainings_are_read_as_they_stand_in_the_file(folder: Path) -> None:
    """The one that was planned for fewer epochs is left out."""
    trainings = scan("scan-openclip", folder).trainings
    assert len(trainings.configs) == CLIP_CONFIGS - 1
    row = DIVERGED - 1
    assert trainings.configs[row]["vision_width"] == 32 << DIVERGED % 5
    whole = [i for i in range(CLIP_CONFIGS - 1) if i != row]
    assert np.isfinite(trainings.val[whole]).all()
    assert np.isfinite(trainings.val[row]).tolist() == [True] * 2 + [False] * 6
    np.testing.assert_array_equal(trainings.test, 2 * trainings.val)
    part = 9 * 7 % CLIP_CONFIGS / CLIP_CONFIGS
    assert trainings.val[8, 1] == (1 + (part - 0.6) ** 2) * 1.5


def test_seconds_that_were_not_measured_are_the_mean_of_the_others(folder: Path) -> None:
    seconds = scan("scan-openclip", folder).trainings.seconds
    assert seconds[8].tolist() == pytest.approx([609.0] * 8)
    assert seconds[DIVERGED - 1].tolist() == pytest.approx([600.0 + DIVERGED] * 8)


def test_language_models_are_those_whose_checkpoints_stand_at_the_rungs(folder: Path) -> None:
    task = scan("scan-llm", folder)
    trainings = task.trainings
    assert [config["d_model"] for config in trainings.configs] == [320, 384, 448, 512]
    np.testing.assert_allclose(trainings.val[0], [3, 2.5, 2 + 1 / 3, 2.25])  # in their order
    seconds = 8e18 / 8e9 / 4e14 * 12171 * 64 * 2048
    assert task.duration(trainings.configs[0], 1, 3) == pytest.approx(2 * seconds)


@needs_data
@pytest.mark.parametrize(
    ("name", "count", "failed", "correlations"),
    [("scan-openclip", 455, 41, [0.879, 0.929, 0.972]), ("scan-llm", 219, 0, [0.907, 0.972])],
)
def test_the_release_has_what_the_docstring_says(
    name: str, count: int, failed: int, correlations: list[float]
) -> None:
    """Breaks where another release is installed, or a rule that chooses trainings changes."""
    task = scan(name)
    trainings, top = task.trainings, task.ladder.top
    assert trainings.val.shape == (count, top)
    assert np.isnan(trainings.val[:, -1]).sum() == failed
    found = [
        spearmanr(trainings.val[:, level - 1], trainings.val[:, -1], nan_policy="omit").statistic
        for level in task.ladder.costs[:-1]
    ]
    assert found == pytest.approx(correlations, abs=5e-4)
    for one in task.space(0).values():
        values = [config[one.name] for config in trainings.configs]
        assert one.lower <= min(values) <= max(values) <= one.upper
        assert len(set(values)) > 1


# What is looked up


@pytest.mark.parametrize("name", NAMES)
def test_a_suggestion_gets_what_was_measured_of_the_nearest(name: str, folder: Path) -> None:
    task = scan(name, folder)
    trainings, top = task.trainings, task.ladder.top
    for config in drawn(task, 5):
        row = task.row(config)
        report = task.start(config, 0).advance(top)
        if math.isnan(trainings.val[row, -1]):
            assert report.status == "diverged"
        else:
            assert (report.val_loss, report.test_loss) == (
                trainings.val[row, -1],
                trainings.test[row, -1],
            )
            assert task.true_loss(config) == report.val_loss
        assert report.extra == {"row": row, **trainings.configs[row]}
        assert list(report.extra) == list(task.extra_names)
        assert task.duration(config, 0, top) == trainings.seconds[row].sum()
    for row, measured in enumerate(trainings.configs):
        assert task.row(measured) == row


def test_diverged_trainings_fail_from_then_on_and_pay(folder: Path) -> None:
    task = scan("scan-openclip", folder)
    config = task.trainings.configs[DIVERGED - 1]
    evaluation = task.start(config, 0)
    assert evaluation.advance(2).status == "ok"
    report = evaluation.advance(4)
    assert (report.status, report.units) == ("diverged", 2)
    assert math.isnan(report.val_loss)
    assert math.isnan(report.test_loss)
    assert report.extra["row"] == DIVERGED - 1
    assert task.true_loss(config) is None


@pytest.mark.parametrize("name", NAMES)
def test_paused_at_each_rung_it_goes_on_exactly(name: str, folder: Path) -> None:
    task = scan(name, folder)
    config = drawn(task, 1)[0]

    def outcome(report: Any) -> Any:
        return {key: value for key, value in report._asdict().items() if key != "seconds"}

    straight = task.start(config, 0)
    expected = [outcome(straight.advance(level)) for level in task.ladder.costs]
    state, found = task.start(config, 0).state(), []
    for level in task.ladder.costs:
        resumed = task.start(config, 0)
        resumed.restore(pickle.loads(pickle.dumps(state)))
        found.append(outcome(resumed.advance(level)))
        state = resumed.state()
    assert found == expected
    with pytest.raises(ValueError, match="already"):
        straight.advance(1)


def test_it_is_a_curve_and_climbs_by_two(folder: Path) -> None:
    task = scan("scan-openclip", folder)
    assert (task.ladder.costs, task.ladder.eta, task.ladder.curve) == ((1, 2, 4, 8), 2, True)
    config = drawn(task, 1)[0]
    seconds = [task.duration(config, 0, level) for level in task.ladder.costs]
    assert 0 < seconds[0] < seconds[1] < seconds[2] < seconds[3]
    assert task.duration(config, 2, 8) == pytest.approx(seconds[3] - seconds[1])
    assert task.optimum == np.nanmin(task.trainings.val[:, -1])


# Where it is


def test_its_identity_is_the_file(folder: Path) -> None:
    content = (folder / "scan_bench" / "vlm" / "data.csv").read_bytes()
    assert scan("scan-openclip", folder).data_sha256 == hashlib.sha256(content).hexdigest()


def test_it_is_found_where_it_was_downloaded(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(scan_curves, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package scan-bench; get it by pip install"):
        scan("scan-llm").prepare()
    made_scan(tmp_path / "bohb-study" / "datasets" / "scan-bench")
    scan("scan-llm").prepare(download=True)  # which is not needed


def test_what_is_missing_or_damaged_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"scan-llm: .* has no scan_bench/llm/configs_inter") as e:
        scan("scan-llm", tmp_path).prepare()
    assert "\n" not in str(e.value)
    damaged = made_scan(tmp_path)
    (damaged / "scan_bench" / "vlm" / "data.csv").write_text("config_id,epoch\n1,1\n")
    with pytest.raises(UsageError, match=r"data\.csv: not as in scan-bench==0\.2\.3: KeyError"):
        scan("scan-openclip", damaged).prepare()


def test_download_unpacks_without_requirements_and_says_why_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def pip(words: list[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        if len(asked) == 1:
            return subprocess.CompletedProcess(words, 1, "", "WARNING: retry\nERROR: no network\n")
        made_scan(Path(words[words.index("--target") + 1]))
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(UsageError, match=r"scan-bench into .*failed: ERROR: no network$"):
        scan("scan-openclip", tmp_path / "new").prepare(download=True)
    scan("scan-openclip", tmp_path / "new").prepare(download=True)
    assert {"--no-deps", "scan-bench==0.2.3"} <= set(asked[1])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["scan_bench"]
