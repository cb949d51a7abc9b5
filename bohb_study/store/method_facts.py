"""What study.json says of a user's method, so that nothing of its file is executed to read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bohb_study.store import shapes
from bohb_study.tasks import Task
from bohb_study.tasks.fingerprints import describe_space, varying

if TYPE_CHECKING:
    from bohb_study.methods.base import Method

_RUNG = shapes.array(shapes.whole(1), least=2)
METHOD_FILE = shapes.fields(
    {
        "method": shapes.line,
        "sha256": shapes.sha256,
        "label": shapes.line,
        "uses_fidelity": shapes.flag,
        "pauses": shapes.flag,
        "budget_factor": shapes.whole(1),
        "known_defect": shapes.nullable(shapes.line),
        "plans": shapes.table(shapes.array(shapes.array(_RUNG)), shapes.name),
        "model_after": shapes.nullable(shapes.table(shapes.whole(1))),
    }
)
"""Shape of one entry of ``method_files``."""


@dataclass(frozen=True)
class StoredMethod:
    """What the audit and the figures need to know of a user's method."""

    method: str
    """As it was given: path/to/file.py:NAME."""
    sha256: str
    """Hash of its file's text."""
    label: str
    """What figures call it."""
    budget_factor: int
    """Multiple of the study's budget that its cells were given."""
    known_defect: str | None
    """A departure from its plan that it declares."""
    plans: Mapping[str, list[list[tuple[int, int]]]]
    """Task -> brackets of (level, trials); tasks without a plan are left out."""
    model_after: Callable[[int], int] | None
    """Number of hyperparameters that vary -> observations before which there is no model."""


def describe_method(
    method: "Method",
    given: str,
    sha256: str,
    tasks: Mapping[str, Task],
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A user's method as JSON values.

    Args:
        method: of the user's.
        given: path:NAME, as it was given.
        sha256: of the file's text.
        tasks: that it is run on, by name.
        before: what was stored of it when other tasks were asked for.
    """
    before = before or {"plans": {}, "model_after": {}}
    plans = {
        name: [[[rung.level, rung.trials] for rung in bracket] for bracket in method.plan(ladder)]
        for name, ladder in ((name, task.ladder) for name, task in tasks.items())
        if method.plan and len(ladder.costs) > 1
    }
    after = None
    if method.model_after:
        sizes = {varying(describe_space(task.space(0))) for task in tasks.values()}
        after = {str(size): method.model_after(size) for size in sorted(sizes)}
        after = {**(before["model_after"] or {}), **after}
    return {
        "method": given,
        "sha256": sha256,
        "label": method.label or method.name,
        "uses_fidelity": method.uses_fidelity,
        "pauses": method.pauses,
        "budget_factor": method.budget_factor,
        "known_defect": method.known_defect,
        "plans": {**before["plans"], **plans},
        "model_after": after,
    }


def stored_methods(study: Mapping[str, Any]) -> dict[str, StoredMethod]:
    """The users' methods of a study.json, by name; of registered ones nothing is stored."""
    return {name: _stored(entry) for name, entry in study.get("method_files", {}).items()}


def _stored(entry: Mapping[str, Any]) -> StoredMethod:
    plans = {
        task: [[(level, trials) for level, trials in bracket] for bracket in band]
        for task, band in entry["plans"].items()
    }
    after = entry["model_after"]
    return StoredMethod(
        entry["method"],
        entry["sha256"],
        entry["label"],
        entry["budget_factor"],
        entry["known_defect"],
        plans,
        None if after is None else lambda size: int(after[str(size)]),
    )
