"""What a scene is: material spectra times geometry, evaluated for any tile of any frame.

Positions are continuous, in photosites of the frame: photosite i covers [i, i + 1), its centre is i + 0.5; x to the
right, y downwards. What a photosite sees depends on its own position only, so a tile equals the same part of the
whole frame bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isp.errors import UsageError
from sensors.spectrum import Light

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Size = tuple[float, float]
"""(width, height) of what a scene fills [photosites]."""


class Warp(Protocol):
    """Where in the scene each channel of a photosite looks: distortion and lateral colour of a lens."""

    def positions(self, channel: int, x: Float64, y: Float64, frame: tuple[int, int]) -> tuple[Float64, Float64]:
        """Scene positions (h, w), float64 [photosites], of the photosite centres `x` (1, w) and `y` (h, 1)."""


@dataclass(frozen=True)
class View:
    """A tile of a frame.

    Parameters
    ----------
    frame : (width, height) of the whole sensor [photosites]
    x0, y0 : first column and row of the tile; may be negative (a tile may reach outside the frame)
    width, height : size of the tile, 1 or more
    warp : displacement of each channel; None looks straight ahead

    Raises
    ------
    UsageError
        A size is not positive.
    """

    frame: tuple[int, int]
    x0: int
    y0: int
    width: int
    height: int
    warp: Warp | None = None

    def __post_init__(self) -> None:
        if min(self.frame) < 1 or self.width < 1 or self.height < 1:
            raise UsageError(
                f"view: frame {self.frame[0]}x{self.frame[1]}, tile {self.width}x{self.height}: sizes must be >= 1"
            )

    def positions(self, channel: int) -> tuple[Float64, Float64]:
        """Scene positions of the tile's photosite centres for one channel.

        Returns
        -------
        (x, y)
            float64 [photosites], of shapes (1, width) and (height, 1) without a warp, both (height, width) with one.
        """
        x = (np.arange(self.x0, self.x0 + self.width, dtype=np.float64) + 0.5)[None, :]
        y = (np.arange(self.y0, self.y0 + self.height, dtype=np.float64) + 0.5)[:, None]
        return (x, y) if self.warp is None else self.warp.positions(channel, x, y, self.frame)


class Scene(ABC):
    """What stands in front of the camera; it fills the frame and goes on outside it.

    Attributes
    ----------
    name : what it is called in reports
    factors : (K, 81) float64, radiance of each material relative to a perfect diffuser under the light (its
        reflectance; lamps are above 1), on `sensors.spectrum.WAVELENGTHS`
    """

    name: str
    factors: Float64

    def radiance(self, light: Light) -> Float64:
        """Spectral radiance of the materials under `light`, (K, 81) float64 [W m^-2 sr^-1 nm^-1].

        A perfect diffuser under spectral irradiance E has the radiance E / pi.
        """
        return np.asarray(self.factors * light.spectrum / np.pi)

    @abstractmethod
    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        """What photosites centred at (`x`, `y`) see, averaged over the unit square around each.

        Parameters
        ----------
        x, y : float64 positions [photosites], of shapes (1, w) and (h, 1), or both (h, w)
        size : (width, height) of the frame [photosites]
        table : (K, C) float32, what the C channels see of each material

        Returns
        -------
        Float32
            (C, h, w)
        """

    def planes(self, view: View, table: Float32) -> Float32:
        """What each channel sees of the tile: (C, height, width) float32, linear in `table` (K, C)."""
        size = (float(view.frame[0]), float(view.frame[1]))
        if view.warp is None:
            return self.paint(*view.positions(0), size, table)
        channels = table.shape[1]
        result = np.empty((channels, view.height, view.width), np.float32)
        for c in range(channels):
            result[c] = self.paint(*view.positions(c), size, np.ascontiguousarray(table[:, c : c + 1]))[0]
        return result

    def depth(self, view: View, channel: int = 0) -> Float32 | None:
        """Distance along the optical axis, (height, width) float32 [m], seen by `channel`; None if it has none."""
        return None

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        """What can be measured in the scene, and where.

        Returns
        -------
        list of dict
            ``name``; ``kind`` (``patch``, ``edge``, ``star``, ``texture``, ``dot``); ``corners``, four [x, y]
            [photosites] clockwise from the top left of the whole thing; ``inner``, the same of the part that is safe
            to average.
        """
        return []
