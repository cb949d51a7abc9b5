"""Methods of the user's: what may be one, what is refused, and that each runs like any other."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ray import cloudpickle

from bohb_study.audit.study_audit import audit_study
from bohb_study.engines import virtual
from bohb_study.engines.base import CellJob, CellResult
from bohb_study.errors import StudyError, UsageError
from bohb_study.identity import OWN_METHOD, cell_hash, cell_parts
from bohb_study.methods import check_fits
from bohb_study.methods.user.checked_optimiser import brief
from bohb_study.methods.user.user_method import read_own_method
from bohb_study.running.options import RunOptions
from bohb_study.running.reproduction import reproduce
from bohb_study.running.rerun import NotReproducibleError, executed_files, prepare_rerun
from bohb_study.running.runner import run_study
from bohb_study.store import load_study, pack
from bohb_study.study import StudyConfig
from bohb_study.tasks import Task, make_task
from bohb_study.tasks.user import own_file
from in_process import in_process

EXAMPLES = Path(__file__).parents[2] / "examples"
EVOLUTION = f"{EXAMPLES}/ask_tell_method.py:HalvingEvolution"
SOBOL = f"{EXAMPLES}/ray_method.py:sobol_asha"

RANDOM = """\
class Mine:
    {declared}
    def __init__(self, space, seed, levels):
        self.space, self.levels, self.told, self.asked = space, levels, [], 0

    def ask(self):
        {ask}

    def tell(self, configuration, level, loss, cost):
        self.told.append((level, loss, cost)){tell}
"""
CYCLE = """self.asked += 1
        if self.asked % 3 == 1:
            self.one = self.space.sample_configuration()
        return self.one, self.levels[(self.asked - 1) % 3]"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """``mine(ask, declared, tell)`` writes a method and returns its path:NAME."""
    monkeypatch.chdir(tmp_path)

    def write(ask: str = CYCLE, declared: str = "", tell: str = "") -> str:
        Path("mine.py").write_text(RANDOM.format(ask=ask, declared=declared, tell=tell))
        return "mine.py:Mine"

    return write


def job_of(given: str, task: str | Task, budget: float = 4, workers: int = 1) -> CellJob:
    config = StudyConfig(methods=(given,), budget=budget, seeds=1, workers=workers, tasks=("mfh3",))
    (cell,) = config.cells()
    made = make_task(task) if isinstance(task, str) else task
    return CellJob(
        cell=cell,
        task=made,
        budget=budget,
        workers=workers,
        own_method=config.own_methods[cell.method],
    )


def ran(job: CellJob) -> tuple[CellResult, Any]:
    """A cell by engine virtual, and the user's optimiser that ran it."""
    pair = job.pair()
    result = virtual.run_pair(job, pair)
    assert result.account.violations() == []
    searcher: Any = pair.searcher.searcher
    evaluations = getattr(searcher, "_evaluations", None)
    checked = evaluations.optimiser if evaluations else searcher._optimiser
    return result, checked._optimiser


# An optimiser that decides its levels


def test_a_configuration_asked_for_again_goes_on_and_pays_the_difference(
    mine: Callable[..., str],
) -> None:
    result, optimiser = ran(job_of(mine(), "synthetic-curves", budget=1))
    frame = result.frame
    assert [(level, cost) for level, _, cost in optimiser.told[:4]] == [
        (1, 1), (3, 2), (9, 6), (1, 1),
    ]  # fmt: skip
    first = frame[frame["trial"] == 0]
    assert first["level"].tolist() == list(range(1, 10))
    assert first["units"].tolist() == [1] * 9
    judged = first[first["rung"].notna()]
    assert judged["decision"].tolist() == ["pause"] * 3
    assert judged["rung"].tolist() == [0, 1, 2]
    losses = first.set_index("level")["val_loss"]
    assert [loss for _, loss, _ in optimiser.told[:3]] == [losses[1], losses[3], losses[9]]


def test_it_goes_on_exactly_where_it_was_paused(mine: Callable[..., str]) -> None:
    task = make_task("digits")
    paused, _ = ran(job_of(mine(), task, budget=1))
    config = paused.frame[paused.frame["trial"] == 0].reset_index(drop=True)
    once, _ = ran(job_of(mine("return self.space.sample_configuration(), 9"), task, budget=1))
    whole = once.frame[once.frame["trial"] == 0].reset_index(drop=True)
    assert config["config_id"][0] == whole["config_id"][0]
    assert config["val_loss"].tolist() == whole["val_loss"].tolist()[: len(config)]


