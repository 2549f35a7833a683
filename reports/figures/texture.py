"""Curves of texture MTF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.figures.style import DASHES, SERIES, plot
from reports.metrics.leaves import TextureMtf
from reports.model import Figure


def texture_curves(results: Mapping[str, TextureMtf]) -> Figure | None:
    """Contrast over frequency of every input with its 95 % interval; None if no input has a curve."""
    shown = {label: r for label, r in results.items() if len(r.frequency)}
    if not shown:
        return None

    def draw(axes: Any) -> None:
        axes.axhline(0.5, color="#010203", alpha=0.4, linewidth=0.8)
        for n, (label, result) in enumerate(results.items()):
            if label not in shown:
                continue
            color, dash = SERIES[n % len(SERIES)], DASHES[n % len(DASHES)]
            axes.fill_between(result.frequency, result.low, result.high, color=color, alpha=0.2, linewidth=0)
            axes.plot(result.frequency, result.mtf, color=color, linestyle=dash, label=label)
        axes.set(xlabel="frequency [cycles/pixel]", ylabel="contrast", xlim=(0, 0.5), ylim=(0, None))
        axes.legend(loc="upper right")

    halves = "; ".join(f"{label}: {r.mtf50:.3f}" for label, r in shown.items() if r.mtf50.known)
    alt = f"Contrast of texture over spatial frequency. It falls to one half at {halves} cycles/pixel." if halves else (
        "Contrast of texture over spatial frequency. It stays above one half."
    )
    caption = "Contrast of dead leaves, 1 at frequency 0. Bands are 95 % intervals; the line marks one half (MTF50)."
    return plot("Texture MTF", draw, caption=caption, alt=alt)
