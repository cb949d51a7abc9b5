"""The engine ``virtual``: any number of workers on a virtual clock.

It asks the method's own searcher and scheduler through their public methods, in the order in which
Ray's controller (``ray.tune.execution.tune_controller``, 2.60) does:

1. Refill: suggestions are asked for until as many trials are PENDING as may run, or the searcher
   has none. At every step, also while all workers are busy: which bracket a trial joins depends
   on when it is suggested.
2. The scheduler chooses a trial to run; it is RUNNING before the scheduler is asked again (asking
   has side effects while nothing runs).
3. One event: a report is shown to the scheduler, then to the searcher unless its trial is to stop,
   then recorded; then the trial goes on, is paused or stops.

Calls that are known to change nothing are left out: a searcher that is full is asked again when a
trial ends or is paused, and reports between rungs are shown to nobody where neither scheduler nor
searcher would keep anything of them. Both say so of themselves.

Time passes by ``Task.duration`` alone and ties are broken by the worker's number, so rows are the
same in every run, at any number of workers. At one worker they are the rows of engine ``tune``.

Trainings run in this process, one at a time, or in Ray's actors, as many at a time as there are
(``trainers``): a report that comes before it is due waits, so rows are the same however fast the
actors are.
"""

import heapq
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from time import perf_counter

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import ConcurrencyLimiter, Searcher

from bohb_study.budget import Ledger
from bohb_study.engines.base import CellJob, CellResult, OnProgress, Resumed, no_exit
from bohb_study.engines.garbage import older_objects_set_aside
from bohb_study.engines.guard import interruptible
from bohb_study.engines.journal import Journal
from bohb_study.engines.journal_blocks import BlockWriter
from bohb_study.engines.journalled_trainers import JournalledTrainers
from bohb_study.engines.recorder import Recorder, journal_of
from bohb_study.engines.trainers import Trainers, trainers_for
from bohb_study.engines.virtual_trial import VirtualTrial, steps_of
from bohb_study.errors import StudyError
from bohb_study.methods.base import Pair, seen
from bohb_study.methods.recording.recording_scheduler import CONTINUED, FIRST_RUNG

TELL_SECONDS = 0.25
"""How often a running cell says how far it is."""


class _SearchAlgorithm:
    """What schedulers use of Ray's SearchGenerator."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.on_trial_result = searcher.on_trial_result
        self.on_trial_complete = searcher.on_trial_complete


class ControllerView:
    """What schedulers see of Ray's controller: trials and searcher, no reports and no task."""

    __slots__ = ("get_live_trials", "get_trials", "search_alg", "stop_trial")

    def __init__(self, controller: "VirtualController", searcher: Searcher) -> None:
        """Show of ``controller`` what its public methods say."""
        self.search_alg = _SearchAlgorithm(searcher)
        self.get_trials = controller.get_trials
        self.get_live_trials = controller.get_live_trials
        self.stop_trial = controller.stop_trial


