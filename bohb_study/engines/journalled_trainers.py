"""Trainers whose reports are in the cell's journal before they count.

Of a cell that was killed the journal holds all reports that counted. They are given out once more,
in their order, to the same searcher and scheduler, who so decide the same again; nothing is
trained. At the first report that is not there, those who train are told what the clock has under
way, and train on from there.
"""

from dataclasses import dataclass, field
from functools import partial

from bohb_study.engines.base import CellJob, ParallelTraining
from bohb_study.engines.journal import Journal, Step
from bohb_study.engines.saved_states import SavedStates
from bohb_study.engines.sealed_report import SealedReport, opened
from bohb_study.engines.trainers import Known, Trainers
from bohb_study.engines.virtual_trial import StepTaken, VirtualTrial
from bohb_study.seeding import config_id
from bohb_study.tasks import Report


@dataclass
class _Replayed:
    """A trial while recorded reports are given out."""

    trial: VirtualTrial
    steps: list[tuple[StepTaken, Report]] = field(default_factory=list)
    begun: bool = False
    running: bool = False
    due: float | None = None
    """Of the step that is paid and has not reported."""
    failed: str = ""


class JournalledTrainers(Trainers):
    """Gives out recorded reports while there are any, then those of others, which it records."""

    def __init__(self, inner: Trainers, journal: Journal, job: CellJob) -> None:
        """Let ``inner`` train what is not in ``journal``.

        Args:
            inner: who trains.
            journal: of the cell.
            job: the cell.
        """
        self._inner, self._journal = inner, journal
        self.early = inner.early
        self._replayed: dict[str, _Replayed] | None = {} if journal.replays else None
        """The trials that have not ended; None once no recorded report is left."""
        self._by_itself = journal.place.by_step
        """Whether each report is recorded by itself; else the recorder's columns are."""
        self._configs: dict[str, str] = {}
        self._states = SavedStates(journal) if self._by_itself and job.task.can_pause else None
        self._rungs = frozenset(job.task.ladder.times)

    @property
    def replays(self) -> bool:
        """Whether reports are still taken from the journal."""
        return self._replayed is not None

    def expect(self, trial: VirtualTrial) -> None:
        """It was suggested and waits."""
        if self._replayed is None:
            self._inner.expect(trial)
        else:
            self._replayed[trial.trial_id] = _Replayed(trial)

    def begin(self, trial: VirtualTrial) -> None:
        """It is to run."""
        if self._replayed is None:
            self._inner.begin(trial)
        else:
            known = self._replayed.setdefault(trial.trial_id, _Replayed(trial))
            known.begun = known.running = True

    def start(self, trial: VirtualTrial, due: float) -> None:
        """Its step is paid."""
        if self._replayed is None:
            self._inner.start(trial, due)
        else:
            self._replayed[trial.trial_id].due = due

    def report(self, trial: VirtualTrial) -> SealedReport:
        """The recorded report, or that of who trains.

        Raises:
            StudyError: the journal has the report of another step.
        """
        if self._replayed is not None:
            if self._journal.replays:
                return SealedReport(self._recorded(trial, self._replayed[trial.trial_id]))
            self._train_on(self._replayed)
        if not self._by_itself:
            return self._inner.report(trial)
        step = Step(trial.trial_id, self._config(trial), trial.step.target, trial.step.units)
        if not self.early:  # actors that die are another matter
            self._journal.add_step(step)
        sealed = self._inner.report(trial)
        report = opened(sealed)
        self._journal.add_report(step, report, limited=self._inner.is_limited(trial))
        if trial.step.time in self._rungs:
            self._journal.sync()
        if self._states is not None and self._states.is_due(trial.trial_id, report.seconds):
            trial.level = trial.step.target  # as the clock is about to say
            if (state := self._inner.state(trial)) is not None:
                self._states.save(trial.trial_id, *state)
        return sealed

    def _recorded(self, trial: VirtualTrial, known: _Replayed) -> Report:
        entry, step = self._journal.next(), trial.step
        self._journal.check(
            entry, Step(trial.trial_id, self._config(trial), step.target, step.units)
        )
        known.due = None
        known.steps.append((StepTaken(step.target, step.units), entry.report))
        if entry.limited:
            known.failed = entry.report.message
        return entry.report

    def _train_on(self, replayed: dict[str, _Replayed]) -> None:
        """Tell those who train what is under way."""
        self._replayed = None
        for known in replayed.values():
            trial = known.trial
            if not known.begun:
                if self.early:
                    self._inner.expect(trial)
                continue
            if known.steps:
                given = Known(known.running, known.steps, known.failed)
                if self._states is not None:
                    given.saved = partial(self._states.load, trial.trial_id)
                self._inner.adopt(trial, given)
            else:
                if self.early:
                    self._inner.expect(trial)
                self._inner.begin(trial)
            if self.early and known.due is not None:
                self._inner.start(trial, known.due)

    def _config(self, trial: VirtualTrial) -> str:
        found = self._configs.get(trial.trial_id)
        if found is None:
            found = self._configs[trial.trial_id] = config_id(trial.hyperparameters)
        return found

    def pause(self, trial: VirtualTrial) -> None:
        """Keep its state until it goes on."""
        if self._replayed is None:
            self._inner.pause(trial)
        else:
            self._replayed[trial.trial_id].running = False

    def end(self, trial: VirtualTrial) -> None:
        """It has ended."""
        self._configs.pop(trial.trial_id, None)
        if self._states is not None:
            self._states.drop(trial.trial_id)
        if self._replayed is None:
            self._inner.end(trial)
        else:
            self._replayed.pop(trial.trial_id, None)

    def close(self) -> None:
        """Give back what those who train hold."""
        self._inner.close()

    @property
    def repeated(self) -> int:
        """Units that were trained again."""
        return self._inner.repeated

    @property
    def measured(self) -> ParallelTraining | None:
        """How busy those who train were."""
        return self._inner.measured
