"""Grey steps in a picture: a grid or a row of neutral patches that get darker one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float32, Float64, frozen
from reports.charts.color_chart import NotFound
from reports.charts.flat_regions import Regions, contrast, even_regions
from reports.charts.lattice import lattices, project
from reports.charts.references import reference_lab
from reports.light import lab_to_xyz
from reports.source import Source

INNER = 0.5
"""Of the step from patch to patch: what is averaged."""
THRESHOLDS = (0.02, 0.004, 0.01, 0.04)
"""Gradients between even and edge (`contrast`): dark patches differ little, noisy ones are not even."""
FEWEST = 7
"""Patches of a row worth a look; the six greys of a colour chart are `grey_row_of`."""
NEUTRAL = 0.12
"""Largest deviation of log R/G and B/G from those of the other patches: light that changes over the chart, noise."""
FALLING = 0.9
"""Share of the steps that must lead to a darker patch; clipped white and patches drowned in glare do not."""
DEEPEST = 0.6
"""Density that the steps span at least, as the picture shows it: shadows of folds span less."""
_GREY_ROW = slice(18, 24)
"""White to black among the 24 patches of the colour chart."""


@dataclass(frozen=True)
class GreySteps:
    """Neutral patches, from the lightest to the darkest.

    Parameters
    ----------
    patches : (N, 4, 2) float64
        (x, y) [px] of the middle part of each patch, safe to average; 0 is the outer edge of the first pixel.
    light : (N,) float64
        Luminance seen there; NaN where it was not looked at.
    densities : (N,) float64
        Known ones; NaN where they are not.
    how : ``found``, ``given``, ``colour chart``
    """

    patches: Float64
    light: Float64
    densities: Float64
    how: str = "found"

    def outlines(self) -> list[tuple[str, Float64]]:
        """What to draw: name and (N, 2) points."""
        return [(str(number), quad) for number, quad in enumerate(self.patches, 1)]


def find_grey_steps(source: Source, densities: ArrayLike | None = None) -> GreySteps | NotFound:
    """Find neutral patches in equal steps, in a grid read row by row or in one row.

    Parameters
    ----------
    source : Source
    densities : (N,) float, optional
        Of the patches, from the lightest on; a chart of another number of patches is then not the one looked for.

    Returns
    -------
    GreySteps or NotFound
        Only if the patches are alike in colour and get darker along the rows (or, the chart turned, along columns). Of
        several charts the one of most patches.
    """
    light, step = source.overview
    wanted = None if densities is None else np.asarray(densities, np.float64)
    best: tuple[Float64, Float64] | None = None
    for threshold in THRESHOLDS:
        regions = even_regions(contrast(light), threshold)
        for quads in (*_grids(regions), *_rows(regions)):
            seen = _in_order(light, quads)
            if seen is None or (wanted is not None and len(seen[0]) != len(wanted)):
                continue
            if best is None or len(seen[0]) > len(best[0]):
                best = seen
    if best is None:
        some = "no row or grid of neutral patches that get darker step by step"
        return NotFound(some if wanted is None else f"{some}, {len(wanted)} of them")
    known = np.full(len(best[0]), np.nan) if wanted is None else np.sort(wanted)
    return GreySteps(frozen(best[0] * step), frozen(best[1]), frozen(known))


def grey_row_of(chart: ArrayLike) -> GreySteps:
    """The six neutral patches of a 24-patch colour chart, white to black, with their densities.

    Parameters
    ----------
    chart : (24, 4, 2)
        Quads (x, y) of the patches, row by row from the brown one.
    """
    quads = np.asarray(chart, np.float64)
    if quads.shape != (24, 4, 2):
        raise UsageError(f"patches of shape {quads.shape} must be (24, 4, 2)")
    luminance = lab_to_xyz(reference_lab()[_GREY_ROW])[:, 1]
    return GreySteps(frozen(quads[_GREY_ROW]), frozen(np.full(6, np.nan)), frozen(-np.log10(luminance)), "colour chart")


def patches_of(source: Source, quads: ArrayLike) -> list[Float32]:
    """Codes of the largest upright rectangle inside each quad (N, 4, 2) that its inner half holds, as (h, w, 3)."""
    found = []
    for quad in np.asarray(quads, np.float64):
        (left, top), (right, bottom) = np.sort(quad, axis=0)[[1, 2]].T.reshape(2, 2).T
        x, y = max(0, int(np.ceil(left))), max(0, int(np.ceil(top)))
        width = min(source.shape[1], int(right)) - x
        height = min(source.shape[0], int(bottom)) - y
        found.append(source.codes(y, x, max(height, 0), max(width, 0)))
    return found


def _grids(regions: Regions) -> Iterator[Float64]:
    """(rows, columns, 4, 2) quads of every lattice, missing patches filled in."""
    for lattice in lattices(regions):
        low, high = lattice.cells.min(0), lattice.cells.max(0)
        columns, rows = (np.arange(a, b + 1) for a, b in zip(low, high, strict=True))
        half = INNER / 2
        corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
        cells = np.stack(np.meshgrid(columns, rows), axis=-1)[:, :, None] + corners
        yield project(lattice.homography, cells.reshape(-1, 2)).reshape(*cells.shape)


def _rows(regions: Regions) -> Iterator[Float64]:
    """(1, columns, 4, 2) quads of every straight row of alike regions at even steps, one gap at a time bridged."""
    from scipy.spatial import cKDTree

    if len(regions.areas) < FEWEST:
        return
    tree = cKDTree(regions.centers)
    done: set[tuple[int, int]] = set()
    for a in range(len(regions.areas)):
        for b in tree.query(regions.centers[a], 4)[1][1:]:
            step = regions.centers[b] - regions.centers[a]
            side = float(np.sqrt(regions.areas[a]))
            if (a, int(b)) in done or not 0.7 * side < np.hypot(*step) < 3 * side:
                continue
            chain = [*reversed(_walk(regions, tree, a, -step)), regions.centers[a], *_walk(regions, tree, a, step)]
            if len(chain) < FEWEST:
                continue
            done.update((int(i), int(j)) for i, j in _pairs(tree, chain))
            yield _along(np.array(chain), side)[None]


def _walk(regions: Regions, tree: object, start: int, step: Float64) -> list[Float64]:
    at, size, found, gap = regions.centers[start], regions.areas[start], [], 0
    while gap < 2:
        away, near = tree.query(at + step)  # type: ignore[attr-defined]
        if away < 0.2 * np.hypot(*step) and 0.4 < regions.areas[near] / size < 2.5:
            step = 0.5 * step + 0.5 * (regions.centers[near] - at)
            at, gap = regions.centers[near], 0
        else:
            at, gap = at + step, gap + 1
        found.append(at)
    return found[:-2]


def _pairs(tree: object, chain: list[Float64]) -> Iterator[tuple[int, int]]:
    index = tree.query(np.array(chain))[1]  # type: ignore[attr-defined]
    for one, other in pairwise(index):
        yield one, other
        yield other, one


def _along(centers: Float64, side: float) -> Float64:
    """(N, 4, 2) quads around the centres of a row."""
    step = np.gradient(centers, axis=0)
    unit = step / np.linalg.norm(step, axis=1, keepdims=True)
    along = np.minimum(np.linalg.norm(step, axis=1, keepdims=True), 1.15 * side) * INNER / 2 * unit
    across = side * INNER / 2 * np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    return np.stack([centers - along - across, centers + along - across, centers + along + across,
                     centers - along + across], axis=1)  # fmt: skip


def _in_order(light: Float32, quads: Float64) -> tuple[Float64, Float64] | None:
    """Quads (N, 4, 2) from light to dark and their luminance, if they are grey steps."""
    flat = quads.reshape(-1, 4, 2)
    height, width = light.shape[:2]
    if len(flat) < FEWEST or (flat < 0).any() or (flat > (width, height)).any():
        return None
    means = np.array([_mean(light, quad) for quad in flat]).reshape(*quads.shape[:2], 3)
    if not (means > 0).all():
        means = np.maximum(means, 1e-6)
    # the chart may lie on any side; turned by a quarter its rows are columns
    for turns in range(4):
        turned = np.rot90(means, turns).reshape(-1, 3)
        order = np.rot90(np.arange(len(flat)).reshape(quads.shape[:2]), turns).ravel()
        level = np.log10(turned[:, 1])
        if (np.diff(level) < 0).mean() >= FALLING and level.max() - level.min() >= DEEPEST and _rises_nowhere(level):
            colors = np.log(turned[:, (0, 2)] / turned[:, 1:2])
            off = np.abs(colors - np.median(colors, axis=0)).max(1)
            # the darkest hold the noise's colour
            if np.sort(off)[int(0.8 * len(off))] < NEUTRAL:
                return flat[order], turned @ [0.2126, 0.7152, 0.0722]
    return None


def _rises_nowhere(level: Float64) -> bool:
    """Noise may lift a dark patch a little, a step in the wrong direction is none."""
    return bool(np.diff(level).max() < 0.1)


def _mean(light: Float32, quad: Float64) -> Float64:
    (left, top), (right, bottom) = quad.min(0), quad.max(0)
    # the inner half of a turned square holds its upright half
    dx, dy = (right - left) / 4, (bottom - top) / 4
    x, y = int(left + dx), int(top + dy)
    part = light[y : max(int(bottom - dy), y + 1), x : max(int(right - dx), x + 1)]
    return np.asarray(part.mean((0, 1), dtype=np.float64))
