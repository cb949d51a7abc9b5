"""A study of a task that reads data: its id, what is stored of it, and data that are not there."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bohb_study.cli import command_line
from bohb_study.cli.compare import main as compare
from bohb_study.engines.base import CellJob, Finished, run_cell
from bohb_study.errors import StudyError, UsageError
from bohb_study.running.execution import prepare
from bohb_study.running.options import RunOptions
from bohb_study.running.pools import local
from bohb_study.running.reproduction import NotReproducibleError, prepare_rerun, reproduce
from bohb_study.running.runner import run_study
from bohb_study.store import load_study, write_study
from bohb_study.store.sealed import sealed_json
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks import make_task
from bohb_study.tasks.training.images.sources import Source, download_folder

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster"),
    pytest.mark.usefixtures("own_cache"),
]

SIZES = (200, 100)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, image_files: Any) -> Write:
    """Writes a small data set to a folder of its own, and returns the folder."""

    def make(name: str, folder: str, seed: int = 0, suffix: str = ".gz") -> Path:
        image_files.write(name, tmp_path / folder, None, SIZES, seed, suffix)
        return tmp_path / folder

    return make


def forget() -> None:
    """What a new process would not know."""
    from bohb_study.tasks.training.images import batches, decoded

    decoded.load.cache_clear()
    batches.load_parts.cache_clear()


def config(*options: str, tasks: tuple[str, ...] = ("mnist",), **fields: Any) -> StudyConfig:
    given = {"methods": ("random",), "budget": 2, "seeds": 1, **fields}
    return StudyConfig(tasks=tasks, task_options=options, **given)


def given(folder: Path, name: str = "mnist") -> str:
    return f"{name}.data={folder}"


# Its id


def test_the_id_knows_the_data_and_not_where_they_are(write: Write) -> None:
    one, packed, other = write("mnist", "one"), write("mnist", "two", 0, ""), write("mnist", "3", 1)
    assert config(given(one)).id == config(given(packed)).id
    assert config(given(one)).id != config(given(other)).id
    sha256 = config(given(one)).resolve().tasks["mnist"].data_sha256
    assert config(given(one)).identity()["task_option"] == [f"mnist.data=sha256:{sha256}"]


def test_options_beside_the_data_stay_as_they_are_given(write: Write) -> None:
    one, two = write("mnist", "one"), write("mnist", "two")
    ids = {
        config(*options).id
        for options in (
            ("mnist.epochs=3", given(one), "mnist.subset=100"),
            (given(two), "mnist.subset=100", "mnist.epochs=3"),
        )
    }
    assert len(ids) == 1
    identity = config("mnist.epochs=3", given(one)).identity()
    assert identity["task_option"][1] == "mnist.epochs=3"
    assert config(given(one)).id not in ids


def test_without_a_folder_the_id_takes_no_data() -> None:
    """Studies can be planned, and their folders found, before anything is downloaded."""
    assert config().identity() == {"budget": 2}
    assert config("mnist.epochs=3").identity()["task_option"] == ["mnist.epochs=3"]
    digits = config("digits.epochs=9", tasks=("digits",))
    assert digits.identity()["task_option"] == ["digits.epochs=9"]


def test_each_task_has_its_own_data(write: Write) -> None:
    """Both read CIFAR-10, each from where it is told."""
    one, two = write("cifar10", "one"), write("cifar10", "two", 1)
    tasks = ("cifar10", "cifar10-resnet")
    options = given(one, "cifar10"), given(two, "cifar10-resnet")
    stored = config(*options, tasks=tasks).identity()["task_option"]
    hashes = {
        name: task.data_sha256
        for name, task in config(*options, tasks=tasks).resolve().tasks.items()
    }
    assert stored == sorted(f"{name}.data=sha256:{hashes[name]}" for name in tasks)
    assert len(set(hashes.values())) == 2


def test_the_id_of_data_that_are_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^tasks mnist: no data in {tmp_path}; [^\n]*$"):
        _ = config(given(tmp_path)).id


# What is stored of it


def test_study_json_names_the_data(write: Write, tmp_path: Path) -> None:
    asked = config(given(write("mnist", "data")), tasks=("mnist", "digits"))
    study = write_study(tmp_path, "compare", asked, asked.resolve().tasks)
    assert study.tasks["mnist"].data == asked.resolve().tasks["mnist"].data_sha256
    assert study.tasks["digits"].data is None
    assert StudyConfig.from_json(json.loads(json.dumps(study.config.json))) == asked


def test_other_data_at_the_same_place_are_refused(
    tmp_path: Path, own_cache: Path, image_files: Any
) -> None:
    """The id does not tell where no folder is given: rows of both would be in one study."""
    folder = tmp_path / "study"
    folder.mkdir()
    for seed in (0, 0, 1):
        forget()
        image_files.write("mnist", own_cache / "datasets", None, SIZES, seed)
        if seed == 0:
            write_study(folder, "compare", config(), config().resolve().tasks)
            before = (folder / "study.json").read_bytes()
            continue
        with pytest.raises(StudyError, match=r"study\.json: mnist was run on other data; use fr"):
            write_study(folder, "compare", config(), config().resolve().tasks)
    assert (folder / "study.json").read_bytes() == before


def test_what_is_finished_needs_its_data_no_more(
    image_files: Any, tmp_path: Path, cells_run_here: None
) -> None:
    """Found by itself: started again on a machine without them, the study is there as it was."""
    place = download_folder()
    image_files.write("mnist", place, None, SIZES)
    options = RunOptions(out=tmp_path / "out", jobs=1)
    study = config("mnist.subset=100", "mnist.epochs=1")
    first = run_study(study, options)
    assert len(first.ran) == 1
    shutil.rmtree(place)
    forget()
    again = run_study(study, options)
    assert (again.path, again.ran, again.reused) == (first.path, [], first.ran)
    more = config("mnist.subset=100", "mnist.epochs=1", seeds=2)
    with pytest.raises(UsageError, match=r"^tasks mnist: no data in "):
        run_study(more, options)


def test_a_study_of_before_data_were_stored_goes_on(
    tmp_path: Path, own_cache: Path, image_files: Any
) -> None:
    image_files.write("mnist", own_cache / "datasets", None, SIZES)
    old = dict(write_study(tmp_path, "compare", config(), config().resolve().tasks).json)
    del old["tasks"]["mnist"]["data"]
    (tmp_path / "study.json").write_bytes(sealed_json(old))
    study = write_study(tmp_path, "compare", config(), config().resolve().tasks)
    assert study.tasks["mnist"].data == config().resolve().tasks["mnist"].data_sha256


SMALL = ("mnist.epochs=3", "mnist.subset=100")


def test_run_and_reproduced_from_another_folder_but_not_from_other_data(
    write: Write, tmp_path: Path, cells_run_here: None
) -> None:
    asked = config(*SMALL, given(write("mnist", "data")), methods=("asha",))
    options = RunOptions(out=tmp_path / "out", jobs=1)
    run = run_study(asked, options)
    assert (run.failed, run.ran) == ({}, [Cell("mnist", "asha", 0)])
    again = run_study(config(*SMALL, given(write("mnist", "moved")), methods=("asha",)), options)
    assert (again.path, again.reused) == (run.path, run.ran)
    study = load_study(run.path)
    assert set(study.frame["status"]) == {"ok"}
    (comparison,) = reproduce(prepare_rerun(study), options, _silent)
    assert comparison.difference is None
    assert comparison.rows == len(study.frame) >= 2
    write("mnist", "data", 1)
    write("mnist", "moved", 1)
    forget()
    with pytest.raises(NotReproducibleError, match="mnist was run on other data than are here"):
        prepare_rerun(study)


def _silent() -> Any:
    from bohb_study.running.progress import make_progress

    return make_progress()


# Data that are not there


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, image_files: Any, own_cache: Path) -> list[str]:
    """What is asked for by ``--download``; it arrives at once."""
    asked: list[str] = []

    def download(source: Source, data: str) -> None:
        asked.append(source.name)
        image_files.write(source.name, Path(data or own_cache / "datasets"), None, SIZES)

    monkeypatch.setattr(Source, "download", download)
    return asked


@pytest.mark.parametrize("folder", [None, "given"])
def test_what_is_missing_is_downloaded_once_and_only_where_it_is_asked_for(
    folder: str | None, downloads: list[str], tmp_path: Path
) -> None:
    study = config(*([given(tmp_path / folder)] if folder else []), tasks=("digits", "mnist"))
    with pytest.raises(UsageError, match=r"^tasks mnist: no data in "):
        prepare(study.resolve(), RunOptions())
    assert downloads == []
    prepare(study.resolve(), RunOptions(download=True))
    assert downloads == ["mnist"]
    prepare(study.resolve(), RunOptions(download=True))
    prepare(study.resolve(), RunOptions())
    assert downloads == ["mnist"]


def test_data_that_two_tasks_read_are_downloaded_once(downloads: list[str]) -> None:
    prepare(config(tasks=("cifar10", "cifar10-resnet")).resolve(), RunOptions(download=True))
    assert downloads == ["cifar10"]


def test_damaged_data_are_not_downloaded_over(
    downloads: list[str], write: Write, tmp_path: Path
) -> None:
    """They may be somebody's own; the line says to remove them."""
    path = write("mnist", "data") / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(b"")
    with pytest.raises(UsageError, match=f"^{path}: damaged: "):
        prepare(config(given(tmp_path / "data")).resolve(), RunOptions(download=True))
    assert downloads == []


