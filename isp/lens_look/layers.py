"""Layers of a picture by how blurred they will be: ranges of thin-lens blur diameters, numbered from near to far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 1.0
"""Width of a layer near the focus [px of blur diameter]."""
RATIO = 0.04
"""Width of a layer far from it, relative to its blur."""
JUMP = 3
"""Layers from which on two neighbours belong to different things: 3 px or 12 % of blur."""
BEND = round(1 / RATIO)
"""The last layer of constant width."""

Int16 = NDArray[np.int16]


@dataclass(frozen=True)
class Layers:
    """Numbers of layers and their blur; 0 is in focus, and what is infinitely far lies in the middle of its layer.

    Parameters
    ----------
    infinity : thin-lens blur diameter of what is infinitely far [px]
    """

    infinity: float

    @property
    def _stretch(self) -> float:
        place = float(_place(np.asarray(self.infinity, np.float64)))
        # of what is as good as in focus, there is none to speak of
        return math.ceil(place) / place if place > 0.5 else 1.0

    def of(self, blur: Any) -> Int16:
        """Numbers of the layers of thin-lens blur diameters [px], negative in front of the focus."""
        size = np.asarray(blur)
        return np.asarray(np.rint(np.copysign(_place(np.abs(size)) * size.dtype.type(self._stretch), size)), np.int16)

    def blur(self, layer: int) -> float:
        """Blur diameter in the middle of a layer [px]."""
        return float(blur_about(layer / self._stretch))


def blur_about(layer: Any) -> NDArray[np.float64]:
    """Blur diameters of layers [px], but for the little by which `Layers` stretches them."""
    place = np.abs(np.asarray(layer, np.float64))
    size = np.minimum(place, BEND) * STEP * (1 + RATIO) ** np.maximum(place - BEND, 0)
    return np.asarray(np.copysign(size, layer))


def _place(size: NDArray[Any]) -> NDArray[Any]:
    """Layers up to a blur diameter [px]."""
    bend = BEND * STEP
    far = np.log(np.maximum(size, bend) / bend) / math.log1p(RATIO)
    return np.asarray(np.minimum(size, bend) / STEP + far)
