"""Names of a stored study's own files, and what to do where a packed one is damaged."""

from pathlib import Path

STUDY_FILE = "study.json"
PACKED_RECORDS = "cells.json"
"""The records of all cells of a packed study; only there is such a file."""
SUMS_FILE = "SHA256SUMS"
"""The list of the hashes of a packed study's files."""
PACKED_ROWS = "cells.parquet"

PACK_AGAIN = "restore the packed study from git, or pack it again"
"""What to do about a damaged file of a packed study."""


def is_packed(folder: Path) -> bool:
    """Whether the study in ``folder`` is packed."""
    return any((folder / name).exists() for name in (PACKED_RECORDS, SUMS_FILE))