class VirtualController:
    """Runs one cell; to searcher and scheduler its view is Ray's controller."""

    def __init__(
        self,
        job: CellJob,
        pair: Pair,
        progress: OnProgress | None = None,
        trainers: Trainers | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Run ``job`` with ``pair``.

        Args:
            job: the cell.
            pair: its searcher and scheduler.
            progress: is called with how far the cell is.
            trainers: train its trials; by default those that ``job`` asks for.
            journal: has the reports of the runs before that were killed, and gets those that
                follow.
        """
        self._view = ControllerView(self, ConcurrencyLimiter(pair.searcher, job.workers))
        self.search_alg = self._view.search_alg
        self.scheduler = pair.scheduler
        self.ledger = Ledger(job.allowed)
        self.recorder = Recorder(job, pair)
        self._job, self._pair, self._progress = job, pair, progress
        self._live: dict[str, VirtualTrial] = {}
        self._pending = 0
        self._suggested = 0
        self._next_id = "0"
        self._exhausted = False
        """The searcher has no more configurations."""
        self._idle = list(range(job.workers))
        """Workers that are free, as a heap: the lowest number is taken first."""
        self._steps: list[tuple[float, int, VirtualTrial]] = []
        """Steps in flight, as a heap: virtual second at which it ends, worker, trial."""
        self._now = 0.0
        self._trainers = trainers or trainers_for(job, pair)
        self._journal, self._blocks = journal, None
        if journal is not None and not journal.place.by_step:
            self._blocks = BlockWriter(journal)
        if journal is not None and (journal.replays or journal.place.by_step):
            self._trainers = JournalledTrainers(self._trainers, journal, job)
        self._early = self._trainers.early
        self._step_from = steps_of(job.task.ladder)
        self._duration = job.task.duration
        quiet = pair.scheduler.silent_between_rungs and not pair.searcher.hears_results
        self._shown = frozenset(job.task.ladder.times) if quiet else None
        """Scheduler times of the reports that are shown; None: of all."""
        self._told = perf_counter()

    # --- what searchers and schedulers see of Ray's controller ---

    def get_trials(self) -> list[VirtualTrial]:
        """The trials that have not ended; schedulers look for no others, and scan them all."""
        return list(self._live.values())

    def get_live_trials(self) -> set[VirtualTrial]:
        """The same as a set, as Ray's own median rule asks for it."""
        return set(self._live.values())

    def stop_trial(self, trial: VirtualTrial) -> None:
        """End a trial, as Ray does: the status changes last."""
        if trial.status == Trial.RUNNING:
            last = seen(trial.report, trial.step.time)
            self.scheduler.on_trial_complete(self._view, trial, last)
            self.search_alg.on_trial_complete(trial.trial_id, result=last)
        else:
            self.scheduler.on_trial_remove(self._view, trial)
            self.search_alg.on_trial_complete(trial.trial_id)
            self._pending -= trial.status == Trial.PENDING
        trial.status = Trial.TERMINATED
        del self._live[trial.trial_id]
        self._trainers.end(trial)
        self._pair.forget(trial.trial_id)
        self.recorder.forget(trial.trial_id)

    # --- one cell ---

    def run(self) -> CellResult:
        """Run until the ledger refuses a step or the searcher has no more.

        Raises:
            StudyError: no trial runs and the scheduler starts none, so nothing would ever happen.
        """
        begin = perf_counter()
        try:
            self._run()
        finally:
            self._trainers.close()
        measured, journal = self._trainers.measured, self._journal
        at_once = measured.actors if measured else 1
        wall = perf_counter() - begin + (journal.before if journal else 0.0)
        result = self.recorder.result(self.ledger, wall, at_once)
        if journal is not None:
            resumed = None
            if journal.resumed:
                resumed = Resumed(journal.resumed, journal.given, self._trainers.repeated)
            result = replace(
                result, resumed=resumed, limited=len(journal.limited), journal_error=journal.broken
            )
        return replace(result, parallel=measured)

    def _run(self) -> None:
        waited_with = None
        while not self.ledger.closed:
            self._refill()
            if self._idle and self._start_one():
                continue
            if self._steps:
                self._arrive()
                if self._progress or self._blocks:
                    self._tell()
            elif self._exhausted and not self._live:
                break
            else:
                # asked while nothing runs, a scheduler may put trials into motion or end them
                state = (self._suggested, len(self._live))
                if state == waited_with:
                    raise StudyError(f"{self._job.cell}: {state[1]} trials wait and none is chosen")
                waited_with = state
        while self._steps:
            self._arrive()

    def _refill(self) -> None:
        # one that is full is not asked: it would say None, and most steps change nothing of that
        while (
            self._pending < self._job.workers
            and not self._exhausted
            and not self._pair.searcher.full
        ):
            trial_id = self._next_id
            suggestion = self.search_alg.searcher.suggest(trial_id)
            if suggestion is None:
                return
            if suggestion == Searcher.FINISHED:
                self._exhausted = True
                return
            config = self._pair.searcher.suggestions[trial_id].config
            self._live[trial_id] = trial = VirtualTrial(trial_id, config)
            self._suggested += 1
            self._next_id = str(self._suggested)
            self._pending += 1
            self.scheduler.on_trial_add(self._view, trial)
            if self._early:
                self._trainers.expect(trial)

    def _start_one(self) -> bool:
        """Give a free worker to the trial that the scheduler chooses, if it chooses one."""
        trial = self.scheduler.choose_trial_to_run(self._view)
        if trial is None:
            return False
        self._pending -= trial.status == Trial.PENDING
        trial.status = Trial.RUNNING
        self._trainers.begin(trial)
        self._go_on(trial, heapq.heappop(self._idle))
        return True

    def _go_on(self, trial: VirtualTrial, worker: int) -> None:
        """Let the trial take its next step, if the ledger lets it in."""
        step = self._step_from(trial.level, trial.config[FIRST_RUNG])
        if self.ledger.charge(step.units):
            trial.step = step
            seconds = self._duration(trial.hyperparameters, step.begin, step.target)
            if not 0 <= seconds < math.inf:
                # NaN would put steps in an arbitrary order, a negative one would turn time back
                raise StudyError(f"{self._job.cell}: a step of {seconds} modelled seconds")
            heapq.heappush(self._steps, (self._now + seconds, worker, trial))
            if self._early:
                self._trainers.start(trial, self._now + seconds)

    def _next(self) -> tuple[float, int, VirtualTrial]:
        """The step that ends next."""
        return heapq.heappop(self._steps)

    def _arrive(self) -> None:
        """Take the step that ends next, and do with its trial what the scheduler decides."""
        self._now, worker, trial = self._next()
        step, report = trial.step, self._trainers.report(trial)
        trial.level, trial.report = step.target, report
        if self.ledger.closed:
            # it was in flight when the ledger closed: it counts, and nobody decides about it
            self.recorder.add(trial.trial_id, step.target, step.units, report, None, self._now)
            return
        if self._shown is not None and step.time not in self._shown:
            self.recorder.add(trial.trial_id, step.target, step.units, report, CONTINUED, self._now)
            self._go_on(trial, worker)
            return
        result = seen(report, step.time)
        decision = self.scheduler.on_trial_result(self._view, trial, result)
        if decision != TrialScheduler.STOP:
            self.search_alg.on_trial_result(trial.trial_id, result)
        record = self.scheduler.records.pop(trial.trial_id)
        self.recorder.add(trial.trial_id, step.target, step.units, report, record, self._now)
        if decision == TrialScheduler.CONTINUE:
            self._go_on(trial, worker)
            return
        heapq.heappush(self._idle, worker)
        if decision == TrialScheduler.PAUSE:
            self._trainers.pause(trial)
            trial.status = Trial.PAUSED
        else:
            self.stop_trial(trial)

    def _tell(self) -> None:
        """Say how far the cell is, from time to time, and record what is computed."""
        now = perf_counter()
        if now - self._told > TELL_SECONDS:
            self._told = now
            if self._progress:
                self._progress(*self.recorder.progress)
            if self._blocks:
                self._blocks.write_sometimes(self.recorder)


@contextmanager
def _global_generator(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, from which some searchers draw, and give it back as it was."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def run_cell(job: CellJob, progress: OnProgress | None = None) -> CellResult:
    """Run one cell in this process.

    Args:
        job: the cell.
        progress: called several times a second.

    Raises:
        UsageError: the method's scheduler does not fit the task's ladder.
        StudyError: searcher and scheduler have come to a standstill, or the task models a step
            that takes no finite time.
    """
    return run_pair(job, job.pair(), progress)


def run_pair(
    job: CellJob,
    pair: Pair,
    progress: OnProgress | None = None,
    trainers: Trainers | None = None,
) -> CellResult:
    """Run one cell with what is built already: its searcher and scheduler, perhaps trainers."""
    # where something is trained, what the cell before has left may be large: it is collected
    collections = older_objects_set_aside() if job.task.computed else nullcontext()
    with (
        interruptible(),
        no_exit(job.cell),
        journal_of(job) as journal,
        _global_generator(job.problem.model_seed),
        collections,
    ):
        return VirtualController(job, pair, progress, trainers, journal).run()
