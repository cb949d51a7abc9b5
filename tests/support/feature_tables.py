"""Small made tables in the place of mlbench's and OpenML's, so that tests need no download."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

ROWS = 400


def made_frame(name: str, rows: int = ROWS) -> pd.DataFrame:
    """A table in the form of mlbench: whole numbers and a label, in which classes can be learnt.

    Args:
        name: of one of ``sources.SOURCES``.
        rows: how many.
    """
    from bohb_study.tasks.training.features.data_sets import SIZES
    from bohb_study.tasks.training.features.sources import SOURCES

    source = SOURCES[name]
    _, features, classes = SIZES[name]
    rng = np.random.default_rng(crc32(name.encode()))
    labels = rng.permutation(np.arange(rows) % classes)
    values = rng.integers(-9, 9, (classes, features))[labels] + rng.integers(0, 3, (rows, features))
    if name == "dna":  # of categories 0 and 1
        values = (values > 0).astype(int)
    columns: dict[str, Any] = {f"F{i}": column.astype(float) for i, column in enumerate(values.T)}
    named = [source.classes[label][0] for label in labels]
    return pd.DataFrame({**columns, source.label: named})


def made_data(name: str, frame: pd.DataFrame) -> Any:
    """The canonical form of ``made_frame``."""
    from bohb_study.tasks.training.features.sources import SOURCES
    from bohb_study.tasks.training.features.tables import canonical

    source = SOURCES[name]
    codes = {names[0]: code for code, names in enumerate(source.classes)}
    return canonical(frame, source.label, codes)


def forget() -> None:
    """Drop what this process has read."""
    from bohb_study.tasks.training.features import data_sets, parts

    data_sets.read.cache_clear()
    parts.load_parts.cache_clear()


@pytest.fixture
def no_tables(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache folder of this test alone, on a machine without mlbench."""
    from bohb_study.tasks.training.features import sources

    monkeypatch.setattr(sources, "INSTALLED", own_cache / "no" / "mlbench")
    forget()
    yield own_cache
    forget()


@pytest.fixture(scope="session")
def _made_tables(tmp_path_factory: pytest.TempPathFactory, image_files: Any) -> Path:
    from bohb_study.tasks.training.features.sources import SOURCES
    from bohb_study.tasks.training.features.tables import npz_bytes

    folder = tmp_path_factory.mktemp("tables")
    (folder / "openml").mkdir()
    for name in SOURCES:
        content = npz_bytes(made_data(name, made_frame(name)))
        (folder / "openml" / f"{name}.npz").write_bytes(content)
    image_files.write("fashion-mnist", folder)
    return folder


@pytest.fixture
def feature_data(no_tables: Path, _made_tables: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small made table for each set that has to be downloaded; for ``data``."""
    from bohb_study.tasks.training.features.sources import SOURCES
    from bohb_study.tasks.training.features.tables import from_npz

    for name, source in SOURCES.items():
        made = from_npz((_made_tables / "openml" / f"{name}.npz").read_bytes())
        monkeypatch.setitem(SOURCES, name, replace(source, sha256=made.sha256))
    return _made_tables