@pytest.mark.parametrize(
    ("declared", "task"), [("pauses = False", "synthetic-curves"), ("", "mfh3")]
)
def test_without_pausing_each_evaluation_is_a_trial_that_pays_whole(
    declared: str, task: str, mine: Callable[..., str]
) -> None:
    assert make_task("mfh3").ladder.resumable is False
    result, optimiser = ran(job_of(mine(declared=declared), task, budget=1))
    assert [told[2] for told in optimiser.told[:3]] == [1, 3, 9]
    ends = result.frame.drop_duplicates("trial", keep="last")
    assert ends["decision"].tolist()[:3] == ["stop"] * 3
    assert ends["config_id"].nunique() < len(ends)


@pytest.mark.parametrize("workers", [2, 5])
def test_several_workers_are_kept_busy(workers: int, mine: Callable[..., str]) -> None:
    ask = "return self.space.sample_configuration(), self.levels[1]"
    result, _ = ran(job_of(mine(ask), "synthetic-curves", budget=1, workers=workers))
    assert len(result.frame["trial"].iloc[: 2 * workers].unique()) >= workers


def test_an_optimiser_may_wait_and_may_end(mine: Callable[..., str]) -> None:
    ask = """if self.asked == 7 or self.asked > len(self.told) + 1:
            return None
        self.asked += 1
        return self.space.sample_configuration(), 1"""
    result, optimiser = ran(job_of(mine(ask), "synthetic-curves", workers=4))
    assert len(optimiser.told) == len(result.frame) == 7
    assert result.account.ended == "space"
    assert result.account.charged == 7


def test_a_training_that_fails_is_told_as_infinite(mine: Callable[..., str]) -> None:
    class Failing(type(make_task("synthetic-curves"))):  # type: ignore[misc]
        def start(self, config: Any, seed: int) -> Any:
            raise ValueError("no result")

    task = Failing(name="synthetic-curves")
    result, optimiser = ran(job_of(mine(), task, budget=1))
    assert (result.frame["status"] == "failed").all()
    assert {loss for _, loss, _ in optimiser.told} == {math.inf}


# An optimiser under a scheduler of ours


@pytest.mark.parametrize("scheduler", ["asha", "hyperband", "median"])
@pytest.mark.parametrize("task", ["synthetic-curves", "counting-ones-8"])
def test_under_a_scheduler_it_is_told_of_each_rung_once(
    scheduler: str, task: str, mine: Callable[..., str]
) -> None:
    ask = "return self.space.sample_configuration()"
    declared = f"scheduler = {scheduler!r}"
    job = job_of(mine(ask, declared), task, budget=4)
    result, optimiser = ran(job)
    assert job.method.pauses == (scheduler == "hyperband")
    assert (job.method.plan is not None) == (scheduler == "hyperband")
    frame, costs = result.frame, job.task.ladder.costs
    ends = frame.drop_duplicates("trial", keep="last")["decision"] == "stop"
    stopped = frame.index.isin(ends[ends].index)
    expected = frame[frame["level"].isin(costs) | stopped]
    told = pd.DataFrame(optimiser.told, columns=["level", "loss", "cost"])
    # what arrived when the budget was used up is not decided about, and not reported
    assert 0 <= len(expected) - len(told) <= 1
    rows = expected.iloc[: len(told)]
    assert told["level"].tolist() == rows["level"].tolist()
    assert told["loss"].tolist() == rows["val_loss"].fillna(math.inf).tolist()
    # what its trial was charged since it was told of it last
    charged = frame.groupby("trial")["units"].cumsum()[rows.index]
    before = charged.groupby(rows["trial"]).shift(fill_value=0)
    assert told["cost"].tolist() == (charged - before).tolist()
    random = StudyConfig(methods=(scheduler,), tasks=(task,), budget=4, seeds=1)
    (cell,) = random.cells()
    same = virtual.run_cell(CellJob(cell=cell, task=job.task, budget=4)).frame
    if scheduler != "median":
        assert frame["config_id"].tolist() == same["config_id"].tolist()
        assert frame["val_loss"].equals(same["val_loss"])


