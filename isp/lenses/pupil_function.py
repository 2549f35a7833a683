"""A beam behind the lens as light waves, and the interference that makes an image of it.

Every ray stands for a plane wave of its direction (the angular spectrum; Goodman, Introduction to Fourier Optics, 3.10
and 6.4): amplitude and phase over the direction cosines are the pupil function, with the reference sphere at infinity.
Shears of it along the image plane are spatial frequencies without any further factor, also off the axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from isp.errors import NumericError
from isp.lenses.beam import Grid
from isp.values import Float64

DEGREE = 16
"""Of the polynomials in the direction cosines."""
FITTED = 8_000
"""Rays that they are fitted to, at most."""
WRONG = 0.125
"""A path further from the polynomial's [wavelengths] counts as missed..."""
MISSED = 0.02
"""...and a beam with more such rays is not described by it: its directions fold back."""
FEWEST = 128
"""Samples across the opening, at least."""
PER_CYCLE = 8
"""Samples per turn of the phase between two sheared pupils, which changes by a turn per cycle of the blur."""
MOST = 2048
"""Samples across the opening, at most."""
Complex = NDArray[np.complex128]


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
    path, root, u, v : (DEGREE + 1, DEGREE + 1) float64
        Chebyshev coefficients over that box, axis 0 of y: path [mm], amplitude [mm], and the place of the ray in the
        beam's cross-section [mm], for its clearance.
    """

    grid: Grid
    point: tuple[float, float]
    middle: Float64
    half: Float64
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
        clearance = np.where(np.isnan(self.grid.clearance), -1.0, self.grid.clearance)
        places = np.stack([v - self.grid.v[0], u - self.grid.u[0]]) / step
        free = map_coordinates(clearance, places, order=1, mode="constant", cval=-1.0)
        soft = sum(np.abs(slope) for slope in np.gradient(free))
        open_part = np.clip(0.5 + free / np.maximum(soft, 1e-12), 0, 1)
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

    Polynomials are fitted, as the lens is the same on both sides of the meridian even or odd in y: optical path (whose
    residual tells whether they hold), and place in the cross-section over direction. The amplitude is the root of
    cross-section per direction, as the beam is lit evenly.

    Parameters
    ----------
    grid : Grid
    plane : float
        z of a plane close to the image [mm].
    wavelength_nm : float
    """
    passes = grid.passes
    every = math.ceil(math.sqrt(int(passes.sum()) / FITTED))
    kept = np.zeros_like(passes)
    kept[::every, ::every] = passes[::every, ::every]
    dx, dy = grid.rays.dx, grid.rays.dy
    low, high = (np.array([pick(a[passes]) for a in (dx, dy)]) for pick in (np.min, np.max))
    middle, half = (low + high) / 2, (high - low) / 2
    # of a stop with blades too, y = 0 is the plane of symmetry of all that is fitted
    middle[1], half[1] = 0, np.abs([low[1], high[1]]).max()
    point = float(grid.rays.at(plane)[0][kept].mean()), plane
    x, y = (dx[kept] - middle[0]) / half[0], dy[kept] / half[1]
    across, along = chebyshev.chebvander(x, DEGREE), chebyshev.chebvander(y, DEGREE)
    powers = [(j, i) for j in range(DEGREE + 1) for i in range(DEGREE + 1 - j)]
    even, odd = ([p for p in powers if p[0] % 2 == parity] for parity in (0, 1))
    if len(x) < 2 * len(even):
        return None
    path, place_u, place_v = (
        a[kept] for a in (grid.rays.path_to(*point), *np.broadcast_arrays(grid.u, grid.v[:, None]))
    )
    fitted = _fit(across, along, even, np.stack([path - path.mean(), place_u], axis=1))
    missed = np.abs(_values(across, along, fitted[0]) + path.mean() - path) > WRONG * wavelength_nm * 1e-6
    if missed.mean() > MISSED:
        return None
    (v,) = _fit(across, along, odd, place_v[:, None])
    u = fitted[1]
    slopes = [
        _values(across, along, _derivative(a, axis)) / half[1 - axis] for a in (u, v) for axis in (1, 0)
    ]
    area = np.abs(slopes[0] * slopes[3] - slopes[1] * slopes[2])
    (root,) = _fit(across, along, even, np.sqrt(area)[:, None])
    return PupilFunction(grid, point, middle, half, fitted[0], root, u, v)


def _fit(across: Float64, along: Float64, powers: list[tuple[int, int]], values: Float64) -> list[Float64]:
    rows, columns = (list(p) for p in zip(*powers, strict=True))
    basis = along[:, rows] * across[:, columns]
    # normal equations with a step of refinement: einsum is one thread, the same bits and no waiting on a busy machine
    normal = np.einsum("ki,kj->ij", basis, basis)
    found = np.zeros((len(rows), values.shape[1]))
    for _ in range(2):
        left = values - np.einsum("ki,ij->kj", basis, found)
        found = found + np.linalg.solve(normal, np.einsum("ki,kj->ij", basis, left))
    coefficients = np.zeros((values.shape[1], DEGREE + 1, DEGREE + 1))
    coefficients[:, rows, columns] = found.T
    return list(coefficients)


