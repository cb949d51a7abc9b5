"""What a paper says and what is found here: claims with their verdicts, and tables beside them.

Verdicts follow from intervals by rules that were fixed before any result was seen; a claim that
is not confirmed is reported as such.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal

from bohb_study.analysis import Estimate
from bohb_study.summaries.markdown import to_markdown
from bohb_study.summaries.table import Table, columns, rows

Verdict = Literal["yes", "no", "not decided", "by construction"]
"""Whether a claim holds; "by construction" is what no run could have contradicted."""


@dataclass(frozen=True)
class Claim:
    """One thing that was claimed."""

    claim: str
    source: str
    published: str
    """The number or the words."""
    ours: str
    """What is found here, with intervals."""
    holds: str
    """A verdict, with where, if not everywhere."""


@dataclass(frozen=True)
class ClaimsReport:
    """The claims and tables of one reproduction."""

    name: str
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    """A sentence each: what the numbers are, and of which runs."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """The same as numbers, for others to compute with."""

    def markdown(self) -> str:
        """Claims, then tables, then notes."""
        notes = "\n".join(f"* {note}" for note in self.notes)
        tables = [*([claims_table(self.claims)] if self.claims else []), *self.tables]
        return "\n".join([*map(to_markdown, tables), notes]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "name": self.name,
            "claims": [asdict(claim) for claim in self.claims],
            "numbers": _rounded(self.numbers),
            "notes": list(self.notes),
        }


def _rounded(value: Any) -> Any:
    """The same with numbers to ten digits: the last bits differ from processor to processor."""
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    if not isinstance(value, float):
        return value
    return float(f"{value:.10g}") if isfinite(value) else None  # JSON has no other numbers


def claims_table(claims: Iterable[Claim], title: str = "Claims") -> Table:
    """What was claimed, where, what was published, what is found here, and the verdict."""
    found = [(c.claim, c.source, c.published, c.ours, c.holds) for c in claims]
    return Table(title, columns("claim", "source", "published", "here", "verdict"), rows(found))


def above_zero(found: Estimate) -> Verdict:
    """Whether a difference is above zero: by its whole interval, else nothing is decided."""
    if found.low > 0:
        return "yes"
    return "no" if found.high < 0 else "not decided"


def within(found: Estimate, margin: float) -> Verdict:
    """Whether a difference is no larger than ``margin`` either way: by its whole interval."""
    if -margin <= found.low and found.high <= margin:
        return "yes"
    return "no" if found.low > margin or found.high < -margin else "not decided"


def together(verdicts: Mapping[str, Verdict]) -> str:
    """One verdict for several places: "yes" where it is everywhere, else who says what."""
    if len(set(verdicts.values())) == 1:
        return next(iter(verdicts.values()))
    said: dict[Verdict, list[str]] = {}
    for place, verdict in verdicts.items():
        said.setdefault(verdict, []).append(place)
    order: Sequence[Verdict] = ("yes", "no", "not decided", "by construction")
    return "; ".join(
        f"{verdict}: {', '.join(said[verdict])}" for verdict in order if verdict in said
    )


def written(found: Estimate) -> str:
    """``+0.0123 [0.0045, 0.0201]``; in how many seeds there is none where one has none."""
    return found.in_words(sign=True)
