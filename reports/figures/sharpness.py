"""Plots of sharpness: response over frequency, the edge itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.estimate import NORMAL
from reports.figures.style import ink, line, plot
from reports.metrics.sfr import SlantedEdge
from reports.model import Figure


def mtf_curves(results: Mapping[str, SlantedEdge]) -> Figure:
    """Response over frequency of one edge of each input, with its 95 % band."""

    def draw(axes: Any) -> None:
        for i, (label, each) in enumerate(results.items()):
            colour, half = ink(i), NORMAL * each.sfr_deviation
            axes.fill_between(each.frequency, each.sfr - half, each.sfr + half, color=colour, alpha=0.2, linewidth=0)
            axes.plot(each.frequency, each.sfr, linewidth=1.4, label=label, **line(i))
            if each.mtf50.known:
                axes.plot([float(each.mtf50)], [0.5], "o", color=colour, markersize=4)
        axes.axvline(0.5, linewidth=0.8, linestyle=":", color="0.5")
        axes.annotate("Nyquist", (0.5, 0.98), xytext=(3, 0), textcoords="offset points", fontsize=8, va="top",
                      xycoords=("data", "axes fraction"))  # fmt: skip
        top = max((float(np.nanmax(each.sfr)) for each in results.values() if len(each.sfr)), default=1.0)
        axes.set(xlabel="frequency [cycles/pixel]", ylabel="response", xlim=(0, 0.75), ylim=(0, max(1.1, 1.05 * top)))
        axes.legend()

    caption = "The edge of median MTF50 of each picture, along its normal. Bands: 95 %; dots: MTF50."
    return plot("Spatial frequency response", draw, caption=caption, alt=f"MTF curves of {', '.join(results)}")


def edge_spreads(results: Mapping[str, SlantedEdge]) -> Figure:
    """Edges of the inputs, from 0 to 1."""

    def draw(axes: Any) -> None:
        for i, (label, each) in enumerate(results.items()):
            low, high = float(each.esf[0]), float(each.esf[-1])
            level = (each.esf - low) / (high - low)
            axes.plot(each.position, level, linewidth=1.4, label=label, **line(i))
        axes.set(xlabel="distance from the edge [px]", ylabel="share of the step", xlim=(-6, 6))
        axes.legend()

    caption = "The same edges: how light rises across them; beyond 0 and 1 lies what sharpening adds."
    return plot("Edge spread", draw, caption=caption, alt=f"Edge spread of {', '.join(results)}")