# What is refused


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ("return 3", "ask() returned 3; it must return (configuration, level), a configuration"),
        ("return {'x': 1}, 1", "ask() returned {'x': 1}, which is not in the space: "),
        (
            "return self.space.sample_configuration(), 2",
            "ask() returned the level 2; allowed: 1, 3",
        ),
        ("return self.space.sample_configuration(), True", "ask() returned the level True; "),
        ("return self.space.sample_configuration(), 1.0", "ask() returned the level 1.0; "),
        ("raise KeyError('a')", "ask() raised KeyError: 'a' ("),
        ("raise SystemExit(3)", "ask() raised SystemExit: 3 ("),
        (r"raise ValueError('a\n\x1b[31mb')", r"ask() raised ValueError: a \x1b[31mb ("),
        ("return [self.space.sample_configuration(), 1]", "ask() returned [Configuration(values={"),
        ("return '=' * 9999", "ask() returned '=========="),
        (
            "self.model_based = 'yes'; return self.space.sample_configuration()",
            "model_based is 'yes'; it must be True, False or None",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_one_line_that_names_the_method(
    ask: str, said: str, mine: Callable[..., str]
) -> None:
    with pytest.raises(StudyError) as raised:
        ran(job_of(mine(ask), "synthetic-curves"))
    assert str(raised.value).startswith(f"method Mine: {said}")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


class Mute:
    def __repr__(self) -> str:
        raise ValueError("no text")


def test_what_cannot_describe_itself_is_described_by_its_type() -> None:
    assert brief(Mute()) == "an object of Mute"


def test_an_error_in_tell_is_one_line(mine: Callable[..., str]) -> None:
    with pytest.raises(StudyError, match=r"^method Mine: tell\(\) raised ZeroDivisionError: "):
        ran(job_of(mine(tell="; 1 / 0"), "synthetic-curves"))


FUNCTION = """\
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, HyperBandForBOHB, TrialScheduler
from ray.tune.search import Searcher

from bohb_study.methods.ray.self_limiting import SelfLimitingSearcher


class Plain(Searcher):
    suggestion = None

    def suggest(self, trial_id):
        return self.suggestion

    def on_trial_complete(self, trial_id, result=None, error=False): ...


class Limited(SelfLimitingSearcher):
    def next_config(self):
        return dict(self.space.sample_configuration())


class Pausing(FIFOScheduler):
    def on_trial_result(self, controller, trial, result):
        return TrialScheduler.PAUSE


class Broken(FIFOScheduler):
    def on_trial_result(self, controller, trial, result):
        return 1 / 0


def scheduler(cls, problem, **given):
    ladder = problem.ladder
    fixed = {{"metric": "val_loss", "max_t": ladder.max_time, "reduction_factor": ladder.eta}}
    return cls(**{{**fixed, "mode": "min", "time_attr": "rung_time", **given}})


def searcher(cls, problem, suggestion=None):
    made = cls(metric="val_loss", mode="min")
    made.space, made.suggestion = problem.space(), suggestion
    return made


def make(problem):
    return {}
"""


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("x = 1", "x", "x is no method: neither a class with ask and tell, nor a function"),
        ("x = 1", "Missing", "no such method; it defines none"),
        ("class A:\n    def ask(self): ...", "A", "A lacks tell"),
        ("class A:\n    def ask(self): ...\n    def tell(self): ...", "B", "no such method; "),
        ("1 / 0", "A", "ZeroDivisionError: division by zero (TMP/m.py, line 1)"),
        ("while True: pass", "A", "importing it took longer than 0.5 s (TMP/m.py, line 1); a m"),
        (RANDOM.format(declared="name = 'bohb'", ask="", tell=""), "Mine", "its name bohb"),
        (RANDOM.format(declared="name = 'a/b'", ask="0", tell=""), "Mine", "name 'a/b' must be at"),
        (RANDOM.format(declared="scheduler = 'x'", ask="0", tell=""), "Mine", "scheduler is 'x'; "),
        (
            RANDOM.format(declared="pauses = 1", ask="0", tell=""),
            "Mine",
            "pauses is 1; it must be ",
        ),
        (
            RANDOM.format(declared=f"label = {'x' * 41!r}", ask="0", tell=""),
            "Mine",
            f"label is {'x' * 41!r}; it must be one line of at most 40 characters",
        ),
        (
            "class A:\n    def __init__(self, n): ...\n    def ask(self): ...\n    tell = ask",
            "A",
            "its constructor takes n; it is given space, seed, levels, eta, full_evaluations, by",
        ),
    ],
)
def test_what_is_no_method_is_one_line(
    text: str, name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_file, "IMPORT_SECONDS", 0.5)
    Path("m.py").write_text(text.replace("        \n", "        pass\n"))
    with pytest.raises(UsageError) as raised:
        StudyConfig(methods=(f"m.py:{name}",))
    expected = f"methods m.py:{name}: {said}".replace("TMP", str(tmp_path))
    assert str(raised.value).startswith(expected)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("3", "it returned int; it must return (searcher, scheduler)"),
        ("1, None", "its searcher is int, no ray.tune.search.Searcher"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "searcher(Plain, problem), scheduler(ASHAScheduler, problem, mode='max')",
            "its scheduler optimises val_loss (max); it must be val_loss (min)",
        ),
        (
            "searcher(Plain, problem), scheduler(ASHAScheduler, problem, "
            "time_attr='training_iteration')",
            "its scheduler counts time by training_iteration; it must be rung_time",
        ),
        (
            "searcher(Plain, problem), scheduler(HyperBandForBOHB, problem)",
            "its scheduler pauses trials, and its searcher has no on_pause and on_unpause",
        ),
    ],
)
def test_a_pair_that_cannot_be_is_one_line(
    returned: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text(FUNCTION.format(returned))
    with pytest.raises(UsageError) as raised:
        job_of("m.py:make", "mfh3").pair()
    assert str(raised.value).startswith(f"methods m.py:make: {said}")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("searcher(Plain, problem, [1]), None", "method make: its searcher suggested [1]; it must"),
        ("searcher(Plain, problem, 'x'), None", "method make: its searcher suggested 'x'; it must"),
        (
            "searcher(Limited, problem), Pausing()",
            "Pausing paused a trial, and does not declare pauses = True",
        ),
        (
            "searcher(Limited, problem), Broken()",
            "its scheduler Broken raised ZeroDivisionError: division by zero (",
        ),
    ],
)
def test_what_a_pair_does_and_may_not_is_one_line(
    returned: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text(FUNCTION.format(returned))
    with pytest.raises(StudyError) as raised:
        virtual.run_cell(job_of("m.py:make", "synthetic-curves"))
    assert str(raised.value).startswith(said)


RAYS_MEDIAN = """
from ray.tune.schedulers import MedianStoppingRule


def median(problem):
    rule = MedianStoppingRule(
        time_attr="rung_time",
        metric="val_loss",
        mode="min",
        grace_period=1,
        min_samples_required=2,
        min_time_slice=0,
    )
    rule.pauses = True
    return searcher(Limited, problem), rule


median.name = "rays-median"
median.pauses = True
"""


def test_rays_own_median_rule_asks_for_what_the_virtual_controller_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for trials that could run in a paused one's place (``get_live_trials``)."""
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text(FUNCTION.format("") + RAYS_MEDIAN)
    result = virtual.run_cell(job_of("m.py:median", "synthetic-curves", budget=5))
    assert result.account.violations() == []
    assert (result.frame["decision"] == "stop").any()


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("plan = lambda ladder: 3", "plan returned 3; it must return the brackets of one band"),
        ("plan = lambda ladder: 1 / 0", "ZeroDivisionError: division by zero ("),
        ("model_based = None; model_after = lambda n: n / 2", "model_after returned 1.5; it must"),
    ],
)
def test_functions_that_are_declared_are_called_before_anything_is_stored(
    declared: str, said: str, mine: Callable[..., str]
) -> None:
    config = StudyConfig(tasks=("mfh3",), methods=(mine(declared=declared),), budget=1, seeds=1)
    with pytest.raises(UsageError) as raised:
        run_study(config, RunOptions(out=Path("out"), jobs=1))
    assert str(raised.value).startswith(f"methods mine.py:Mine: {said}")
    assert not Path("out").exists()


