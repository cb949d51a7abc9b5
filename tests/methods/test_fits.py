"""Methods that stop trials early are refused where there is nothing below full fidelity."""

from collections.abc import Callable

import pytest

from bohb_study.errors import UsageError
from bohb_study.methods import METHODS, check_fits, get_method
from bohb_study.tasks import Task, make_task

FULL_FIDELITY = tuple(name for name in METHODS if not get_method(name).uses_fidelity)
EARLY = tuple(name for name in METHODS if name not in FULL_FIDELITY)
PAUSE_NONE = tuple(name for name in METHODS if not get_method(name).pauses)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


@pytest.mark.parametrize("name", EARLY)
def test_a_single_fidelity_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(
        UsageError,
        match=(
            f"^methods {name}: fcnet-parkinsons has a single fidelity, and nothing can be "
            f"stopped below it; use {', '.join(FULL_FIDELITY)}"
        ),
    ) as refused:
        check_fits(get_method(name), make_task("fcnet-parkinsons"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", FULL_FIDELITY)
def test_full_fidelity_fits_everything(name: str, toy: Callable[..., Task]) -> None:
    check_fits(get_method(name), make_task("fcnet-parkinsons"))
    check_fits(get_method(name), toy())


@pytest.mark.parametrize("name", METHODS)
def test_two_rungs_are_enough(name: str, toy: Callable[..., Task]) -> None:
    check_fits(get_method(name), toy(costs=(9, 27)))


@pytest.mark.parametrize("name", METHODS)
def test_what_cannot_pause_is_refused_to_methods_that_pause(
    name: str, monkeypatch: pytest.MonkeyPatch, toy: Callable[..., Task]
) -> None:
    task = toy()
    monkeypatch.setattr(type(task), "can_pause", False)
    if name in PAUSE_NONE:
        check_fits(get_method(name), task)
        return
    with pytest.raises(UsageError) as refused:
        check_fits(get_method(name), task)
    assert str(refused.value) == (
        f"methods {name}: it pauses trials, and {task.name} cannot go on after a pause: let its "
        f"function take and yield a state; or use {', '.join(PAUSE_NONE)}"
    )
