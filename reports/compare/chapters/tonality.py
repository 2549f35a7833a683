"""How light and colourful the pictures are as a whole, and what is clipped: needs no chart."""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.values import Float64
from reports.compare.differences import Cells
from reports.compare.subject import Asked, Chapter, Subject
from reports.estimate import Estimate, mean_of
from reports.figures.style import ink, line, plot
from reports.model import Figure, Section
from reports.source import STRIP, Source, averaged

GROUP = "tonality"
_BLOCKS = 16
"""Blocks along each side of the picture that count as independent."""
_LIGHTNESS = Asked("tonality.lightness", "Mean lightness L*", noticeable=1.0, note="of the whole picture")
_CHROMA = Asked("tonality.chroma", "Mean chroma C*", noticeable=1.0, note="of the whole picture")
_WHITE = Asked("tonality.clipped_white", "Clipped to white", "lower", 0.1, "pixels with a channel at the top code")
_BLACK = Asked("tonality.clipped_black", "Clipped to black", "lower", 0.1, "pixels with all channels at 0")


def tonality(subject: Subject) -> Chapter:
    """Mean lightness and chroma, clipping and histograms."""
    light, colour, counts = [], [], []
    white: list[Estimate] = []
    black: list[Estimate] = []
    for source, cells in zip(subject.sources, subject.cells, strict=True):
        light.append(mean_of(_blocks(cells.lab[..., 0]), ""))
        colour.append(mean_of(_blocks(np.hypot(cells.lab[..., 1], cells.lab[..., 2])), ""))
        count, top, bottom = _counted(source)
        counts.append(count)
        for found, share in ((white, top), (black, bottom)):
            found.append(
                Estimate.missing("a linear picture has no top code", "%")
                if source.transfer == "linear"
                else mean_of(_blocks(share) * 100, "%")
            )
    quantities = [
        asked.of(GROUP, found)
        for asked, found in ((_LIGHTNESS, light), (_CHROMA, colour), (_WHITE, white), (_BLACK, black))
    ]
    figures = (_histogram(subject.labels, counts), _chromaticity(subject.labels, subject.cells))
    return Chapter(Section(GROUP, "Tone and colour of the whole", figures=figures), tuple(quantities))


def _blocks(values: Float64) -> Float64:
    """Means of a grid of blocks, flat."""
    rows, columns = (np.array_split(np.arange(n), min(_BLOCKS, n)) for n in values.shape)
    return np.array([values[r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean() for r in rows for c in columns])


def _counted(source: Source) -> tuple[Float64, Float64, Float64]:
    """Histogram of display-encoded luminance (256 bins, shares), and shares clipped to white and black by cells."""
    height, width = source.shape
    step = max(1, min(height, width) // (4 * _BLOCKS))
    rows, columns = height // step, width // step
    white, black = np.zeros((rows, columns)), np.zeros((rows, columns))
    counts = np.zeros(256)
    top_code = 1.0 if source.dtype.kind == "f" else float(np.iinfo(source.dtype).max)
    at_once = max(1, STRIP // step)
    for first in range(0, rows, at_once):
        count = min(at_once, rows - first)
        codes = source.codes(first * step, 0, count * step, columns * step)
        red, green, blue = codes[..., 0], codes[..., 1], codes[..., 2]
        high = (red >= top_code) | (green >= top_code) | (blue >= top_code)
        low = (red <= 0) & (green <= 0) & (blue <= 0)
        for found, flags in ((white, high), (black, low)):
            found[first : first + count] = averaged(flags.view(np.uint8).astype(np.uint32), step)
        grey = codes @ (np.array([0.2126, 0.7152, 0.0722], np.float32) / np.float32(top_code))
        if source.transfer == "linear":
            grey = np.clip(grey, 0, 1) ** (1 / 2.2)
        counts += np.histogram(grey, 256, (0, 1))[0]
    return counts / counts.sum(), white, black


def _histogram(labels: tuple[str, ...], counts: list[Float64]) -> Figure:
    def draw(axes: Any) -> None:
        levels = (np.arange(256) + 0.5) / 256 * 255
        for i, (label, share) in enumerate(zip(labels, counts, strict=True)):
            axes.plot(levels, share * 100, linewidth=1.1, label=label, **line(i))
        inner = np.concatenate([c[2:-2] for c in counts])
        axes.set(xlabel="luminance, 8-bit code", ylabel="pixels per code [%]", xlim=(0, 255))
        axes.set_ylim(0, max(1e-3, 110 * float(inner.max())))
        axes.legend()

    caption = "Share of pixels at each code of display-encoded luminance; peaks at the ends are cut off."
    return plot("Histogram", draw, caption=caption, alt=f"Luminance histograms of {', '.join(labels)}")


def _chromaticity(labels: tuple[str, ...], cells: tuple[Cells, ...]) -> Figure:
    def draw(axes: Any) -> None:
        from scipy.ndimage import gaussian_filter

        reach = max(20.0, *(float(np.quantile(np.abs(c.lab[..., 1:]), 0.995)) for c in cells))
        edges = np.linspace(-reach, reach, 81)
        middle = (edges[1:] + edges[:-1]) / 2
        for i, (label, each) in enumerate(zip(labels, cells, strict=True)):
            a, b = each.lab[..., 1].ravel(), each.lab[..., 2].ravel()
            density = gaussian_filter(np.histogram2d(b, a, (edges, edges))[0], 1.5)
            ordered = np.sort(density.ravel())[::-1]
            held = np.cumsum(ordered) / max(ordered.sum(), 1)
            levels = sorted({float(ordered[np.searchsorted(held, share)]) for share in (0.5, 0.95)})
            if levels[0] > 0:
                axes.contour(middle, middle, density, levels, colors=ink(i), linestyles=[line(i)["linestyle"]])
            axes.plot(a.mean(), b.mean(), "o", color=ink(i), label=label)
        axes.axhline(0, linewidth=0.6, color="0.5")
        axes.axvline(0, linewidth=0.6, color="0.5")
        axes.set(xlabel="a*", ylabel="b*", aspect="equal")
        axes.legend()

    caption = "Where the picture's colours lie in CIE a*b*: lines hold 50 % and 95 % of it, dots are its mean."
    return plot("Chromaticity", draw, caption=caption, alt=f"Colours of {', '.join(labels)} in a*b*", size=(3.8, 3.6))
