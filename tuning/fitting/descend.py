"""Down the gradient: Gauss-Newton in a trust region, or L-BFGS-B where there are very many parameters. Both SciPy's.

`scipy.optimize.least_squares` (dogleg steps in a box: C. Voglis, I. E. Lagaris, WSEAS 2004; its reflective method adds
damping at bounds, which in the long flat valleys of tone curves took ten times the steps) wants residuals and a
Jacobian with a row for each, which for megapixels would be tens of millions of rows. All that it makes of them is
|f|^2 = 2 L, J^T f = g and J^T J = H. So it is given N + 1 rows with the same three:

    f = (sqrt(2 L), 0, ..., 0),   J = [ g^T / sqrt(2 L) ; R ],   R^T R = H - g g^T / (2 L)

L and g (by the adjoint) are those of the whole pictures, H is Gauss and Newton's from some of their rows, damped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from isp.errors import NumericError
from isp.values import Float64
from tuning.fitting.problem import Problem

Method = Literal["gauss_newton", "l_bfgs"]
MOST_NEWTON = 80
"""Parameters up to which Gauss-Newton is taken: its Hessian costs a rendering for each."""
TOLERANCE = 3e-3
"""Relative change of the loss that ends the search."""
STILL = 1e-6
"""Relative change of the parameters, in their scales, that ends it."""
DAMPING = 0.1
"""Levenberg's damping, as a share of the loss, in the parameters' scales: it keeps parameters that the pictures do not
tell from wandering while the loss is large, and vanishes with it (J. Fan, Y. Yuan, Computing 74 (2005) 23)."""
FLAT = 1e-14
"""Loss below which nothing is left to explain: float32's rounding."""


@dataclass(frozen=True)
class Descent:
    """Where the way down ended: the vector, its loss, and why."""

    vector: Float64
    loss: float
    converged: bool
    reason: str


def descend(problem: Problem, start: Float64, *, method: Method | None = None, steps: int = 200) -> Descent:
    """The nearest minimum of the loss, inside the bounds.

    Parameters
    ----------
    start : (N,) inside the bounds
    method : chosen by the number of parameters if None
    steps : most evaluations of the loss

    Raises
    ------
    NumericError
        The loss does not depend on the parameters.
    """
    value, gradient = problem.derivative(start)
    if not np.any(np.abs(gradient * problem.scale) > FLAT) and value > FLAT:
        raise NumericError("the loss does not change with any of the free parameters at the start: "
                           f"{', '.join(problem.labels[:6])}{', ...' if len(problem.labels) > 6 else ''}")
    if method is None:
        method = "gauss_newton" if len(start) <= MOST_NEWTON else "l_bfgs"
    return (_gauss_newton if method == "gauss_newton" else _l_bfgs)(problem, start, steps)


def _gauss_newton(problem: Problem, start: Float64, steps: int) -> Descent:
    from scipy.optimize import least_squares

    def residuals(scaled: Float64) -> Float64:
        rows = np.zeros(len(scaled) + 1)
        rows[0] = np.sqrt(2 * max(problem.loss(scaled * problem.scale), FLAT**2))
        return rows

    def jacobian(scaled: Float64) -> Float64:
        vector = scaled * problem.scale
        value, gradient = problem.derivative(vector)
        hessian = problem.curvature(vector) + np.diag(problem.prior)
        first = gradient * problem.scale / np.sqrt(2 * max(value, FLAT**2))
        damped = hessian * np.outer(problem.scale, problem.scale) + DAMPING * value * np.eye(len(scaled))
        left = damped - np.outer(first, first)
        values, vectors = np.linalg.eigh(left)
        root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
        return np.vstack([first, root])

    box = (problem.lower / problem.scale, problem.upper / problem.scale)
    found = least_squares(
        residuals, start / problem.scale, jacobian, bounds=box,
        method="dogbox", ftol=TOLERANCE, xtol=STILL, gtol=1e-12, max_nfev=steps,
    )
    words = {0: "the most evaluations allowed", 1: "no slope is left", 2: "the loss stays as it is",
             3: "the parameters stay where they are", 4: "loss and parameters stay as they are"}
    return Descent(found.x * problem.scale, float(found.cost), found.status > 0, words[int(found.status)])


def _l_bfgs(problem: Problem, start: Float64, steps: int) -> Descent:
    from scipy.optimize import minimize

    # around 1: L-BFGS-B's tests and first step take variables and values for numbers of that size
    unit = 1.0 / max(problem.loss(start), FLAT)

    def both(scaled: Float64) -> tuple[float, Float64]:
        value, gradient = problem.derivative(scaled * problem.scale)
        return value * unit, gradient * problem.scale * unit

    bounds = np.stack([problem.lower / problem.scale, problem.upper / problem.scale], axis=1)
    found = minimize(
        both, start / problem.scale, jac=True, bounds=bounds, method="L-BFGS-B",
        options={"maxfun": steps, "maxiter": steps, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-8},
    )
    reason = "the loss stays as it is" if found.success else "the most evaluations allowed"
    return Descent(np.asarray(found.x) * problem.scale, float(found.fun) / unit, bool(found.success), reason)
