"""Spread functions over field, defocus and wavelength, prepared once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isp.engine import cache
from isp.errors import NumericError, UsageError
from isp.lenses.point_spread import Psf
from isp.values import Float32, Float64, frozen

if TYPE_CHECKING:
    from isp.lenses.lens import Lens

VERSION = 2
"""Of the method: tables of another version are computed again."""
MOST = 100_000
"""Spread functions in a table."""
FIELDS = (0.0, 0.2, 0.4, 0.55, 0.7, 0.85, 1.0)
"""Fields of a table by default, of the field that the corner of the format sees."""
DEFOCUS = (-3.0, -2.0, -1.4, -1.0, -0.7, -0.45, -0.25, -0.1, 0.0, 0.1, 0.25, 0.45, 0.7, 1.0, 1.4, 2.0, 3.0)
"""Planes of a table by default [mm]: from 1 m to beyond infinity for 50 mm, dense near focus."""
WAVELENGTHS = (450.0, 550.0, 620.0)
"""Of a table by default [nm]: about the middle of what the blue, green and red pixels of a sensor see."""
CORNER = 21.633
"""Image height of the corner of 36 x 24 mm [mm]."""
_ARRAYS = ("fields_deg", "defocus_mm", "wavelengths_nm", "psfs", "pitch_um", "center_mm", "illumination")


@dataclass(frozen=True, eq=False)
class PsfTable:
    """Spread functions of a lens at one aperture.

    Parameters
    ----------
    fields_deg, defocus_mm, wavelengths_nm : (F,), (D,), (W,) float64
        Ascending. See `Lens.psf`.
    psfs : (F, D, W, n, n) float32
        Each sums to 1, or is 0 where no light gets through.
    pitch_um, center_mm : (F, D, W) float64
        Of each, as `Psf` has them; NaN where no light gets through.
    illumination : (F,) float64
        Relative to the axis of the same aperture.
    """

    fields_deg: Float64
    defocus_mm: Float64
    wavelengths_nm: Float64
    psfs: Float32
    pitch_um: Float64
    center_mm: Float64
    illumination: Float64

    def psf(self, field: int, defocus: int, wavelength: int) -> Psf:
        """The spread function at these places of the three axes."""
        at = field, defocus, wavelength
        return Psf(self.psfs[at].astype(np.float64), float(self.pitch_um[at]), float(self.center_mm[at]))


def prepare(
    lens: Lens, f_number: float | None = None, *, fields_deg: Sequence[float] | None = None,
    defocus_mm: Sequence[float] = DEFOCUS, wavelengths_nm: Sequence[float] = WAVELENGTHS, size: int = 65,
    blades: int = 0, progress: Callable[[int, int], None] = lambda done, total: None,
) -> PsfTable:
    """The table of a lens at an aperture: from the user's cache folder, or computed and put there.

    Parameters
    ----------
    lens : Lens
    f_number : float, optional
        Default wide open.
    fields_deg : sequence of float, optional
        Default `FIELDS` of the field of 36 x 24 mm, or of the whole field of a lens that covers less.
    defocus_mm, wavelengths_nm : sequences of float
    size : int
        Pixels on a side, odd.
    blades : int
        Of the stop, 0 for a round one.
    progress : callable
        Told how many of how many spread functions are done.

    Raises
    ------
    UsageError
        A list that is empty or not ascending, or more than `MOST` spread functions.
    """
    fields = _ascending("fields_deg", _fields(lens) if fields_deg is None else fields_deg)
    planes, waves = _ascending("defocus_mm", defocus_mm), _ascending("wavelengths_nm", wavelengths_nm)
    if len(fields) * len(planes) * len(waves) > MOST:
        raise UsageError(f"{len(fields)} x {len(planes)} x {len(waves)} spread functions; at most {MOST} are allowed")
    said = (VERSION, lens.prescription, lens.opening(f_number, blades), fields.tolist(), planes.tolist(),
            waves.tolist(), size)
    key = "lens-" + hashlib.sha256(repr(said).encode()).hexdigest()
    found = _load(key)
    if found is None:
        found = _compute(lens, f_number, fields, planes, waves, size, blades, progress)
        _store(key, found)
    return found


def _fields(lens: Lens) -> Float64:
    widest = lens.field_angle(CORNER)
    return np.array(FIELDS) * (lens.covered_field if np.isnan(widest) else float(widest))


def _ascending(what: str, values: Sequence[float] | Float64) -> Float64:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all() or not (np.diff(array) > 0).all():
        raise UsageError(f"{what} must be a list of finite numbers, each greater than the one before")
    return array


def _compute(
    lens: Lens, f_number: float | None, fields: Float64, planes: Float64, waves: Float64, size: int, blades: int,
    progress: Callable[[int, int], None],
) -> PsfTable:
    shape = len(fields), len(planes), len(waves)
    psfs = np.zeros((*shape, size, size), np.float32)
    pitch, center = np.full(shape, np.nan), np.full(shape, np.nan)
    light = lens.relative_illumination(fields, f_number)
    for done, (i, k) in enumerate(np.ndindex(shape[0], shape[2])):
        for j in range(shape[1]):
            progress(done * shape[1] + j, int(np.prod(shape)))
            # a dark field stays empty
            with suppress(NumericError):
                made = lens.psf(float(fields[i]), float(planes[j]), float(waves[k]), f_number, blades=blades, size=size)
                psfs[i, j, k], pitch[i, j, k], center[i, j, k] = made.array, made.pitch_um, made.center_mm
    return PsfTable(*(frozen(a) for a in (fields, planes, waves, psfs, pitch, center, light)))


def _load(key: str) -> PsfTable | None:
    held = cache.load_arrays(key)
    return None if held is None else PsfTable(*(frozen(held[name]) for name in _ARRAYS))


def _store(key: str, table: PsfTable) -> None:
    cache.store_arrays(key, {name: getattr(table, name) for name in _ARRAYS})
