"""How commands end: by signals at any moment, and where nobody reads what they print.

In processes of their own. Most of them are a small command whose ``tyro``, which every script
imports first, is a stub: it costs nothing, and can be made to wait as a slow import does.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bohb_study.interrupts import descendants
from repository import ROOT

SLOW = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
TOY = """
from bohb_study import start
start.guard()

import atexit, subprocess, sys, time
from pathlib import Path
from bohb_study import interrupts
from bohb_study.cli import command_line

def ready():
    print("ready", flush=True)

def child():
    waits = [sys.executable, "-c", "import time; time.sleep(60)"]
    return subprocess.Popen(waits, start_new_session=True)

def works(words):
    started = child()
    try:
        ready()
        time.sleep(60)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("finished cells are kept") from None
    finally:
        time.sleep(0.3)
        started.terminate()
        started.wait()

def imports(words):
    import swallowing
    time.sleep(60)

def destroys(words):
    class Destroyed:
        def __del__(self):
            ready()
            time.sleep(0.3)
    Destroyed()
    time.sleep(60)

def fails(words):
    try:
        ready()
        time.sleep(60)
    except KeyboardInterrupt:
        raise ImportError("half imported") from None

def hangs(words):
    interrupts.PATIENCE_SECONDS = 0.2
    started = child()
    try:
        ready()
        time.sleep(60)
    finally:
        time.sleep(60)

def as_ray(words):
    import signal
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
    ready()
    time.sleep(60)

def as_ray_where_it_is_dropped(words):
    import signal
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
    destroys(words)

def crashes(words):
    import ray, os
    class Thread:
        def __init__(self):
            self.end = os.abort
        def __del__(self):
            self.end()
    ray.thread = Thread()
    ready()
    time.sleep(60)

def ends(words):
    atexit.register(lambda: (ready(), time.sleep(0.3)))
    return 0

def prints(words):
    for number in range(20_000):
        print("line", number)
    print("is said", file=sys.stderr)
    Path(words[1]).write_text("stored")
    return 0

sys.exit(command_line.run(lambda words: globals()[words[0]](words)))
"""
SWALLOWING = """
import time
try:
    print("ready", flush=True)
    time.sleep(0.3)
except BaseException:
    pass
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The small command; beside it stand the modules that it imports."""
    (tmp_path / "tyro.py").write_text("")
    (tmp_path / "swallowing.py").write_text(SWALLOWING)
    (tmp_path / "ray.py").write_text("")
    script = tmp_path / "toy.py"
    script.write_text(TOY)
    return script


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Where the tests are run in the background, a shell has had SIGINT ignored, also in ours."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(*words: str | Path, modules: Path) -> subprocess.Popen[str]:
    """A process of this Python, once it says that it is ready."""
    path = os.pathsep.join([str(modules), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(
    process: subprocess.Popen[str], number: int = signal.SIGINT, times: int = 1, every: float = 0.02
) -> tuple[int, str]:
    """Send signals; returns the exit code and what was said."""
    children = descendants(process.pid)
    for _ in range(times):
        process.send_signal(number)
        time.sleep(every)
    _, said = process.communicate(timeout=20)
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process.returncode, said


COMMANDS = [
    *(
        f"experiments/{name}.py"
        for name in ("benchmark", "characters", "compare", "pack", "paper", "reproduce", "status")
    ),
    "-m paper_figures",
    "-m bohb_study compare",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_interrupted_while_modules_are_imported(
    command: str, tmp_path: Path, own_signals: None
) -> None:
    (tmp_path / "tyro.py").write_text(SLOW)
    process = started(*command.split(), modules=tmp_path)
    assert ended(process, times=5, every=0) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGTERM, "terminated\n"), (signal.SIGHUP, "hung up\n")]
)
def test_other_signals_while_modules_are_imported(number: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "tyro.py").write_text(SLOW)
    process = started("experiments/compare.py", modules=tmp_path)
    assert ended(process, number) == (128 + number, said)


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up")],
)
def test_what_was_begun_is_ended_however_often_the_signal_comes(
    number: int, word: str, times: int, toy: Path, own_signals: None
) -> None:
    process = started(toy, "works", modules=toy.parent)
    assert len(descendants(process.pid)) == 1
    said = f"{word}: finished cells are kept\n"
    assert ended(process, number, times) == (128 + number, said)


@pytest.mark.parametrize("moment", ["imports", "destroys", "fails"])
def test_an_interrupt_is_not_lost_where_python_drops_or_turns_exceptions(
    moment: str, toy: Path, own_signals: None
) -> None:
    process = started(toy, moment, modules=toy.parent)
    assert ended(process, times=2) == (130, "interrupted\n")


def test_ending_that_takes_too_long_is_cut_short(toy: Path, own_signals: None) -> None:
    process = started(toy, "hangs", modules=toy.parent)
    assert len(descendants(process.pid)) == 1
    assert ended(process, times=3, every=0.2) == (130, "interrupted\n")


def test_terminated_where_ray_takes_the_signal(toy: Path) -> None:
    for how in ("as_ray", "as_ray_where_it_is_dropped"):
        process = started(toy, how, modules=toy.parent)
        assert ended(process, signal.SIGTERM) == (143, "terminated\n")


def test_threads_of_ray_that_outlive_its_start_crash_nothing(toy: Path, own_signals: None) -> None:
    """Seen once in five interrupts of a start of Ray; here something else aborts at the end."""
    process = started(toy, "crashes", modules=toy.parent)
    assert ended(process) == (130, "interrupted\n")


def test_at_the_very_end_a_signal_changes_nothing(toy: Path, own_signals: None) -> None:
    process = started(toy, "ends", modules=toy.parent)
    assert ended(process, times=5, every=0.1) == (0, "")


def test_a_signal_that_the_caller_ignores_stays_ignored(toy: Path, own_signals: None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = started(toy, "works", modules=toy.parent)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert process.poll() is None
    assert ended(process, signal.SIGTERM)[0] == 143


# Where nobody reads


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ('{ "$@"; echo $? >code; } | head -1', 0, "is said\n"),
        ('{ "$@" 2>&1; echo $? >code; } | head -1', 0, ""),
        ('"$@" >&-; echo $? >code', 0, "is said\n"),
        ('"$@" 2>&- >out; echo $? >code', 0, ""),
        ('"$@" 2>/dev/full >out; echo $? >code', 0, ""),
        ('"$@" <&- >&- 2>&-; echo $? >code', 0, ""),
        (
            '"$@" >/dev/full; echo $? >code',
            1,
            "is said\nerror: stdout takes no more: No space left on device; files are not "
            "affected\n",
        ),
    ],
)
def test_output_that_cannot_be_written_changes_no_file(
    shell: str, code: int, said: str, toy: Path
) -> None:
    folder = toy.parent
    stored = folder / "stored"
    done = subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, toy, "prints", stored],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=30,
    )
    assert done.stderr == said
    assert (folder / "code").read_text() == f"{code}\n"
    assert stored.read_text() == "stored"


def test_the_first_line_of_a_list() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -1', "sh", sys.executable, "-m", "paper_figures", "--list"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
