"""Every method on every kind of hyperparameter: the same support, and values kept exactly."""

import warnings
from typing import Any

import pytest
from ConfigSpace import (
    BetaFloatHyperparameter,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    Integer,
    NormalFloatHyperparameter,
    NormalIntegerHyperparameter,
    OrdinalHyperparameter,
)

from bohb_study.engines.base import CellJob, CellResult
from bohb_study.engines.virtual import run_cell
from bohb_study.errors import UsageError
from bohb_study.methods import METHODS
from bohb_study.schema import HP
from bohb_study.seeding import config_id
from bohb_study.study import Cell
from bohb_study.tasks import ComputedTask
from bohb_study.tasks.encoding import encode, encoding
from bohb_study.tasks.fingerprints import describe_space, own_value, varying


def conditional() -> ConfigurationSpace:
    space = ConfigurationSpace()
    kind, momentum = (
        Categorical("kind", ["sgd", "adam", "off"], weights=[1, 1, 0]),
        Float("m", (0, 1)),
    )
    nesterov = Constant("nesterov", True)
    space.add(kind, momentum, nesterov, Float("x", (0, 1)))
    space.add(EqualsCondition(momentum, kind, "sgd"), EqualsCondition(nesterov, kind, "sgd"))
    return space


def forbidden() -> ConfigurationSpace:
    space = ConfigurationSpace(space={"n": ["a", None, 3], "x": (0.0, 1.0)})
    space.add(ForbiddenEqualsClause(space["n"], 3))
    return space


X = Float("x", (0, 1))
SPACES: dict[str, tuple[Any, dict[str, tuple[Any, ...]]]] = {
    "float": ([X], {}),
    "log float": ([Float("f", (1e-4, 1), log=True), X], {}),
    "int": ([Integer("i", (1, 9)), Integer("j", (1, 99), log=True)], {}),
    "normal": ([NormalFloatHyperparameter("n", 0, 1, lower=-2, upper=2), X], {}),
    "normal int": ([NormalIntegerHyperparameter("n", 5, 2, lower=1, upper=9), X], {}),
    "beta": ([BetaFloatHyperparameter("b", alpha=3, beta=2, lower=0, upper=1), X], {}),
    "weights": ([Categorical("w", ["a", "b", "off"], weights=[3, 1, 0]), X], {"w": ("a", "b")}),
    "words": ([OrdinalHyperparameter("o", ["s", "m", "l"]), X], {"o": ("s", "m", "l")}),
    "numbers": ([OrdinalHyperparameter("o", [128, 256, 512]), X], {"o": (128, 256, 512)}),
    "constant": ([Constant("k", 3), Constant("t", (1, 2)), X], {"k": (3,), "t": ((1, 2),)}),
    "none": ([Categorical("c", [None, 3, 10]), X], {"c": (None, 3, 10)}),
    "mixed": (
        [Categorical("c", ["sqrt", 0.5, 1.0, "1.0", 7]), X],
        {"c": ("sqrt", 0.5, 1.0, "1.0", 7)},
    ),
    "int and float": ([Categorical("c", [1, 0.5]), X], {"c": (1, 0.5)}),
    "tuple": ([Categorical("c", [(64,), (64, 32), None]), X], {"c": ((64,), (64, 32), None)}),
    "names": (
        [
            Float("opt/lr", (0, 1)),
            Float("_first_rung", (0, 1)),
            Integer("0", (1, 9)),
            Float("ä b.c", (0, 1)),
        ],
        {},
    ),
    "conditional": (conditional(), {"kind": ("sgd", "adam"), "nesterov": (True,)}),
    "forbidden": (forbidden(), {"n": ("a", None)}),
    "dict": ({"a": (0.0, 1.0), "c": ["x", None], "k": 3}, {"c": ("x", None), "k": (3,)}),
}


def task_of(space: Any) -> ComputedTask:
    class Odd(ComputedTask):
        """A space of its own."""

        hyperparameters = space
        levels = (1, 3)

        def loss(self, config: Any, level: int, seed: int) -> float:
            SEEN[config_id(config)] = config
            return len(str(config)) + 1 / level + self.rng(config, 1, seed).random()

    return Odd()


SEEN: dict[str, dict[str, Any]] = {}


def run(task: ComputedTask, method: str, budget: float) -> CellResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's and HpBandSter's own
        return run_cell(CellJob(Cell(task.name, method, 0), task, budget))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", SPACES)
def test_every_method_takes_every_space_and_values_are_kept_exactly(kind: str, method: str) -> None:
    given, allowed = SPACES[kind]
    task = task_of(given)
    described = describe_space(task.space(0))
    SEEN.clear()
    frame = run(task, method, 12 if method in ("tpe", "tpe-univariate") else 6).frame
    assert len(frame) >= 4
    for _, row in frame.drop_duplicates("config_id").iterrows():
        config = {
            name: own_value(row[HP + name], described[name])
            for name in described
            if row[[HP + name]].notna().all()
        }
        assert config_id(config) == row["config_id"]
        seen = SEEN[row["config_id"]]
        assert {k: (type(v), v) for k, v in seen.items()} == {
            k: (type(v), v) for k, v in config.items()
        }
        for name, values in allowed.items():
            if name in seen:
                assert (type(seen[name]), seen[name]) in [(type(v), v) for v in values]
        if kind == "conditional":
            assert ("m" in seen) == ("nesterov" in seen) == (seen["kind"] == "sgd")


def test_a_plain_space_is_handed_through_with_its_stream() -> None:
    space = ConfigurationSpace(space={"a": (0.0, 1.0), "b": ["x", "y"], "c": (1, 9)}, seed=1)
    assert encode(space, 1).space is space


@pytest.mark.parametrize("method", ["bohb", "asha-bohb", "hpbandster-bohb"])
def test_constants_are_no_dimensions(method: str) -> None:
    rows = []
    for constants in (0, 10):
        task = task_of([X, *(Constant(f"k{i}", i) for i in range(constants))])
        frame = run(task, method, 30).frame
        rows.append((frame[HP + "x"].tolist()[:3], bool(frame["model_based"].any())))
        assert varying(describe_space(task.space(0))) == 1
    assert rows[0] == rows[1]
    assert rows[0][1]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Categorical("c", [1, float("nan")]), "Odd: hyperparameter c: value nan is not finite"),
        (Categorical("c", [[1], [2]]), "Odd: hyperparameter c: value [1] is a list; allowed are"),
        (Constant("c", object), "Odd: hyperparameter c: value <class 'object'> is a type; allowed"),
    ],
)
def test_what_no_method_can_take_is_refused_in_one_line(one: Any, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        encoding(task_of([X, one]), 0)
    assert str(refused.value).startswith(said)


def test_where_nothing_varies_it_is_refused() -> None:
    with pytest.raises(UsageError, match="Odd: every hyperparameter has one value"):
        encoding(task_of([Constant("k", 1)]), 0)
