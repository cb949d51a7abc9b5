"""A task in a file of the user's: what it may be, what is said of a wrong one, where it runs."""

import copy
import hashlib
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle

from bohb_study.engines.base import CellJob
from bohb_study.errors import UsageError
from bohb_study.seeding import config_id, plain
from bohb_study.study import Cell
from bohb_study.tasks import make_task, task_class
from bohb_study.tasks.user.user_task import own_tasks, read_own
from repository import ROOT

PAGE = ROOT / "docs" / "how-to" / "own-task.md"

IMPORTS = """\
from dataclasses import dataclass
from ConfigSpace import ConfigurationSpace, Float, Integer
from bohb_study.tasks import ComputedTask, Evaluation, Ladder, Report, Task
"""
COMPUTED = """\
class MyTask(ComputedTask):
    hyperparameters = [Float("lr", (1e-4, 1), log=True), Integer("layers", (1, 5))]
    levels = (1, 3, 9, 27)

    def loss(self, config, level, seed):
        return config["lr"] + config["layers"] / level
"""
OPTIONS = """\
@dataclass(frozen=True)
class MyTask(ComputedTask):
    noise: float = 0.5
    top: int = 9
    flipped: bool = False
    kind: str = "bowl"
    hyperparameters = (Float("x", (0, 1)),)

    @property
    def levels(self):
        return (1, self.top)

    eta_of_levels = 9

    def loss(self, config, level, seed):
        return config["x"] + self.noise * (-1 if self.flipped else 1)
"""
CURVE = """\
@dataclass
class Memory:
    total: float = 0.0

class Running(Evaluation):
    def __init__(self, config):
        self.config, self.level, self.memory = config, 0, Memory()

    def advance(self, level):
        units, self.level = level - self.level, level
        self.memory.total += self.config["x"] * units
        return Report(self.memory.total, 0.5, 0.0, units)

    def state(self):
        return {"level": self.level, "memory": self.memory}

    def restore(self, state):
        self.level, self.memory = state["level"], state["memory"]

class MyTask(Task):
    summary, val_metric, test_metric = "trains", "loss", "error"
    grid_order = ("x",)
    own_ladder = Ladder("epoch", (1, 2, 4), eta=2, curve=True, resumable=True)

    def space(self, seed):
        space = ConfigurationSpace(seed=seed)
        space.add(Float("x", (0, 1)))
        return space

    def start(self, config, seed):
        return Running(config)

    def duration(self, config, start, end):
        return float(end - start)
"""

FUNCTION = """\
from bohb_study.tasks import FunctionTask

def train_it(config, seed, state=None):
    total = state or 0.0
    for epoch in range(round(total / config["x"]), 9):
        total += config["x"]
        yield {"loss": total, "state": total}

def seconds(config):
    return 2.0 * config["x"]

MyTask = FunctionTask(train_it, [Float("x", (0.1, 1))], 9, seconds=lambda c: seconds(c))
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a user's file and returns what stands in ``tasks``."""

    def make(text: str, name: str = "MyTask", file: str = "my.py", imports: str = IMPORTS) -> str:
        (tmp_path / file).write_text(imports + text)
        return f"{tmp_path / file}:{name}"

    return make


# What it may be


def test_a_plain_class_of_a_few_lines(write: Write) -> None:
    task = make_task(write(COMPUTED))
    assert (task.name, task.ladder.costs, task.ladder.unit) == ("MyTask", (1, 3, 9, 27), "unit")
    assert task.computed
    assert task.grid_order == ("lr", "layers")
    assert task.start({"lr": 0.5, "layers": 4}, 0).advance(9).val_loss == 0.5 + 4 / 9
    assert make_task(write(COMPUTED), eta=27).ladder.costs == (1, 27)


def test_spaces_share_no_stream_although_the_class_has_its_hyperparameters_once(
    write: Write,
) -> None:
    task = make_task(write(COMPUTED))
    one, other, alone = task.space(7), task.space(7), task.space(7)
    turns = [config_id(space.sample_configuration()) for _ in range(5) for space in (one, other)]
    assert turns[::2] == turns[1::2]
    assert turns[::2] == [config_id(alone.sample_configuration()) for _ in range(5)]


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_fields_of_a_dataclass_are_options_of_their_type(write: Write, future: str) -> None:
    """With the future import a field's type is a text: options would all stay texts."""
    given = write(OPTIONS, imports=future + IMPORTS)
    options = {"noise": "0.25", "top": "81", "flipped": "true", "kind": "ridge"}
    task: Any = make_task(given, options)
    assert (task.noise, task.top, task.flipped, task.kind) == (0.25, 81, True, "ridge")
    assert task.start({"x": 0.5}, 0).advance(81).val_loss == 0.25
    for key, text, what in (
        ("noise", "loud", "a number"),
        ("top", "9.5", "a whole number"),
        ("flipped", "maybe", "true or false"),
    ):
        with pytest.raises(UsageError, match=f"MyTask.{key}={text}: must be {what}$"):
            make_task(given, {key: text})
    with pytest.raises(UsageError, match=r"MyTask\.noize: no such option .* did you mean noise\?$"):
        make_task(given, {"noize": "1"})