Said = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs compare.py, which must refuse before it makes a folder; returns the line it says."""

    def run(*words: str) -> str:
        out = tmp_path / "out"
        assert command_line.run(compare, [*words, "--out", str(out)]) == 2
        printed, said = capsys.readouterr()
        assert printed == ""
        assert said.count("\n") == 1
        assert said.startswith("error: ")
        assert not out.exists()
        return said.removeprefix("error: ").rstrip("\n")

    return run


def test_compare_without_data_is_one_line(refused: Said, own_cache: Path, tmp_path: Path) -> None:
    where = f"{own_cache / 'datasets'} or {tmp_path / 'installed' / 'fashion-mnist'}"
    assert refused("--tasks", "fashion-mnist") == (
        f"--tasks fashion-mnist: no data in {where}; get it by --download, on Debian by apt "
        "install dataset-fashion-mnist, or say where it is by --task-options "
        "fashion-mnist.data=PATH"
    )
    # the data of every task, before any is run
    assert refused("--tasks", "digits", "cifar10").startswith("--tasks cifar10: no data in ")
    said = refused("--tasks", "cifar10-resnet")  # reads the same files, by an option of its own
    assert said.startswith("--tasks cifar10-resnet: no data in ")
    assert " --task-options cifar10-resnet.data=PATH" in said
    option = f"mnist.data={tmp_path / 'nowhere'}"
    for look in ((), ("--dry-run",)):
        said = refused("--tasks", "mnist", "--task-options", option, *look)
        assert said.startswith(
            f"--tasks mnist: no data in {tmp_path / 'nowhere'}; get it by --down"
        )


def test_compare_with_damaged_or_too_few_data_is_one_line(refused: Said, write: Write) -> None:
    folder = write("mnist", "data")
    words = "--tasks", "mnist", "--task-options", given(folder)
    assert refused(*words, "mnist.subset=201") == (
        "--task-options mnist.subset=201: there are 200 images"
    )
    path = folder / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-10])
    forget()
    assert refused(*words).startswith(f"{path}: damaged: Compressed file ended before the end")


def test_compare_downloads_where_it_is_told_to(
    refused: Said, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import datasets

    def no_network(root: str, download: bool) -> None:
        assert download
        raise OSError("nobody answers")

    monkeypatch.setattr(datasets, "MNIST", no_network)
    said = refused("--tasks", "mnist", "--download")
    assert said == f"--download: mnist into {own_cache / 'datasets'}: OSError: nobody answers"


def test_looking_takes_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(compare, ["--list"]) == 0
    listed = capsys.readouterr().out
    for option in ("fashion-mnist.subset=0", "cifar10.epochs=9", "cifar10-resnet.width=16"):
        assert option in listed
    assert command_line.run(compare, ["--dry-run", "--tasks", "mnist", "cifar10-resnet"]) == 0
    assert "30000 epochs" in capsys.readouterr().out


def test_a_cell_whose_data_are_gone_fails_in_one_line(tmp_path: Path) -> None:
    """Rather than as a study full of trainings that failed."""
    task = make_task("mnist", {"data": str(tmp_path)})
    job = CellJob(Cell("mnist", "random", 0), task, 2)
    with pytest.raises(UsageError, match=r"^tasks mnist: no data in "):
        run_cell(job)
    *_, finished = local.run_cells([job], 1)
    assert isinstance(finished, Finished)
    assert finished.result is None
    assert finished.error is not None
    assert f"tasks mnist: no data in {tmp_path}; get it by download=True" in finished.error
    assert "\n" not in finished.error
