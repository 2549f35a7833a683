"""The patches of a 24-patch chart in raw frames: linear camera RGB, each colour from its own photosites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import NumericError, UsageError
from isp.values import Float64, RawFrame, frozen
from reports.charts.color_chart import ColorChart, NotFound
from reports.charts.references import PATCHES
from tuning.calibrate.camera_picture import camera_picture
from tuning.calibrate.planes import check_alike, linear_planes, span_of

CLIPPED = 0.98
"""Of white: photosites above it count as saturated, for sensors clip a little below the stated white."""
CLIPPED_SHARE = 0.01
"""Share of a patch's photosites of one colour that may be, before its mean is too low to be used."""
DARK = 4.0
"""A mean below this many of its standard errors is noise."""
_OUTLIER = 5.0
"""Robust standard deviations beyond which a photosite is dust, a scratch or a defect."""
_STEPS = 3.0
"""[DN] by which a photosite may always differ, so that a dark patch keeps its quantised noise."""
_FEWEST = 4
"""Photosites of each site without which a patch is not read."""


@dataclass(frozen=True)
class Patches:
    """Patches row by row from the brown one.

    Parameters
    ----------
    names : of the patches
    rgb : (24, 3) float64
        Mean of R, G (both greens alike) and B, black 0 and white 1, not balanced; NaN where it cannot be used.
    noise : (24, 3) float64
        Standard deviation of a photosite: noise and unevenness.
    error : (24, 3) float64
        Standard error of `rgb`.
    positions : (24, 2) float64
        Middles of the patches, (x, y) in units of the longer side of the frame from its middle: up to ±0.5.
    clipped, dark : (24,) bool
        Saturated somewhere, or not above their noise.
    chart : ColorChart
        Where it lies.
    notes : sentences on what is left out
    """

    names: tuple[str, ...]
    rgb: Float64
    noise: Float64
    error: Float64
    positions: Float64
    clipped: NDArray[np.bool_]
    dark: NDArray[np.bool_]
    chart: ColorChart
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(24,) patches that can be fitted to."""
        return np.asarray(np.isfinite(self.rgb).all(axis=1))


def patches_from(
    frames: RawFrame | Sequence[RawFrame], *, chart: ColorChart | None = None, black: ArrayLike | None = None,
    mesh: ArrayLike | None = None,
) -> Patches:  # fmt: skip
    """Read the 24 patches of a chart in a raw frame, or in the mean of several.

    Parameters
    ----------
    frames : RawFrame or sequence of them
        Of one camera and setup: Bayer or blocks of one colour.
    chart : ColorChart, optional
        Where it is (`reports.charts.chart_from_corners`, `chart_from_truth`); it is looked for by default.
    black : float or (4,), optional
        Black level [DN]; what the frames say by default.
    mesh : (rows, columns, 4), optional
        Lens-shading gains that span the frame, to be taken out (`lens_shading`).

    Returns
    -------
    Patches

    Raises
    ------
    UsageError
        Frames that differ in size, or a mesh of another shape.
    NumericError
        No chart is found, or the frame has no colours.
    """
    from reports.charts import find_color_chart
    from reports.source import Source

    group = [frames] if isinstance(frames, RawFrame) else list(frames)
    check_alike(group, "patches")
    first = group[0]
    if chart is None:
        found = find_color_chart(Source(camera_picture(group, mesh)[0]))
        if isinstance(found, NotFound):
            raise NumericError(f"{first.origin.name}: no colour chart: {found.reason}")
        chart = found
    if first.cfa.family in ("mono", "other"):
        raise NumericError(f"{first.origin.name}: a frame of CFA {first.cfa} has no R, G and B to read")
    size = np.array(first.shape[::-1], np.float64)
    middles = chart.patches.mean(axis=1)
    gains = _gains(mesh, middles / size)
    planes, span = [linear_planes(frame, black) for frame in group], span_of(first, black)
    places = _places(first)
    mean, std, error = (np.full((24, 3), np.nan) for _ in range(3))
    clipped, small = np.zeros(24, bool), np.zeros(24, bool)
    for n, quad in enumerate(chart.patches):
        read = [_site(planes, places[i], name, quad) for i, name in enumerate(("R", "Gr", "Gb", "B"))]
        if min(len(values) for values in read) < _FEWEST:
            small[n] = True
            continue
        clipped[n] = any((values > CLIPPED).mean() > CLIPPED_SHARE for values in read)
        sites = np.array([_mean(values, _STEPS / span) for values in read]) * gains[n][:, None]
        mean[n] = [sites[0, 0], (sites[1, 0] + sites[2, 0]) / 2, sites[3, 0]]
        std[n] = [sites[0, 1], np.hypot(sites[1, 1], sites[2, 1]) / np.sqrt(2), sites[3, 1]]
        error[n] = [sites[0, 2], np.hypot(sites[1, 2], sites[2, 2]) / 2, sites[3, 2]]
    with np.errstate(invalid="ignore"):
        dark = ~small & (mean < DARK * error).any(axis=1)
    mean[clipped | dark] = np.nan
    notes = [
        f"{why}, left out: " + ", ".join(np.array(PATCHES)[which])
        for which, why in ((clipped, "clipped"), (dark, "too dark"), (small, "too small, or out of the picture"))
        if which.any()
    ]
    where = (middles - size / 2) / size.max()
    return Patches(
        PATCHES, frozen(mean), frozen(std), frozen(error), frozen(where), frozen(clipped), frozen(dark), chart,
        tuple(notes),
    )  # fmt: skip


def _places(frame: RawFrame) -> list[tuple[Float64, Float64]]:
    """Rows and columns [px] of the photosites of R, Gr, Gb, B, at their middles, as their planes have them."""
    by = [
        [np.flatnonzero((np.arange(n) + phase) // frame.cfa.block % 2 == k).astype(np.float64) + 0.5 for k in (0, 1)]
        for n, phase in zip(frame.shape, reversed(frame.cfa.phase), strict=True)
    ]
    return [(np.asarray(by[0][i // 2]), np.asarray(by[1][i % 2])) for i in range(4)]


def _site(
    planes: Sequence[Mapping[str, Float64]], places: tuple[Float64, Float64], name: str, quad: Float64
) -> Float64:
    """(N,) values of all frames inside a convex figure (4, 2), clockwise."""
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    rows, columns = slice(*np.searchsorted(places[0], (top, bottom))), slice(*np.searchsorted(places[1], (left, right)))
    y, x = np.meshgrid(places[0][rows], places[1][columns], indexing="ij")
    inside = np.ones(y.shape, bool)
    for (x0, y0), (x1, y1) in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    return np.concatenate([plane[name][rows, columns][inside] for plane in planes])


def _mean(values: Float64, least: float) -> tuple[float, float, float]:
    """Mean, standard deviation and standard error without dust: values further off than `least` and the noise."""
    away = np.abs(values - np.median(values))
    kept = values[away <= max(_OUTLIER * 1.4826 * float(np.median(away)), least)]
    std = float(kept.std())
    return float(kept.mean()), std, std / np.sqrt(len(kept))


def _gains(mesh: ArrayLike | None, at: Float64) -> Float64:
    """(N, 4) gains of a mesh, bilinear, at places (x, y) of 0..1."""
    if mesh is None:
        return np.ones((len(at), 4))
    from scipy.interpolate import RegularGridInterpolator

    given = np.asarray(mesh, np.float64)
    if given.ndim != 3 or given.shape[2] != 4 or min(given.shape[:2]) < 2:
        raise UsageError(f"mesh of shape {given.shape} must be (rows, columns, 4), 2x2 or more")
    grid = tuple(np.linspace(0, 1, n) for n in given.shape[:2])
    return np.asarray(RegularGridInterpolator(grid, given)(np.clip(at[:, ::-1], 0, 1)))
