"""Data frames in the files of R packages, read without R by ``pyreadr``, an optional extra."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bohb_study.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def read_frame(path: Path, name: str) -> "pd.DataFrame":
    """The data frame ``name`` in an ``.rda`` file; factors are categoricals.

    Raises:
        UsageError: the package is missing, or the file cannot be read or lacks the frame.
    """
    if find_spec("pyreadr") is None:
        raise UsageError(
            f"{path}: needs the package pyreadr: pip install 'bohb-study[tasks]'",
            parameter="tasks",
        )
    import pyreadr

    try:
        frames = pyreadr.read_r(str(path))
        found: pd.DataFrame = frames[name]
    except Exception as error:  # of the library's own, and whatever a damaged file gives
        text = " ".join(str(error).split())[:100]
        raise UsageError(
            f"{path}: cannot be read as a data frame {name}: {type(error).__name__}: {text}"
        ) from None
    return found
