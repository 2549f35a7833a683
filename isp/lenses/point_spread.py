"""The picture of a point: where a beam's rays land, blurred by the diffraction of the opening it came through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from isp.errors import UsageError
from isp.lenses.beam import Grid
from isp.lenses.pupil_function import PupilFunction
from isp.lenses.waves import interference
from isp.values import Float64

SAMPLES = 600_000
"""Points that the light of a spread function is made of."""
LARGEST = 2049
"""Most pixels on a side."""
DIRECTIONS = 128
"""Cells across the opening, in direction cosines, for its diffraction."""
MARGIN = 4
"""Pixels around the rays."""


@dataclass(frozen=True)
class Psf:
    """A point spread function.

    Parameters
    ----------
    array : (n, n) float64
        n odd; at least 0, sums to 1; each value is the light on a pixel. Axis 1 is radial, outwards from the axis of
        the lens; axis 0 lies across.
    pitch_um : float
        Of a pixel.
    center_mm : float
        Image height of the middle pixel: where the chief ray of the lens's reference wavelength lands.
    """

    array: Float64
    pitch_um: float
    center_mm: float


def point_spread(
    grid: Grid, plane: float, center: float, wavelength_nm: float, pitch_um: float | None, size: int | None
) -> Psf:
    """The spread function in the plane z = `plane` [mm] around image height `center` [mm].

    Light is spread over the pixels by dividing the cells between traced rays; the result is convolved with the
    diffraction pattern of the opening, which is exact in the geometric limit and in the diffraction limit.

    Raises
    ------
    UsageError
        It needs more than `LARGEST` pixels of `pitch_um`.
    """
    pitch_um, size = _frame(grid, plane, center, wavelength_nm, pitch_um, size)
    x, y = grid.rays.at(plane)
    light = _spread_light(grid, x - center, y, pitch_um * 1e-3, size)
    frequencies = np.asarray(np.fft.fftfreq(size, pitch_um * 1e-3), np.float64)
    optical = diffraction(grid, wavelength_nm, frequencies[None, :], frequencies[:, None])
    blurred = np.maximum(np.fft.ifft2(np.fft.fft2(light) * optical).real, 0)
    return Psf(blurred / blurred.sum(), pitch_um, center)


def wave_spread(
    pupil: PupilFunction, plane: float, center: float, wavelength_nm: float, pitch_um: float | None, size: int | None
) -> Psf:
    """As `point_spread`, by interference of the waves over the opening.

    Raises
    ------
    UsageError
        It needs more than `LARGEST` pixels of `pitch_um`.
    NumericError
        It is too large for waves.
    """
    pitch_um, size = _frame(pupil.grid, plane, center, wavelength_nm, pitch_um, size)
    # the picture holds no frequencies above the cut-off: so many Gauss points to a pixel integrate it
    cutoff = 2e6 * float(pupil.half.max()) / wavelength_nm
    nodes, weights = np.polynomial.legendre.leggauss(2 + int(np.ceil(pitch_um * 1e-3 * cutoff)))
    places = (np.arange(size)[:, None] - (size - 1) / 2 + nodes / 2) * pitch_um * 1e-3
    found = interference(pupil, (center, plane), wavelength_nm, places.ravel())
    parts = found.reshape(size, len(nodes), size, len(nodes))
    light: Float64 = np.einsum("iajb,a,b->ij", parts, weights, weights)
    return Psf(light / light.sum(), pitch_um, center)


def _frame(
    grid: Grid, plane: float, center: float, wavelength_nm: float, pitch_um: float | None, size: int | None
) -> tuple[float, int]:
    """Pitch [µm] and pixels on a side that hold the blur, where they are not given."""
    x, y = grid.rays.at(plane)
    x, passes = x - center, grid.passes
    reach = 1e3 * max(float(np.abs(x[passes]).max()), float(np.abs(y[passes]).max()))
    span = float(np.ptp(grid.rays.dx[passes])), float(np.ptp(grid.rays.dy[passes]))
    airy = 1.22 * wavelength_nm * 1e-3 / min(span)
    if pitch_um is None:
        size = 65 if size is None else size
        pitch_um = max(2 * reach / max(size - 2 * MARGIN, 1), airy / 3)
    if size is None:
        size = 2 * int(np.ceil((reach + 2 * airy) / pitch_um + MARGIN)) + 1
    if not 1 <= size <= LARGEST or size % 2 == 0:
        raise UsageError(f"a spread function of {size} pixels of {pitch_um:g} µm; allowed: odd, 1..{LARGEST}")
    return float(pitch_um), size


def diffraction(grid: Grid, wavelength_nm: float, fx: Float64, fy: Float64) -> Float64:
    """Modulation that the beam's opening leaves at spatial frequencies [cycles/mm] along x and y, 0..1.

    The autocorrelation of the opening in direction cosines (Goodman, Introduction to Fourier Optics, 6.3).
    """
    from scipy.ndimage import map_coordinates

    overlap, step = _overlap(grid)
    scale, middle = wavelength_nm * 1e-6 / step, overlap.shape[0] // 2
    at = np.broadcast_arrays(fy * scale + middle, fx * scale + middle)
    found: Float64 = np.clip(map_coordinates(overlap, at, order=1), 0, 1)
    return found


@lru_cache(maxsize=24)
def _overlap(grid: Grid) -> tuple[Float64, float]:
    """Autocorrelation of the opening in direction cosines, 1 in the middle, and its step."""
    passes = grid.passes
    low = np.array([grid.rays.dx[passes].min(), grid.rays.dy[passes].min()])
    high = np.array([grid.rays.dx[passes].max(), grid.rays.dy[passes].max()])
    step = float((high - low).max()) / DIRECTIONS
    a, b = grid.rays.dx - low[0], grid.rays.dy - low[1]
    opening = _spread_light(grid, a - (high[0] - low[0]) / 2, b - (high[1] - low[1]) / 2, step, DIRECTIONS + 3)
    # in or out: a cell that is half open would meet itself with a quarter
    opening = (opening > 0.5 * np.median(opening[opening > 0])).astype(np.float64)
    shape = (2 * opening.shape[0],) * 2
    overlap = np.fft.irfft2(np.abs(np.fft.rfft2(opening, shape)) ** 2, shape)
    return np.fft.fftshift(overlap) / overlap[0, 0], step


def _spread_light(grid: Grid, x: Float64, y: Float64, pitch: float, size: int) -> Float64:
    """(size, size): share of the beam's light on each pixel, x along axis 1; what lands outside is left out."""
    passes, clearance = grid.passes, grid.clearance
    corners = [(slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None)),
               (slice(1, None), slice(None, -1)), (slice(1, None), slice(1, None))]
    whole = np.logical_and.reduce([np.isfinite(clearance[c]) for c in corners])
    used = whole & np.logical_or.reduce([passes[c] for c in corners])
    xs, ys, clear = (np.stack([a[c][used] for c in corners]) for a in (x, y, clearance))
    parts = max(2, int(np.ceil(np.sqrt(SAMPLES / max(int(used.sum()), 1)))))
    light = np.zeros(size * size)
    total = 0
    # a random place in each part of a cell: a regular lattice would beat with the pixels
    random = np.random.Generator(np.random.Philox(1))
    for i in range(parts):
        for j in range(parts):
            b, a = (np.array([[i], [j]]) + random.random((2, xs.shape[1]), np.float32)) / parts
            weights = (1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a
            px, py, free = (sum(w * v for w, v in zip(weights, values, strict=True)) for values in (xs, ys, clear))
            column = np.floor(px / pitch + size / 2)
            row = np.floor(py / pitch + size / 2)
            kept = free > 0
            total += int(kept.sum())
            kept &= (column >= 0) & (column < size) & (row >= 0) & (row < size)
            light += np.bincount((row[kept] * size + column[kept]).astype(np.intp), minlength=size * size)
    return light.reshape(size, size) / max(total, 1)