def test_one_that_trains_goes_on_from_a_pickled_state(write: Write) -> None:
    task = make_task(write(CURVE))
    assert (task.name, task.computed, task.ladder.curve) == ("MyTask", False, True)
    unbroken, broken, resumed = (task.start({"x": 0.1}, 0) for _ in range(3))
    assert unbroken.advance(2) == broken.advance(2)
    resumed.restore(pickle.loads(pickle.dumps(broken.state())))
    assert resumed.advance(4) == unbroken.advance(4)


@pytest.mark.parametrize("decorator", ["", "@dataclass(frozen=True)\n"])
@pytest.mark.parametrize("line", ['name = "my-own"', 'name: str = "my-own"'])
def test_its_name_is_the_classs_name_unless_it_has_one(
    write: Write, line: str, decorator: str
) -> None:
    given = write(decorator + COMPUTED.replace("    levels", f"    {line}\n    levels"))
    assert make_task(given).name == read_own(given).name == "my-own"
    assert list(own_tasks([given])) == ["my-own"]


def test_a_task_that_the_file_makes(write: Write) -> None:
    given = write(FUNCTION)
    task, other = make_task(given), make_task(given, eta=9)
    assert (task.name, task.ladder.costs) == ("train-it", (1, 3, 9))
    assert other.ladder.costs == (1, 9)
    assert task_class(given).__name__ == "FunctionTask"
    assert read_own(given).name == "train-it"
    assert list(own_tasks([given])) == ["train-it"]
    assert task.start({"x": 0.25}, 0).advance(3).val_loss == 0.75
    with pytest.raises(UsageError, match=r"^eta 2: does not fit 9 epochs; allowed: 3, 9$"):
        make_task(given, eta=2)
    with pytest.raises(UsageError, match=r"^task_options train-it\.x: no such option of train-it"):
        make_task(given, {"x": "1"})


def test_a_task_of_the_files_own_class(write: Write) -> None:
    given = write(OPTIONS + "loud = MyTask(noise=0.75, name='loud')\n", name="loud")
    task: Any = make_task(given)
    assert (task.name, task.noise) == ("loud", 0.75)
    assert pickle.loads(pickle.dumps(task)) == task


