"""Veiling glare: how much light a lens throws where there should be none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64
from reports.estimate import Estimate
from reports.light import Encoding, linear, luminance
from reports.metrics.noise import checked, detrended, moments

BLOCK = 8
"""Side of the squares that the mean of a patch is taken from, to know how sure it is [px]."""
WHITE_CLIPPED = 0.01
"""Share of clipped pixels from which on the white is no longer known."""


def glare(
    black: ArrayLike, white: ArrayLike, *, encoding: Encoding = "linear", space: str = "srgb", offset: float = 0.0
) -> Estimate:
    """Veiling glare index 100 L_black / L_white [%].

    Parameters
    ----------
    black : (h, w) or (h, w, 3)
        Inside of a black trap (or patch) that is surrounded by white, as codes or floating point.
    white : the same of the white around it
    encoding, space : see `reports.metrics.snr`
    offset : float
        Light that the black target itself sends back, of white: 0 for a trap, 10^-density for a printed black.

    Returns
    -------
    Estimate [%]
        Its interval is that of the means of both patches. n.a. if white is clipped or black, or all of black is at the
        lowest code: then the glare that was there is cut off.

    Notes
    -----
    ISO 9358:1994, integral method, and ISO 18844:2017, whose result is the same quotient of linear luminances.
    """
    light = []
    for name, patch in (("black", black), ("white", white)):
        given = checked(patch)
        largest = np.iinfo(given.dtype).max if given.dtype.kind in "ui" else 1.0
        flat = given.reshape(given.shape[0] * given.shape[1], -1)
        if name == "white" and (share := float((flat >= largest).any(axis=1).mean())) > WHITE_CLIPPED:
            return Estimate.missing(f"{100 * share:.0f} % of the white is clipped", "%")
        if name == "black" and float((flat <= 0).all(axis=1).mean()) > 0.5:
            return Estimate.missing("most of the black is at the lowest code: what was there is cut off", "%")
        plane = linear(given, encoding, space)
        plane = plane if plane.ndim == 2 else luminance(plane, space)
        if not np.isfinite(plane).all():
            return Estimate.missing(f"the {name} holds values that are not finite", "%")
        light.append(plane)
    dark, bright = (float(plane.mean()) for plane in light)
    if bright <= 0:
        return Estimate.missing("the white is black", "%")
    value = 100 * (dark / bright - offset)
    error = math.hypot(_deviation(light[0]), dark / bright * _deviation(light[1])) / bright
    return Estimate.normal(value, 100 * error, "%")


def _deviation(plane: Float64) -> float:
    """Standard deviation of the mean."""
    if min(plane.shape) < BLOCK:
        return float(plane.std()) / math.sqrt(plane.size)
    return math.sqrt(moments(detrended(plane)).mean_variance)


