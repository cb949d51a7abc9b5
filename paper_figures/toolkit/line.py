"""How one method is drawn."""

from dataclasses import dataclass

Dashes = str | tuple[float, tuple[float, ...]]
"""Line style as matplotlib takes it: a name, or (offset, on-off lengths)."""
Marker = str | tuple[int, int, float]
"""As matplotlib takes it: a name, or (corners, 1 for a star, degrees)."""


@dataclass(frozen=True)
class Line:
    """How one method is drawn, in every figure."""

    label: str
    """The method's name, in its usual capitals."""
    color: str
    """Told apart from others by colour-blind readers, as far as colours go."""
    dashes: Dashes
    """Told apart from others without any colour."""
    marker: Marker
    """Told apart from others without any colour."""
    width: float = 1.0
    """In points."""
    zorder: float = 3.0
    """Lines of a higher one are drawn above those of a lower one."""
    size: float = 3.4
    """Of the marker, in points; a slender one needs more."""