def test_the_documented_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken as it is written there, at most ten lines of it code."""
    (example,) = re.findall(r'```python title="my.py"\n(.*?)```', PAGE.read_text(), re.DOTALL)
    (given,) = re.findall(r"--tasks (my\.py:\w+)", PAGE.read_text())
    (tmp_path / "my.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    task = make_task(given)
    config = plain(task.space(0).sample_configuration())
    loss, again = (task.start(config, 0).advance(27).val_loss for _ in range(2))
    assert loss == again
    assert 0 < abs(loss - abs(config["lr"] - 0.01) - abs(config["layers"] - 3)) < 5 / 27
    assert sum(bool(line.strip()) for line in example.splitlines()) <= 10


# What is said of a wrong one

CLASS = "class MyTask(ComputedTask):\n    "
WRONG: dict[str, tuple[str, str]] = {
    "another class": (COMPUTED.replace("MyTask", "MyTusk"), "no such task; did you mean MyTusk?"),
    "no task at all": ("x = 1", "no such task; it defines none"),
    "not a task": (
        "class MyTask: pass",
        "MyTask is no task, and no subclass of bohb_study.tasks.Task that this file defines",
    ),
    "not a class": (
        "MyTask = 3",
        "MyTask is no task, and no subclass of bohb_study.tasks.Task that",
    ),
    "imported": (
        "from bohb_study.tasks.training.digits import Digits as MyTask",
        "MyTask is no task, and no subclass of bohb_study.tasks.Task that this file defines",
    ),
    "abstract": (CLASS + "levels = (1, 3)", "MyTask lacks hyperparameters, loss"),
    "raises": ("\nraise ValueError('no\\nluck')", "ValueError: no luck ({file}, line 5)"),
    "raises below": (
        "def f():\n    return {}['k']\nf()",
        "KeyError: 'k' ({file}, line 5)",
    ),
    "leaves": ("raise SystemExit('bye')", "SystemExit: bye ({file}, line 4)"),
    "syntax": ("class MyTask(:", "SyntaxError: invalid syntax ({file}, line 4)"),
    "import": (
        "import beside",
        "ModuleNotFoundError: No module named 'beside' ({file}, line 4); neither the current "
        "folder nor the file's own is searched",
    ),
    "not frozen": ("@dataclass\n" + COMPUTED, "TypeError: cannot inherit non-frozen dataclass "),
    "ladder": (
        COMPUTED.replace("(1, 3, 9, 27)", "(3, 1)"),
        "ValueError: costs must be positive and increasing, not (3, 1)",
    ),
    "floats": (
        COMPUTED.replace("(1, 3, 9, 27)", "(1e2, 1e3)"),
        "MyTask: levels (100.0, 1000.0): must be whole numbers, at least 1, increasing",
    ),
    "list": (
        COMPUTED.replace("(1, 3, 9, 27)", "[1, 3]"),
        "ValueError: the levels must be a tuple of whole numbers, not [1, 3]",
    ),
    "own check": (
        COMPUTED + "    def __post_init__(self):\n        1 / 0\n",
        "ZeroDivisionError: division by zero ({file}, line 11)",
    ),
    "grid order": (
        CURVE.replace('("x",)', '("y",)'),
        "ValueError: grid_order ('y',) must name each of x",
    ),
    "space": (
        COMPUTED.replace("(1, 5))]", "(1, 5)), Float('lr', (0, 1))]"),
        "HyperparameterAlreadyExistsError: ",
    ),
    "function": (
        FUNCTION.replace("MyTask =", "task =").replace("train_it", "MyTask"),
        "MyTask is a function; make it a task, such as task = FunctionTask(MyTask, hyper",
    ),
    "no such instance": (
        FUNCTION.replace("MyTask =", "MyTusk ="),
        "no such task; did you mean MyTusk?",
    ),
    "instance refused": (
        FUNCTION.replace("9, seconds", "10, seconds"),
        "FunctionTask train-it: max_epochs 10: must be a power of eta 3: 9 or 27 fit eta 3; "
        "10 fits eta 10 ({file}, line 15)",
    ),
    "instance's name": (
        FUNCTION.replace("9, seconds", "9, name='a/b', seconds"),
        "name 'a/b' must be at most 100 letters, digits and _ -",
    ),
    "instance's grid": (
        FUNCTION.replace("9, seconds", "9, grid_order=['y'], seconds"),
        "ValueError: grid_order ('y',) must name each of x",
    ),
    "instance's taken name": (
        FUNCTION.replace("9, seconds", "9, name='digits', seconds"),
        'its name digits is a registered task\'s; give the task another by name = "..."',
    ),
    "calls itself": (
        COMPUTED + "    def __post_init__(self):\n        object.__setattr__(self, 'name', 'x')\n",
        "ValueError: its name is 'x', its class's 'MyTask'",
    ),
    "no folder": (
        COMPUTED.replace("    levels", "    name = 'a/b'\n    levels"),
        "name 'a/b' must be at most 100 letters, digits and _ -",
    ),
    "a table's": (
        COMPUTED.replace("    levels", "    name = 'table-mine'\n    levels"),
        "its name table-mine is one of a table's; it must begin otherwise",
    ),
    "taken": (
        COMPUTED.replace("    levels", "    name = 'digits'\n    levels"),
        'its name digits is a registered task\'s; give the class another by name = "..."',
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_one_line(wrong: str, write: Write, tmp_path: Path) -> None:
    text, said = WRONG[wrong]
    (tmp_path / "beside.py").write_text("")
    given = write(text)
    with pytest.raises(UsageError) as raised:
        make_task(given)
    line = str(raised.value)
    file = given.rpartition(":")[0]
    assert line.startswith(f"tasks {given}: {said.format(file=file)}")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("my.py", "must look like path/to/file.py:NAME"),
        ("my.py:", "must look like path/to/file.py:NAME"),
        ("my.py:My-Task", "must look like path/to/file.py:NAME"),
        ("a/b", "must look like path/to/file.py:NAME"),
        ("my.txt:MyTask", "my.txt is no .py file"),
        (":MyTask", "nothing is no .py file"),
        ("no/my.py:MyTask", "cannot read {cwd}/no/my.py: No such file or directory"),
        ("folder.py:MyTask", "cannot read {cwd}/folder.py: is no file"),
    ],
)
def test_what_is_no_file_or_no_class(
    given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.py").mkdir()
    monkeypatch.chdir(tmp_path)
    for call in (make_task, task_class):
        with pytest.raises(UsageError) as raised:
            call(given)
        assert str(raised.value) == f"tasks {given}: {said.format(cwd=tmp_path)}"


def test_two_of_one_name_are_refused(write: Write) -> None:
    one, other = write(COMPUTED, file="a.py"), write(COMPUTED, file="b.py")
    with pytest.raises(UsageError, match=f"^tasks {one} {other}: both are named MyTask; give one"):
        own_tasks([one, other])


# Where it runs

EVALUATE = """
import pickle, sys
job = pickle.loads(sys.stdin.buffer.read())
evaluation = job.task.start({config}, 0)
loss = evaluation.advance(2).val_loss
sys.stdout.buffer.write(pickle.dumps((job.task, evaluation.state(), loss)))
"""


DUMPS = pytest.mark.parametrize(
    "dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"]
)


@DUMPS
def test_another_process_needs_no_file(
    dumps: Callable[[Any], bytes], write: Write, tmp_path: Path
) -> None:
    """As a job, by plain pickle (local processes) and by Ray's; and back, with what it defines."""
    given = write(CURVE)
    task = make_task(given, eta=4)
    Path(given.rpartition(":")[0]).unlink()
    job = CellJob(Cell("MyTask", "random", 0), task, 1)
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE.format(config={"x": 0.25})],
        input=dumps(job),
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    back, state, loss = pickle.loads(done.stdout)
    assert back == task
    assert type(back) is type(task)
    assert type(state["memory"]) is sys.modules[type(task).__module__].Memory
    assert (state["level"], asdict(state["memory"]), loss) == (2, {"total": 0.5}, 0.5)


