"""The same objective in Syne Tune's simulator (the extra ``syne-tune``).

The backend overrides what Syne Tune's own simulators of tables override, and hands over the whole
curve of a trial when it starts, as they do. (``UserBlackboxBackend`` would need more packages, and
copies every result once more.)
"""

import contextlib
import logging
import os
import tempfile
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from ConfigSpace.hyperparameters import CategoricalHyperparameter, UniformIntegerHyperparameter
from syne_tune import Tuner
from syne_tune.backend.simulator_backend.simulator_backend import SimulatorBackend
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.backend.trial_status import Status
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.baselines import ASHA, BOHB, RandomSearch
from syne_tune.tuner_logger import TunerLogger

from bohb_study.benchmarking.cases import TASK, Case
from bohb_study.budget import units_allowed
from bohb_study.seeding import model_seed
from bohb_study.tasks import Task, make_task

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

LOSS, EPOCH, ELAPSED = "val_loss", "epoch", "elapsed"
NEVER = 1e9
"""Seconds between two prints or two writes."""


def domains(space: "ConfigurationSpace") -> dict[str, Any]:
    """``space`` as Syne Tune writes it: the same ranges, scales and choices."""
    numbers = {
        (False, False): uniform,
        (False, True): loguniform,
        (True, False): randint,
        (True, True): lograndint,
    }
    found: dict[str, Any] = {}
    parameter: Any
    for name, parameter in space.items():
        if isinstance(parameter, CategoricalHyperparameter):
            found[name] = choice(list(parameter.choices))
        else:
            integer = isinstance(parameter, UniformIntegerHyperparameter)
            found[name] = numbers[integer, parameter.log](parameter.lower, parameter.upper)
    return found


class TaskBackend(SimulatorBackend):
    """Feeds the simulator with the evaluations of a task."""

    def __init__(self, task: Task, seed: int) -> None:
        """Evaluate ``task`` under the study's ``seed``."""
        super().__init__(entry_point=__file__, elapsed_time_attr=ELAPSED)
        self._task, self._seed = task, seed
        self.training = 0.0
        """Seconds spent on evaluating the task."""

    def _run_job_and_collect_results(
        self, trial_id: int, config: dict[str, Any] | None = None
    ) -> tuple[str, list[dict[str, Any]]]:
        """All reports of a trial, with the modelled seconds since its start."""
        begin = perf_counter()
        config = config or self._trial_dict[trial_id].config
        evaluation = self._task.start(config, self._seed)
        epoch = self._task.duration(config, 0, 1)  # of this task all epochs take the same time
        results = [
            {LOSS: evaluation.advance(level).val_loss, EPOCH: level, ELAPSED: level * epoch}
            for level in range(1, self._task.ladder.top + 1)
        ]
        self.training += perf_counter() - begin
        return Status.completed, results


class Collector(SimulatorCallback):
    """Keeps the simulator's clock and all results; writes no file."""

    def store_results(self) -> None:
        """Nothing; the frame is made at the end, by ``dataframe``."""


class Silence(TunerLogger):
    """Prints nothing, and formats nothing to print."""

    def __getattribute__(self, name: str) -> Any:
        """A function that does nothing for each ``print_...``."""
        if name.startswith("print_"):
            return lambda *args, **kwargs: None
        return super().__getattribute__(name)


def _scheduler(case: Case, task: Task, seed: int) -> Any:
    space = domains(task.space(0))
    if case.method == "random":
        return RandomSearch(space, metrics=[LOSS], random_seed=seed)
    ladder = task.ladder
    return {"asha": ASHA, "bohb": BOHB}[case.method](
        space,
        metric=LOSS,
        time_attr=EPOCH,
        max_t=ladder.top,
        grace_period=1,
        reduction_factor=ladder.eta,
        random_seed=seed,
    )


def run(case: Case) -> tuple[int, int, dict[str, float]]:
    """Run ``case``: trials that reported, reports, seconds of the objective and of all the rest."""
    task = make_task(TASK)
    allowed = units_allowed(case.budget, task.ladder.top)
    seed = model_seed(TASK, case.method, 0)
    np.random.seed(seed)  # noqa: NPY002 (its scheduler draws from the global generator)
    logging.disable(logging.CRITICAL)
    begin = perf_counter()
    backend, collector = TaskBackend(task, seed=0), Collector()
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        os.environ["SYNETUNE_FOLDER"] = folder
        with contextlib.redirect_stdout(nowhere):
            tuner = Tuner(
                trial_backend=backend,
                scheduler=_scheduler(case, task, seed),
                stop_criterion=lambda status: len(collector.results) >= allowed,
                n_workers=case.workers,
                sleep_time=0,
                callbacks=[collector],
                save_tuner=False,
                results_update_interval=NEVER,
                print_update_interval=NEVER,
                output_logger=Silence(),
            )
            tuner.run()
        frame = collector.dataframe()
    spent = {"training": backend.training}
    spent["all the rest"] = perf_counter() - begin - backend.training
    return frame["trial_id"].nunique(), len(frame), spent
