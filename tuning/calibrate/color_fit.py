"""A camera's colour matrix from a chart of known colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import D65, adaptation, rgb_to_xyz, xy_to_xyz, xyz_to_xy
from isp.errors import NumericError, UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, mean_of
from tuning.calibrate.chart_problem import ChartProblem, field_basis
from tuning.calibrate.color_objective import check_objective, least
from tuning.calibrate.color_terms import TERMS, check_method, terms
from tuning.calibrate.held_out import HeldOut, held_out
from tuning.calibrate.scene_table import scene_table

if TYPE_CHECKING:
    from collections.abc import Callable

ANOTHER_SCENE = 10.0
"""Mean CIEDE2000 of a fit from which the readings are not of this reference: real cameras stay below 4."""
_OFF, _MEDIANS = 4.0, 6.0
"""CIEDE2000, and multiples of the median, beyond both of which a patch is named."""
_DIGITS = 5
"""Of numbers in a profile; 1e-5 moves no colour by more than 0.01."""


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
    warnings : sentences
    """

    method: str
    matrix: Float64
    deviation: Float64
    neutral: Float64
    white: Float64
    glare: Estimate
    light: Float64
    errors: Float64
    mean: Estimate
    cross_validated: HeldOut
    noise: Estimate
    warnings: tuple[str, ...] = ()
    _balanced: Float64 = field(repr=False, default_factory=lambda: np.zeros((0, 3)))

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

    def stage_values(self, digits: int = _DIGITS, size: int = 65) -> dict[str, dict[str, Any]]:
        """Parameters by stage of a profile: of `ccm`, and for a root-polynomial of `look_lut`, which belongs behind it.

        Parameters
        ----------
        digits : of the matrix
        size : points a side of the table
        """
        matrix = np.round(self.stage_matrix(), digits)
        if self.preserves_white:
            # rounding must not tint
            matrix[:, 1] += 1.0 - matrix.sum(axis=1)
            matrix = np.round(matrix, digits)
        values: dict[str, dict[str, Any]] = {"ccm": {"matrix": matrix.tolist()}}
        if self.method != "linear":
            values["look_lut"] = scene_table(self.scene_map(matrix), size, "root-polynomial")
        return values

    @property
    def preserves_white(self) -> bool:
        """True if `neutral` becomes `white`."""
        return bool(np.allclose(self.apply(self.neutral), self.white, rtol=1e-9))

    def scene_map(self, stage_matrix: ArrayLike) -> Callable[[Float64], Float64]:
        """From what a stage matrix makes of camera RGB to what this fit makes of it, both linear Rec.2020 (..., 3)."""
        back = np.linalg.inv(np.linalg.solve(rgb_to_xyz("rec2020"), rgb_to_xyz("srgb")) @ np.asarray(stage_matrix))
        ahead = np.linalg.solve(rgb_to_xyz("rec2020"), self._to_d65())

        def mapped(scene: Float64) -> Float64:
            return np.asarray(self.apply(scene @ back.T * self.neutral) @ ahead.T)

        return mapped

    def _to_d65(self) -> Float64:
        return np.asarray(adaptation(xyz_to_xy(self.white), D65) / self.white[1])

    def _linear(self) -> Float64:
        """(3, 3) from balanced RGB to XYZ."""
        if self.method == "linear":
            return self.matrix * self.neutral
        wanted = self.apply(self._balanced * self.neutral)
        third = self._balanced[:, 2:]
        white = self.apply(self.neutral)
        left = np.linalg.lstsq(self._balanced[:, :2] - third, wanted - third * white, rcond=None)[0].T
        return np.column_stack([left, white - left.sum(axis=1)])


