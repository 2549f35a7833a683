"""The error of a colour fit on patches that were not fitted, and whether a richer model earns its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isp.errors import NumericError, UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, bootstrap, difference, mean_of
from tuning.calibrate.chart_problem import ChartProblem
from tuning.calibrate.color_terms import TERMS, terms

LARGEST_IN_TURN = 30
"""Patches up to which each is left out alone."""
_FOLDS = 10
_SEED = 0

Solve = Callable[[ChartProblem], tuple[ChartProblem, Float64]]


@dataclass(frozen=True)
class HeldOut(Measured):
    """CIEDE2000 of patches, each from a fit that did not see it.

    Parameters
    ----------
    mean, p95, maximum : Estimate
        Intervals say what other patches of the kind would give (bootstrap).
    errors : (N,) float64
        NaN where a patch has weight 0.
    """

    mean: Estimate
    p95: Estimate
    maximum: Estimate
    errors: Float64


@dataclass(frozen=True)
class Validation:
    """What cross-validation says: the errors; standard errors of matrix (3, K), neutral (3,) and glare by the jackknife
    (Efron 1982); remarks."""

    result: HeldOut
    matrix: Float64
    neutral: Float64
    glare: float
    remarks: tuple[str, ...] = ()

    @classmethod
    def missing(cls, problem: ChartProblem, reason: str) -> Validation:
        """None, and why."""
        none = Estimate.missing(reason)
        errors = HeldOut(none, none, none, frozen(np.full(len(problem.camera), np.nan)))
        return cls(errors, np.full((3, TERMS[problem.method]), np.nan), np.full(3, np.nan), np.nan)


def held_out(problem: ChartProblem, solve: Solve, folds: int | None) -> Validation:
    """Cross-validate a problem, and each simpler one inside it.

    Parameters
    ----------
    problem, solve : what to solve, and how
    folds : int, optional
        0 for none; None for one patch at a time, or ten folds beyond 30 patches.

    Raises
    ------
    UsageError
        One fold, or more than patches.
    """
    used = np.flatnonzero(problem.weights > 0)
    count = (len(used) if len(used) <= LARGEST_IN_TURN else _FOLDS) if folds is None else folds
    if count < 0 or count == 1 or count > len(used):
        raise UsageError(f"folds={folds}: 0, or 2..{len(used)} for {len(used)} patches are allowed")
    if count == 0:
        return Validation.missing(problem, "not asked for")
    order = np.random.Generator(np.random.Philox(_SEED)).permutation(used)
    groups = [order[start::count] for start in range(count)]
    try:
        errors, *found = _errors(problem, solve, groups)
    except NumericError as error:
        return Validation.missing(problem, f"without some patches: {error}")
    result = _held_out(errors)
    remarks = []
    for label, simpler, change in _rivals(problem):
        try:
            plain = _errors(simpler, solve, groups)[0]
        except NumericError:
            continue
        gain = difference(result.mean, mean_of(plain[np.isfinite(plain)]))
        if not gain.interval[0] > 0:
            remarks.append(
                f"{label} does not earn its place: on patches not fitted it gains {gain:.2f} "
                f"[{gain.interval[0]:.2f}, {gain.interval[1]:.2f}] CIEDE2000 over {change}"
            )
    matrix, neutral, glare = (_jackknife(values) for values in found)
    return Validation(result, matrix, neutral, float(glare), tuple(remarks))


def _rivals(problem: ChartProblem) -> list[tuple[str, ChartProblem, str]]:
    found = []
    if problem.method != "linear":
        found.append((f"method {problem.method}", problem.simpler(method="linear"), "linear"))
    if problem.glare:
        found.append(("glare", problem.simpler(glare=False), "no glare"))
    if problem.basis.shape[1]:
        found.append(("uneven light", problem.simpler(basis=problem.basis[:, :0]), "even light"))
    return found


def _errors(
    problem: ChartProblem, solve: Solve, groups: Sequence[NDArray[np.intp]]
) -> tuple[Float64, Float64, Float64, Float64]:
    """CIEDE2000 of each patch from the fit without its group; matrices, neutrals and veils of the fits."""
    errors = np.full(len(problem.camera), np.nan)
    matrices, neutrals, glares = [], [], []
    for group in groups:
        keep = np.ones(len(problem.camera), bool)
        keep[group] = False
        solved, p = solve(problem.part(keep))
        neutral = solved.neutral_of(p[None])[0]
        errors[group] = replace(problem.part(~keep), neutral=neutral).errors(p[None])[0]
        matrices.append(solved.matrix(p[None])[0] / terms(neutral, problem.method))
        neutrals.append(neutral)
        glares.append(solved.split(p[None])[1][0])
    return errors, np.array(matrices), np.array(neutrals), np.array(glares)


def _held_out(errors: Float64) -> HeldOut:
    known = errors[np.isfinite(errors)]
    return HeldOut(
        mean_of(known), bootstrap(known, lambda v: float(np.quantile(v, 0.95))),
        Estimate(known.max(), reason="the largest of some has no bootstrap interval"), frozen(errors),
    )  # fmt: skip


def _jackknife(values: Float64) -> Float64:
    """Standard errors of what was found without each of G groups: sqrt((G - 1) / G sum (v - mean)^2)."""
    n = len(values)
    return np.asarray(np.sqrt((n - 1) * np.var(values, axis=0)))
