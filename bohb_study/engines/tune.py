"""The engine ``tune``: one cell is one ``ray.tune.Tuner`` over the method's own pair.

The ledger is an actor without CPUs that every trial asks before each step. At one worker the seeds
fix everything; with more, rows depend on the order in which results arrive.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import ray
from ray import cloudpickle, tune
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial

from bohb_study import numerics
from bohb_study.engines.base import CellJob, CellResult, OnProgress, Resumed, no_exit
from bohb_study.engines.ledger_actor import LedgerActor
from bohb_study.engines.placement import LostPartError, beside_this_process
from bohb_study.engines.ranks import RankGroup
from bohb_study.engines.ray_function import RayFunctionTrainable
from bohb_study.engines.recorder import Recorder, depends_on
from bohb_study.engines.trainable import REFUSED, TaskTrainable
from bohb_study.errors import StudyError
from bohb_study.methods.base import Pair
from bohb_study.scratch import OwnedFolder

ENVIRONMENT = {
    # results recorded by a callback, nothing written beside it
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # the queue of pending trials is part of what the schedulers see
    "TUNE_MAX_PENDING_TRIALS_PG": "auto",
    # cells are resumed as a whole; Ray cannot restore BOHB's scheduler
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
"""What Ray Tune reads from the environment and a cell's rows or time depend on."""


@contextmanager
def _environment() -> Iterator[None]:
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


class _Meter:
    """How many granted steps have come back, and whether the ledger is closed."""

    def __init__(self) -> None:
        self.returned = 0
        self.granted: int | None = None
        """Steps that were let in at all; known once a step was refused."""
        self.broken = False
        """A trial ended in Ray, so the cell has failed."""


class _LedgerStopper(tune.Stopper):
    """Ends trials once the ledger is closed, and the cell once no step is in flight."""

    def __init__(self, meter: _Meter, ledger: Any) -> None:
        self._meter = meter
        self._ledger = ledger

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Called for each result, before the scheduler is; True keeps it from being asked."""
        meter = self._meter
        if result[REFUSED]:
            if meter.granted is None:
                meter.granted = ray.get(self._ledger.ledger.remote()).granted
        else:
            meter.returned += 1
        return meter.granted is not None

    def stop_all(self) -> bool:
        """True once a step was refused and all that were let in have come back, or it failed."""
        meter = self._meter
        return meter.broken or (meter.granted is not None and meter.returned >= meter.granted)


class _Listener(tune.Callback):
    """Hands each report to the recorder, with the scheduler's record."""

    def __init__(
        self, recorder: Recorder, pair: Pair, meter: _Meter, progress: OnProgress | None
    ) -> None:
        self._recorder = recorder
        self._pair = pair
        self._meter = meter
        self._progress = progress
        self.errors: list[str] = []
        self.lost = False
        """A trial ended because its process is gone, and for no error of its own."""

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        if result[REFUSED]:
            return
        recorder = self._recorder
        record = self._pair.scheduler.records.pop(trial.trial_id, None)
        recorder.add(trial.trial_id, result["level"], result["units"], result["report"], record)
        if self._progress:
            self._progress(*recorder.progress)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self._meter.broken = True
        # Ray's trial.get_error looks where the file will be copied to once the cell has ended
        text = Path(trial.error_file).read_text() if trial.error_file else str(trial)
        if trial.pickled_error_file:
            error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
            self.lost |= isinstance(error, RayActorError) and not error.actor_init_failed
        last = text.strip().splitlines()[-1]
        self.errors.append(last.removeprefix(f"{StudyError.__module__}.StudyError: ")[:300])


def run_cell(job: CellJob, progress: OnProgress | None = None) -> CellResult:
    """Run one cell in this process, on the Ray instance that it is connected to.

    Args:
        job: the cell.
        progress: called after each report.

    Raises:
        UsageError: the method's scheduler does not fit the task's ladder.
    """
    return run_pair(job, job.pair(), progress)


def run_pair(job: CellJob, pair: Pair, progress: OnProgress | None = None) -> CellResult:
    """Run one cell with a searcher and a scheduler that are built already."""
    # Some of Ray's and HpBandSter's classes draw from numpy's global generator; seeding it here
    # is all that can be done for them, and why one process runs one cell at a time.
    np.random.seed(job.problem.model_seed)  # noqa: NPY002
    here = beside_this_process()  # where the cell is lost anyway when the node dies
    ledger = LedgerActor.options(scheduling_strategy=here).remote(job.allowed)
    try:
        if job.journal:
            ray.get(ledger.keep.remote(job.journal, depends_on(job)))
        return _run(job, pair, ledger, progress)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, StudyError) else error from None
    finally:
        ray.kill(ledger)  # and with it goes its hold on the journal


def _run(job: CellJob, pair: Pair, ledger: Any, progress: OnProgress | None) -> CellResult:
    meter = _Meter()
    recorder = Recorder(job, pair)
    listener = _Listener(recorder, pair, meter, progress)
    cpus, gpus, ranks = job.cpus_per_trial, job.gpus_per_trial, None
    if job.data_parallel > 1:
        record = numerics.record(job.numerics)
        ranks = RankGroup(job.task, job.data_parallel, cpus, gpus, record)
    trainable = tune.with_parameters(
        RayFunctionTrainable if job.task.only_engine else TaskTrainable,
        task=job.task,
        seed=job.cell.seed,
        ledger=ledger,
        numerics=numerics.record(job.numerics),
        ranks=ranks,
        journalled=job.journal is not None,
    )
    bundle = {"CPU": cpus, "GPU": gpus}
    # Ray keeps trainables by name, for all processes of a job together: by the name of its class,
    # the trials of one cell would run with the task, seed and ledger of another beside it
    name = uuid.uuid4().hex
    # ranks train in bundles of their own, and who drives them needs none
    bundles = [bundle] if job.data_parallel == 1 else [{}, *[bundle] * job.data_parallel]
    tune.register_trainable(name, tune.with_resources(trainable, job.placement.bundles(bundles)))
    begin = perf_counter()
    with OwnedFolder("bohb-study-", job.storage) as storage:
        tuner = tune.Tuner(
            name,
            tune_config=tune.TuneConfig(
                search_alg=pair.searcher,
                scheduler=pair.scheduler,
                # no budget: the ledger ends the cell
                num_samples=-1,
                max_concurrent_trials=job.workers,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                # two runs that start within a second would share a folder
                name=uuid.uuid4().hex,
                storage_path=storage,
                stop=_LedgerStopper(meter, ledger),
                callbacks=[listener],
                verbose=0,
            ),
        )
        with _environment(), no_exit(job.cell):
            tuner.fit()
    wall = perf_counter() - begin
    if listener.errors:
        kind = LostPartError if listener.lost else StudyError
        raise kind(f"{len(listener.errors)} trials ended in Ray; first: {listener.errors[0]}")
    account, facts = ray.get([ledger.ledger.remote(), ledger.journal.remote()])
    if facts is None:
        return recorder.result(account, wall, at_once=job.workers)
    result = recorder.result(account, wall + facts.before, at_once=job.workers)
    resumed = Resumed(facts.resumed, facts.given, facts.repeated) if facts.resumed else None
    return replace(result, resumed=resumed, limited=facts.limited, journal_error=facts.broken)