def _values(across: Float64, along: Float64, coefficients: Float64) -> Float64:
    found: Float64 = np.einsum("kj,kj->k", np.einsum("ki,ij->kj", along, coefficients), across)
    return found


def _derivative(coefficients: Float64, axis: int) -> Float64:
    lower = chebyshev.chebder(coefficients, axis=axis)
    return np.pad(lower, [(0, 1) if i == axis else (0, 0) for i in range(2)])


def transfer(
    pupil: PupilFunction, point: tuple[float, float], wavelength_nm: float, fx: Float64, fy: Float64, *,
    perfect: bool = False,
) -> Complex:
    """The optical transfer function at spatial frequencies (N,) [cycles/mm] along x and y, about `point` (x, z) [mm].

    The autocorrelation of the pupil function (Goodman, 6.4.3), each shear by quadrature of its own (H. Hopkins, Proc.
    Phys. Soc. B 70, 1002, 1957): only the difference of two paths is sampled, which changes slowly where the path
    itself does not. `perfect` takes the aberrations away.

    Raises
    ------
    NumericError
        The blur holds more cycles than can be sampled.
    """
    x, y = (a[pupil.grid.passes] for a in pupil.grid.rays.at(point[1]))
    wave, found = wavelength_nm * 1e-6, np.zeros(len(fx), np.complex128)
    whole: dict[int, float] = {}
    for k, shear in enumerate(wave * np.stack([fx, fy], axis=1)):
        cycles = 0.0 if perfect else float(np.abs(shear) @ [np.ptp(x), np.ptp(y)]) / wave
        count = FEWEST + math.ceil(PER_CYCLE * cycles)
        if count > MOST:
            raise NumericError(
                f"a blur {1e3 * float(np.hypot(np.ptp(x), np.ptp(y))):.0f} µm wide holds too many cycles at "
                f"{float(np.hypot(fx[k], fy[k])):g} / mm; take lower frequencies or less defocus"
            )
        low, high = pupil.low + np.abs(shear) / 2, pupil.high - np.abs(shear) / 2
        if not (high > low).all():
            continue
        if count not in whole:
            cosines, cell = parts_of(pupil.low, pupil.high, count)
            root, free, _ = pupil.sample(*cosines, point)
            whole[count] = float((root**2 * free).sum()) * cell
        (cx, cy), cell = parts_of(low, high, count)
        (root, free, path), other = (
            pupil.sample(cx + side * shear[0], cy + side * shear[1], point) for side in (0.5, -0.5)
        )
        # two edges closer than a sample are one: the lesser of the open parts, not their product
        light = root * other[0] * np.minimum(free, other[1])
        between = np.zeros(1) if perfect else 2 * np.pi / wave * (path - other[2])
        found[k] = (light * np.exp(1j * between)).sum() * cell / whole[count]
    return found


def interference(
    pupil: PupilFunction, point: tuple[float, float], wavelength_nm: float, places: Float64
) -> Float64:
    """Intensity (N, N), y along axis 0, at `places` (N,) [mm] along x and y around `point` (x, z) [mm].

    The Fourier transform of the pupil function as two matrix products (Soummer et al., Optics Express 15, 15935,
    2007), which needs no grid of the pupil to go with that of the picture.

    Raises
    ------
    NumericError
        The picture is so large that the phase over the pupil cannot be sampled.
    """
    x, y = (a[pupil.grid.passes] for a in pupil.grid.rays.at(point[1]))
    reach = float(np.abs(places).max()) + max(float(np.abs(x - point[0]).max()), float(np.abs(y).max()))
    wave = wavelength_nm * 1e-6
    # light repeats after wavelength over sample
    count = FEWEST + math.ceil(1.1 * reach * float(2 * pupil.half.max()) / wave)
    if count > MOST:
        raise NumericError(
            f"a picture {2e3 * reach:.0f} µm wide holds too many waves at {wavelength_nm:g} nm; here rays are right"
        )
    (cx, cy), _ = parts_of(pupil.low, pupil.high, count)
    root, free, path = pupil.sample(cx, cy, point)
    field = root * free * np.exp(2j * np.pi / wave * path)
    over_x, over_y = (np.exp(2j * np.pi / wave * np.outer(places, c)) for c in (cx, cy))
    return np.abs(np.asarray(over_y @ field @ over_x.T, np.complex128)) ** 2


def parts_of(low: Float64, high: Float64, count: int) -> tuple[tuple[Float64, Float64], float]:
    """Middles of `count` parts of a box along x and y, and the area of one."""
    part = (np.arange(count) + 0.5) / count
    cx, cy = (a + part * (b - a) for a, b in zip(low, high, strict=True))
    return (cx, cy), float(np.prod(high - low)) / count**2
