"""How far a picture is from its reference: a robust loss on several scales, with its derivative.

With r the difference of code values (or of Oklab), 0 where the reference says nothing (clipped, outside after
registration), and r_k its means over squares of k x k pixels, k = 1, 4 and 16,

    L = 1/3 sum_k mean rho(r_k),   rho(r) = c^2 (sqrt(1 + (r/c)^2) - 1),   c = 0.03

Rho (P. Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for computed imaging", ICIP
1994) is r^2 / 2 for small differences and c |r| for large ones: a reflection or a retouched spot does not pull on
everything else. Means over squares let differences of tone and colour count where fine detail does not match because
the reference was denoised or moved by part of a pixel. The picture is taken in bands of rows whose sums are added in
order in float64: L does not depend on the number of threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from isp.values import Float32, Float64
from tuning.fitting.perceptual import Oklab

KNEE = 0.03
"""c: differences well above are taken for something that no parameter explains [code values]."""
LEVELS = (1, 4, 16)
"""Sides of the squares [px]; each divides the next."""
BAND = 32
"""Rows at a time [px], a multiple of the largest square: what they take stays in the cache."""
FEW = 150_000
"""Pixels that are looked at for second derivatives, about."""
SPARSE = 48
"""Rows of a band of those [px], a multiple of the largest square: with the reach of stencils, one tile of rows."""

Space = Literal["encoded", "oklab"]


@dataclass(frozen=True)
class Target:
    """What a picture should be.

    Parameters
    ----------
    picture : (3, H, W) float32 code values, in the encoding of the profile's output
    weight : (H, W) float32 0 or 1: where the reference counts
    oklab : the conversion in which differences are taken; None for code values
    """

    picture: Float32
    weight: Float32
    oklab: Oklab | None = None
    seen: Float32 = field(init=False)

    def __post_init__(self) -> None:
        seen = self.picture if self.oklab is None else self.oklab(self.picture)
        object.__setattr__(self, "seen", seen)

    @property
    def count(self) -> float:
        """Numbers that count."""
        return 3.0 * float(np.sum(self.weight, dtype=np.float64))


class Loss:
    """The loss of one picture; see the head of this file.

    Parameters
    ----------
    target : Target
    threads : bands at once

    Attributes
    ----------
    sparse : the bands (first row, row after the last) of which second derivatives are taken
    """

    def __init__(self, target: Target, threads: int = 1) -> None:
        self.target, self.threads = target, threads
        height = target.weight.shape[0]
        self._bands = [(top, min(top + BAND, height)) for top in range(0, height, BAND)]
        every = SPARSE * -(-target.weight.size // FEW)
        tops = range(height % every // 2 // LEVELS[-1] * LEVELS[-1] if height > every else 0, height, every)
        self.sparse = [(top, min(top + SPARSE, height)) for top in tops]
        self._share = 1.0 / (len(LEVELS) * target.count)

    def __call__(self, picture: Float32) -> float:
        """L of `picture` (3, H, W)."""
        with ThreadPoolExecutor(self.threads) as pool:
            return float(sum(pool.map(lambda band: self._band(picture, band, None), self._bands)))

    def derivative(self, picture: Float32) -> tuple[float, Float32]:
        """L and its derivative with respect to each value, (3, H, W)."""
        slopes = np.empty(picture.shape, np.float32)
        with ThreadPoolExecutor(self.threads) as pool:
            return float(sum(pool.map(lambda band: self._band(picture, band, slopes), self._bands))), slopes

    def rows(self, picture: Float32) -> Float32:
        """The `sparse` rows of (3, H, W)."""
        return np.concatenate([picture[:, top:stop] for top, stop in self.sparse], axis=1)

    def curvature(self, picture: Float32, columns: Float32) -> Float64:
        """(N, N) second derivative of L along `columns` (N, 3, rows, W), as Gauss and Newton take it.

        That is sum_k J_k^T w_k J_k with w = rho'(r) / r (iteratively reweighted least squares), from the `sparse` rows
        of the picture alone: exact is the gradient, this only sets the pace.
        """
        total = np.zeros((len(columns), len(columns)))
        seen = sum(float(self.target.weight[a:b].sum(dtype=np.float64)) for a, b in self.sparse) * 3.0
        at = 0
        for top, stop in self.sparse:
            total += self._curvature(picture, columns[:, :, at : at + stop - top], top, stop)
            at += stop - top
        return total * (self._share * self.target.count / max(seen, 1.0))

    def residual(self, picture: Float32) -> float:
        """Root of the mean squared difference where the reference counts, in code values."""
        square = 0.0
        for top, stop in self._bands:
            gap = (picture[:, top:stop] - self.target.picture[:, top:stop]) * self.target.weight[top:stop]
            square += float(np.sum(np.square(gap, dtype=np.float64)))
        return float(np.sqrt(square / self.target.count))

    def _difference(self, picture: Float32, top: int, stop: int) -> Float32:
        values = picture[:, top:stop]
        if self.target.oklab is not None:
            values = self.target.oklab(values)
        return np.asarray((values - self.target.seen[:, top:stop]) * self.target.weight[top:stop])

    def _band(self, picture: Float32, band: tuple[int, int], slopes: Float32 | None) -> float:
        top, stop = band
        pyramid = _pyramid(self._difference(picture, top, stop))
        total, slope = 0.0, np.zeros((1, 1, 1), np.float32)
        for side, gap in zip(reversed(LEVELS), reversed(pyramid), strict=True):
            root = np.sqrt(np.square(gap * np.float32(1 / KNEE)) + np.float32(1))
            total += side**2 * KNEE**2 * (float(np.sum(root, dtype=np.float64)) - root.size)
            if slopes is not None:
                slope = gap / root + (0 if slope.size == 1 else slope)
                if side > 1:
                    slope = _spread(slope, side // LEVELS[LEVELS.index(side) - 1])
        if slopes is not None:
            height, width = stop - top, picture.shape[2]
            slope = slope[:, :height, :width] * (self.target.weight[top:stop] * np.float32(self._share))
            if self.target.oklab is not None:
                slope = self.target.oklab.backwards(picture[:, top:stop], slope)
            slopes[:, top:stop] = slope
        return total * self._share

    def _curvature(self, picture: Float32, columns: Float32, top: int, stop: int) -> Float64:
        gaps = _pyramid(self._difference(picture, top, stop))
        weight = self.target.weight[top:stop]
        moved = []
        for part in columns:
            if self.target.oklab is not None:
                part = self.target.oklab.forwards(picture[:, top:stop], part)
            moved.append(_pyramid(part * weight))
        total = np.zeros((len(columns), len(columns)))
        for level, (side, gap) in enumerate(zip(LEVELS, gaps, strict=True)):
            root = np.sqrt(np.sqrt(1 / (1 + np.square(gap * np.float32(1 / KNEE)))))
            matrix = np.stack([m[level] * root for m in moved]).reshape(len(columns), -1)
            total += side**2 * (matrix @ matrix.T).astype(np.float64)
        return total


def _pyramid(gap: Float32) -> list[Float32]:
    """`gap` (3, h, w) and its means over the squares of `LEVELS`; what lies beyond its edges is 0."""
    height, width = gap.shape[1:]
    beyond = (-height % LEVELS[-1], -width % LEVELS[-1])
    if any(beyond):
        gap = np.pad(gap, ((0, 0), (0, beyond[0]), (0, beyond[1])))
    levels = [gap]
    for before, side in pairwise(LEVELS):
        levels.append(_means(levels[-1], side // before))
    return levels


def _means(planes: Float32, side: int) -> Float32:
    # rows first: whole lines are added, which is what processors do fastest
    n, height, width = planes.shape
    rows = np.add.reduce(planes.reshape(n, height // side, side, width), axis=2)
    return np.asarray(sum(rows[..., i::side] for i in range(side)) * np.float32(1 / side**2))


def _spread(planes: Float32, side: int) -> Float32:
    """Each value over a square of pixels."""
    return np.repeat(np.repeat(planes, side, axis=2), side, axis=1)
