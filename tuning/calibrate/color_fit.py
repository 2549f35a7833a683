"""A camera's colour matrix from patches of known colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.color.spaces import D65, xy_to_xyz
from isp.errors import NumericError, UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, mean_of
from tuning.calibrate.chart_problem import ChartProblem, field_basis
from tuning.calibrate.color_objective import check_objective, least
from tuning.calibrate.color_result import ColorFit
from tuning.calibrate.color_terms import TERMS, check_method, terms
from tuning.calibrate.held_out import Validation, held_out

ANOTHER_SCENE = 10.0
"""Mean CIEDE2000 of a fit from which the readings are not of this reference: real cameras stay below 4."""
_OFF, _MEDIANS = 4.0, 6.0
"""CIEDE2000, and multiples of the median, beyond both of which a patch is named."""


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
        Of the cross-validation: by default each patch is left out in turn, of more than 30 a tenth at a
        time. 0: none.
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
    problem = _problem(
        camera_rgb, reference_xyz, method, glare, weights, preserve_white, neutral, white, positions, degree
    )
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
    # what a penalty asks for may be far off, but not the least squares too
    if not min(errors[used].mean(), _start_error(problem)) < ANOTHER_SCENE:
        raise NumericError(
            f"colour fit: mean CIEDE2000 of {errors[used].mean():.1f} after the fit: these readings are not of this "
            "reference; check the chart's order and its orientation"
        )
    left = held_out(problem, solver, folds)
    own = solved.neutral_of(p[None])[0]
    _, [veil], [light] = solved.split(p[None])
    glare_found = _glare(float(veil), left) if glare else Estimate.missing("not sought")
    noise_found = Estimate.missing("no noise was given", "ΔE*ab")
    if covariance is not None:
        noise_found = Estimate(float(solved.noise(p[None], covariance)[0]), unit="ΔE*ab", reason="it is computed")
    return ColorFit(
        method=method,
        matrix=frozen(solved.matrix(p[None])[0] / terms(own, method)),
        deviation=frozen(left.matrix),
        neutral=frozen(own),
        neutral_deviation=frozen(left.neutral),
        white=frozen(problem.white),
        glare=glare_found,
        light=frozen(light),
        errors=frozen(errors),
        mean=mean_of(errors[used]),
        cross_validated=left.result,
        noise=noise_found,
        balanced=frozen(solved.balanced(p[None])[0][used]),
        lab=frozen(solved.lab[used]),
        weights=frozen(problem.weights[used]),
        warnings=(*_outliers(errors, labels, used), *_veil_remarks(glare_found), *left.remarks),
    )


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
            raise UsageError(f"positions of shape {places.shape}, degree {degree}; allowed: ({n}, 2) finite, 1 or 2")
        if n and np.ptp(places, axis=0).max() > 0:
            basis = field_basis(places, degree)
    unknown = TERMS[method] + (basis.shape[1] + glare + 2) // 3
    used = int((share > 0).sum())
    if used <= unknown:
        raise NumericError(f"colour fit: {used} patches for {unknown} unknowns per channel; {unknown + 1} are needed")
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


def _start_error(problem: ChartProblem) -> float:
    solved, p = problem.start()
    return float(solved.errors(p[None])[0][problem.weights > 0].mean())


def _outliers(errors: Float64, names: Sequence[str], used: NDArray[np.bool_]) -> list[str]:
    usual = float(np.median(errors[used]))
    return [
        f"patch {name} is off by {error:.1f}, the median by {usual:.2f}: dirty, in a reflection, or not as the "
        "reference has it"
        for name, error, counts in zip(names, errors, used, strict=True)
        if counts and error > max(_OFF, _MEDIANS * usual)
    ]


def _glare(value: float, left: Validation) -> Estimate:
    if not np.isfinite(left.glare):
        return Estimate(value, reason=left.result.mean.reason)
    return Estimate.normal(value, left.glare)


def _veil_remarks(veil: Estimate) -> list[str]:
    if veil.sure and veil.interval[0] <= 0:
        percent = [f"{100 * v:.2f}" for v in (veil, *veil.interval)]
        return [f"glare of {percent[0]} % [{percent[1]}, {percent[2]}] cannot be told from none"]
    return []
