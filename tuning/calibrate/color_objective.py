"""One number for the colour differences of patches, and the descent to its least value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isp.errors import NumericError, UsageError
from isp.values import Float64

OBJECTIVES = ("mean", "max", "robust", "least_squares")
_ROUND = 0.05
"""Rounds the corner of a difference at zero, where it has no slope [CIEDE2000]."""
_STEP = 1e-6
"""Of central differences: between rounding (1e-11) and the curvature of CIEDE2000."""
_LEAST_SCALE = 0.5
"""Least colour difference that `robust` takes for usual."""
_PASSES = 300


def check_objective(objective: str) -> None:
    """`UsageError` unless `objective` is one of `OBJECTIVES`."""
    if objective not in OBJECTIVES:
        raise UsageError(f"objective={objective!r} must be one of {', '.join(OBJECTIVES)}")


def least(
    errors: Callable[[Float64], Float64], start: Float64, weights: Float64, objective: str,
    extra: Callable[[Float64], Float64] | None = None,
) -> Float64:  # fmt: skip
    """The parameters (P,) that minimise colour errors.

    Parameters
    ----------
    errors : callable
        From (B, P) parameters to (B, N) CIEDE2000 of the patches.
    start : (P,)
    weights : (N,) >= 0
    objective : str
        ``mean``: the weighted mean, by BFGS. ``max``: the largest of weight times error, by SLSQP, from the mean's
        solution. ``robust``: Cauchy's loss, with the median error at the mean's solution times 1.4826 for its scale,
        so that a patch that is far off (dirty, in a reflection) loses its pull; by BFGS from there.
    extra : callable, optional
        From (B, P) to (B,), what is added.

    Raises
    ------
    NumericError
        The descent met values that are not finite, or did not end.
    """
    share = weights / weights.sum()

    def added(p: Float64) -> Float64:
        return np.zeros(len(p)) if extra is None else extra(p)

    def mean(p: Float64) -> Float64:
        return np.asarray(rounded(errors(p)) @ share + added(p))

    found = descend(with_slope(mean), start)
    if objective == "robust":
        scale = max(1.4826 * float(np.median(errors(found[None])[0][weights > 0])), _LEAST_SCALE)

        def robust(p: Float64) -> Float64:
            return np.asarray(scale * np.log1p((errors(p) / scale) ** 2) @ share + added(p))

        return descend(with_slope(robust), found)
    if objective == "max":
        return _least_largest(lambda p: errors(p) * (weights / weights.max()) + added(p)[:, None], found)
    return found


def descend(both: Callable[[Float64], tuple[float, Float64]], start: Float64) -> Float64:
    """Parameters (P,) at which a function of them, which also gives its gradient (P,), is least: BFGS.

    Raises
    ------
    NumericError
        It gave a value that is not finite, or the descent did not end.
    """
    from scipy.optimize import minimize

    def checked(p: Float64) -> tuple[float, Float64]:
        value, slope = both(p)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            raise NumericError("colour fit: the errors are not finite; check the readings and the reference")
        return value, slope

    found = minimize(checked, start, jac=True, method="BFGS", options={"gtol": 1e-4, "maxiter": _PASSES})
    if found.status == 1:
        raise NumericError(f"colour fit: no end after {_PASSES} steps; fit fewer things at once")
    return np.asarray(found.x)


def with_slope(values: Callable[[Float64], Float64]) -> Callable[[Float64], tuple[float, Float64]]:
    """A function from (B, P) to (B,) as one from (P,) to its value and gradient: central differences, all at once."""

    def both(p: Float64) -> tuple[float, Float64]:
        n = len(p)
        found = values(np.concatenate([p[None], p + _STEP * np.eye(n), p - _STEP * np.eye(n)]))
        return float(found[0]), (found[1 : n + 1] - found[n + 1 :]) / (2 * _STEP)

    return both


def rounded(errors: Float64) -> Float64:
    """Errors whose corner at zero is round, so that their mean can be descended."""
    return np.asarray(np.sqrt(errors**2 + _ROUND**2))


def _least_largest(errors: Callable[[Float64], Float64], start: Float64) -> Float64:
    """Minimise a bound on all errors."""
    from scipy.optimize import minimize

    n = len(start)

    def slack(q: Float64) -> Float64:
        return np.asarray(q[n] - errors(q[None, :n])[0])

    def slopes(q: Float64) -> Float64:
        away = errors(np.concatenate([q[:n] + _STEP * np.eye(n), q[:n] - _STEP * np.eye(n)]))
        by = (away[:n] - away[n:]) / (2 * _STEP)
        return np.column_stack([-by.T, np.ones(by.shape[1])])

    first = np.append(start, errors(start[None]).max())
    last = np.append(np.zeros(n), 1.0)
    found = minimize(
        lambda q: (q[n], last), first, jac=True, method="SLSQP",
        constraints={"type": "ineq", "fun": slack, "jac": slopes}, options={"maxiter": _PASSES, "ftol": 1e-6},
    )  # fmt: skip
    # a line search that fails at the corner of a bound leaves the better of the two
    better = errors(found.x[None, :n]).max() < errors(start[None]).max()
    return np.asarray(found.x[:n] if better else start)
