"""characters.json: the characters of tasks, each with the circumstances that it was computed in."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bohb_study.analysis.diagnostics.fanova import VarianceShares
from bohb_study.analysis.diagnostics.rung_correlation import WithTop
from bohb_study.analysis.diagnostics.task_character import Costs, TaskCharacter
from bohb_study.errors import StudyError
from bohb_study.files import json_bytes, replace_files
from bohb_study.tasks import Task, option_fields

CHARACTERS_FILE = "characters.json"


@dataclass(frozen=True)
class Characterised:
    """A task's character and what stands beside it."""

    character: TaskCharacter
    unit: str
    """What the levels count, in the singular."""
    computed: bool
    """Whether nothing is trained: an evaluation is computed or looked up."""
    retrained: bool
    """Whether noise is between trainings of one configuration; else it is between study seeds."""
    options: Mapping[str, Any]
    """Options of the task that are not its defaults; of data in files their hash alone."""
    run: Mapping[str, Any]
    """The circumstances."""


def characterised(
    character: TaskCharacter, task: Task, *, retrained: bool, run: Mapping[str, Any]
) -> Characterised:
    """A character with what its task says of itself."""
    given = {
        f.name: getattr(task, f.name)
        for f in option_fields(type(task))
        if not f.metadata.get("path")
    }
    defaults = {f.name: f.default for f in option_fields(type(task))}
    options = {k: v for k, v in given.items() if v != defaults[k]}
    options |= {} if task.eta is None else {"eta": task.eta}
    options |= {} if task.data_sha256 is None else {"data_sha256": task.data_sha256}
    return Characterised(character, task.ladder.unit, task.computed, retrained, options, run)


def merged(file: Path, found: Iterable[Characterised]) -> dict[str, Characterised]:
    """Put characters into a file, each in the place of an earlier one of its task.

    Args:
        file: which; made where it is not there.
        found: the new ones.

    Returns:
        All that the file then holds, by task, sorted.

    Raises:
        StudyError: the file is damaged, or cannot be written.
    """
    held = read_characters(file) if file.exists() else {}
    held |= {one.character.task: one for one in found}
    held = {name: held[name] for name in sorted(held)}
    runs: list[Mapping[str, Any]] = []
    for one in held.values():
        if one.run not in runs:
            runs.append(one.run)
    tasks = {name: _to_json(one, runs.index(one.run)) for name, one in held.items()}
    replace_files({file: json_bytes({"runs": runs, "tasks": tasks})})
    return held


def read_characters(file: Path) -> dict[str, Characterised]:
    """The characters that a file holds, by task.

    Raises:
        StudyError: there is no such file, or it is damaged.
    """
    try:
        stored = json.loads(file.read_bytes())
        return {
            name: _from_json(name, one, stored["runs"]) for name, one in stored["tasks"].items()
        }
    except OSError as error:
        raise StudyError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise StudyError(
            f"{file}: damaged ({type(error).__name__}: {error}); compute it again with bohb-study "
            "characters"
        ) from None


def _to_json(one: Characterised, run: int) -> dict[str, Any]:
    known = asdict(one.character)
    del known["task"]
    return {
        "options": dict(one.options),
        "unit": one.unit,
        "computed": one.computed,
        "retrained": one.retrained,
        **known,
        "rungs": [_without_nan(rung._asdict()) for rung in one.character.rungs],
        "run": run,
    }


def _without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def _from_json(name: str, data: Mapping[str, Any], runs: list[Mapping[str, Any]]) -> Characterised:
    shares, costs = data["shares"], data["costs"]
    rungs: list[dict[str, Any]] = [
        {k: math.nan if v is None else v for k, v in rung.items()} for rung in data["rungs"]
    ]
    character = TaskCharacter(
        name,
        data["seed"],
        data["configs"],
        tuple(data["levels"]),
        tuple(data["hyperparameters"]),
        tuple(WithTop(**rung) for rung in rungs),
        shares and VarianceShares(**_tuples(shares)),
        data["failures"],
        data["noise"],
        tuple(data["repeated"]),
        Costs(**_tuples(costs)),
    )
    return Characterised(
        character,
        data["unit"],
        data["computed"],
        data["retrained"],
        data["options"],
        runs[data["run"]],
    )


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
