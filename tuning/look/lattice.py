"""A smooth 3D table through scattered samples: regularised sparse least squares.

With d the table less the identity, A the tetrahedral weights of the samples and y what each sample changed by,

    minimise  sum w |A d - y|^2  +  s n' |second differences of d|^2  +  r n' |d|^2,      n' = (n - 1) / 32

over all points. The second differences (with the mixed ones twice: the bending energy of a thin plate, G. Wahba,
"Spline Models for Observational Data", SIAM 1990) carry the look on into regions that no sample touches; the last term
pulls it back to nothing at a distance of about `RETURN` of the cube's side. n' keeps both the same on finer tables.
Solved by conjugate gradients, preconditioned on all coarser tables at once (J. H. Bramble, J. E. Pasciak, J. Xu,
Mathematics of Computation 55 (1990) 1): about 30 steps, where a diagonal preconditioner needs 1,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from isp.errors import NumericError
from isp.values import Float64
from tuning.look.tetrahedra import corners, identity_table, looked_up

RETURN = 0.25
"""Distance from the last sample [cube side] over which the look fades away."""
_TOLERANCE, _ROUGH = 1e-6, 1e-2
"""Relative residuals at which conjugate gradients end: for tables, and for standard deviations."""
_PASSES = 1000
_COARSEST = 9
"""Points a side of the table that is solved directly."""
_DRAWS = 8
"""Random signs of the residuals: the standard deviation is known to a quarter."""


@dataclass(frozen=True)
class Samples:
    """Colours before and after, (N, 3) in 0..1, and their weights (N,)."""

    before: Float64
    after: Float64
    weight: Float64

    def but(self, weight: Float64) -> Samples:
        """The same colours with other weights."""
        return Samples(self.before, self.after, weight)


def smooth_table(samples: Samples, size: int, smoothness: float) -> Float64:
    """(size, size, size, 3) table at [blue, green, red].

    Parameters
    ----------
    samples : Samples
        Weights count pixels.
    size : int
        Points a side, 3 or more.
    smoothness : float
        Weight s of the second differences; above 0.

    Raises
    ------
    NumericError
        Conjugate gradients do not converge.
    """
    system, rows = _system(samples, size, smoothness)
    change = _solved(system, rows.T @ (samples.weight[:, None] * (samples.after - samples.before)), size)
    return identity_table(size) + change.reshape(size, size, size, 3)


def coverage(samples: Samples, size: int) -> Float64:
    """(size, size, size): pixels that each point of the table answers for."""
    index, weight = corners(samples.before, size)
    total = np.bincount(index.ravel(), (weight * samples.weight[:, None]).ravel(), size**3)
    return np.asarray(total, np.float64).reshape(size, size, size)


def deviation(samples: Samples, table: Float64, smoothness: float, seed: int) -> Float64:
    """(size, size, size) standard deviation of a table's points, root mean square over the channels.

    By the wild bootstrap (C. F. J. Wu, Annals of Statistics 14 (1986) 1261): the table is fitted to its own residuals
    with random signs. What the smoothing itself bends is not in it.
    """
    size = len(table)
    system, rows = _system(samples, size, smoothness)
    left = np.sqrt(np.mean((samples.after - looked_up(table, samples.before)) ** 2, axis=1))
    random = np.random.Generator(np.random.Philox(seed))
    signs = random.choice([-1.0, 1.0], (len(left), _DRAWS))
    right = rows.T @ ((samples.weight * left)[:, None] * signs)
    drawn = _solved(system, right, size, _ROUGH)
    return np.asarray(np.sqrt(np.mean(drawn**2, axis=1)).reshape(size, size, size))


def monotone(table: Float64) -> Float64:
    """`table` with each channel never falling along its own axis: the mean of the two nearest such bounds."""
    result = table.copy()
    for channel, axis in ((0, 2), (1, 1), (2, 0)):
        line = table[..., channel]
        above = np.maximum.accumulate(line, axis)
        below = np.flip(np.minimum.accumulate(np.flip(line, axis), axis), axis)
        result[..., channel] = (above + below) / 2
    return result


def _system(samples: Samples, size: int, smoothness: float) -> tuple[Any, Any]:
    from scipy import sparse

    index, weight = corners(samples.before, size)
    ends = np.arange(0, 4 * len(index) + 1, 4)
    rows = sparse.csr_array((weight.ravel(), index.ravel(), ends), shape=(len(index), size**3))
    fine = (size - 1) / 32.0
    back = smoothness / (RETURN * (size - 1)) ** 4
    penalty = smoothness * _bending(size) + back * sparse.eye_array(size**3)
    return (rows.T @ sparse.diags_array(samples.weight) @ rows + fine * penalty).tocsr(), rows


@cache
def _bending(size: int) -> Any:
    """Sparse (size^3, size^3): quadratic form of the squared second differences along and across the axes."""
    from scipy import sparse

    one = sparse.eye_array(size)
    first = sparse.diags_array([-np.ones(size), np.ones(size - 1)], offsets=[0, 1], shape=(size - 1, size))
    bend = np.ones(size - 2)
    second = sparse.diags_array([bend, -2 * bend, bend], offsets=[0, 1, 2], shape=(size - 2, size))

    def form(*parts: Any) -> Any:
        whole = sparse.kron(sparse.kron(parts[0], parts[1]), parts[2])
        return whole.T @ whole

    along = [form(*(second if k == axis else one for k in range(3))) for axis in range(3)]
    across = [form(*(one if k == axis else first for k in range(3))) for axis in range(3)]
    return sum(along[1:], along[0]) + 2.0 * sum(across[1:], across[0])


def _solved(system: Any, right: Float64, size: int, tolerance: float = _TOLERANCE) -> Float64:
    from scipy.sparse.linalg import cg

    preconditioner = _preconditioner(system, size)
    columns = []
    for k in range(right.shape[1]):
        found, state = cg(system, right[:, k], rtol=tolerance, maxiter=_PASSES, M=preconditioner)
        if state != 0 or not np.isfinite(found).all():
            raise NumericError(f"the look's table did not converge in {_PASSES} steps; try a larger smoothness")
        columns.append(found)
    return np.stack(columns, 1)


def _preconditioner(system: Any, size: int) -> Any:
    """Sum over the levels of what their diagonal alone would answer, and of the coarsest level's true answer."""
    from scipy.sparse.linalg import LinearOperator, splu

    scales, finer, level = [], [], system
    while size > _COARSEST:
        scales.append(1.0 / level.diagonal())
        finer.append(_interpolation(size))
        level = (finer[-1].T @ level @ finer[-1]).tocsr()
        size = (size + 1) // 2
    coarsest = splu(level.tocsc())

    def apply(residual: Float64) -> Float64:
        parts = [residual]
        for to_finer in finer:
            parts.append(to_finer.T @ parts[-1])
        answer = coarsest.solve(parts[-1])
        for to_finer, scale, part in zip(finer[::-1], scales[::-1], parts[-2::-1], strict=True):
            answer = to_finer @ answer + scale * part
        return np.asarray(answer)

    return LinearOperator(system.shape, apply)


@cache
def _interpolation(size: int) -> Any:
    """Sparse (size^3, coarse^3): trilinear, from a table with half the cells a side; `size` is odd."""
    from scipy import sparse

    coarse = (size + 1) // 2
    line = sparse.lil_array((size, coarse))
    line[::2] = sparse.eye_array(coarse)
    for k in (0, 1):
        line[1::2] += sparse.eye_array(coarse - 1, coarse, k=k) / 2
    return sparse.kron(sparse.kron(line, line), line).tocsr()
