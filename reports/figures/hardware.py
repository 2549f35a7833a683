"""Plots of what a profile takes in hardware: operations, memory and energy of its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.figures.style import INK, SERIES, as_svg, canvas
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
