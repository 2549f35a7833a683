"""A chart as the camera saw it and as it is: the equations a colour fit solves.

    reading = neutral (field(position) balanced + glare),    XYZ = matrix terms(balanced)

`neutral` is the camera's response to the reference white without veil, `glare` the veil as a fraction of it (the veil
of a lens is a blurred picture of all it sees: near neutral, even over a chart), `field` the light over the chart, 1 on
average. `neutral` follows from the greys by least squares of what they read and should read, their errors taken to be a
share of their value (dirt, uneven light) and a little of white (what is left of the veil).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isp.errors import NumericError
from isp.values import Float64
from reports.light import xyz_to_lab
from reports.metrics.color_difference import delta_e_2000
from tuning.calibrate.color_terms import TERMS, slope_at_white, terms

GREY = 5.0
"""Largest chroma C*ab of a reference that counts as grey."""
_GLARE_UNIT, _FIELD_UNIT = 0.05, 0.1
"""What a parameter of 1 means, so that all have about the same reach."""
_PASSES = 3
"""Rounds between the neutral and the matrix, each of which needs the other; the second moves it by 1e-3, the third by
1e-5."""
_ALSO_OF_WHITE = 0.1
"""Errors of greys that do not grow with them, as a fraction of white by which the growing ones are reckoned."""
MID_GREY = 0.18
"""Reflectance at which noise is judged."""


@dataclass(frozen=True)
class ChartProblem:
    """Readings, reference and what is asked.

    Parameters
    ----------
    camera, xyz : (N, 3) float64
    weights : (N,) float64
    white : (3,) XYZ of the reference white
    method, preserve_white : as of `ccm`
    neutral : (3,) float64, optional
    glare : True if it is sought
    basis : (N, F) float64
        Functions of position, F of 0 without a field.
    """

    camera: Float64
    xyz: Float64
    weights: Float64
    white: Float64
    method: str
    preserve_white: bool
    neutral: Float64 | None
    glare: bool
    basis: Float64
    expected: Float64 | None = None

    @cached_property
    def lab(self) -> Float64:
        """(N, 3) L*a*b* of the reference."""
        return xyz_to_lab(self.xyz, self.white)

    @cached_property
    def greys(self) -> NDArray[np.bool_]:
        """(N,) the patches that are grey and not left out."""
        return (np.hypot(self.lab[:, 1], self.lab[:, 2]) < GREY) & (self.weights > 0)

    @property
    def size(self) -> int:
        """Parameters of the matrix."""
        return 3 * (TERMS[self.method] - int(self.preserve_white))

    def part(self, keep: NDArray[np.bool_]) -> ChartProblem:
        """The same with some of the patches."""
        return replace(
            self, camera=self.camera[keep], xyz=self.xyz[keep], weights=self.weights[keep], basis=self.basis[keep],
            expected=None if self.expected is None else self.expected[keep],
        )  # fmt: skip

    def simpler(self, **changes: object) -> ChartProblem:
        """The same with a part of the model left out."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def start(self) -> tuple[ChartProblem, Float64]:
        """The problem with what its greys should read, and the least-squares solution in XYZ (parameters (P,))."""
        problem = self
        if self.neutral is None:
            if self.greys.sum() < 1:
                raise NumericError("colour fit: no grey patch (C*ab below 5) tells the neutral; give neutral=")
            # to first order a grey reads its Y
            problem = replace(self, expected=np.repeat(self.xyz[:, 1:2] / self.white[1], 3, axis=1))
        linear = replace(problem, method="linear", preserve_white=True)
        for _ in range(_PASSES if self.neutral is None else 1):
            linear = replace(linear, expected=problem.expected)
            matrix = linear.matrix(linear._least_squares()[None])[0]
            if self.neutral is None:
                problem = replace(problem, expected=np.linalg.solve(matrix, self.xyz.T).T)
        return problem, problem._least_squares()

    def split(self, p: Float64) -> tuple[Float64, Float64, Float64]:
        """Matrix part, glare (B,) and gains of the light (B, N) of parameters (B, P)."""
        at = self.size
        glare = p[:, at] * _GLARE_UNIT if self.glare else np.zeros(len(p))
        field = p[:, at + int(self.glare) :] * _FIELD_UNIT
        return p[:, :at], glare, 1.0 + field @ self.basis.T

    def matrix(self, p: Float64) -> Float64:
        """(B, 3, K) from terms of balanced RGB to XYZ."""
        free = self.split(p)[0].reshape(len(p), 3, -1)
        if not self.preserve_white:
            return free
        # at white all terms are 1
        last = self.white[None, :, None] - free.sum(axis=2, keepdims=True)
        return np.concatenate([free[..., :2], last, free[..., 2:]], axis=2)

    def neutral_of(self, p: Float64) -> Float64:
        """(B, 3) camera RGB of the reference white."""
        if self.neutral is not None or self.expected is None:
            return np.asarray(np.broadcast_to(np.ones(3) if self.neutral is None else self.neutral, (len(p), 3)))
        _, glare, gains = self.split(p)
        w = self.weights[self.greys]
        should = gains[:, self.greys, None] * self.expected[self.greys] + glare[:, None, None]
        w = w[:, None] / (should**2 + _ALSO_OF_WHITE**2)
        return np.asarray((w * should * self.camera[self.greys]).sum(axis=1) / (w * should**2).sum(axis=1))

    def balanced(self, p: Float64) -> Float64:
        """(B, N, 3) camera RGB without neutral, veil and uneven light."""
        _, glare, gains = self.split(p)
        return np.asarray((self.camera / self.neutral_of(p)[:, None] - glare[:, None, None]) / gains[..., None])

    def errors(self, p: Float64) -> Float64:
        """(B, N) CIEDE2000."""
        xyz = np.einsum("bik,bnk->bni", self.matrix(p), terms(self.balanced(p), self.method))
        return delta_e_2000(self.lab, xyz_to_lab(xyz, self.white))

    def noise(self, p: Float64, covariance: Float64) -> Float64:
        """(B,) root mean square ΔE*ab that noise makes of a mid grey, after the matrix."""
        to_xyz = self.matrix(p) @ slope_at_white(self.method) / self.neutral_of(p)[:, None]
        to_lab = _lab_slope(self.white) @ to_xyz
        return np.asarray(np.sqrt(np.einsum("bij,jk,bik->b", to_lab, covariance, to_lab)))

    def _least_squares(self) -> Float64:
        p = np.zeros(self.size + int(self.glare) + self.basis.shape[1])
        if self.glare:
            p[self.size] = self._first_glare() / _GLARE_UNIT
        x = terms(self.balanced(p[None])[0], self.method)
        target, root = self.xyz, np.sqrt(self.weights)[:, None]
        if self.preserve_white:
            third = x[:, 2:3]
            x, target = np.delete(x, 2, axis=1) - third, target - third * self.white
        free, _, rank, _ = np.linalg.lstsq(root * x, root * target, rcond=None)
        if rank < x.shape[1]:
            raise NumericError(
                f"colour fit: the patches tell only {rank} of {x.shape[1]} directions of the matrix apart; "
                "photograph more colours, or use fewer terms"
            )
        p[: self.size] = free.T.ravel()
        return p

    def _first_glare(self) -> float:
        """Where the line through the greys meets black, over its slope."""
        should = self.xyz[self.greys, 1] / self.white[1]
        if len(should) < 2 or np.ptp(should) < 0.1:
            return 0.0
        lines = np.polyfit(should, self.camera[self.greys], 1, w=1.0 / (should + 0.02))
        return float(np.clip(np.mean(lines[1] / lines[0]), -0.2, 0.5))


def _lab_slope(white: Float64) -> Float64:
    """(3, 3) derivative of L*a*b* by XYZ at a grey of `MID_GREY`."""
    f = MID_GREY ** (-2 / 3) / 3 / white
    return np.asarray(np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]]) * f)


def field_basis(positions: Float64, degree: int) -> Float64:
    """(N, F) monomials of x and y up to `degree`, without the constant, each with mean 0 over the patches."""
    middle = (positions.max(0) + positions.min(0)) / 2
    reach = np.ptp(positions, axis=0).max() / 2
    x, y = ((positions - middle) / reach).T
    rows = [x**i * y ** (d - i) for d in range(1, degree + 1) for i in range(d, -1, -1)]
    basis = np.stack(rows, axis=1)
    return np.asarray(basis - basis.mean(0))
