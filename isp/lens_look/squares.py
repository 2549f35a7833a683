"""What the squares of a tile have to do with: which layers reach them, and where things hide each other.

All is decided from what lies within reach of a square, so that it does not depend on where a picture was cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isp.lens_look.blocks import MEETING
from isp.lens_look.sheets import NOTHING

if TYPE_CHECKING:
    from isp.lens_look.sheets import Int16

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
    hidden : (n, n) int16 of the region, what is hidden there; None if nothing is
    """

    size: int
    around: int
    layer: Int16
    hidden: Int16 | None
    _found: dict[str, dict[int, Flags]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._found["there"] = self._cells(self.layer, None)
        if self.hidden is None:
            return
        hides = self.hidden > NOTHING
        meets = hides & (np.abs(self.layer) >= MEETING) & (np.abs(self.hidden) >= MEETING)
        behind = self._cells(self.hidden, hides)
        for name, mask in (("hides", hides), ("meets", meets)):
            self._found[name] = _joined(self._cells(self.layer, mask), self._cells(self.hidden, mask))
        self._found["there"] = _joined(self._found["there"], behind)

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

    def _cells(self, plane: Int16, mask: Flags | None) -> dict[int, Flags]:
        """Of each number in a plane, in which cells it is."""
        side = len(plane) // CELL
        used = plane if mask is None else plane[mask]
        if not used.size:
            return {}
        low = int(used.min())
        kinds = int(used.max()) - low + 1
        at = (np.arange(len(plane)) // CELL * kinds).astype(np.int32)
        cells = at[:, None] * np.int32(side) + at
        code = (cells if mask is None else cells[mask]) + (used - np.int16(low))
        flags = np.zeros(side * side * kinds, bool)
        flags[code.ravel()] = True
        there = flags.reshape(side, side, kinds)
        return {low + int(k): there[:, :, k] for k in np.flatnonzero(there.any(axis=(0, 1)))}

    def _grown(self, cells: Flags, reach: float) -> Flags:
        first = np.arange(len(cells)) * CELL - self.around
        start = np.arange(self.count)[:, None] * SQUARE
        stop = np.minimum(start + SQUARE, self.size)
        near = ((first - stop < reach) & (start - first - CELL < reach)).astype(np.float32)
        return np.asarray(near @ cells.astype(np.float32) @ near.T > 0)


def _joined(one: dict[int, Flags], other: dict[int, Flags]) -> dict[int, Flags]:
    return {**one, **other, **{k: one[k] | other[k] for k in one.keys() & other}}
