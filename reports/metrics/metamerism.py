"""How far a camera's spectral sensitivities are from an eye's: the sensitivity metamerism index of ISO 17321-1:2012.

A camera sees colours as an observer does if its sensitivities are a linear mixture of the observer's (Luther 1927).
Where they are not, some spectra that look different give the same three numbers, and no matrix can undo that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, mean_of
from reports.light import xyz_to_lab
from reports.metrics.color_difference import delta_e_76, delta_e_2000

SLOPE = 5.5
"""SMI = 100 - 5.5 times the mean difference (ISO 17321-1:2012)."""
COLOURED = 18
"""Patches that the index is the mean of: the coloured ones, the first of the chart."""
_TINY = 1e-3
"""Rounds the corner of the mean difference at zero, where it has no slope, for the search."""


@dataclass(frozen=True)
class Metamerism(Measured):
    """Colour accuracy that a camera's sensitivities allow under one light.

    Parameters
    ----------
    smi : Estimate
        Sensitivity metamerism index: 100 for an observer's eye; unbounded below.
    de00 : Estimate
        Mean CIEDE2000 of all 24 patches, by the same matrix.
    names : of the patches
    de76, de2000 : (24,) float64, ΔE*ab and ΔE00 of each patch
    matrix : (3, 3) float64
        From camera values, balanced so that white is (1, 1, 1), to XYZ with Y = 1 for white.
    """

    smi: Estimate
    de00: Estimate
    names: tuple[str, ...]
    de76: Float64
    de2000: Float64
    matrix: Float64


def sensitivity_metamerism(curves: ArrayLike, illuminant: str = "D65") -> Metamerism:
    """The sensitivity metamerism index of a camera under a light.

    Parameters
    ----------
    curves : (3, 81) array
        Quantum efficiencies [e-/photon], up to a factor each, at 380..780 nm in steps of 5 nm
        (`sensors.spectrum.on_grid` resamples; responses to power are to be divided by the wavelength).
    illuminant : str
        As of `sensors.spectrum.make_light`: ``D65``, ``A``, ``FL11``, ``2856K``, ...

    Returns
    -------
    Metamerism
        With intervals from a bootstrap over the patches: how much the choice of test colours matters.

    Raises
    ------
    UsageError
        Curves of another shape, negative, not finite, or one without response to this light; an unknown light.

    Notes
    -----
    Test colours: the 24 reflectances of ISO 17321-1:2012, annex D, as colour-science has them; the index counts the 18
    coloured ones. Observer: CIE 1931, 2 degrees; L*a*b* relative to the light itself. The matrix keeps white and
    minimises the mean ΔE*ab of the 18.
    """
    from sensors.scenes.materials import color_chart
    from sensors.spectrum import make_light, photon_rate, to_xyz

    given = np.asarray(curves, np.float64)
    if given.shape != (3, 81) or not np.isfinite(given).all() or given.min() < 0:
        raise UsageError(f"curves of shape {given.shape} must be (3, 81), finite and not negative")
    light = make_light(illuminant, 1000.0).spectrum
    white = photon_rate(light) @ given.T
    if white.min() <= 0:
        raise UsageError(f"a curve does not respond to light {illuminant!r}")
    names, reflectances = color_chart("iso")
    camera = photon_rate(reflectances * light) @ given.T / white
    unit = to_xyz(light)[1]
    reference_white = to_xyz(light) / unit
    xyz = to_xyz(reflectances * light) / unit
    lab = xyz_to_lab(xyz, reference_white)
    matrix = _matrix(camera[:COLOURED], xyz[:COLOURED], reference_white)
    seen = xyz_to_lab(camera @ matrix.T, reference_white)
    de76, de2000 = delta_e_76(lab, seen), delta_e_2000(lab, seen)
    mean = mean_of(de76[:COLOURED])
    low, high = mean.interval
    return Metamerism(
        Estimate(100 - SLOPE * mean, (100 - SLOPE * high, 100 - SLOPE * low)), mean_of(de2000), names,
        frozen(de76), frozen(de2000), frozen(matrix),
    )  # fmt: skip


def _matrix(camera: Float64, xyz: Float64, white: Float64) -> Float64:
    """(3, 3) from balanced camera values to XYZ that keeps white and has the least mean ΔE*ab."""
    from scipy.optimize import minimize

    lab = xyz_to_lab(xyz, white)

    def matrix(free: Float64) -> Float64:
        left = free.reshape(3, 2)
        return np.column_stack([left, white - left.sum(axis=1)])

    def mean(free: Float64) -> float:
        gaps = xyz_to_lab(camera @ matrix(free).T, white) - lab
        return float(np.sqrt((gaps**2).sum(axis=1) + _TINY**2).mean())

    # with the third column given by the others: (camera - third) . left = xyz - third . white
    third = camera[:, 2:]
    start = np.linalg.lstsq(camera[:, :2] - third, xyz - third * white, rcond=None)[0].T.ravel()
    return matrix(np.asarray(minimize(mean, start, method="BFGS", options={"gtol": 1e-6}).x))
