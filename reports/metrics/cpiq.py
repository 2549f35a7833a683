"""Acutance: one number for how sharp a picture looks from where it is seen (IEEE 1858, CPIQ)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import Estimate


@dataclass(frozen=True)
class Viewing:
    """How a picture is seen: its height and the distance of the eye, in the same unit (only their ratio matters)."""

    height: float
    distance: float
    words: str = ""

    def pixels_per_degree(self, picture_height: int) -> float:
        """Of a picture that many pixels high, at its middle."""
        return picture_height * self.distance / self.height * np.pi / 180


VIEWINGS: Mapping[str, Viewing] = MappingProxyType(
    {
        "print": Viewing(40, 100, "a print of 60 cm x 40 cm seen from 1 m"),
        "phone": Viewing(6.5, 30, "a phone of 6.5 cm picture height seen from 30 cm"),
        "monitor": Viewing(34, 60, "a screen of 34 cm picture height seen from 60 cm"),
    }
)
"""Viewing conditions by name."""
NYQUIST = 0.5
"""What a picture can hold [cycles/pixel]."""
_STEP = 0.02
"""Of the integral [cycles/degree]."""


def contrast_sensitivity(frequency: ArrayLike) -> Float64:
    """CSF(v) = 75 v^0.8 exp(-0.2 v) / 34.05 at v [cycles/degree] (IEEE 1858; its largest value is near 1)."""
    v = np.asarray(frequency, np.float64)
    return np.asarray(75 * v**0.8 * np.exp(-0.2 * v) / 34.05)


def acutance(
    frequency: ArrayLike, sfr: ArrayLike, picture_height: int, viewing: str | Viewing = "monitor",
    deviation: ArrayLike | None = None,
) -> Estimate:
    """Integral of the response times the eye's contrast sensitivity, by that of the sensitivity alone.

    Parameters
    ----------
    frequency, sfr : (K,) cycles/pixel from 0 on, and response
    picture_height : of the whole picture [px]
    viewing : a name of `VIEWINGS`, or a `Viewing`
    deviation : (K,) standard errors of `sfr`, taken to err together, which gives the widest interval

    Returns
    -------
    Estimate
        1 for a picture that loses nothing the eye could see; without interval if there is no `deviation`. Beyond 0.5
        cycles/pixel, and beyond the last frequency, the response counts as 0: a picture holds no finer detail.

    Raises
    ------
    UsageError
        Arrays that do not fit, or a viewing condition that is not known.
    """
    f, response = np.asarray(frequency, np.float64), np.asarray(sfr, np.float64)
    if f.ndim != 1 or f.shape != response.shape or (len(f) and (np.diff(f) <= 0).any()):
        raise UsageError(f"frequency {f.shape} and sfr {response.shape} must be (K,), the frequency rising")
    if isinstance(viewing, str):
        if viewing not in VIEWINGS:
            raise UsageError(f"viewing {viewing!r} is not known; conditions: {', '.join(VIEWINGS)}")
        viewing = VIEWINGS[viewing]
    if len(f) == 0:
        return Estimate.missing("no response")
    scale = viewing.pixels_per_degree(picture_height)
    # the sensitivity is below 1e-6 of its largest from 100 cycles/degree on
    v = np.arange(_STEP / 2, 100, _STEP)
    sensitivity = contrast_sensitivity(v)
    total = sensitivity.sum()

    def weighted(curve: Float64) -> float:
        shown = np.where(v / scale <= NYQUIST, np.interp(v / scale, f, curve, right=0.0), 0.0)
        return float((shown * sensitivity).sum() / total)

    value = weighted(response)
    if deviation is None:
        return Estimate(value, reason="no errors of the response were given")
    return Estimate.normal(value, weighted(np.asarray(deviation, np.float64)))
