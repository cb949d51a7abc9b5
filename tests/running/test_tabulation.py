"""Making tables of curves: every evaluation once, nothing lost, nothing of others overwritten."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bohb_study.engines.base import Finished
from bohb_study.errors import StudyError, UsageError
from bohb_study.running.options import RunOptions
from bohb_study.running.table_cards import Made
from bohb_study.running.tabulation import tabulate
from bohb_study.running.tabulation_job import Batch, TabulationJob, jobs_of, steps
from bohb_study.running.tabulation_plan import Wanted
from bohb_study.study import StudyConfig
from bohb_study.tasks import make_task
from bohb_study.tasks.tabular.curve_table import STATUSES
from in_process import run_cells

pytestmark = pytest.mark.usefixtures("all_cells_run_here")

TASK = '''
from pathlib import Path
from dataclasses import dataclass

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from bohb_study.tasks import Evaluation, Ladder, Report, Task


@dataclass(frozen=True)
class Toy(Task):
    """A training that counts its epochs; it fails and diverges where it is told to."""

    name: str = "toy"
    top: int = 9
    summary = "counts"
    val_metric = "loss"
    test_metric = "error"
    grid_order = ("x", "n", "kind")

    @property
    def own_ladder(self):
        return Ladder("epoch", (1, 3, self.top), eta=3, curve=True, resumable=True)

    def space(self, seed):
        space = ConfigurationSpace(seed=seed)
        space.add(Float("x", (0, 1)), Integer("n", (1, 9)), Categorical("kind", ["a", "b"]))
        space.add(EqualsCondition(space["n"], space["kind"], "a"))
        return space

    def start(self, config, seed):
        (Path(HOME) / "started").open("a").write("x")
        return Run(self, config, seed)

    def duration(self, config, start, end):
        return (end - start) * (1.0 + config["x"])


class Run(Evaluation):
    def __init__(self, task, config, seed):
        self.task, self.config, self.seed, self.epoch = task, config, seed, 0

    def advance(self, level):
        units, self.epoch = level - self.epoch, level
        if self.config["x"] > 0.9:
            raise ValueError("x is too large")
        if self.config["x"] > 0.8 and level == 9:
            return self.task.failure(units, 0.5 * units, "diverged")
        loss = self.config["x"] + 1 / level + self.seed / 8
        return Report(loss, loss / 2, 0.5 * units, units)

    def state(self):
        return {"epoch": self.epoch}

    def restore(self, state):
        self.epoch = state["epoch"]
'''


@pytest.fixture
def toy(tmp_path: Path) -> str:
    (tmp_path / "toy.py").write_text(f"HOME = {str(tmp_path)!r}\n{TASK}")
    return f"{tmp_path / 'toy.py'}:Toy"


def wanted(*tasks: str, n: int = 24, seeds: int = 2, **given: Any) -> Wanted:
    options = given.pop("task_options", ())
    config = StudyConfig(tasks=tasks, methods=("random",), budget=1, task_options=options)
    return Wanted(config, n, seeds, **given)


def made(what: Wanted, out: Path, **given: Any) -> list[Made]:
    return list(tabulate(what, RunOptions(out=out, jobs=1, **given)))


def started(toy: str) -> int:
    """Evaluations that were begun so far."""
    path = Path(toy.rpartition(":")[0]).parent / "started"
    return len(path.read_text()) if path.exists() else 0


def test_every_configuration_is_evaluated_at_every_rung(toy: str, tmp_path: Path) -> None:
    (one,) = made(wanted(toy), tmp_path / "out")
    table, curves = one.table, one.table.curves
    assert curves.val_loss.shape == (24, 2, 3)
    for place, config in enumerate(table.configs):
        for seed in range(2):
            statuses = [STATUSES[code] for code in curves.status[place, seed]]
            if config["x"] > 0.9:
                assert statuses == ["failed"] * 3
                continue
            top = "diverged" if config["x"] > 0.8 else "ok"
            assert statuses == ["ok", "ok", top]
            expected = [config["x"] + 1 / level + seed / 8 for level in (1, 3, 9)]
            known = 3 if top == "ok" else 2
            assert curves.val_loss[place, seed, :known].tolist() == expected[:known]
            assert curves.seconds[place, seed].tolist() == [0.5, 1.0, 3.0]
            assert curves.modelled[place, seed] == pytest.approx(
                np.array([1, 2, 6]) * (1 + config["x"])
            )
    assert started(toy) == 48


def test_the_card_says_what_it_is(toy: str, tmp_path: Path) -> None:
    (one,) = made(wanted(toy, licence="CC-BY-4.0"), tmp_path)
    card = json.loads((tmp_path / "toy.json").read_text())
    assert card == one.card
    failed = sum(config["x"] > 0.9 for config in one.table.configs)
    diverged = sum(0.9 >= config["x"] > 0.8 for config in one.table.configs)
    assert failed * diverged > 0
    assert card["statuses"] == {
        "ok": 144 - 6 * failed - 2 * diverged, "diverged": 2 * diverged, "failed": 6 * failed,
    }  # fmt: skip
    assert card["failures"] == {"ValueError: x is too large": 2 * failed}
    assert (card["task"], card["configurations"], card["seeds"]) == ("toy", 24, 2)
    assert card["licence"] == "CC-BY-4.0"
    assert card["sha256"] == one.table.sha256
    assert card["design"]["kind"] == "scrambled Sobol sequence"
    assert card["rank_correlation"]["1"] > 0.9
    assert card["rank_correlation"]["9"] == 1
    assert card["noise"] == 1
    assert card["numerics"]["mode"] == "portable"
    assert {"versions", "machine", "code", "made", "git", "surrogate"} <= set(card)
    text = json.dumps(card)
    assert str(tmp_path) not in text


def test_it_is_what_the_task_gives(tmp_path: Path) -> None:
    (one,) = made(wanted("digits", n=2, task_options=("digits.epochs=3",)), tmp_path)
    task = make_task("digits", {"epochs": "3"})
    for place, config in enumerate(one.table.configs):
        for seed in range(2):
            evaluation = task.start(config, seed)
            reports = [evaluation.advance(level) for level in (1, 3)]
            found = one.table.curves.val_loss[place, seed].tolist()
            assert found == [report.val_loss for report in reports]
            losses = one.table.curves.test_loss[place, seed].tolist()
            assert losses == [report.test_loss for report in reports]
    looked_up = make_task(f"table:{one.path}")
    assert not looked_up.ladder.curve
    assert looked_up.ladder.resumable
    assert looked_up.ladder.costs == (1, 3)


class InterruptedPool:
    """Runs so many jobs, then is interrupted."""

    def __init__(self, jobs: int) -> None:
        self.left = jobs

    def __call__(self, jobs: Any, at_once: int) -> Iterator[Any]:
        for event in run_cells(jobs, at_once):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield event


def test_an_interrupted_run_goes_on_where_it_was(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = made(wanted(toy), tmp_path / "whole")
    begun = started(toy)
    with monkeypatch.context() as patch:
        patch.setattr("bohb_study.running.pools.local.run_cells", InterruptedPool(30))
        with pytest.raises(KeyboardInterrupt):
            made(wanted(toy), tmp_path / "out")
    partial = tmp_path / "out" / "toy.partial.jsonl"
    assert len(partial.read_text().splitlines()) == 31
    assert not (tmp_path / "out" / "toy.parquet").exists()
    with partial.open("a") as file:
        file.write('{"i": 23, "se')  # killed while it was writing
    (one,) = made(wanted(toy), tmp_path / "out")
    assert started(toy) - begun == 48 + 1  # the one that ended when it was interrupted
    for name in ("val_loss", "test_loss", "status", "modelled"):
        found, expected = (getattr(table.curves, name) for table in (one.table, whole.table))
        np.testing.assert_array_equal(found, expected)
    assert not partial.exists()


def test_what_is_made_is_not_made_again(toy: str, tmp_path: Path) -> None:
    (first,) = made(wanted(toy), tmp_path)
    begun, data = started(toy), first.path.read_bytes()
    (again,) = made(wanted(toy), tmp_path)
    assert (again.card, started(toy), first.path.read_bytes()) == (first.card, begun, data)


@pytest.mark.parametrize(
    ("other", "differs"),
    [({"n": 23}, "configurations"), ({"seeds": 1}, "seeds"), ({"design_seed": 1}, "design")],
)
def test_another_table_is_not_overwritten(
    other: dict[str, Any], differs: str, toy: str, tmp_path: Path
) -> None:
    (first,) = made(wanted(toy), tmp_path)
    data = first.path.read_bytes()
    with pytest.raises(UsageError, match=rf"^out .*another table toy\.parquet \(its {differs} d"):
        made(wanted(toy, **other), tmp_path)
    assert first.path.read_bytes() == data


def test_what_was_begun_otherwise_is_not_added_to(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", InterruptedPool(3))
    with pytest.raises(KeyboardInterrupt):
        made(wanted(toy), tmp_path)
    with pytest.raises(StudyError, match=r"toy\.partial\.jsonl: was begun with another seeds"):
        made(wanted(toy, seeds=3), tmp_path)
    partial = tmp_path / "toy.partial.jsonl"
    partial.write_text(partial.read_text() + "nonsense\n")
    with pytest.raises(StudyError, match="damaged in line 5; remove it to start over"):
        made(wanted(toy), tmp_path)


def test_a_configuration_that_ends_its_process_has_failed(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(jobs: Any, at_once: int) -> Iterator[Any]:
        for number, event in enumerate(run_cells(jobs, at_once)):
            died = Finished(event.cell, None, "its process was killed by SIGKILL")
            yield event if number else died

    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", killed)
    (one,) = made(wanted(toy), tmp_path)
    assert one.table.curves.status[0, 0].tolist() == [2, 2, 2]
    assert one.card["failures"]["its process was killed by SIGKILL"] == 1


def test_what_no_configuration_could_avoid_ends_it(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(jobs: Any, at_once: int) -> Iterator[Any]:
        yield Finished(jobs[0].cell, None, "UsageError: no data")

    monkeypatch.setattr("bohb_study.running.pools.local.run_cells", broken)
    with pytest.raises(StudyError, match="toy: UsageError: no data; evaluations that are done are"):
        made(wanted(toy), tmp_path)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"n": 0}, r"^configs 0: must be 1 to 100,000"),
        ({"seeds": 0}, r"^seeds 0: must be 1 to 1,000"),
        ({"licence": "a\nb"}, r"^licence: must be one line"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], why: str, toy: str) -> None:
    with pytest.raises(UsageError, match=why):
        wanted(toy, **given)


def test_a_table_is_not_tabulated(toy: str, tmp_path: Path) -> None:
    (one,) = made(wanted(toy, n=4), tmp_path)
    with pytest.raises(UsageError, match=r"^tasks table:.*: is a table already"):
        wanted(f"table:{one.path}")


def test_jobs_are_what_is_left() -> None:
    task = make_task("branin-mf")
    configs = tuple({"x1": float(i), "x2": 0.0} for i in range(-5, 10))
    done = {(0, 0), (3, 0), (4, 0), (14, 0), *((i, 1) for i in range(15))}
    jobs = list(jobs_of(task, configs, 2, done))
    left = [(job.cell.first + i, job.cell.seed) for job in jobs for i in range(len(job.configs))]
    assert left == [(i, 0) for i in range(15) if (i, 0) not in done]
    assert all(job.configs == configs[job.cell.first :][: len(job.configs)] for job in jobs)
    assert [job.units for job in jobs] == [len(job.configs) * 121 for job in jobs]
    assert list(steps(task)) == [(1, 1), (3, 3), (9, 9), (27, 27), (81, 81)]


@pytest.mark.ray
def test_a_cluster_gives_what_processes_give(runtime: None) -> None:
    from bohb_study.running.pools import cluster

    task = make_task("counting-ones-8")
    space = task.space(0)
    configs = tuple(dict(one) for one in space.sample_configuration(4))
    jobs = [
        TabulationJob(Batch(task.name, "tabulate", 0, first), task, configs[first : first + 2])
        for first in (0, 2)
    ]
    ended = {e.cell: e.result for e in cluster.run_cells(jobs) if isinstance(e, Finished)}
    for job in jobs:
        here = job.run()
        for own, other in zip(ended[job.cell].reports, here.reports, strict=True):
            assert [one.val_loss for one in own] == [one.val_loss for one in other]
        assert ended[job.cell].numerics["mode"] == "portable"
