"""The page about types of hyperparameters says what the code does."""

import re
from typing import Any

import ConfigSpace
import pytest
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    FloatHyperparameter,
    IntegerHyperparameter,
)

from bohb_study.methods import METHODS, get_method
from bohb_study.tasks.encoding import encode
from repository import ROOT

PAGE = (ROOT / "docs" / "how-to" / "hyperparameter-types.md").read_text()
KINDS = {
    FloatHyperparameter: "a float",
    IntegerHyperparameter: "an integer",
    CategoricalHyperparameter: "a choice",
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table.splitlines()[1:]
    ]


TYPES = rows("| type | for example | what methods search |\n")


def test_all_kinds_are_listed() -> None:
    assert len(TYPES) >= 14


@pytest.mark.parametrize(("name", "example", "said"), TYPES, ids=[row[0] for row in TYPES])
def test_what_methods_search(name: str, example: str, said: str) -> None:
    given = eval(example.strip("`"), vars(ConfigSpace).copy())
    space = ConfigSpace.ConfigurationSpace()
    space.add(given, ConfigSpace.Float("other", (0, 1)))
    coded: Any = encode(space, 0)
    found = coded.names.get(given.name)
    kinds = [word for kind, word in KINDS.items() if found and isinstance(coded.space[found], kind)]
    assert kinds == ([] if said == "nothing" else [said])


def test_what_methods_need() -> None:
    said = {row[0].strip("`"): tuple(row[1:]) for row in rows("learns a model |\n")}
    words = {True: "yes", False: "no"}
    assert said == {
        name: tuple(
            words[bool(fact)] for fact in (method.uses_fidelity, method.pauses, method.model_after)
        )
        for name in METHODS
        for method in [get_method(name)]
    }
