"""Small cells of every kind of task and model, and what their rows hash to.

``python tests/numerics/cells.py`` prints a hash for each cell, computed as a study is: in processes
that the library starts. ``tests/numerics/golden.json`` holds them; ``--write`` writes it again,
for a change that is meant to change rows.
"""

import argparse
import hashlib
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb_study.engines.base import CellJob

GOLDEN = Path(__file__).with_name("golden.json")

STUDIES: dict[str, dict[str, Any]] = {
    "models": {
        "tasks": ("counting-ones-8", "mfh3-good"),
        "methods": ("bohb", "hpbandster-bohb", "asha-bohb", "tpe", "gp"),
        "budget": 13,
    },
    "stock": {"tasks": ("mfh3-bad",), "methods": ("bohb-stock",), "budget": 3},
    "tables": {
        "tasks": ("fcnet-naval", "synthetic-curves"),
        "methods": ("grid", "random", "tpe-univariate"),
        "budget": 12,
    },
    "curves": {
        "tasks": ("synthetic-curves",),
        "methods": ("asha", "asha-promotion", "median", "hyperband", "hpbandster-hyperband"),
        "budget": 6,
    },
    "digits": {"tasks": ("digits",), "methods": ("random", "bohb"), "budget": 2},
    "features": {"tasks": ("mlp-digits", "logreg-digits"), "methods": ("random",), "budget": 2},
    "bayesian": {
        "tasks": ("bnn-toy", "bnn-diabetes"),
        "methods": ("random",),
        "budget": 4,
        "task_options": ("bnn-toy.steps=270", "bnn-diabetes.steps=270"),
    },
    "images": {"tasks": ("fashion-mnist",), "methods": ("asha", "tpe"), "budget": 2},
    "trees": {
        "tasks": ("boosting-digits",),
        "methods": ("random", "bohb"),
        "budget": 4,
        "task_options": ("boosting-digits.iterations=9", "boosting-digits.subset=400"),
    },
    "kernels": {
        "tasks": ("svm-digits",),
        "methods": ("hyperband", "bohb"),
        "budget": 8,
    },
    "autoencoder": {"tasks": ("autoencoder-fashion-mnist",), "methods": ("random",), "budget": 2},
    "tables of curves": {
        "tasks": ("table-made", "surrogate-made"),
        "methods": ("random", "bohb"),
        "budget": 4,
    },
    "series": {"tasks": ("series-co2", "series-elnino"), "methods": ("random",), "budget": 1},
}
"""What is run: one seed, one worker. ``images`` is LeNet on a few small made images, and
``autoencoder`` is on these as well; a table of curves is made too."""

COLUMNS = ("seq", "trial", "config_id", "level", "units", "rung", "decision", "model_based")
LOSSES = ("val_loss", "test_loss")


def rows_sha256(frame: Any) -> str:
    """Sixteen digits over what was decided and what was found, floats by all their bits."""
    text = frame[[*COLUMNS]].to_csv(index=False)
    losses = [value.hex() for name in LOSSES for value in frame[name].tolist()]
    return hashlib.sha256(f"{text}{losses}".encode()).hexdigest()[:16]


