"""Plots of what a profile takes in hardware: operations, memory and energy of its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.figures.style import INK, SERIES, as_svg, canvas, ink_on, line, plot
from reports.model import Figure

_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----")


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 or value == 0 else f"{value:.3g}"


def stacked(
    title: str, rows: Sequence[str], parts: Mapping[str, Sequence[float]], unit: str, *, caption: str = ""
) -> Figure:
    """A bar for each row, its parts one after the other, told apart by colour and hatching.

    Parameters
    ----------
    rows : names, the first on top
    parts : for each part, a number for each row; parts that are nowhere above 0 are left out
    unit : of the numbers, for the axis
    """
    shown = {name: list(values) for name, values in parts.items() if max(values, default=0) > 0}
    totals = [sum(values[i] for values in shown.values()) for i in range(len(rows))]
    top = max(totals, default=0)

    def draw(axes: Any) -> None:
        axes.grid(False, axis="y")
        axes.set_axisbelow(True)
        left = [0.0] * len(rows)
        for number, (name, values) in enumerate(shown.items()):
            axes.barh(
                range(len(rows)), values, left=left, height=0.66, label=name, color=SERIES[number % len(SERIES)],
                hatch=_HATCHES[number // len(SERIES) % len(_HATCHES)], edgecolor="white", linewidth=0.4,
            )  # fmt: skip
            left = [a + b for a, b in zip(left, values, strict=True)]
        for place, total in enumerate(totals):
            axes.text(total + 0.01 * top, place, _short(total), va="center", fontsize=7.5, color=INK)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xlim(0, 1.12 * top or 1)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        if len(shown) > 1:
            axes.legend(fontsize=8, loc="lower right")

    with canvas(9.4, 0.9 + 0.24 * max(len(rows), 4)) as figure:
        draw(figure.add_subplot())
        image = as_svg(figure)
    largest = max(zip(totals, rows, strict=True), default=(0, "none"))
    return Figure(image, title, caption, f"{title}: largest {largest[1]} with {largest[0]:.3g} {unit}.", True)


def difference_over_bits(
    bits: Sequence[int], mean: Sequence[float], high: Sequence[float], largest: Sequence[float], limit: float,
    proposed: int | None,
) -> Figure:  # fmt: skip
    """CIEDE2000 over the width of the datapath, its limit, and the width that keeps it."""

    def draw(axes: Any) -> None:
        for number, (label, values) in enumerate((("largest", largest), ("99 % of the pixels", high), ("mean", mean))):
            axes.semilogy(bits, np.maximum(values, 1e-4), marker="o", ms=3, label=label, **line(number))
        axes.axhline(limit, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
        axes.text(bits[-1], limit, f"limit {limit:g}", ha="right", va="bottom", fontsize=8)
        if proposed is not None:
            axes.axvline(proposed, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
        axes.set(xlabel="bits", ylabel="CIEDE2000", xticks=list(bits))
        axes.legend(fontsize=8)

    kept = "none keeps the limit" if proposed is None else f"{proposed} bits are the fewest that keep the limit"
    return plot("Difference from floating point", draw, caption=f"Of {bits[0]} to {bits[-1]} bits, {kept}.",
                alt=f"CIEDE2000 over bits: {kept}.", size=(9.4, 3.4), wide=True)  # fmt: skip


def error_map(bits: Sequence[int], stages: Mapping[str, Sequence[float]]) -> Figure:
    """RMS error of each stage's output at each width [dB against white], as numbers on a map."""
    names = list(stages)
    grid = np.array([stages[name] for name in names], np.float64)
    with canvas(9.4, 1.0 + 0.26 * len(names)) as figure:
        axes = figure.add_subplot()
        axes.grid(False)
        shown = axes.imshow(np.ma.masked_invalid(grid), cmap="viridis_r", aspect="auto")
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks(range(len(bits)), [str(b) for b in bits])
        axes.set_xlabel("bits")
        for (i, j), value in np.ndenumerate(grid):
            known = bool(np.isfinite(value))
            ink = ink_on(shown.cmap(shown.norm(np.array([value])))[0]) if known else INK
            axes.text(j, i, f"{value:.0f}" if known else "–", ha="center", va="center", fontsize=7.5, color=ink)
        image = as_svg(figure)
    return Figure(image, "Error of each stage's output", "RMS against floating point [dB, 0 is white]; – is no error.",
                  "Map of the RMS error of every stage at every width.", True)  # fmt: skip
