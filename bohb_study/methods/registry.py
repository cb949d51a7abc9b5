"""The names of the methods, read off the files in this folder; a new method is one more file.

A module that assigns ``METHOD`` is a method, called as its file with - for _. The modules are read
and not imported: naming methods costs no import of Ray. How names are found decides no row.
"""

import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_PACKAGE = "bohb_study.methods"
_METHOD = re.compile(r"^METHOD\b", re.MULTILINE)

FIRST = (
    *("grid", "random", "random-2x", "median", "asha", "asha-promotion", "asha-bohb"),
    *("hyperband", "bohb", "bohb-stock", "hpbandster-hyperband", "hpbandster-bohb"),
    *("tpe", "tpe-univariate", "gp"),
)
"""Names that are listed before all others, in this order; the others follow by name."""

RENAMED_METHODS: dict[str, str] = {
    "bohb-halving-mended": "bohb-no-final-report-fix",
    "bohb-ends-told": "bohb-no-halving-fix",
}
"""Former name -> present name. Stored studies are read under the present names, and the command
line takes the former ones for one more release."""


def found_in(folder: Path, package: str) -> dict[str, str]:
    """The methods of a folder: name -> module.

    Args:
        folder: whose modules are read; its subfolders are not.
        package: dotted name of the folder.
    """
    names = {
        path.stem.replace("_", "-"): f"{package}.{path.stem}"
        for path in sorted(folder.glob("*.py"))
        if _METHOD.search(path.read_text(encoding="utf-8"))
    }
    return {name: names[name] for name in [*(n for n in FIRST if n in names), *names]}


METHODS = found_in(_FOLDER, _PACKAGE)
"""Name -> module, which has the method as ``METHOD``."""

ABLATIONS = found_in(_FOLDER / "ablations", f"{_PACKAGE}.ablations")
"""BOHB with one thing changed, for studies of BOHB itself."""

ALL = {**METHODS, **ABLATIONS}
"""Every registered method."""