def ccm(
    camera_rgb: ArrayLike, reference_xyz: ArrayLike, *, method: str = "linear", glare: bool = False,
    weights: ArrayLike | None = None, objective: str = "mean", preserve_white: bool = True,
    neutral: ArrayLike | None = None, white: ArrayLike | None = None, positions: ArrayLike | None = None,
    degree: int = 1, noise: ArrayLike | None = None, noise_weight: float = 0.0, folds: int | None = None,
    names: Sequence[str] | None = None,
) -> ColorFit:  # fmt: skip
    """The colour matrix of a camera from patches of known colour.

    Parameters
    ----------
    camera_rgb : (N, 3) float
        Linear camera RGB without black level, white-balanced or not, at any exposure (`patches_from`).
    reference_xyz : (N, 3) float
        Of the same patches, at any scale: that of `white`.
    method : str
        ``linear``, 3 x 3; ``root_polynomial`` of degree 2 (Finlayson, Mackiewicz, Hurlbert 2015), 3 x 6. Neither
        depends on exposure.
    glare : bool
        Estimate the lens's veil on the readings with the matrix: a neutral constant.
    weights : (N,) float, optional
        Of the patches, >= 0; 0 leaves one out of the fit. See `class_weights`.
    objective : str
        What is minimised over the patches: ``mean``, ``max`` or ``robust`` CIEDE2000 (`color_objective.least`), or
        ``least_squares`` in XYZ, the start of the others.
    preserve_white : bool
        `neutral` becomes `white` exactly.
    neutral : (3,) float, optional
        Camera RGB of the reference white, without veil, at the patches' exposure. By default from the greys among the
        patches (C*ab below 5).
    white : (3,) float, optional
        XYZ of the reference white: D65 with Y = 1 by default.
    positions : (N, 2) float, optional
        Of the patches, in any unit: the light over them is then estimated with the matrix, as a polynomial of `degree`
        (1, or 2 with a chart that is large in the picture).
    noise : (3, 3) or (3,) float, optional
        Covariance or variances of camera RGB at a mid grey (0.18 of white).
    noise_weight : float
        By how much the objective grows with each ΔE*ab of noise after the matrix; 0 leaves noise out.
    folds : int, optional
        Of the cross-validation: by default each patch is left out in turn, beyond 30 patches a tenth at a time. 0: none.
    names : of the patches, for messages

    Returns
    -------
    ColorFit

    Raises
    ------
    UsageError
        Shapes that do not fit, or an unknown word.
    NumericError
        Values that are not finite, too few or too similar patches, no grey and no `neutral`, or a reference that
        cannot be of these patches.
    """
    problem = _problem(camera_rgb, reference_xyz, method, glare, weights, preserve_white, neutral, white, positions, degree)
    check_objective(objective)
    covariance = _covariance(noise, noise_weight)
    n = len(problem.camera)
    labels = tuple(names) if names is not None else tuple(str(i) for i in range(1, n + 1))
    if len(labels) != n:
        raise UsageError(f"{len(labels)} names for {n} patches")
    solver = Solver(objective, covariance, noise_weight)
    solved, p = solver(problem)
    errors = solved.errors(p[None])[0]
    used = problem.weights > 0
    if not errors[used].mean() < ANOTHER_SCENE:
        raise NumericError(
            f"colour fit: mean CIEDE2000 of {errors[used].mean():.1f} after the fit: these readings are not of this "
            "reference; check the chart's order and its orientation"
        )
    left = held_out(problem, solver, folds)
    balanced_matrix, own_neutral = solved.matrix(p[None])[0], solved.neutral_of(p[None])[0]
    veil = Estimate.missing("not sought")
    if glare:
        value = float(solved.split(p[None])[1][0])
        known = np.isfinite(left.spread_of_glare)
        veil = Estimate.normal(value, left.spread_of_glare) if known else Estimate(value, reason=left.result.mean.reason)
    noisy = Estimate.missing("no noise was given", "ΔE*ab")
    if covariance is not None:
        noisy = Estimate(float(solved.noise(p[None], covariance)[0]), unit="ΔE*ab", reason="it is computed")
    remarks = [*_outliers(errors, labels, used), *_veil_remarks(veil), *left.remarks]
    return ColorFit(
        method, frozen(balanced_matrix / terms(own_neutral, method)), frozen(left.deviation), frozen(own_neutral),
        frozen(problem.white), veil, frozen(solved.split(p[None])[2][0]), frozen(errors), mean_of(errors[used]),
        left.result, noisy, tuple(remarks), frozen(solved.balanced(p[None])[0][used]),
    )  # fmt: skip


@dataclass(frozen=True)
class Solver:
    """How a problem is solved."""

    objective: str
    covariance: Float64 | None = None
    noise_weight: float = 0.0

    def __call__(self, problem: ChartProblem) -> tuple[ChartProblem, Float64]:
        """The problem with what its greys should read, and the parameters of its solution."""
        problem, start = problem.start()
        if self.objective == "least_squares":
            return problem, start
        extra = None
        if self.covariance is not None and self.noise_weight:
            covariance = self.covariance

            def extra(p: Float64) -> Float64:
                return self.noise_weight * problem.noise(p, covariance)

        return problem, least(problem.errors, start, problem.weights, self.objective, extra)


