"""Figures of a matrix run: the whole grid as heat maps, and how a metric goes over ISO."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.estimate import Estimate
from reports.figures.style import DASHES, INK, SERIES, as_svg, canvas, ink_on
from reports.model import Figure

if TYPE_CHECKING:
    from reports.matrix.work import CellResult

ROWS, COLUMNS = ("profile", "sensor"), ("illuminant", "iso")
"""Axes of a heat map, where they have more than one value."""
MOST_ANNOTATED = 14
"""Columns up to which numbers fit into the cells."""
MOST_SERIES = 6
_NAMES = {"iso": "ISO"}


def heat_map(cells: Sequence[CellResult], metric: str, title: str, symbol: str) -> Figure:
    """Profiles and sensors against illuminants and ISO, the mean over seeds in each field.

    Parameters
    ----------
    cells : of one scene
    metric : name
    title : of the figure
    symbol : short name of the metric, for axes
    """
    rows, columns = _values(cells, ROWS), _values(cells, COLUMNS)
    unit = _unit(cells, metric)
    grid = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            grid[i, j] = mean_over([c.metrics[metric] for c in _where(cells, {**row, **column})])
    wide = len(columns) > 6
    size = (9.4 if wide else 4.6, 1.3 + 0.34 * len(rows) + 0.1 * max(len(_label(c, cells)) for c in columns))
    with canvas(*size) as figure:
        axes = figure.add_subplot()
        axes.grid(False)
        shown = axes.imshow(np.ma.masked_invalid(grid), cmap="viridis", aspect="auto")
        axes.set_yticks(range(len(rows)), [_label(r, cells) for r in rows])
        turned = max(len(_label(c, cells)) for c in columns) * len(columns) > (80 if wide else 32)
        axes.set_xticks(
            range(len(columns)), [_label(c, cells) for c in columns], rotation=45 if turned else 0,
            ha="right" if turned else "center", rotation_mode="anchor" if turned else None,
        )  # fmt: skip
        axes.set_xlabel(" · ".join(_NAMES.get(a, a) for a in COLUMNS if _varies(cells, a)) or "ISO")
        bar = figure.colorbar(shown, ax=axes, pad=0.02)
        bar.set_label(_axis(symbol, unit))
        bar.outline.set_visible(False)
        for (i, j), value in np.ndenumerate(grid):
            if not math.isfinite(value):
                axes.text(j, i, "n.a.", ha="center", va="center", fontsize=7)
            elif len(columns) <= MOST_ANNOTATED:
                ink = ink_on(shown.cmap(shown.norm(np.array([value])))[0])
                axes.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=7.5, color=ink)
        image = as_svg(figure)
    known = grid[np.isfinite(grid)]
    span = f"from {known.min():.3g} to {known.max():.3g} {unit}".strip() if known.size else "all n.a."
    fixed = _fixed(cells, (*ROWS, *COLUMNS))
    caption = f"{_averaged(cells, (*ROWS, *COLUMNS))}{fixed}".strip()
    return Figure(image, title, caption, f"Heat map of {title}: {span}.", wide)


def trend(cells: Sequence[CellResult], metric: str, title: str, symbol: str) -> Figure:
    """A metric over ISO, a line with its 95 % band for each profile and sensor; the mean over illuminants and seeds.

    With more than six lines those of one profile are joined. Parameters as `heat_map`.
    """
    axes_of = ROWS if len(_values(cells, ROWS)) <= MOST_SERIES else ROWS[:1]
    lines = _values(cells, axes_of)[:MOST_SERIES]
    isos = [i["iso"] for i in _values(cells, ("iso",))]
    unit = _unit(cells, metric)
    ends = []
    with canvas(4.6, 3.0 + 0.18 * len(lines)) as figure:
        axes = figure.add_subplot()
        for number, line in enumerate(lines):
            means = [mean_over([c.metrics[metric] for c in _where(cells, {**line, "iso": iso})]) for iso in isos]
            color = SERIES[number]
            axes.plot(isos, means, color=color, ls=DASHES[number], marker="o", ms=3, label=_label(line, cells))
            low, high = zip(*(m.interval for m in means), strict=True)
            axes.fill_between(isos, low, high, color=color, alpha=0.18, lw=0)
            axes.vlines(isos, low, high, color=color, lw=0.8)  # a point between two n.a. has no band
            first, last = (f"{m:.3g}" if m.known else "n.a." for m in (means[0], means[-1]))
            ends.append(f"{_label(line, cells)} {first} to {last}")
        axes.set_xscale("log", base=2)
        axes.set_xticks(isos, [f"{iso:g}" for iso in isos])
        axes.minorticks_off()
        axes.set_xlabel("ISO")
        axes.set_ylabel(_axis(symbol, unit))
        figure.legend(loc="outside lower center", ncols=1 if len(lines) > 2 else len(lines), fontsize=8, labelcolor=INK)
        image = as_svg(figure)
    caption = f"{_averaged(cells, (*axes_of, 'iso'))}Bands: 95 % of the measurement.{_fixed(cells, (*axes_of, 'iso'))}"
    span = f"from ISO {isos[0]:g} to {isos[-1]:g}"
    return Figure(image, title, caption, f"{title}, {span}, {_axis(symbol, unit)}: {'; '.join(ends)}.")


def mean_over(estimates: Sequence[Estimate]) -> Estimate:
    """The mean over points of the grid, whose errors are independent; n.a. if one of them is.

    Its interval is that of the measurements, not of the spread over the grid: (Σ half-width²)^½ / n on either side.
    """
    missing = next((e for e in estimates if not e.known), None)
    if missing is not None or not estimates:
        return missing if missing is not None else Estimate.missing("no such cell")
    n, mean = len(estimates), math.fsum(estimates) / len(estimates)
    if not all(e.sure for e in estimates):
        return Estimate(mean, unit=estimates[0].unit)
    low = math.sqrt(math.fsum((e - e.interval[0]) ** 2 for e in estimates)) / n
    high = math.sqrt(math.fsum((e.interval[1] - e) ** 2 for e in estimates)) / n
    return Estimate(mean, (mean - low, mean + high), estimates[0].unit)


def _values(cells: Sequence[CellResult], axes: Sequence[str]) -> list[dict[str, Any]]:
    """The combinations of values on `axes`, in the order of the cells, slowest axis first."""
    found: list[dict[str, Any]] = [{}]
    for axis in axes:
        values = dict.fromkeys(cell.at[axis] for cell in cells)
        found = [{**at, axis: value} for at in found for value in values]
    return found


def _where(cells: Sequence[CellResult], at: Mapping[str, Any]) -> list[CellResult]:
    return [cell for cell in cells if all(cell.at[axis] == value for axis, value in at.items())]


def _varies(cells: Sequence[CellResult], axis: str) -> bool:
    return len({cell.at[axis] for cell in cells}) > 1


def _label(at: Mapping[str, Any], cells: Sequence[CellResult]) -> str:
    """The values on the axes that vary; all of them if none does."""
    shown = [axis for axis in at if _varies(cells, axis)] or list(at)[-1:]
    return " · ".join(_word(axis, at[axis]) for axis in shown)


def _word(axis: str, value: Any) -> str:
    if value is None:
        return "lowest"
    text = f"{value:g}" if axis == "iso" else str(value)
    text = text.rpartition("/")[2] if text.endswith(".yaml") else text
    return text if len(text) <= 28 else f"{text[:25]}..."


def _fixed(cells: Sequence[CellResult], axes: Sequence[str]) -> str:
    """What does not vary, in a sentence."""
    fixed = [f"{_NAMES.get(a, a)} {_word(a, cells[0].at[a])}" for a in axes if not _varies(cells, a)]
    return f" All with {', '.join(fixed)}." if fixed else ""


def _averaged(cells: Sequence[CellResult], axes: Sequence[str]) -> str:
    """Over what is averaged, in a sentence."""
    counts = {
        axis: len({cell.at[axis] for cell in cells})
        for axis in ("sensor", "illuminant", "iso", "seed") if axis not in axes
    }
    over = [f"{n} {_NAMES.get(axis, axis)}s" for axis, n in counts.items() if n > 1]
    return f"Mean over {' and '.join(over)}. " if over else ""


def _axis(symbol: str, unit: str) -> str:
    return f"{symbol} [{unit}]" if unit else symbol


def _unit(cells: Sequence[CellResult], metric: str) -> str:
    return next((c.metrics[metric].unit for c in cells if c.metrics[metric].unit), "")
