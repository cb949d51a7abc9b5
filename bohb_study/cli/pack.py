"""Pack a finished study into a few files, as results/paper holds them.

Its audit goes along; a study that has none is audited now. Exit 1 where it fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from bohb_study.cli import command_line


@dataclass(frozen=True)
class Pack:
    """Options of ``bohb-study pack``, as given."""

    study: Annotated[Path, tyro.conf.Positional]
    """Folder of the finished study."""
    target: Annotated[Path, tyro.conf.Positional]
    """Folder to write, such as results/paper/digits."""
    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Pack the study that the command line names; returns the exit code."""
    options = command_line.parse(Pack, argv, __doc__ or "", "bohb-study pack")
    from bohb_study.audit.study_audit import audit_folder  # these import pandas
    from bohb_study.store import load_study, pack

    pack(options.study, options.target)
    packed = load_study(options.target)
    audit = None if packed.is_compact else audit_folder(packed)
    for file in sorted(options.target.glob("*.*")):
        print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")
    if audit is None:
        print("thinned when it was packed: audit.json is of all rows")
        return 0
    for line in audit.lines():
        print(line)
    return 0 if audit.passes else 1
