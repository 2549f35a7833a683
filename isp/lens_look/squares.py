"""What the squares of a tile have to do with: which layers reach them, and where things hide each other.

All is decided from what lies within reach of a square, so that it does not depend on where a picture was cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.blocks import MEETING, Span
from isp.lens_look.programs import run
from isp.lens_look.sheets import NOTHING

if TYPE_CHECKING:
    from isp.lens_look.layers import Int16

SQUARE = 128
"""Side of a square [px]; the last ones of a tile may be smaller."""
CELL = 32
"""Side of the cells in which it is known what lies where [px]."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Squares:
    """A tile's squares and its surroundings.

    Parameters
    ----------
    size : side of the tile [px]
    around : of the region around it [px], whole cells
    layer : (n, n) int16 of the region
    hidden, reach : (n, n) int16 of the region, what is hidden there, and the farthest layer of one surface with what
        shows; None if nothing is hidden
    """

    size: int
    around: int
    layer: Int16
    hidden: Int16 | None
    reach: Int16 | None = None
    _found: dict[str, dict[int, Flags]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        hidden = np.full((1, 1), NOTHING, np.int16) if self.hidden is None else self.hidden
        behind = hidden[hidden > NOTHING]
        low, high = int(self.layer.min()), int(self.layer.max())
        if behind.size:
            low, high = min(low, int(behind.min())), max(high, int(behind.max()))
        side = len(self.layer) // CELL
        kinds = np.empty((high - low + 1, side, side), np.uint8)
        limits = np.array([low, MEETING, NOTHING], np.int32)
        run("presence", self.layer, hidden, limits, np.empty((CELL, CELL), np.uint8), kinds)
        for bit, what in enumerate(("there", "hides", "meets")):
            flags = (kinds & (1 << bit)) > 0
            self._found[what] = {low + int(k): flags[k] for k in np.flatnonzero(flags.any(axis=(1, 2)))}

    @property
    def numbers(self) -> list[int]:
        """Of all layers in the region, from near to far."""
        return sorted(self._found["there"])

    @property
    def count(self) -> int:
        """Squares along each side."""
        return -(-self.size // SQUARE)

    def reached(self, number: int, reach: float) -> Flags:
        """(count, count) which squares a layer reaches."""
        return self._grown(self._found["there"][number], reach)

    def box(self, number: int) -> tuple[Span, Span]:
        """Rows and columns of the region [px] that hold a layer, or what is nearer and of one surface with it."""
        there = self._found["there"][number]
        if self._farthest is not None:
            there = there | (number <= self._farthest)
        down, across = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
        rows, columns = ((int(at[0]) * CELL, (int(at[-1]) + 1) * CELL) for at in (down, across))
        return rows, columns

    @cached_property
    def _farthest(self) -> Int16 | None:
        """In each cell the farthest layer of one surface with what shows."""
        if self.reach is None:
            return None
        side = len(self.reach) // CELL
        return np.asarray(self.reach.reshape(side, CELL, side, CELL).max(axis=1).max(axis=2), np.int16)

    def near(self, what: str, reaches: dict[int, float]) -> Flags:
        """(count, count) where light comes from that something "hides", or where it "meets" another blur there.

        Parameters
        ----------
        reaches : of each layer [px]
        """
        total = np.zeros((self.count, self.count), bool)
        for number, cells in self._found.get(what, {}).items():
            total |= self._grown(cells, reaches[number])
        return total

    def _grown(self, cells: Flags, reach: float) -> Flags:
        first = np.arange(len(cells)) * CELL - self.around
        start = np.arange(self.count)[:, None] * SQUARE
        stop = np.minimum(start + SQUARE, self.size)
        near = ((first - stop < reach) & (start - first - CELL < reach)).astype(np.float32)
        return np.asarray(near @ cells.astype(np.float32) @ near.T > 0)
