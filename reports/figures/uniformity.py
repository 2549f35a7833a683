"""Shading as maps and as a profile from the centre to the corners."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.figures.style import as_svg, canvas, legend, line, plot
from reports.metrics.uniformity import Shading
from reports.model import Figure

_LEAST_CHROMA = 1.0
"""A colour difference no eye sees fills no map."""


def shading_maps(results: Mapping[str, Shading]) -> Figure:
    """Luminance of the field [% of its centre] and colour shading, if there is colour; a row for each result."""
    colored = [label for label, result in results.items() if np.isfinite(result.chroma).any()]
    kinds = ("relative", "chroma") if colored else ("relative",)
    tall = sum(_tall(result.relative.shape, len(kinds)) for result in results.values())
    low = min((float(np.nanmin(r.relative)) for r in results.values() if np.isfinite(r.relative).any()), default=0.0)
    top = max([_LEAST_CHROMA, *(float(np.nanmax(results[label].chroma)) for label in colored)])
    scales = {"relative": ("viridis", low, None, "luminance [%]"), "chroma": ("magma", 0.0, top, "ΔC*ab")}
    high = max((float(np.nanmax(r.relative)) for r in results.values() if np.isfinite(r.relative).any()), default=100.0)
    with canvas(6.4, min(10.0, tall)) as figure:
        rows = figure.subplots(len(results), len(kinds), squeeze=False)
        for (label, result), row in zip(results.items(), rows, strict=True):
            for kind, axes in zip(kinds, row, strict=True):
                colours, least, most, unit = scales[kind]
                values = getattr(result, kind)
                axes.grid(False)
                axes.set_xticks([])
                axes.set_yticks([])
                axes.set_title(label, fontsize=9)
                if not np.isfinite(values).any():
                    axes.text(0.5, 0.5, "n.a.", transform=axes.transAxes, ha="center", va="center")
                    continue
                shown = axes.imshow(values, cmap=colours, vmin=least, vmax=high if most is None else most)
                bar = figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
                bar.set_label(unit)
                bar.outline.set_visible(False)
        image = as_svg(figure)
    told = "; ".join(f"{label}: corners {result.corner}, ΔC*ab {result.color}" for label, result in results.items())
    return Figure(image, "Shading", f"Of the centre of the frame. {told}.", f"Maps of shading. {told}.", wide=True)


def shading_profile(results: Mapping[str, Shading]) -> Figure:
    """Luminance over the distance from the centre."""

    def draw(axes: Any) -> None:
        for i, (label, result) in enumerate(results.items()):
            if len(result.radius):
                axes.plot(result.radius, result.profile, marker=".", label=label, **line(i))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(105.0, 1.05 * max((r.profile.max(initial=0.0) for r in results.values()), default=0.0)))
        axes.set_xlabel("distance from the centre [of the corner's]")
        axes.set_ylabel("luminance [% of the centre]")
        legend(axes, loc="lower left")

    told = "; ".join(f"{label}: {result.corner}" for label, result in results.items())
    return plot(
        "Light falloff", draw, caption=f"Mean of rings around the centre. Corners: {told}.",
        alt=f"Luminance over the distance from the centre of the frame. Corners: {told}.",
    )  # fmt: skip


def _tall(shape: tuple[int, ...], columns: int) -> float:
    """Height of a row [inches]."""
    return max(1.4, 0.35 + (6.4 / columns - 1.2) * shape[0] / max(shape[1], 1)) if math.prod(shape) else 1.4
