"""Tables of curves that come with the package, each with its card."""

from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "tables"
"""Their folder; ``bohb-study tabulate --out`` wrote it."""


def shipped() -> list[str]:
    """Their names, in order."""
    return sorted(path.stem for path in SHIPPED.glob("*.parquet"))
