"""How long a large packed study takes to load and to aggregate, and in how much memory.

``python -m bohb_study.benchmarking.large_study FOLDER`` measures the study in FOLDER, in this
process. Its rows are synthetic: learning curves of 27 epochs, trial after trial, as random search
trains them.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd

from bohb_study.analysis import RULES, anytime, main_rule
from bohb_study.benchmarking.measure import memory_mb
from bohb_study.files import json_bytes, replace_files
from bohb_study.schema import HP, Kind, columns_for, typed
from bohb_study.store import load_study
from bohb_study.store.compressed_records import records_json
from bohb_study.store.names import PACKED_RECORDS, PACKED_ROWS, STUDY_FILE
from bohb_study.store.parquet import parquet_bytes

TASK, TOP = "digits", 27
HYPERPARAMETERS: dict[str, Kind] = {"l1": "int", "l2": "int", "lr": "float", "batch_size": "int"}


@dataclass(frozen=True)
class FrameCost:
    """Seconds and memory that one study took."""

    rows: int
    cells: int
    load_seconds: float
    """Wall time of ``load_study``: reading, verifying, checking every value."""
    aggregate_seconds: float
    """Of incumbents, alignment and intervals of all methods over all seeds, under one rule."""
    cpu_seconds: float
    """Of both, and of the imports before them."""
    peak_mb: float
    """Largest resident memory of the process, in 10^6 bytes."""


def write_made_up(folder: Path, methods: int, seeds: int, rows: int, seed: int = 0) -> None:
    """Pack a study of made-up rows.

    Args:
        folder: where.
        methods: called m0, m1, ...
        seeds: of each method.
        rows: of each cell.
        seed: of the made-up losses.
    """
    names = [f"m{i}" for i in range(methods)]
    rng = np.random.default_rng(seed)
    frame = pd.concat(
        [_cell(method, own, rows, rng) for method in names for own in range(seeds)],
        ignore_index=True,
    )
    data = parquet_bytes(frame)
    head = {"schema": 1, "rows": len(frame), "sha256": hashlib.sha256(data).hexdigest()}
    spent = dict.fromkeys(("allowed", "charged", "executed"), rows)
    ledger = {**spent, "unspent": 0, "refused": 1, "ended": "budget"}
    known = {"rows": rows, "sha256": "0" * 64, "rows_hash": "0" * 64, "hyperparameters": {}}
    known |= {"extra": [], "status": "done", "ledger": ledger}
    records = [
        {"schema": 1, "task": TASK, "method": method, "seed": own, **known}
        for method in names
        for own in range(seeds)
    ]
    facts: dict[str, Any] = {"unit": "epoch", "top": TOP, "optimum": None}
    study = {
        "schema": 1,
        "name": "made-up",
        "id": "0" * 8,
        "config": {"workers": 1, "budget": rows / TOP},
        "tasks": {TASK: facts | {"val_metric": "loss", "test_metric": "loss"}},
        "methods": names,
        "seeds": seeds,
        "asked": {TASK: dict.fromkeys(names, seeds)},
    }
    replace_files(
        {
            folder / PACKED_ROWS: data,
            folder / PACKED_RECORDS: records_json(head, records),
            folder / STUDY_FILE: json_bytes(study),
        }
    )


def measure(folder: Path) -> FrameCost:
    """Load and aggregate the study in ``folder`` here; memory is that of the process so far."""
    begin = perf_counter()
    study = load_study(folder)
    loaded = perf_counter()
    tops = study.study.tops
    rule = main_rule(study.frame)
    assert rule in RULES
    curves = anytime(study.frame, rule, tops).curves
    assert curves
    return FrameCost(
        len(study.frame),
        len(study.cells),
        loaded - begin,
        perf_counter() - loaded,
        process_time(),
        memory_mb("VmHWM"),
    )


def _cell(method: str, seed: int, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    seq = np.arange(rows)
    trial, level = seq // TOP, seq % TOP + 1
    trials = int(trial[-1]) + 1
    loss = rng.random(trials)[trial] + 2 * np.exp(-level / 6) + rng.normal(0, 0.01, rows)
    ones = np.ones(rows, dtype=np.int64)
    names = np.array([f"{method}-{seed}-{i}" for i in range(trials)], dtype=object)
    values: dict[str, Any] = {
        "task": np.full(rows, TASK, dtype=object),
        "method": np.full(rows, method, dtype=object),
        "seed": ones * seed,
        "seq": seq,
        "trial": trial,
        "config_id": names[trial],
        "level": level,
        "units": ones,
        "units_restart": ones,
        "units_total": seq + 1,
        "full_evals": (seq + 1) / TOP,
        "decision": np.where(level == TOP, "end", "continue").astype(object),
        "val_loss": loss,
        "test_loss": 1.05 * loss,
        "status": np.full(rows, "ok", dtype=object),
        "train_seconds": 0.01 * ones,
        "search_seconds": 0.0 * ones,
        "virtual_seconds": 0.01 * (seq + 1),
        HP + "lr": rng.random(trials)[trial],
        **{HP + name: 8 * ones for name in ("l1", "l2", "batch_size")},
    }
    return pd.DataFrame(
        {
            column.name: typed(values.get(column.name, [None] * rows), column)
            for column in columns_for(HYPERPARAMETERS)
        }
    )


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1])))))
