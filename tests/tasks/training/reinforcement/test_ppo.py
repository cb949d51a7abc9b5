"""PPO on CartPole: it converges, resumes exactly, and says what it cannot do."""

import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter

from bohb_study.errors import UsageError
from bohb_study.seeding import Config
from bohb_study.tasks import Report, make_task
from bohb_study.tasks.training.reinforcement import cartpole

pytest.importorskip("gymnasium")
SANE: Config = {
    "l1": 32,
    "l2": 32,
    "batch_size": 64,
    "lr": 3e-3,
    "discount": 0.98,
    "clipping": 0.2,
    "entropy": 0.01,
}
TASK = make_task("ppo-cartpole", {"episodes": "40", "steps": "3000"})


def outcome(report: Report) -> dict[str, Any]:
    """All of a report that is not measured and does not depend on where the step began."""
    return {k: v for k, v in report._asdict().items() if k not in {"seconds", "units"}}


def test_a_sane_configuration_converges_in_fewer_than_500_episodes() -> None:
    """With ten seeds, of which it may fail with two."""
    task = make_task("ppo-cartpole", {"trials": "1", "episodes": "500"})
    episodes = [task.start(SANE, seed).advance(1).val_loss for seed in range(10)]
    assert sum(count < 500 for count in episodes) >= 8, episodes
    assert len(set(episodes)) > 5


def test_a_policy_that_learns_nothing_does_not_converge() -> None:
    report = TASK.start({**SANE, "lr": 1e-7}, 0).advance(1)
    assert report.val_loss == report.test_loss == 40
    assert report.extra["converged"] == 0


@pytest.fixture(scope="module")
def straight() -> list[dict[str, Any]]:
    """Outcomes of nine trials in one go."""
    evaluation = TASK.start(SANE, 0)
    return [outcome(evaluation.advance(trial)) for trial in range(1, 10)]


def test_straight_to_a_rung_gives_what_trial_by_trial_gives(straight: list[dict[str, Any]]) -> None:
    report = TASK.start(SANE, 0).advance(9)
    assert outcome(report) == straight[8]
    assert report.units == 9
    assert len({report["extra"]["steps"] for report in straight}) == 9


def test_paused_and_pickled_trials_go_on_exactly(straight: list[dict[str, Any]]) -> None:
    state = pickle.dumps(TASK.start(SANE, 0).state())
    for trial in (1, 3, 9):
        evaluation = TASK.start(SANE, 0)
        evaluation.restore(pickle.loads(state))
        report = evaluation.advance(trial)
        assert outcome(report) == straight[trial - 1]
        assert report.units == trial - (0 if trial == 1 else trial // 3)
        state = pickle.dumps(evaluation.state())
        evaluation.advance(trial + 1)
        assert pickle.dumps(pickle.loads(state)) == state  # what was given is left be


def test_trials_belong_to_configuration_seed_and_repeat() -> None:
    almost = {**SANE, "entropy": math.nextafter(0.01, 1)}
    made = (
        TASK.start(SANE, 0),
        TASK.start(SANE, 1),
        TASK.start(almost, 0),
        TASK.retrain(SANE, 0, 0),
        TASK.retrain(SANE, 0, 1),
    )
    assert len({evaluation.advance(1).extra["steps"] for evaluation in made}) == 5


def test_levels_only_go_up() -> None:
    evaluation = TASK.start(SANE, 0)
    evaluation.advance(1)
    with pytest.raises(ValueError, match="at trial 1 already, cannot advance to 1"):
        evaluation.advance(1)


def test_a_trial_ends_after_so_many_steps_as_if_after_all_episodes() -> None:
    task = make_task("ppo-cartpole", {"steps": "500"})
    report = task.start(SANE, 0).advance(1)
    assert report.val_loss == 3000
    assert 500 <= report.extra["steps"] < 500 + 256


def test_weights_that_are_not_finite_have_diverged_and_remain_so() -> None:
    evaluation = TASK.start({**SANE, "lr": 1e38}, 0)
    for resumed in (evaluation, TASK.start(SANE, 0)):
        if resumed is not evaluation:
            resumed.restore(pickle.loads(pickle.dumps(evaluation.state())))
        report = resumed.advance(1 if resumed is evaluation else 2)
        assert report.status == "diverged"
        assert math.isnan(report.val_loss)
        assert math.isnan(report.test_loss)
        assert all(math.isnan(report.extra[name]) for name in TASK.extra_names)
        assert report.units == 1


def test_global_random_states_are_left_alone() -> None:
    def states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    before = states()
    TASK.start(SANE, 0).advance(1)
    assert states() == before


def test_training_takes_one_thread_and_deterministic_algorithms() -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    TASK.start(SANE, 0)
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_gymnasium_is_asked_for_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cartpole, "find_spec", lambda name: None)
    expected = r"^ppo-cartpole: needs gymnasium; pip install 'bohb-study\[tasks\]'$"
    with pytest.raises(UsageError, match=expected):
        TASK.prepare()


def test_space_is_the_papers() -> None:
    space = TASK.space(0)
    bounds = {name: (h.lower, h.upper, h.log) for name, h in space.items()}  # type: ignore[attr-defined]
    assert bounds == {
        "l1": (8, 128, True),
        "l2": (8, 128, True),
        "batch_size": (8, 256, True),
        "lr": (1e-7, 1e-1, True),
        "discount": (0, 1, False),
        "clipping": (0, 1, False),
        "entropy": (0, 1, False),
    }
    whole = {name for name, h in space.items() if isinstance(h, UniformIntegerHyperparameter)}
    assert whole == {"l1", "l2", "batch_size"}
    assert all(
        isinstance(h, UniformFloatHyperparameter) for name, h in space.items() if name not in whole
    )


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("trials", "2", r"must be a power of 3 \(1, 3, 9, \.\.\.\)"),
        ("trials", "0", r"must be a power of 3 \(1, 3, 9, \.\.\.\)"),
        ("episodes", "0", "must be at least 1"),
        ("steps", "-5", "must be at least 1"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(
    option: str, value: str, allowed: str
) -> None:
    expected = rf"^task_options ppo-cartpole\.{option}={value}: {allowed}$"
    with pytest.raises(UsageError, match=expected):
        make_task("ppo-cartpole", {option: value})


def test_ladder_has_the_papers_trials() -> None:
    ladder = make_task("ppo-cartpole").ladder
    assert (ladder.unit, ladder.costs, ladder.eta) == ("trial", (1, 3, 9), 3)
    assert ladder.resumable


def test_duration_is_positive_additive_and_grows() -> None:
    seconds = TASK.duration(SANE, 0, 1)
    assert seconds > 0
    assert TASK.duration(SANE, 3, 9) == pytest.approx(6 * seconds)
    for name in ("l1", "l2", "batch_size"):
        assert TASK.duration({**SANE, name: 128}, 0, 1) > seconds
