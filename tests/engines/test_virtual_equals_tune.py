"""At one worker the virtual clock gives the rows of a real Ray Tune, for every method.

test_tune.py compares the two engines as well, on a curve of two hyperparameters.
"""

from pathlib import Path

import pytest

from bohb_study.engines import tune, virtual
from bohb_study.engines.base import CellJob
from bohb_study.methods import METHODS
from bohb_study.running.reproduction import compare_frames
from bohb_study.study import Cell, StudyConfig
from bohb_study.tasks import make_task

pytestmark = [pytest.mark.ray, pytest.mark.long]

TASKS = {
    # real training, whose paused trials are saved and restored
    "digits": ({"epochs": "9"}, 6),
    # a curve that is computed, with six hyperparameters of all kinds
    "synthetic-curves": ({}, 3),
    # no curve: trials go straight to the rung that is judged first
    "counting-ones-8": ({}, 4),
}
"""Options and full evaluations: enough for a bracket and more and, but for digits, for a model."""


OPTUNA = ("tpe", "tpe-univariate", "gp")
"""At full fidelity, as random search is; their models take 10 full evaluations."""
FEWER = {
    "grid": ("counting-ones-8",),
    "random": ("counting-ones-8",),
    "random-2x": ("counting-ones-8",),  # random with another ledger
    "asha": ("synthetic-curves",),
    "asha-promotion": ("synthetic-curves", "digits", "counting-ones-8"),
    "hyperband": ("synthetic-curves",),
    "bohb-stock": ("counting-ones-8",),
    "median": ("synthetic-curves",),
    "asha-bohb": ("counting-ones-8",),
    "hpbandster-hyperband": ("synthetic-curves",),
    "hpbandster-bohb": ("counting-ones-8",),
    **dict.fromkeys(OPTUNA, ("counting-ones-8",)),
}
"""Tasks of methods that share their searcher, their scheduler or both with another one."""
CELLS = [(name, method) for method in METHODS for name in FEWER.get(method, TASKS)]


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_same_rows_as_real_ray(name: str, method: str, runtime: None) -> None:
    """Configurations, order, levels, losses, decisions, brackets, modelled time: every column."""
    options, budget = TASKS[name]
    if method in OPTUNA:
        budget = 14
    elif method in ("asha", "asha-promotion", "median", "hyperband", "hpbandster-hyperband"):
        budget = 2  # without a model
    job = CellJob(Cell(name, method, 1), make_task(name, options), budget)
    real, ours = tune.run_cell(job), virtual.run_cell(job)
    assert compare_frames(real.frame, ours.frame) is None
    assert real.account == ours.account
    assert real.account.violations() == []
    models = ("asha-bohb", "bohb", "bohb-stock", "hpbandster-bohb", *OPTUNA)
    if method in models and name != "digits":
        assert ours.frame["model_based"].any()


EXAMPLES = Path(__file__).parents[2] / "examples"
OWN = {
    "ask_tell_method.py:HalvingEvolution": ("digits", "counting-ones-8"),
    "ray_method.py:sobol_asha": ("counting-ones-8",),
}
"""Examples of users' methods; on digits trials are paused and resumed."""


@pytest.mark.parametrize(("given", "name"), [(g, n) for g, names in OWN.items() for n in names])
def test_same_rows_of_a_users_method(given: str, name: str, runtime: None) -> None:
    options, budget = TASKS[name]
    config = StudyConfig(methods=(f"{EXAMPLES}/{given}",), seeds=1)
    (own,) = config.own_methods.values()
    job = CellJob(
        cell=Cell(name, own.name, 1),
        task=make_task(name, options),
        budget=min(budget, 3),
        own_method=own,
    )
    real, ours = tune.run_cell(job), virtual.run_cell(job)
    assert compare_frames(real.frame, ours.frame) is None
    assert real.account == ours.account
    assert real.account.violations() == []
    if job.method.pauses and job.task.ladder.resumable:
        paused = ours.frame[ours.frame["decision"] == "pause"]["trial"]
        assert paused.duplicated().any()  # resumed, and paused again
