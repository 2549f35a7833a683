"""What a colour fit gives: the matrix, how sure it is, and the values of a profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import D65, adaptation, conversion, rgb_to_xyz, xyz_to_xy
from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import Estimate, Measured
from tuning.calibrate.color_terms import terms
from tuning.calibrate.held_out import HeldOut
from tuning.calibrate.scene_table import scene_table

DIGITS = 5
"""Of a matrix's numbers in a profile: 1e-5 moves no colour by more than 0.01 CIEDE2000."""


@dataclass(frozen=True)
class ColorFit(Measured):
    """A colour matrix and how good it is.

    Parameters
    ----------
    method : ``linear`` or ``root_polynomial``
    matrix : (3, K) float64
        From the terms of camera RGB, as it was given, to XYZ: K of 3 for R, G, B, or 6 (`color_terms`).
    deviation : (3, K) float64
        Standard errors of the matrix (jackknife over the folds); NaN without cross-validation.
    neutral : (3,) float64
        Camera RGB of the reference white, without veil.
    neutral_deviation : (3,) float64
        Its standard errors: 0 where it was given, NaN without cross-validation.
    white : (3,) float64
        XYZ of the reference white.
    glare : Estimate
        Veil on the readings as a fraction of the response to white; n.a. where it was not sought. It belongs to the
        captures: `apply` takes nothing off.
    light : (N,) float64
        Light on each patch relative to their mean; 1 where it was not sought.
    errors : (N,) float64
        CIEDE2000 of the patches, those with weight 0 included.
    mean : Estimate
        Of `errors` of the patches fitted.
    cross_validated : HeldOut
        The errors of patches that were not fitted.
    noise : Estimate [ΔE*ab]
        What the given noise of a mid grey becomes (root mean square).
    balanced, lab, weights : (M, 3), (M, 3), (M,) float64
        Of the patches fitted: camera RGB without neutral, veil and uneven light, the reference's L*a*b*, the weights.
    warnings : sentences
    """

    method: str
    matrix: Float64
    deviation: Float64
    neutral: Float64
    neutral_deviation: Float64
    white: Float64
    glare: Estimate
    light: Float64
    errors: Float64
    mean: Estimate
    cross_validated: HeldOut
    noise: Estimate
    balanced: Float64 = field(repr=False)
    lab: Float64 = field(repr=False)
    weights: Float64 = field(repr=False)
    warnings: tuple[str, ...] = ()

    def apply(self, rgb: ArrayLike) -> Float64:
        """XYZ (..., 3) of camera RGB (..., 3) of the same balance and exposure as the fitted values."""
        given = np.asarray(rgb, np.float64)
        if given.shape[-1:] != (3,):
            raise UsageError(f"camera RGB of shape {given.shape} must end in 3 values")
        return np.asarray(terms(given, self.method) @ self.matrix.T)

    def stage_matrix(self) -> Float64:
        """(3, 3) as the stage `ccm` takes it: from camera RGB balanced by `neutral` to linear sRGB.

        White is adapted to D65 (Bradford). Of a root-polynomial this is the matrix nearest to it on the patches fitted.
        """
        return np.asarray(np.linalg.solve(rgb_to_xyz("srgb"), self._to_d65() @ self._linear()))

    def from_stage(self, matrix: ArrayLike) -> Float64:
        """(..., 3, 3) from balanced camera RGB to XYZ of matrices as the stage `ccm` takes them."""
        return np.asarray(np.linalg.solve(self._to_d65(), rgb_to_xyz("srgb")) @ np.asarray(matrix))

    def stage_values(self, digits: int = DIGITS, size: int = 65) -> dict[str, dict[str, Any]]:
        """Parameters by stage of a profile: of `ccm`, and for a root-polynomial of `look_lut`, which belongs behind it.

        Parameters
        ----------
        digits : of the matrix
        size : points a side of the table
        """
        matrix = plain_matrix(self.stage_matrix(), digits)
        values: dict[str, dict[str, Any]] = {"ccm": {"matrix": matrix}}
        if self.method != "linear":
            values["look_lut"] = scene_table(self.scene_map(matrix), size, "root-polynomial")
        return values

    @property
    def preserves_white(self) -> bool:
        """True if `neutral` becomes `white`."""
        return bool(np.allclose(self.apply(self.neutral), self.white, rtol=1e-9))

    def scene_map(self, stage_matrix: ArrayLike) -> Callable[[Float64], Float64]:
        """From what a stage matrix makes of camera RGB to what this fit makes of it, both linear Rec.2020 (..., 3)."""
        back = np.linalg.inv(conversion("srgb", "rec2020") @ np.asarray(stage_matrix))
        ahead = self.to_scene()

        def mapped(scene: Float64) -> Float64:
            return np.asarray(self.apply(scene @ back.T * self.neutral) @ ahead.T)

        return mapped

    def to_scene(self) -> Float64:
        """(3, 3) from XYZ to linear Rec.2020, white adapted to D65 and at 1."""
        return np.asarray(np.linalg.solve(rgb_to_xyz("rec2020"), self._to_d65()))

    def _to_d65(self) -> Float64:
        return np.asarray(adaptation(xyz_to_xy(self.white), D65) / self.white[1])

    def _linear(self) -> Float64:
        """(3, 3) from balanced RGB to XYZ."""
        if self.method == "linear":
            return self.matrix * self.neutral
        wanted = self.apply(self.balanced * self.neutral)
        third = self.balanced[:, 2:]
        white = self.apply(self.neutral)
        left = np.linalg.lstsq(self.balanced[:, :2] - third, wanted - third * white, rcond=None)[0].T
        return np.column_stack([left, white - left.sum(axis=1)])


def plain_matrix(matrix: Float64, digits: int = DIGITS) -> list[list[float]]:
    """A stage matrix as numbers of a profile; rows that sum to 1 still do, for rounding must not tint."""
    rounded = np.round(matrix, digits)
    whole = np.isclose(matrix.sum(axis=1), 1.0, rtol=0, atol=1e-9)
    rounded[:, 1] += np.where(whole, 1.0 - rounded.sum(axis=1), 0.0)
    plain: list[list[float]] = np.round(rounded, digits).tolist()
    return plain
