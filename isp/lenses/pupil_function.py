"""A beam behind the lens as light waves.

Every ray stands for a plane wave of its direction (the angular spectrum; Goodman, Introduction to Fourier Optics, 3.10
and 6.4): amplitude and phase over the direction cosines are the pupil function, with the reference sphere at infinity.
Shears of it along the image plane are spatial frequencies without any further factor, also off the axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from isp.lenses.beam import Grid
from isp.values import Float64

DEGREE = 16
"""Of the polynomials in the direction cosines."""
FITTED = 4_000
"""Rays that they are fitted to, at most."""
FEWEST_RAYS = 500
"""Fewer do not hold the coefficients."""
WRONG = 0.125
"""A path further from the polynomial's [wavelengths] counts as missed..."""
MISSED = 0.02
"""...and a beam with more such rays, or light, is not described by it: its directions fold back."""
CELLS = 64
"""Across the box of directions, to tell where there are rays."""
FEWEST = 128
"""Samples across the opening, at least."""


@dataclass(frozen=True, eq=False)
class PupilFunction:
    """Amplitude and optical path over the direction cosines behind the lens.

    Parameters
    ----------
    grid : Grid
    point : (x, z)
        The point that paths lead to [mm].
    middle, half : (2,) float64
        Of the box of direction cosines that holds the beam.
    near : (CELLS, CELLS) bool
        Parts of the box, axis 0 along y, that rays pass, and those beside: elsewhere polynomials are no rays'.
    path, root, u, v : (DEGREE + 1, DEGREE + 1) float64
        Chebyshev coefficients over that box, axis 0 of y: path [mm], amplitude [mm], and the place of the ray in the
        beam's cross-section [mm], for its clearance.
    """

    grid: Grid
    point: tuple[float, float]
    middle: Float64
    half: Float64
    near: NDArray[np.bool_]
    path: Float64
    root: Float64
    u: Float64
    v: Float64

    @property
    def low(self) -> Float64:
        """Least direction cosines of the beam, along x and y."""
        return self.middle - self.half

    @property
    def high(self) -> Float64:
        """Greatest."""
        return self.middle + self.half

    def sample(self, cx: Float64, cy: Float64, point: tuple[float, float]) -> tuple[Float64, Float64, Float64]:
        """Amplitude, part of the sample that is open 0..1, path to `point` (x, z) [mm]: (len(cy), len(cx)) each."""
        from scipy.ndimage import map_coordinates

        path, root, u, v = self._on(cx, cy, self.path, self.root, self.u, self.v)
        step = self.grid.u[1] - self.grid.u[0]
        cells = (
            np.clip((c - m + h) / (2 * h) * CELLS, 0, CELLS - 1).astype(np.intp)
            for c, m, h in zip((cy, cx), self.middle[::-1], self.half[::-1], strict=True)
        )
        clearance = np.where(np.isnan(self.grid.clearance), -1.0, self.grid.clearance)
        places = np.stack([v - self.grid.v[0], u - self.grid.u[0]]) / step
        free = map_coordinates(clearance, places, order=1, mode="constant", cval=-1.0)
        soft = sum(np.abs(slope) for slope in np.gradient(free))
        open_part = np.clip(0.5 + free / np.maximum(soft, 1e-12), 0, 1) * self.near[np.ix_(*cells)]
        across = cx * cx + (cy * cy)[:, None]
        forward = np.sqrt(np.maximum(1 - across, 0))
        path = path + (point[0] - self.point[0]) * cx + (point[1] - self.point[1]) * forward
        return root, open_part, path

    def _on(self, cx: Float64, cy: Float64, *coefficients: Float64) -> list[Float64]:
        x, y = ((c - m) / h for c, m, h in zip((cx, cy), self.middle, self.half, strict=True))
        # the box is left by no more than a sample
        across = chebyshev.chebvander(np.clip(x, -1.05, 1.05), DEGREE).T
        along = chebyshev.chebvander(np.clip(y, -1.05, 1.05), DEGREE)
        return [np.einsum("kj,jm->km", np.einsum("ki,ij->kj", along, c), across) for c in coefficients]


