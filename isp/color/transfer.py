"""Transfer functions between light and code values, both ways, on the host.

Light is relative to display white (1), code values are 0..1. White is 203 cd/m² in the HDR systems (ITU-R BT.2408-7,
table 1), so that PQ holds light up to 49.3 and HLG, on its nominal display of 1000 cd/m², up to 4.93.

- ``srgb``: IEC 61966-2-1, 5.2.
- ``pq``: SMPTE ST 2084, equations 4.1 and 5.1 (ITU-R BT.2100-2, table 4).
- ``hlg``: ITU-R BT.2100-2, table 5: inverse OOTF of the display, then OETF. Its OOTF acts on the luminance, so all
  three channels are needed at once.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import luma, srgb_encoded
from isp.errors import UsageError
from isp.values import TRANSFERS, Float64

WHITE_LUMINANCE = 203.0
"""Luminance of display white [cd/m²] (BT.2408-7, table 1: HDR reference white)."""
HLG_PEAK = 1000.0
"""Nominal peak of an HLG display [cd/m²] (BT.2100-2, table 5)."""
PQ_PEAK = 10_000.0
"""Luminance of the PQ code 1 [cd/m²]."""

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * math.log(4 * _A)


def hlg_gamma(peak: float) -> float:
    """System gamma of HLG on a display of `peak` [cd/m²] (BT.2100-2, table 5, note 5f): 1.2 at 1000."""
    return 1.2 + 0.42 * math.log10(peak / HLG_PEAK)


def pq_encoded(luminance: ArrayLike) -> Float64:
    """PQ code values of luminance relative to 10,000 cd/m², held in 0..1."""
    power = np.clip(np.asarray(luminance, np.float64), 0, 1) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def pq_decoded(code: ArrayLike) -> Float64:
    """Luminance relative to 10,000 cd/m² of PQ code values."""
    root = np.clip(np.asarray(code, np.float64), 0, 1) ** (1 / _M2)
    return np.asarray((np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def hlg_encoded(scene: ArrayLike) -> Float64:
    """HLG code values of scene light 0..1 (the OETF alone)."""
    light = np.clip(np.asarray(scene, np.float64), 0, 1)
    return np.where(light <= 1 / 12, np.sqrt(3 * light), _A * np.log(np.maximum(12 * light, 1) - _B) + _C)


def hlg_decoded(code: ArrayLike) -> Float64:
    """Scene light of HLG code values (the inverse OETF alone)."""
    value = np.clip(np.asarray(code, np.float64), 0, 1)
    return np.where(value <= 0.5, value * value / 3, (np.exp((value - _C) / _A) + _B) / 12)


def encoded(light: ArrayLike, transfer: str, space: str = "rec2020") -> Float64:
    """Code values of display light.

    Parameters
    ----------
    light : (..., 3)
        Relative to display white; what the transfer cannot hold is clipped.
    transfer : str
        ``linear``, ``srgb``, ``pq`` or ``hlg``.
    space : str
        Primaries; HLG's luminance depends on them.

    Raises
    ------
    UsageError
        `transfer` is not one of them.
    """
    values = np.asarray(light, np.float64)
    if transfer == "linear":
        return np.clip(values, 0, 1)
    if transfer == "srgb":
        return srgb_encoded(values)
    if transfer == "pq":
        return pq_encoded(values * (WHITE_LUMINANCE / PQ_PEAK))
    _known(transfer)
    display = np.clip(values * (WHITE_LUMINANCE / HLG_PEAK), 0, 1)
    return hlg_encoded(display * _factor(display @ luma(space), 1 / hlg_gamma(HLG_PEAK) - 1))


def decoded(code: ArrayLike, transfer: str, space: str = "rec2020") -> Float64:
    """Display light, relative to display white, of code values (..., 3); the inverse of `encoded`."""
    values = np.clip(np.asarray(code, np.float64), 0, 1)
    if transfer == "linear":
        return values
    if transfer == "srgb":
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    if transfer == "pq":
        return pq_decoded(values) * (PQ_PEAK / WHITE_LUMINANCE)
    _known(transfer)
    scene = hlg_decoded(values)
    return np.asarray(scene * _factor(scene @ luma(space), hlg_gamma(HLG_PEAK) - 1) * (HLG_PEAK / WHITE_LUMINANCE))


def _factor(luminance: Float64, power: float) -> Float64:
    # black has no luminance to take a negative power of
    return np.asarray(np.maximum(luminance, 1e-12) ** power)[..., None]


def _known(transfer: str) -> None:
    if transfer != "hlg":
        raise UsageError(f"transfer {transfer!r} is not known; transfers: {', '.join(TRANSFERS)}")