def test_a_method_that_suggests_nothing_fails_and_the_other_cells_go_on(
    mine: Callable[..., str],
) -> None:
    given = mine("return None")
    config = StudyConfig(tasks=("mfh3",), methods=(given, "random"), budget=1, seeds=1)
    with in_process():
        run = run_study(config, RunOptions(out=Path("out"), jobs=1))
    nothing, random = config.cells()
    assert run.failed == {nothing: "no trial was run: method Mine suggested no configuration"}
    assert run.ran == [random]


def test_a_searchers_suggestion_outside_the_space_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = Path(SOBOL.partition(":")[0]).read_text()
    broken = text.replace("return dict(deactivate", "return {'y': 2} or dict(deactivate")
    Path("m.py").write_text(broken)
    job = job_of("m.py:sobol_asha", "mfh3")
    with pytest.raises(StudyError, match=r"^method sobol-asha: its searcher suggested \{'y': 2"):
        virtual.run_cell(job)


def test_a_method_that_pauses_is_refused_where_nothing_can_be_resumed(
    mine: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task("synthetic-curves")
    monkeypatch.setattr(type(task), "can_pause", False)
    with pytest.raises(UsageError, match="it pauses trials"):
        check_fits(job_of(mine(), task).method, task)
    check_fits(job_of(mine(declared="pauses = False"), task).method, task)


# Identity, processes, stored studies


def test_the_file_is_part_of_the_cells_and_the_studys_identity(mine: Callable[..., str]) -> None:
    given = mine()
    before = StudyConfig(methods=("random", given))
    source = before.method_source("Mine")
    assert before.method_names == ("random", "Mine")
    assert before.identity()["method_files"]["Mine"]["class"] == "Mine"
    assert before.id != StudyConfig(methods=("random",)).id
    parts = cell_parts("mfh3", "Mine", "virtual", b"", source)
    own = {f"methods/user/{name}.py" for name in ("ask_tell", "own_levels", "ray_pair")}
    assert {OWN_METHOD, *own} <= set(parts)
    mine(declared="more = 1")
    after = StudyConfig(methods=("random", given))
    assert after.id != before.id
    hashes = [
        cell_hash("mfh3", "Mine", "virtual", b"", c.method_source("Mine")) for c in (before, after)
    ]
    assert hashes[0] != hashes[1]
    assert cell_hash("mfh3", "random", "virtual") == cell_hash(
        "mfh3", "random", "virtual", b"", after.method_source("random")
    )


def test_another_process_needs_no_file(mine: Callable[..., str], tmp_path: Path) -> None:
    job = job_of(mine(), "synthetic-curves", budget=1)
    data = cloudpickle.dumps(job)
    Path("mine.py").unlink()
    code = (
        "import bohb_study, sys; from ray import cloudpickle;"
        "print(cloudpickle.loads(sys.stdin.buffer.read()).run().frame['val_loss'].sum())"
    )
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    here = virtual.run_cell(job).frame["val_loss"].sum()
    assert float(done.stdout) == pytest.approx(here, rel=1e-12)


def test_a_study_of_both_examples_is_stored_drawn_audited_and_reproduced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paper_figures.figure_study import figure_study
    from paper_figures.toolkit import style

    config = StudyConfig(
        tasks=("synthetic-curves",), methods=("random", EVOLUTION, SOBOL), budget=3, seeds=2
    )
    run = run_study(config, RunOptions(out=tmp_path, jobs=1))
    assert not run.failed
    pack(load_study(run.path), tmp_path / "packed")
    for folder in (run.path, tmp_path / "packed"):
        study = load_study(folder)
        assert study.study.methods == ("random", "HalvingEvolution", "sobol-asha")
        audit = audit_study(study)
        assert audit.passes, audit.lines()
        figure_study(study, allow_missing=False)
        assert style.line("sobol-asha").label == "Sobol + ASHA"
        assert style.line("HalvingEvolution").label == "Halving evolution"
    cells = [c for c in config.cells() if c.seed == 0]
    assert [own.given for own in executed_files(study, cells)] == [EVOLUTION, SOBOL]
    rerun = prepare_rerun(study, cells, trust=True)
    from bohb_study.running.progress import make_progress

    with in_process():
        found = reproduce(rerun, RunOptions(jobs=1), make_progress)
    assert [one.difference for one in found] == [None] * 3


def test_a_stored_study_executes_no_file_that_is_not_trusted(
    mine: Callable[..., str], tmp_path: Path
) -> None:
    given = mine(declared="untrusted = 1")
    config = StudyConfig(tasks=("synthetic-curves",), methods=(given,), budget=1, seeds=1)
    with in_process():
        path = run_study(config, RunOptions(out=tmp_path / "out", jobs=1)).path
    code = (
        "import bohb_study, sys; from bohb_study.store import load_study;"
        "from bohb_study.audit.study_audit import audit_study;"
        "from bohb_study.running.rerun import prepare_rerun;"
        "study = load_study(sys.argv[1]); assert audit_study(study).passes;"
        "assert not [n for n in sys.modules if n.startswith('_bohb_study_task_')];"
        "prepare_rerun(study)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert (
        "would be executed: look at it, then name it in methods, or give trust=True"
        in (done.stderr.splitlines()[-1])
    )
    mine(declared="untrusted = 2")
    with pytest.raises(NotReproducibleError, match=r"methods mine\.py:Mine: its file is not the"):
        prepare_rerun(load_study(path), trust=True)


def test_read_own_method_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text("raise SystemExit")
    assert read_own_method("m.py:x").class_name == "x"
