"""Plots of texture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.figures.style import DASHES, SERIES, plot
from reports.metrics.leaves import TextureMtf
from reports.model import Figure


def texture_curves(results: Mapping[str, TextureMtf]) -> Figure:
    """Contrast of texture over frequency with its 95 % band."""

    def draw(axes: Any) -> None:
        for i, (label, each) in enumerate(results.items()):
            colour = SERIES[i % 6]
            axes.fill_between(each.frequency, each.low, each.high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(each.frequency, each.mtf, color=colour, linestyle=DASHES[i % 6], linewidth=1.4, label=label)
        top = max(float(np.nanmax(each.mtf)) for each in results.values())
        axes.set(xlabel="frequency [cycles/pixel]", ylabel="contrast", xlim=(0, 0.5), ylim=(0, max(1.1, 1.05 * top)))
        axes.legend()

    methods = {"power": "against the chart's power spectrum", "cross": "against the reference picture"}
    caption = f"Texture MTF of dead leaves, {methods.get(next(iter(results.values())).method, '')}. Bands: 95 %."
    return plot("Texture MTF", draw, caption=caption, alt=f"Texture MTF of {', '.join(results)}")