def _problem(
    camera_rgb: ArrayLike, reference_xyz: ArrayLike, method: str, glare: bool, weights: ArrayLike | None,
    preserve_white: bool, neutral: ArrayLike | None, white: ArrayLike | None, positions: ArrayLike | None, degree: int,
) -> ChartProblem:  # fmt: skip
    check_method(method)
    camera, xyz = np.asarray(camera_rgb, np.float64), np.asarray(reference_xyz, np.float64)
    if camera.ndim != 2 or camera.shape[1] != 3 or camera.shape != xyz.shape:
        raise UsageError(f"camera RGB {camera.shape} and reference XYZ {xyz.shape} must both be (N, 3)")
    n = len(camera)
    bad = np.flatnonzero(~(np.isfinite(camera) & np.isfinite(xyz)).all(axis=1))
    if len(bad):
        raise NumericError(f"colour fit: patch {bad[0] + 1} of {n} is not finite; leave out what cannot be used")
    share = _vector(weights, n, "weights", np.ones(n))
    if share.min(initial=0.0) < 0:
        raise UsageError("weights must be 0 or more")
    to = _vector(white, 3, "white", xy_to_xyz(D65))
    own = None if neutral is None else _vector(neutral, 3, "neutral", np.ones(3))
    if to.min() <= 0 or (own is not None and own.min() <= 0):
        raise UsageError(f"white {to.tolist()} and neutral {'' if own is None else own.tolist()} must be above 0")
    basis = np.zeros((n, 0))
    if positions is not None:
        places = np.asarray(positions, np.float64)
        if places.shape != (n, 2) or not np.isfinite(places).all() or degree not in (1, 2):
            raise UsageError(f"positions of shape {places.shape}, degree {degree}: ({n}, 2), finite, and 1 or 2 are allowed")
        if n and np.ptp(places, axis=0).max() > 0:
            basis = field_basis(places, degree)
    unknown = TERMS[method] + (basis.shape[1] + glare + 2) // 3
    if (share > 0).sum() <= unknown:
        raise NumericError(
            f"colour fit: {int((share > 0).sum())} patches for {unknown} unknowns per channel; at least {unknown + 1} are needed"
        )
    return ChartProblem(camera, xyz, share, to, method, preserve_white, own, bool(glare), basis)


def _vector(value: ArrayLike | None, n: int, what: str, default: Float64) -> Float64:
    given = default if value is None else np.asarray(value, np.float64)
    if given.shape != (n,) or not np.isfinite(given).all():
        raise UsageError(f"{what} of shape {given.shape} must be {n} finite numbers")
    return given


def _covariance(noise: ArrayLike | None, weight: float) -> Float64 | None:
    if weight < 0 or not np.isfinite(weight) or (weight and noise is None):
        raise UsageError(f"noise_weight={weight} must be 0 or more, and needs noise=")
    if noise is None:
        return None
    given = np.asarray(noise, np.float64)
    full = np.diag(given) if given.shape == (3,) else given
    if full.shape != (3, 3) or not np.allclose(full, full.T) or np.linalg.eigvalsh(full).min() < -1e-12:
        raise UsageError(f"noise of shape {given.shape} must be 3 variances or a (3, 3) covariance")
    return np.asarray(full)


def _outliers(errors: Float64, names: Sequence[str], used: Any) -> list[str]:
    limit = max(_OFF, _MEDIANS * float(np.median(errors[used])))
    return [
        f"patch {names[i]} is off by {errors[i]:.1f}, the median by {np.median(errors[used]):.2f}: dirty, in a "
        "reflection, or not as the reference has it"
        for i in np.flatnonzero(used & (errors > limit))
    ]


def _veil_remarks(veil: Estimate) -> list[str]:
    if veil.sure and veil.interval[0] <= 0:
        percent = [f"{100 * v:.1f}" for v in (veil, *veil.interval)]
        return [f"glare of {percent[0]} % [{percent[1]}, {percent[2]}] cannot be told from none"]
    return []
