"""A small table of curves on a space with a hyperparameter of every kind, made by arithmetic."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    InCondition,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from bohb_study.seeding import Config
from bohb_study.tasks.space_json import space_to_json
from bohb_study.tasks.tabular.curve_parquet import curve_table_bytes
from bohb_study.tasks.tabular.curve_table import About, Curves

RUNGS = (1, 3, 9)


def every_kind() -> ConfigurationSpace:
    """Floats, integers, choices of every type, an ordinal, a constant, conditions, a clause."""
    space = ConfigurationSpace(seed=0)
    space.add(
        UniformFloatHyperparameter("lr", 1e-5, 1e-1, log=True),
        UniformFloatHyperparameter("momentum", 0.0, 1.0),
        UniformIntegerHyperparameter("units", 4, 256, log=True),
        CategoricalHyperparameter("optimiser", ["sgd", "adam", "none"], weights=[3, 2, 1]),
        CategoricalHyperparameter("shape", [(1, 2), None, 1, 1.5, "1"]),
        CategoricalHyperparameter("nesterov", [True, False]),
        OrdinalHyperparameter("batch", [16, 32, 64]),
        Constant("version", 2),
    )
    space.add(
        EqualsCondition(space["momentum"], space["optimiser"], "sgd"),
        InCondition(space["shape"], space["batch"], [16, 64]),
        ForbiddenAndConjunction(
            ForbiddenEqualsClause(space["optimiser"], "none"),
            ForbiddenEqualsClause(space["nesterov"], True),
        ),
    )
    return space


def about_every_kind(**changed: Any) -> About:
    space = every_kind()
    about = About(
        task="made",
        summary="made by arithmetic",
        val_metric="loss",
        test_metric="error",
        unit="epoch",
        costs=RUNGS,
        eta=3,
        resumable=True,
        computed=False,
        grid_order=tuple(space),
        space=space_to_json(space),
    )
    return replace(about, **changed)


def losses_of(config: Config, level: int, seed: int = 0) -> tuple[float, float]:
    """Validation and test loss: smooth in the configuration, lower at higher levels."""
    lr = (math.log10(config["lr"]) + 3) ** 2
    rest = config["units"] / 256 + config.get("momentum", 0.5) + (config["optimiser"] == "none")
    return lr + rest + 1 / level + seed / 100, lr / 10


def made_curves(configs: tuple[Config, ...], seeds: int = 2) -> Curves:
    """Where the learning rate is highest a training fails, the next ones diverge at the top."""
    shape = (len(configs), seeds, len(RUNGS))
    val, test, seconds = np.empty(shape), np.empty(shape), np.empty(shape)
    status = np.zeros(shape, np.int64)
    for place, seed, rung in np.ndindex(shape):
        config = configs[place]
        val[place, seed, rung], test[place, seed, rung] = losses_of(config, RUNGS[rung], seed)
        seconds[place, seed, rung] = RUNGS[rung] * (1 + config["units"]) + seed
        if config["lr"] > 10**-1.2:
            status[place, seed, rung] = 2
        elif config["lr"] > 10**-1.5 and rung == 2:
            status[place, seed, rung] = 1
    val[status > 0] = test[status > 0] = np.nan
    return Curves(val, test, seconds, 2 * seconds, status)


def made_table(n: int = 40, seeds: int = 2, **changed: Any) -> bytes:
    """The parquet file of a table of ``n`` configurations; ``changed`` is of ``About``."""
    from bohb_study.running.designs import design

    configs = design(every_kind(), n).configs
    return curve_table_bytes(about_every_kind(**changed), configs, made_curves(configs, seeds))


def written(data: bytes, folder: Path, name: str = "made") -> Path:
    """The table and a card that vouches for it."""
    path = folder / f"{name}.parquet"
    path.write_bytes(data)
    card = {"sha256": hashlib.sha256(data).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path
