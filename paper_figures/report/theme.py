"""The looks of ``style`` on a screen, on a light and on a dark page."""

import colorsys
from itertools import cycle, islice

from matplotlib.colors import to_hex, to_rgb

from paper_figures.toolkit.line import Line

SCALE = 1.6
"""Pixels of a line's width on the page over its points on paper."""
DARK_CARD = "#181c22"
"""What lines are drawn on where the page is dark; ``--card`` in report.css."""
LEAST_CONTRAST = 4.5
"""Of a line's colour with the dark card: as WCAG 2.2 asks of text, level AA."""


def on_dark(color: str) -> str:
    """A colour for a dark page: its hue, and the lighter the darker it is on paper.

    Turned over like this, colours that differ on paper still do; black becomes white.

    Args:
        color: anything that matplotlib takes.

    Returns:
        As #rrggbb; its contrast with the dark card is at least ``LEAST_CONTRAST``.
    """
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(color))
    lightness = 1 - 0.75 * lightness
    while True:
        turned = to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))
        if contrast(turned, DARK_CARD) >= LEAST_CONTRAST:
            return turned
        lightness += 0.02


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21: WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def dashes(look: Line) -> str:
    """A line's dashes as SVG and plotly take them: "solid", or lengths in pixels."""
    if isinstance(look.dashes, str):
        return look.dashes
    lengths = look.dashes[1]
    whole = islice(cycle(lengths), len(lengths) * (1 + len(lengths) % 2))
    return ",".join(f"{length * look.width * SCALE:.3g}px" for length in whole)
