"""Distortion as a bent grid and as a curve, lateral colour over the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.estimate import CONFIDENCE
from reports.figures.style import DASHES, INK, SERIES, plot
from reports.metrics.geometry import Distortion, local_distortion
from reports.metrics.lateral import LateralColor
from reports.model import Figure

_LINES = (9, 7)
"""Of the drawn grid across and down."""
_BEND = 0.06
"""How far the grid's corners are moved in the drawing [halves of the diagonal]."""
_COLORS = {"red": "#d1404a", "blue": "#3b78c4"}


def distortion_grid(results: Mapping[str, Distortion]) -> Figure | None:
    """A grid bent as every input bends it, exaggerated; None if no input was measured."""
    shown = {label: r for label, r in results.items() if r.worst.known}
    if not shown:
        return None
    most = max(abs(float(r.worst)) for r in shown.values()) / 100
    times = _round(_BEND / most) if most > 1e-6 else 1.0
    width, height = next(iter(shown.values())).size

    def draw(axes: Any) -> None:
        half = np.array([width, height]) / np.hypot(width, height)
        for points in _grid(half):
            axes.plot(*points.T, color=INK, alpha=0.35, linewidth=0.7)
        for n, (label, result) in enumerate(results.items()):
            if label not in shown:
                continue
            style = {"color": SERIES[n % len(SERIES)], "linestyle": DASHES[n % len(DASHES)], "linewidth": 1.1}
            for m, points in enumerate(_grid(half)):
                bent = points * (1 + times * result.curve(np.hypot(*points.T)) / 100)[:, None]
                axes.plot(*bent.T, label=label if m == 0 else None, **style)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.set_axis_off()
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3)

    said = "; ".join(f"{label}: {r.worst:+.2f} %" for label, r in shown.items())
    caption = f"Straight lines of the scene as the picture shows them, bent {times:g} times as much as measured."
    return plot("Distortion", draw, caption=caption, alt=f"Grid bent by distortion; at most {said}.", size=(4.6, 3.6))


def distortion_curve(results: Mapping[str, Distortion]) -> Figure | None:
    """Local distortion over the field of every input with its points; None if no input was measured."""
    shown = {label: r for label, r in results.items() if r.worst.known}
    if not shown:
        return None
    radius = np.linspace(0, 1, 101)

    def draw(axes: Any) -> None:
        axes.axhline(0, color=INK, alpha=0.4, linewidth=0.8)
        for n, (label, result) in enumerate(results.items()):
            if label not in shown:
                continue
            color, dash = SERIES[n % len(SERIES)], DASHES[n % len(DASHES)]
            # close to the centre a fraction of a pixel is many percent
            far = result.radius > 0.2
            axes.plot(result.radius[far], result.local[far], ".", color=color, markersize=2, alpha=0.5)
            low, high = np.quantile(
                local_distortion(result.draws, radius), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0
            )
            axes.fill_between(radius, low, high, color=color, alpha=0.2, linewidth=0)
            axes.plot(radius, result.curve(radius), color=color, linestyle=dash, label=label)
        axes.set(xlabel="distance from the centre [half diagonals]", ylabel="local distortion [%]", xlim=(0, 1))
        axes.legend()

    said = "; ".join(f"{label}: {r.worst:+.2f} %" for label, r in shown.items())
    caption = "(H' - H) / H of ISO 17850: negative is barrel, positive pincushion. Dots are single points of the chart."
    return plot("Distortion over the field", draw, caption=caption, alt=f"Curves of local distortion; at most {said}.")


def lateral_curves(results: Mapping[str, LateralColor]) -> Figure | None:
    """Shifts of red and blue over the field of every input; None if no input was measured."""
    shown = {label: r for label, r in results.items() if r.worst.known}
    if not shown:
        return None

    def draw(axes: Any) -> None:
        axes.axhline(0, color=INK, alpha=0.4, linewidth=0.8)
        for n, (label, result) in enumerate(results.items()):
            if label not in shown:
                continue
            marker = "o^sDvP"[n % 6]
            reach = np.linspace(0, result.radius.max(), 101)
            for color, shift in (("red", result.red_shift), ("blue", result.blue_shift)):
                if not getattr(result, color).known:
                    continue
                ink = _COLORS[color]
                axes.plot(result.radius, shift, marker, color=ink, markersize=2.2, alpha=0.45, markeredgewidth=0)
                style = {"color": ink, "linestyle": DASHES[n % len(DASHES)]}
                axes.plot(reach, result.curve(color, reach), label=f"{label} {color}", **style)
        axes.set(xlabel="distance from the middle [half diagonals]", ylabel="shift against green [px]", xlim=(0, 1))
        axes.legend(ncols=max(1, min(3, len(shown))))

    said = "; ".join(f"{label}: {r.worst:.2f} px" for label, r in shown.items())
    caption = "Radial shift of red and blue edges against green; positive is outwards. Dots are single places."
    return plot("Lateral colour over the field", draw, caption=caption, alt=f"Shifts of red and blue; at most {said}.")


def _grid(half: Any) -> list[Any]:
    """Lines of a straight grid that fills a picture, (N, 2) each, in halves of the diagonal."""
    along = np.linspace(-1, 1, 61)
    lines = [np.stack([np.full(61, x), along], 1) for x in np.linspace(-1, 1, _LINES[0])]
    lines += [np.stack([along, np.full(61, y)], 1) for y in np.linspace(-1, 1, _LINES[1])]
    return [line * half for line in lines]


def _round(value: float) -> float:
    """The next smaller of 1, 2, 5, 10, ...; at least 1."""
    power = 10.0 ** np.floor(np.log10(max(value, 1.0)))
    return float(max(m * power for m in (1, 2, 5) if m * power <= max(value, 1.0)))
