r"""Text is drawn as it is written: a label such as ``cost in $`` or ``$\frac`` is no formula.

Labels, metrics, units and hyperparameters are a user's, or a stranger's. Only the powers of ten
that formatters write on ticks are formulas.
"""

import re

from matplotlib.figure import Figure
from matplotlib.text import Text

_NUMBER = re.compile(r"\$(\\mathdefault\{)?-?[\d.]*(\\times)?10\^\{-?\d+\}\}?\$")


def draw_once(figure: Figure) -> None:
    """Lay a figure out, so that sizes are known; its text is drawn as it is written."""
    as_written(figure)
    figure.draw_without_rendering()


def as_written(figure: Figure) -> None:
    """See that no text of a figure is taken for a formula; before it is first laid out."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if "$" in text.get_text() and not _NUMBER.fullmatch(text.get_text()):
            text.set_parse_math(False)
