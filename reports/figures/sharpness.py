"""Plots of sharpness: response over frequency, the edge itself, colours, and where in the picture it is sharp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from reports.charts.edge_sharpness import MeasuredEdge
from reports.estimate import NORMAL
from reports.figures.style import DASHES, INK, SERIES, as_svg, canvas, ink, line, plot
from reports.metrics.sfr import SlantedEdge
from reports.model import Figure

COLOURS = {"red": SERIES[1], "green": SERIES[2], "blue": SERIES[0]}
_ABREAST = 3
"""Panels side by side."""


def mtf_curves(results: Mapping[str, SlantedEdge]) -> Figure:
    """Response over frequency of one edge of each input, with its 95 % band."""

    def draw(axes: Any) -> None:
        for i, (label, each) in enumerate(results.items()):
            colour, half = ink(i), NORMAL * each.sfr_deviation
            axes.fill_between(each.frequency, each.sfr - half, each.sfr + half, color=colour, alpha=0.2, linewidth=0)
            axes.plot(each.frequency, each.sfr, linewidth=1.4, label=label, **line(i))
            if each.mtf50.known:
                axes.plot([float(each.mtf50)], [0.5], "o", color=colour, markersize=4)
        _frequencies(axes, results)
        axes.annotate("Nyquist", (0.5, 0.98), xytext=(3, 0), textcoords="offset points", fontsize=8, va="top",
                      xycoords=("data", "axes fraction"))  # fmt: skip
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


def channel_curves(results: Mapping[str, Mapping[str, SlantedEdge]]) -> Figure:
    """Response over frequency of red, green and blue, one panel for each input.

    Parameters
    ----------
    results : label -> channel (`red`, `green`, `blue`) -> its response; those without one are left out
    """
    with _panels(results, 2.4) as (figure, panels):
        for axes, (label, channels) in zip(panels, results.items(), strict=True):
            for dashes, (name, each) in zip(DASHES, channels.items(), strict=False):
                if len(each.frequency):
                    style = {"color": COLOURS[name], "linestyle": dashes, "linewidth": 1.4}
                    axes.plot(each.frequency, each.sfr, label=name, **style)
            _frequencies(axes, channels)
            axes.set_title(label, fontsize=9)
        handles = {text: handle for axes in panels
                   for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}  # fmt: skip
        if handles:
            panels[0].legend(handles.values(), handles.keys(), fontsize=8)
        alt = "MTF50 of the channels. " + "; ".join(
            f"{label}: " + ", ".join(f"{name} {each.mtf50}" for name, each in channels.items())
            for label, channels in results.items()
        )
        caption = "The same edges in red, green and blue light: what lens and demosaicing make of each colour."
        return Figure(as_svg(figure), "Response of the channels", caption, alt, wide=len(results) > 1)


def sharpness_map(results: Mapping[str, tuple[Sequence[MeasuredEdge], tuple[int, int]]]) -> Figure:
    """MTF50 where it was measured, one panel for each input.

    Parameters
    ----------
    results : label -> (edges, (H, W) of the picture [px])
    """
    known = {label: [e for e in edges if e.luminance.mtf50.known] for label, (edges, _) in results.items()}
    values = [float(e.luminance.mtf50) for edges in known.values() for e in edges]
    # one scale for all inputs; differences below a hundredth of a cycle do not fill it
    low, high = (min(min(values), max(values) - 0.02), max(values)) if values else (0.0, 0.5)
    ratio = max((shape[0] / shape[1] for _, shape in results.values()), default=0.75)
    with _panels(results, float(np.clip(3.4 * ratio, 1.4, 4.5))) as (figure, panels):
        shown: Any = None
        for axes, (label, (_, shape)) in zip(panels, results.items(), strict=True):
            axes.set(xlim=(0, shape[1]), ylim=(shape[0], 0), aspect="equal", xticks=[], yticks=[])
            axes.spines[["top", "right"]].set_visible(True)
            axes.set_title(label, fontsize=9)
            for direction, marker in (("vertical", "s"), ("horizontal", "D")):
                group = [e for e in known[label] if e.edge.direction == direction]
                at = np.array([e.edge.center for e in group]).reshape(-1, 2)
                shown = axes.scatter(
                    *at.T, c=[float(e.luminance.mtf50) for e in group], vmin=low, vmax=high, cmap="viridis", s=60,
                    marker=marker, edgecolors=INK, linewidths=0.8,
                )  # fmt: skip
            if not known[label]:
                axes.text(0.5, 0.5, "n.a.", transform=axes.transAxes, ha="center", va="center")
        if values:
            bar = figure.colorbar(shown, ax=list(panels), fraction=0.05, pad=0.02)
            bar.set_label("MTF50 [cycles/pixel]")
            bar.outline.set_visible(False)
        caption = "Squares: nearly vertical edges, which show sharpness along rows; diamonds: nearly horizontal ones."
        alt = "MTF50 over the picture. " + "; ".join(
            f"{label}: {min(v):.3f} to {max(v):.3f} cycles/pixel at {len(v)} edges" if v else f"{label}: n.a."
            for label, v in ((label, [float(e.luminance.mtf50) for e in edges]) for label, edges in known.items())
        )
        return Figure(as_svg(figure), "Sharpness over the picture", caption, alt, wide=len(results) > 1)


@contextmanager
def _panels(results: Mapping[str, Any], height: float) -> Iterator[tuple[Any, list[Any]]]:
    """A figure with one pair of axes for each input, `height` [inches] each."""
    columns = 2 if len(results) == 4 else max(1, min(len(results), _ABREAST))
    rows = max(1, -(-len(results) // columns))
    with canvas(4.6 if columns == 1 else 9.4, rows * height + 0.5) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for spare in panels[len(results) :]:
            spare.remove()
        yield figure, panels[: len(results)]


def _frequencies(axes: Any, results: Mapping[str, SlantedEdge]) -> None:
    axes.axvline(0.5, linewidth=0.8, linestyle=":", color="0.5")
    top = max((float(np.nanmax(each.sfr)) for each in results.values() if len(each.sfr)), default=1.0)
    axes.set(xlabel="frequency [cycles/pixel]", ylabel="response", xlim=(0, 0.75), ylim=(0, max(1.1, 1.05 * top)))