def made_images(folder: Path) -> Path:
    """Fashion-MNIST in its own format, of 400 images that integer arithmetic made."""
    import numpy as np

    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for stem, n in (("train", 400), ("t10k", 100)):
        place = np.arange(n * 28 * 28, dtype=np.int64).reshape(n, 28, 28)
        labels = np.arange(n) % 10
        noise = place * 2654435761 % 4093 % 97
        stripes = (np.arange(28)[None, :, None] * (labels[:, None, None] + 1) // 9 % 2) * 120
        for kind, array in (("images-idx3", noise + stripes), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            path = raw / f"{stem}-{kind}-ubyte"
            path.write_bytes(header + array.astype(np.uint8).tobytes())
    return folder


def made_table(folder: Path) -> None:
    """A table of curves, ``made``: 48 configurations, whose losses are fractions."""
    import numpy as np
    from ConfigSpace import Categorical, ConfigurationSpace, Float

    from bohb_study.tasks.space_json import space_to_json
    from bohb_study.tasks.tabular.curve_parquet import curve_table_bytes
    from bohb_study.tasks.tabular.curve_table import About, Curves

    space = ConfigurationSpace()
    space.add(Float("lr", (2.0**-16, 1.0), log=True), Float("x", (0, 1)), Categorical("c", "ab"))
    configs = tuple(
        {"lr": 2.0 ** -(number % 16), "x": number * 5 % 48 / 48, "c": "ab"[number % 2]}
        for number in range(48)
    )
    lr = np.array([abs(number % 16 - 6) for number in range(48)])
    rest = np.array([number * 5 % 48 / 48 + number % 2 / 4 for number in range(48)])
    val = np.stack([(lr + rest + 2 / level)[:, None] / 4 for level in (1, 3, 9)], axis=2)
    status = np.zeros(val.shape, np.int64)
    status[0] = 2
    seconds = np.broadcast_to(np.array([1.0, 2.0, 6.0]), val.shape) * (1 + lr[:, None, None])
    losses = np.where(status > 0, np.nan, val)
    texts = ("made", "a table that arithmetic made", "loss", "error", "epoch")
    about = About(*texts, (1, 3, 9), 3, True, False, ("lr", "x", "c"), space_to_json(space))
    data = curve_table_bytes(about, configs, Curves(losses, losses / 2, seconds, seconds, status))
    (folder / "made.parquet").write_bytes(data)
    card = {"sha256": hashlib.sha256(data).hexdigest()}
    (folder / "made.json").write_text(json.dumps(card))


def cells(words: tuple[str, ...], mode: str, home: Path) -> "list[CellJob]":
    """The cells that are named by ``words``: studies, or cells by themselves."""
    from bohb_study import StudyConfig
    from bohb_study.engines.base import CellJob

    found = []
    for name, given in STUDIES.items():
        study = dict(given)
        if name == "images":
            study["task_options"] = (f"fashion-mnist.data={home / 'data'}",)
        if name == "autoencoder":
            options = (f"data={home / 'data'}", "subset=200")
            study["task_options"] = tuple(f"autoencoder-fashion-mnist.{one}" for one in options)
        if name == "tables of curves":
            study["tasks"] = (f"table:{home}/made.parquet", f"surrogate:{home}/made.parquet")
        config = StudyConfig(**study, seeds=1)
        tasks = config.resolve().tasks
        found += [
            CellJob(cell, tasks[cell.task], config.budget, numerics=mode)  # type: ignore[arg-type]
            for cell in config.cells()
            if name in words or str(cell) in words
        ]
    return found


def run(words: tuple[str, ...], mode: str) -> dict[str, dict[str, Any]]:
    """Run cells by engine virtual, one after the other, in a process that the library starts.

    Returns:
        By cell, what its rows hash to and what numerics were recorded.
    """
    from bohb_study.engines.base import Finished
    from bohb_study.running.pools import local

    with tempfile.TemporaryDirectory() as folder:
        made_images(Path(folder) / "data")
        made_table(Path(folder))
        ended = [
            event
            for event in local.run_cells(cells(words, mode, Path(folder)), 1)
            if isinstance(event, Finished)
        ]
    failed = [f"{event.cell}: {event.error}" for event in ended if event.result is None]
    if failed:
        sys.exit("\n".join(failed))
    return {
        str(event.cell): {
            "sha256": rows_sha256(event.result.frame),
            "numerics": event.result.numerics,
        }
        for event in ended
    }


def run_on_ray(words: tuple[str, ...], mode: str) -> dict[str, dict[str, Any]]:
    """The same by engine tune, as the runner stores it; of methods that are named by a cell."""
    from bohb_study import StudyConfig, load_study, run_study
    from bohb_study.running.options import RunOptions

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, given in STUDIES.items():
            methods = tuple(
                method
                for method in given["methods"]
                if name in words or any(f"{task}/{method}/0" in words for task in given["tasks"])
            )
            if not methods:
                continue
            study = {**given, "methods": methods}
            config = StudyConfig(**study, seeds=1, numerics=mode, engine="tune")  # type: ignore[arg-type]
            done = run_study(config, RunOptions(out=Path(folder), name=name, jobs=1))
            loaded = load_study(done.path)
            for key, record in loaded.cells.items():
                found["/".join(map(str, key))] = {
                    "sha256": rows_sha256(loaded.rows(key)),
                    "numerics": record.numerics,
                }
    return found


def main() -> None:
    """As the module says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", default=[*STUDIES], help="studies, or cells")
    parser.add_argument("--numerics", default="portable", choices=("portable", "native"))
    parser.add_argument("--ray", action="store_true", help="by engine tune")
    parser.add_argument("--first", help="import this before bohb_study, as a notebook may")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.first:
        importlib.import_module(options.first)
    found = (run_on_ray if options.ray else run)(tuple(options.words), options.numerics)
    if options.write:
        hashes = {cell: one["sha256"] for cell, one in found.items()}
        GOLDEN.write_text(json.dumps(hashes, indent=1) + "\n")
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
