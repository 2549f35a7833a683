"""What a colour matrix leaves, as a smooth table behind it.

In linear Rec.2020 behind the matrix, a colour s of chromaticity c = (r, b) / (r + g + b) becomes

    s + (r + g + b) d(c),

d a sum of Gaussians at the patches' chromaticities, 0 at grey. As the change scales with s, the table does not depend
on exposure: two dimensions of its three are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, difference, mean_of
from reports.light import lab_to_xyz, xyz_to_lab
from reports.metrics.color_difference import delta_e_2000
from tuning.calibrate.color_result import ColorFit
from tuning.calibrate.color_terms import terms
from tuning.calibrate.scene_table import scene_table

_REACHES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Standard deviations of the Gaussians that are tried, in chromaticity of Rec.2020."""
_RIDGES = np.geomspace(1e-4, 1e1, 11)
"""Weights against large changes that are tried: the variance of a patch's error by that of d."""
_GREY = np.full(2, 1 / 3)
_FEWEST = 10


@dataclass(frozen=True)
class ResidualLut(Measured):
    """A change of colour behind a `ColorFit`.

    Parameters
    ----------
    fit : ColorFit
        What it corrects.
    reach, ridge : float
        Of the Gaussians, and their ridge, chosen by leaving patches out.
    errors : (M,) float64
        CIEDE2000 of the patches fitted.
    mean : Estimate
    cross_validated : Estimate
        Mean CIEDE2000 of patches that the table was not fitted to, behind a matrix that was.
    largest : float
        Largest change of a colour of the patches [CIEDE2000].
    warnings : sentences
    """

    fit: ColorFit
    reach: float
    ridge: float
    errors: Float64
    mean: Estimate
    cross_validated: Estimate
    largest: float
    warnings: tuple[str, ...]
    _centres: Float64
    _heights: Float64

    def apply(self, rgb: ArrayLike) -> Float64:
        """XYZ (..., 3) of camera RGB (..., 3), as `ColorFit.apply`."""
        to_scene = self.fit.to_scene()
        scene = self.fit.apply(rgb) @ to_scene.T
        return np.asarray(self.change(scene) @ np.linalg.inv(to_scene).T)

    def change(self, scene: Float64) -> Float64:
        """(..., 3) linear Rec.2020 after the table, of that before it."""
        total = scene.sum(axis=-1, keepdims=True)
        near = _kernel(_chromaticity(scene.reshape(-1, 3)), self._centres, self.reach)
        return np.asarray(scene + total * (near @ self._heights).reshape(scene.shape))

    def stage_values(self, digits: int = 5, size: int = 65) -> dict[str, dict[str, Any]]:
        """Parameters of `ccm` and `look_lut`, as `ColorFit.stage_values`."""
        values = self.fit.stage_values(digits, size)
        before = self.fit.scene_map(values["ccm"]["matrix"])
        return {**values, "look_lut": scene_table(lambda scene: self.change(before(scene)), size, "residual")}


def residual_lut(fit: ColorFit) -> ResidualLut:
    """A smooth table of what a colour fit leaves on its patches.

    Parameters
    ----------
    fit : ColorFit

    Returns
    -------
    ResidualLut
        Its `warnings` say so if it does not earn its place.

    Raises
    ------
    UsageError
        `fit` does not preserve white, so there is no grey that the table could leave alone.
    NumericError
        Fewer than 10 patches.

    Notes
    -----
    Gaussian-process regression (Rasmussen and Williams 2006, 2.2) of the patches' errors over chromaticity: reach and
    ridge are those of the least mean CIEDE2000 when each patch is left out in turn.
    """
    if not fit.preserves_white:
        raise UsageError("residual table: the fit must preserve white (preserve_white=True)")
    if len(fit.lab) < _FEWEST:
        raise NumericError(f"residual table: {len(fit.lab)} patches; at least {_FEWEST} are needed")
    to_scene = fit.to_scene()
    scene = terms(fit.balanced * fit.neutral, fit.method) @ fit.matrix.T @ to_scene.T
    total = scene.sum(axis=1, keepdims=True)
    wanted = lab_to_xyz(fit.lab, fit.white) @ to_scene.T
    at, miss = _chromaticity(scene), (wanted - scene) / total
    back = np.linalg.inv(to_scene)

    def errors(moved: Float64) -> Float64:
        return delta_e_2000(fit.lab, xyz_to_lab(moved @ back.T, fit.white))

    best, chosen = np.inf, (0.0, 0.0)
    left = np.zeros(len(scene))
    for reach in _REACHES:
        for ridge in _RIDGES:
            out = scene + total * _left_out(at, miss, reach, float(ridge))
            found = errors(out)
            if found.mean() < best:
                best, chosen, left = float(found.mean()), (reach, float(ridge)), found
    covariance = _kernel(at, at, chosen[0])
    heights = np.linalg.solve(covariance + chosen[1] * np.eye(len(at)), miss)
    after = scene + total * (covariance @ heights)
    before, now, crossed = mean_of(errors(scene)), mean_of(errors(after)), mean_of(left)
    gain = difference(crossed, before)
    lines = []
    if not gain.interval[0] > 0:
        lines.append(
            f"the residual table does not earn its place: on patches it was not fitted to it gains {gain:.2f} "
            f"[{gain.interval[0]:.2f}, {gain.interval[1]:.2f}] CIEDE2000 over the {fit.method} fit alone"
        )
    shift = delta_e_2000(xyz_to_lab(scene @ back.T, fit.white), xyz_to_lab(after @ back.T, fit.white))
    return ResidualLut(
        fit, *chosen, frozen(errors(after)), now, crossed, float(shift.max()), tuple(lines), frozen(at),
        frozen(heights),
    )  # fmt: skip


def _chromaticity(scene: Float64) -> Float64:
    """(N, 2); of what is not above black that of grey."""
    total = scene.sum(axis=1, keepdims=True)
    return np.where(total > 0, scene[:, [0, 2]] / np.where(total > 0, total, 1.0), _GREY)


def _kernel(at: Float64, centres: Float64, reach: float) -> Float64:
    """(N, M) covariance of d, which is known to be 0 at grey."""

    def near(one: Float64, other: Float64) -> Float64:
        return np.asarray(np.exp(-((one[:, None] - other[None]) ** 2).sum(axis=-1) / (2 * reach**2)))

    return near(at, centres) - near(at, _GREY[None]) @ near(_GREY[None], centres)


def _left_out(at: Float64, miss: Float64, reach: float, ridge: float) -> Float64:
    """(N, 3) what the table without each patch says of it (Rasmussen and Williams 2006, eq. 5.12)."""
    inverse = np.linalg.inv(_kernel(at, at, reach) + ridge * np.eye(len(at)))
    return np.asarray(miss - inverse @ miss / np.diag(inverse)[:, None])
