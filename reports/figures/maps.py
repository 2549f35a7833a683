"""Maps of differences as pictures with a scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.values import Float64
from reports.figures.style import as_svg, canvas
from reports.model import Figure

_LEAST = 1.0
"""A difference no eye sees fills no map: the scale reaches at least one CIEDE2000, or one L*."""


def tone_map(delta: Float64, a: str, b: str, step: int) -> Figure:
    """CIEDE2000 between the light of two pictures."""
    top = max(_LEAST, float(np.quantile(delta, 0.995)))
    caption = (
        f"CIEDE2000 between {a} and {b}, each cell the mean light of {step} x {step} pixels; "
        f"median {np.median(delta):.2f}, 95 % below {np.quantile(delta, 0.95):.2f}. About 1 is just noticeable."
    )
    return _map(delta, f"Colour and tone: {a} against {b}", caption, "magma", 0, top, "CIEDE2000")


def detail_map(detail: Float64, a: str, b: str, step: int) -> Figure:
    """Who has more fine detail or noise, where."""
    top = max(_LEAST, float(np.quantile(np.abs(detail), 0.995)))
    caption = (
        f"Root mean square of the lightness within {step} x {step} pixels, {b} minus {a}: warm where {b} has more "
        "detail or noise, cool where it has less."
    )
    return _map(detail, f"Fine detail: {b} minus {a}", caption, "RdBu_r", -top, top, "L* rms")


def _map(values: Float64, title: str, caption: str, colours: str, low: float, high: float, unit: str) -> Figure:
    height, width = values.shape
    across = 6.4
    tall = across * 0.86 * height / width + 0.2
    with canvas(across, float(np.clip(tall, 1.6, 8.0))) as figure:
        axes: Any = figure.add_subplot()
        axes.grid(False)
        shown = axes.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation="nearest", aspect="equal")
        axes.set_xticks([])
        axes.set_yticks([])
        bar = figure.colorbar(shown, ax=axes, fraction=0.035, pad=0.02, extend="max" if low == 0 else "both")
        bar.set_label(unit)
        bar.outline.set_visible(False)
        return Figure(as_svg(figure), title, caption, f"{title}: {caption}", wide=True)
