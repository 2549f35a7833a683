"""How figures look: plots that follow the page's colours, light or dark.

Text and axes are drawn in one marker colour that becomes `currentColor` in the SVG; the inputs have the colours of
`SERIES`, told apart without colour by their dashes too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reports.model import Figure, Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

INK = "#010203"
"""Becomes `currentColor`."""
SERIES = ("#3b78c4", "#d1622b", "#4f9a3e", "#a24fb0", "#9a7a1e", "#2a9d9d")
"""One for each input; contrast with white and with #16181d is at least 3 (WCAG 1.4.11)."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 2)))
_STYLE = {
    "font.size": 9, "font.family": ["DejaVu Sans"], "svg.fonttype": "none", "svg.hashsalt": "report",
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.facecolor": "none", "figure.facecolor": "none", "savefig.facecolor": "none",
    "axes.grid": True, "grid.alpha": 0.25, "grid.color": INK, "grid.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "figure.dpi": 100,
}  # fmt: skip


def ink(number: int) -> str:
    """Colour of the input of that number."""
    return SERIES[number % len(SERIES)]


def ink_on(rgba: Any) -> str:
    """Black or white, whichever stands out more on a colour (relative luminance of WCAG 2.2)."""
    from isp.color.spaces import luma
    from reports.light import linear

    luminance = float(linear(rgba[:3], "srgb") @ luma("srgb"))
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def line(number: int) -> dict[str, Any]:
    """Colour and dashes of the line of that input, for `Axes.plot`."""
    return {"color": ink(number), "linestyle": DASHES[number % len(DASHES)]}


def legend(axes: Any, **where: Any) -> None:
    """A legend, or n.a. where nothing could be drawn."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, **where)
    else:
        axes.text(0.5, 0.5, "n.a.", transform=axes.transAxes, ha="center", va="center")


@contextmanager
def canvas(width: float = 4.6, height: float = 3.0) -> Iterator[Canvas]:
    """A matplotlib figure [inches] in the report's style; no global state of matplotlib is changed."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with rc_context(_STYLE):
        yield Canvas(figsize=(width, height), layout="constrained")


def as_svg(figure: Canvas) -> Image:
    """The figure as SVG: the same figure gives the same bytes; no metadata."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    width, height = (float(re.search(rf'{side}="([\d.]+)pt"', text).group(1)) for side in ("width", "height"))  # type: ignore[union-attr]
    return Image(text.encode(), "image/svg+xml", (round(width * 4 / 3), round(height * 4 / 3)))


def plot(
    title: str, draw: Callable[[Any], None], *, caption: str = "", alt: str = "",
    size: tuple[float, float] = (4.6, 3.0), wide: bool = False,
) -> Figure:
    """A figure of one pair of axes that `draw` fills."""
    with canvas(*size) as figure:
        draw(figure.add_subplot())
        return Figure(as_svg(figure), title, caption, alt or title, wide)
