"""Finds areas of dead leaves: the same random texture all over, alike in all directions and at all scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64
from reports.light import luminance
from reports.metrics.spectra import blocks, radial
from reports.source import Source

TILE = 40
"""Of the reduced copy [px]."""
FEWEST = 4
"""Least rows and columns of tiles of an area."""
CONTRAST = (0.12, 0.8)
"""Standard deviation over mean of a tile's light: leaves of 5..45 % reflectance have 0.46 before blur."""
BOUNDS = {
    "slope": (-3.7, -1.5),
    "skewness": (-0.45, 0.45),
    "kurtosis": (1.6, 2.9),
    "isotropy": (0.8, 1.0),
    "drift": (0.0, 0.45),
}
"""What an area must show: exponent of its power spectrum (-1.9 and steeper by blur); its greys even (skewness 0,
kurtosis 1.8, towards 3 behind a blur); as much detail along one axis as along any other; no
quarter far brighter or darker than the whole [deviations]."""


@dataclass(frozen=True)
class DeadLeavesArea:
    """A rectangle of dead leaves.

    Parameters
    ----------
    left, top, width, height : int
        [px] of the upright picture, safe to measure.
    """

    left: int
    top: int
    width: int
    height: int

    def outlines(self) -> list[tuple[str, Float64]]:
        """Its border: name, (4, 2) corners x, y [px]."""
        right, bottom = self.left + self.width, self.top + self.height
        corners = [[self.left, self.top], [right, self.top], [right, bottom], [self.left, bottom]]
        return [("dead leaves", np.array(corners, np.float64))]


def find_dead_leaves(source: Source) -> tuple[DeadLeavesArea, ...]:
    """The largest area of dead leaves in a picture, if there is one.

    Judged on the `overview`: tiles of even contrast are joined to the largest rectangle, which must have the power
    spectrum, the uniform greys, the isotropy and the evenness of dead leaves (`BOUNDS`). Rather finds nothing than
    foliage.

    Parameters
    ----------
    source : Source
        Areas of at least 160 x 160 px of its `overview`.

    Returns
    -------
    tuple of DeadLeavesArea
        Of one or none.
    """
    light, step = source.overview
    plane = luminance(light, source.space)
    lively = _lively(plane)
    while True:
        box = _largest(lively)
        if box is None:
            return ()
        top, left, rows, columns = box
        part = plane[top * TILE : (top + rows) * TILE, left * TILE : (left + columns) * TILE]
        if all(low <= value <= high for value, (low, high) in zip(traits(part), BOUNDS.values(), strict=True)):
            break
        # what is no dead leaves as a whole may hold some beside something else: without it, the next largest
        lively = lively.copy()
        lively[top : top + rows, left : left + columns] = False
    scale = TILE * step
    return (DeadLeavesArea(left * scale, top * scale, columns * scale, rows * scale),)


def traits(plane: Float64) -> tuple[float, float, float, float, float]:
    """Slope of the power spectrum, skewness, kurtosis, isotropy and drift of light (H, W); see `BOUNDS`."""
    side = 128 if min(plane.shape) >= 128 else 64
    power = radial(np.abs(blocks(plane, side)) ** 2).mean(0)
    used = np.arange(2, side // 5)
    slope = np.polyfit(np.log(used + 1), np.log(np.maximum(power[used], 1e-30)), 1)[0]
    values = (plane - plane.mean()) / max(float(plane.std()), 1e-12)
    down, across = np.gradient(plane)
    tensor = np.array([[np.mean(a * b) for a in (across, down)] for b in (across, down)])
    weak, strong = np.linalg.eigvalsh(tensor)
    quarters = [values[v][:, h].mean() for v in _halves(len(plane)) for h in _halves(plane.shape[1])]
    drift = float(np.abs(quarters).max())
    return (
        float(slope), float(np.mean(values**3)), float(np.mean(values**4)), float(weak / max(strong, 1e-30)), drift,
    )  # fmt: skip


def _halves(length: int) -> tuple[slice, slice]:
    return slice(0, length // 2), slice(length // 2, length)


def _lively(plane: Float64) -> NDArray[np.bool_]:
    """Tiles whose contrast is that of a texture, or that lie between such: a leaf may fill them."""
    from scipy.ndimage import binary_closing

    rows, columns = (n // TILE for n in plane.shape)
    tiles = plane[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    mean = tiles.mean((1, 3))
    contrast = tiles.std((1, 3)) / np.maximum(mean, 1e-9)
    found = (mean > 0.01) & (contrast > CONTRAST[0]) & (contrast < CONTRAST[1])
    return np.asarray(binary_closing(np.pad(found, 2), np.ones((3, 3)))[2:-2, 2:-2])


def _largest(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Top, left, rows, columns of the largest rectangle of true tiles, `FEWEST` or more each way."""
    best, found = 0, None
    height = np.zeros(mask.shape[1], int)
    for row, line in enumerate(mask):
        height = np.where(line, height + 1, 0)
        for left in range(len(height)):
            low = int(height[left])
            for right in range(left, len(height)):
                low = min(low, int(height[right]))
                if low < FEWEST:
                    break
                wide = right - left + 1
                if wide >= FEWEST and low * wide > best:
                    best, found = low * wide, (row - low + 1, left, low, wide)
    return found