@lru_cache(maxsize=24)
def pupil_function(grid: Grid, plane: float, wavelength_nm: float) -> PupilFunction | None:
    """The waves of a beam, from its rays; None if their directions fold back, so that waves of rays are no picture.

    Polynomials are fitted, as the lens is the same on both sides of the meridian even or odd in y: optical path,
    amplitude, and place in the cross-section over direction. The amplitude is the root of cross-section per direction,
    as the beam is lit evenly. How far rays are from them, and how much light they carry, tells whether they hold.

    Parameters
    ----------
    grid : Grid
    plane : float
        z of a plane close to the image [mm].
    wavelength_nm : float
    """
    from scipy.ndimage import binary_dilation

    passes, dx, dy = grid.passes, grid.rays.dx, grid.rays.dy
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = [np.gradient(a, grid.v, grid.u) for a in (dx, dy)]
        root = 1 / np.sqrt(np.abs(slopes[0][1] * slopes[1][0] - slopes[0][0] * slopes[1][1]))
    every = math.ceil(math.sqrt(int(passes.sum()) / FITTED))
    kept = np.zeros_like(passes)
    kept[::every, ::every] = (passes & np.isfinite(root))[::every, ::every]
    if kept.sum() < FEWEST_RAYS:
        return None
    low, high = (np.array([pick(a[passes]) for a in (dx, dy)]) for pick in (np.min, np.max))
    middle, half = (low + high) / 2, (high - low) / 2
    # of a stop with blades too, y = 0 is the plane of symmetry of all that is fitted
    middle[1], half[1] = 0, np.abs([low[1], high[1]]).max()
    point = float(grid.rays.at(plane)[0][kept].mean()), plane
    x, y = (dx[kept] - middle[0]) / half[0], dy[kept] / half[1]
    across, along = chebyshev.chebvander(x, DEGREE), chebyshev.chebvander(y, DEGREE)
    path = grid.rays.path_to(*point)
    places = np.broadcast_arrays(grid.u, grid.v[:, None])
    wanted = [a[kept] for a in (path - path[kept].mean(), root, *places)]
    even, odd = (_fits(across, along, parity) for parity in (0, 1))
    fitted = [fit(a) for fit, a in zip((even, even, even, odd), wanted, strict=True)]
    misses = [np.abs(_values(across, along, c) - a) for c, a in zip(fitted, wanted, strict=True)]
    step = grid.u[1] - grid.u[0]
    allowed = WRONG * wavelength_nm * 1e-6, 0.1 * wanted[1], 2 * step, 2 * step
    missed = np.logical_or.reduce([miss > limit for miss, limit in zip(misses, allowed, strict=True)])
    if missed.mean() > MISSED:
        return None
    boxes = [np.linspace(m - h, m + h, CELLS + 1) for m, h in zip(middle[::-1], half[::-1], strict=True)]
    rays_in = np.histogram2d(dy[passes], dx[passes], boxes)[0]
    found = PupilFunction(grid, point, middle, half, binary_dilation(rays_in > 0, np.ones((3, 3))), *fitted)
    # what the waves carry must be what the beam does
    (cx, cy), cell = parts_of(found.low, found.high, FEWEST)
    amplitude, free, _ = found.sample(cx, cy, point)
    light, area = float((amplitude**2 * free).sum()) * cell, float(passes.sum()) * step**2
    return found if abs(light - area) < MISSED * area else None


def _fits(across: Float64, along: Float64, parity: int) -> Callable[[Float64], Float64]:
    """The fit of values (N,) at these rays by polynomials even (0) or odd (1) in y: their coefficients."""
    powers = [(j, i) for j in range(parity, DEGREE + 1, 2) for i in range(DEGREE + 1 - j)]
    rows, columns = (list(p) for p in zip(*powers, strict=True))
    basis = along[:, rows] * across[:, columns]
    # normal equations with a step of refinement: einsum is one thread, the same bits and no waiting on a busy machine
    inverse = np.linalg.pinv(np.einsum("ki,kj->ij", basis, basis), rcond=1e-14, hermitian=True)

    def fit(values: Float64) -> Float64:
        found = np.zeros(len(rows))
        for _ in range(2):
            left = values - np.einsum("ki,i->k", basis, found)
            found = found + np.einsum("ij,j->i", inverse, np.einsum("ki,k->i", basis, left))
        coefficients = np.zeros((DEGREE + 1, DEGREE + 1))
        coefficients[rows, columns] = found
        return coefficients

    return fit


def _values(across: Float64, along: Float64, coefficients: Float64) -> Float64:
    found: Float64 = np.einsum("kj,kj->k", np.einsum("ki,ij->kj", along, coefficients), across)
    return found


def parts_of(low: Float64, high: Float64, count: int) -> tuple[tuple[Float64, Float64], float]:
    """Middles of `count` parts of a box along x and y, and the area of one."""
    part = (np.arange(count) + 0.5) / count
    cx, cy = (a + part * (b - a) for a, b in zip(low, high, strict=True))
    return (cx, cy), float(np.prod(high - low)) / count**2