@pytest.mark.parametrize(
    ("dumps", "eta"), [(pickle.dumps, None), (cloudpickle.dumps, 9)], ids=["pickle", "cloudpickle"]
)
def test_another_process_makes_the_files_own_task_again(
    dumps: Callable[[Any], bytes], eta: int | None, write: Write, tmp_path: Path
) -> None:
    """Functions, and a lambda, that nothing but the text of the file can make."""
    given = write(FUNCTION)
    task = make_task(given, eta=eta)
    Path(given.rpartition(":")[0]).unlink()
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE.format(config={"x": 0.25})],
        input=dumps(CellJob(Cell("train-it", "random", 0), task, 1)),
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    back, state, loss = pickle.loads(done.stdout)
    assert (back, back.eta, loss) == (task, eta, 0.5)
    assert pickle.loads(state["own"]) == 0.5
    assert back.duration({"x": 0.25}, 1, 3) == 1.0
    assert copy.deepcopy(task) == task


def test_a_copy_is_the_same(write: Write) -> None:
    task = make_task(write(OPTIONS), {"noise": "0.25"})
    for made in (copy.copy(task), copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        assert made == task
        assert asdict(made) == asdict(task)


def test_a_file_is_imported_once_and_a_changed_one_is_another(write: Write) -> None:
    first = task_class(write(COMPUTED))
    assert task_class(write(COMPUTED, file="copy.py")) is first
    changed = write(COMPUTED.replace("(1, 3, 9, 27)", "(1, 3)"))
    assert task_class(changed) is not first
    assert make_task(changed).ladder.costs == (1, 3)
    own = read_own(changed)
    assert own.sha256 == hashlib.sha256(Path(own.path).read_bytes()).hexdigest()


def test_what_lies_in_the_current_folder_is_not_imported(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no part of the study's identity: a changed helper would leave a study done.

    Python itself puts that folder first, as "" or by its name; what the file adds itself stays.
    """
    (tmp_path / "beside.py").write_text("x = 1")
    monkeypatch.chdir(tmp_path)
    for first in ("", str(tmp_path)):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [first, *sys.path])
            with pytest.raises(UsageError, match="neither the current folder nor the file's own"):
                make_task(write(f"import beside  # {first}"))
            assert sys.path[0] == first
            added = f"import sys\nsys.path.insert(0, {str(tmp_path / 'more')!r})  # {first}\n"
            make_task(write(added + COMPUTED))
            assert sys.path[:2] == [first, str(tmp_path / "more")]


def test_importing_leaves_nothing_behind(write: Write, tmp_path: Path) -> None:
    """No byte code beside the file, no path to it, and no module that failed."""
    path = list(sys.path)
    make_task(write(COMPUTED))
    modules = set(sys.modules)
    with pytest.raises(UsageError):
        make_task(write(f"x = {id(path)}\nraise OSError", file="bad.py"))
    assert {name for name in sys.modules if name.startswith("_bohb")} <= modules
    assert sys.path == path
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.py", "my.py"]
