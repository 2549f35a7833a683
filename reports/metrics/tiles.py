"""A map as sums over tiles: its mean, how sure that is, and the same for a picture that is read part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import NumericError, UsageError
from isp.values import Float64
from reports.estimate import Estimate, bootstrap

TILE = 64
"""Side of a tile [px], the item of the bootstrap."""


@dataclass(frozen=True)
class Tiles:
    """Sums over tiles of a map, whose mean over all pixels is the ratio of the sums of both.

    Parameters
    ----------
    sums, counts : (N,) float64
        Of the map's values and of its pixels in each tile.
    """

    sums: Float64
    counts: Float64

    @classmethod
    def of(cls, plane: NDArray[np.floating], side: int = TILE) -> Tiles:
        """Tiles of a map (H, W) from its top left corner on; those at the right and lower border are smaller."""
        height, width = plane.shape
        edges = np.arange(0, height, side), np.arange(0, width, side)
        sums = np.add.reduceat(np.add.reduceat(plane, edges[0], 0, np.float64), edges[1], 1)
        sizes = [np.diff(np.append(edge, size)) for edge, size in zip(edges, plane.shape, strict=True)]
        return cls(sums.ravel(), np.outer(*sizes).ravel().astype(np.float64))

    @classmethod
    def join(cls, parts: Sequence[Tiles]) -> Tiles:
        """Tiles of several parts of one picture."""
        return cls(np.concatenate([p.sums for p in parts]), np.concatenate([p.counts for p in parts]))

    @property
    def mean(self) -> float:
        """Over all pixels."""
        return float(self.sums.sum() / self.counts.sum())

    @property
    def items(self) -> Float64:
        """(N,) what the mean is the mean of, tiles of unequal size included: the pseudo-values of a ratio."""
        return np.asarray(self.mean + (self.sums - self.mean * self.counts) / self.counts.mean())

    def estimate(self, unit: str = "", seed: int = 0) -> Estimate:
        """The mean with its bootstrap interval, and the tiles for paired comparison."""
        found = bootstrap(self.items, unit=unit, seed=seed)
        return Estimate(self.mean, found.interval, unit, found.reason, self.items)


def checked(picture: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Both as arrays of one size (H, W) or (H, W, 3).

    Raises
    ------
    UsageError
        They are of different size, or not pictures.
    NumericError
        A value is not finite.
    """
    arrays = np.asarray(picture), np.asarray(reference)
    for array, name in zip(arrays, ("picture", "reference"), strict=True):
        if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
            raise UsageError(f"{name} of shape {array.shape} must be (H, W) or (H, W, 3)")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise NumericError(f"{name} holds values that are not finite")
    if arrays[0].shape != arrays[1].shape:
        shapes = " and ".join("x".join(map(str, (a.shape[1], a.shape[0], *a.shape[2:]))) for a in arrays)
        raise UsageError(f"picture and reference are {shapes}; they must have one size")
    return arrays
