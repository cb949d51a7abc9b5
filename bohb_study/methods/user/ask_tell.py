"""An optimiser with ``ask`` and ``tell`` as a method.

``ask()`` returns the next configuration and the level at which it is evaluated, or None; then
``tell(configuration, level, loss, cost)`` reports the result. What a class declares:

* ``scheduler``: "asha", "hyperband" or "median" stop its trials early; None (default): it says
  itself at which level each configuration is evaluated, and a configuration that is asked for
  again at a higher level goes on from where it was paused;
* all that ``declared`` reads: ``name``, ``label``, ``pauses``, ``uses_fidelity`` and so on.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bohb_study.errors import UsageError
from bohb_study.methods.base import Method, Pair, Problem
from bohb_study.methods.ray.asha_scheduler import asha_scheduler
from bohb_study.methods.ray.hyperband_for_bohb import hyperband_scheduler
from bohb_study.methods.ray.median_rule import median_scheduler
from bohb_study.methods.ray.ray_plan import ray_plan
from bohb_study.methods.recording.recording_scheduler import RecordingScheduler
from bohb_study.methods.user.checked_optimiser import CheckedOptimiser
from bohb_study.methods.user.declared import declared
from bohb_study.methods.user.own_levels import own_levels_pair
from bohb_study.methods.user.scheduled import ScheduledSearcher

SCHEDULERS: Mapping[str, Callable[[Problem], RecordingScheduler]] = {
    "asha": asha_scheduler,
    "hyperband": hyperband_scheduler,
    "median": median_scheduler,
}
"""What ``scheduler`` may name."""
GIVEN: Mapping[str, Callable[[Problem], Any]] = {
    "space": lambda problem: problem.space(),
    "seed": lambda problem: problem.model_seed,
    "levels": lambda problem: problem.ladder.costs,
    "eta": lambda problem: problem.ladder.eta,
    "full_evaluations": lambda problem: problem.full_evaluations,
}
"""Arguments that a constructor may take, by name."""


def ask_tell_method(cls: type, path: str) -> Method:
    """The method that a class with ``ask`` and ``tell`` is.

    Args:
        cls: the user's class; what it does not declare is derived from it.
        path: its file.

    Raises:
        ValueError: it declares what cannot be, or its constructor takes what it is not given.
    """
    scheduler = getattr(cls, "scheduler", None)
    if scheduler is not None and scheduler not in SCHEDULERS:
        raise ValueError(f"scheduler is {scheduler!r}; it must be {', '.join(SCHEDULERS)} or None")
    arguments = _arguments(cls)
    fields = declared(cls, path)
    uses_fidelity = fields.setdefault("uses_fidelity", bool(scheduler) or "levels" in arguments)
    pauses = scheduler == "hyperband" if scheduler else uses_fidelity
    if scheduler and fields.get("pauses", pauses) != pauses:
        raise ValueError(f"pauses is {fields['pauses']}; {scheduler} decides that: leave it out")
    fields.setdefault("pauses", pauses)
    if scheduler == "hyperband":
        fields.setdefault("plan", ray_plan)
    fields.setdefault("searcher", "the user's own, by ask and tell")
    fields["scheduler"] = f"as {scheduler}" if scheduler else "the user's own levels"
    build = partial(_build, cls, arguments, scheduler, _Declared(fields))
    return Method(build=build, **fields)


class _Declared:
    """What building needs of the declared fields."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.pauses: bool = fields["pauses"]
        self.uses_fidelity: bool = fields["uses_fidelity"]
        self.has_model = "model_after" in fields


def _arguments(cls: type) -> list[str]:
    """Which of ``GIVEN`` the constructor takes."""
    parameters = inspect.signature(cls).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return list(GIVEN)
    for one in parameters:
        needed = one.default is one.empty and one.kind is not one.VAR_POSITIONAL
        if needed and (one.name not in GIVEN or one.kind is one.POSITIONAL_ONLY):
            raise ValueError(
                f"its constructor takes {one.name}; it is given {', '.join(GIVEN)}, by name"
            )
    return [one.name for one in parameters if one.name in GIVEN]


def _build(
    cls: type, arguments: list[str], scheduler: str | None, facts: _Declared, problem: Problem
) -> Pair:
    optimiser = cls(**{name: GIVEN[name](problem) for name in arguments})
    if facts.has_model and not hasattr(optimiser, "model_based"):
        raise UsageError(
            f"{problem.method}: it declares model_after, and has no attribute "
            "model_based that says whether its model made the last suggestion",
            parameter="methods",
        )
    lowest = None if scheduler or facts.uses_fidelity else problem.ladder.top
    checked = CheckedOptimiser(optimiser, problem, lowest)
    if scheduler is None:
        return own_levels_pair(checked, problem, pauses=facts.pauses)
    searcher = ScheduledSearcher(checked, problem.ladder)
    return Pair(problem.recording(searcher), SCHEDULERS[scheduler](problem))
