"""Renders a picture with depth through the spots of a lens, tile by tile.

In each tile the layers are laid one behind another, from near to far. Every layer's light and coverage are gathered
through its spots (per colour, turned by the azimuth of the place), in pixels so large that a blur is about 12 to 24 of
them wide. With T the share of the pupil through which nothing nearer was seen, a layer of blurred coverage a and light
l is seen with

    T l / max(1 - s, a)

where s is the blurred coverage of what lies in front of it on the same surface and so hides nothing of it. Where
something blurred hides something blurred, what is seen of that depends on where in the pupil one looks from: there the
pupil is divided, and each part looks by itself. The parts of a spot are the parts of the pupil its rays came from, but
for aberrations. What T all layers leave, because what is hidden twice is not known, is taken to be like the farthest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.lens_look import sheets
from isp.lens_look.guess import FELT
from isp.lens_look.layers import BEND, Int16, Layers
from isp.lens_look.spots import FINEST, LARGEST, LEVELS, Extent, Optics, Table
from isp.lens_look.squares import CELL, SQUARE
from isp.lens_look.tile import Tile
from isp.values import Float32

TILE = 512
"""Side of a tile [px]; a multiple of 2^(LEVELS - 1)."""
BLOCKS = 40
"""Blocks of one kernel across the diagonal of the frame, about."""
FALLOFF = 256
"""Places at which the fall-off of light is kept, from the axis to the corner."""
LATTICE = 2 ** (LEVELS - 1)
"""Tiles and regions begin and end on multiples of so many pixels of the frame."""
ANCHORS = 3
"""Far from the focus, spots are traced for every so many layers."""
CONTINUED = 24
"""Most cells over which hidden things are continued."""
KEPT = 256 << 20
"""Spots that are kept between pictures [bytes]; a large picture of many distances needs about as much at once."""
LEAST = 0.01
"""Of the frame's diagonal, over which they are continued at least."""


@dataclass(frozen=True)
class Place:
    """A picture within the frame that the lens sees.

    Parameters
    ----------
    shape : (H, W) of the picture [px]
    left, top : of its first pixel in the frame
    frame : (H, W) of the frame
    """

    shape: tuple[int, int]
    left: int
    top: int
    frame: tuple[int, int]

    @property
    def axis(self) -> tuple[float, float]:
        """(x, y) of the optical axis in the picture [px]."""
        return (self.frame[1] - 1) / 2 - self.left, (self.frame[0] - 1) / 2 - self.top

    def block(self, factor: int) -> int:
        """Side of the blocks that share a kernel, in pixels of `factor` pixels."""
        wanted = math.hypot(*self.frame) / BLOCKS / factor
        return 1 << min(max(round(math.log2(max(wanted, 1))), 3), 6)


@dataclass(frozen=True)
class Highlights:
    """Light above `threshold` is taken to be up to `stops` brighter than it is where it will be blurred."""

    stops: float = 0.0
    threshold: float = 1.0

    def gain(self, blur: float) -> float:
        """Additional share of light, for a blur diameter [px]; nothing is added to what stays sharp."""
        return float((2.0**self.stops - 1.0) * min(abs(blur) / FINEST, 1.0))


@dataclass
class Kept:
    """The spots of a lens at work, for all pictures that it takes, and the locks under which each is made once."""

    tables: dict[tuple[int, int], Table] = field(default_factory=dict)
    extents: dict[int, Extent] = field(default_factory=dict)
    locks: dict[Any, Lock] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def trim(self, most: int) -> None:
        """Drop tables beyond so many bytes, the latest first; who needs one makes it again."""
        total = 0
        for key, table in list(self.tables.items()):
            total += table.density.nbytes
            if total > most:
                self.tables.pop(key, None)


@lru_cache(maxsize=1)
def kept(optics: Optics, own_blur: float) -> Kept:
    """What was kept of pictures by the same lens at work, with the same share of its blur; of the last one only."""
    return Kept()


@dataclass
class Renderer:
    """Renders one picture.

    Parameters
    ----------
    optics : Optics
    place : Place
    vignetting : share of the lens's loss of light towards the corners, 0..1
    highlights : Highlights
    parts : the pupil is divided into so many parts along each side where something blurred hides something blurred
    own_blur : factor on the blur of what is out of focus
    kept : spots that other pictures by `optics` and `own_blur` left
    """

    optics: Optics
    place: Place
    vignetting: float = 1.0
    highlights: Highlights = field(default_factory=Highlights)
    parts: int = 2
    own_blur: float = 1.0
    kept: Kept = field(default_factory=Kept)

    def render(
        self, light: Float32, layer: Int16, threads: int, alpha: NDArray[np.uint8] | None = None,
        hidden: tuple[Float32, Int16] | None = None, sure: NDArray[np.bool_] | None = None,
    ) -> Float32:
        """The picture through the lens, without distortion.

        Parameters
        ----------
        light : (H, W, 3) float32, linear
        layer : (H, W) int16, as `layers` numbers them
        threads : does not change the result
        alpha : (H, W) uint8, how much of a pixel its layer covers, 255 all; the rest shows what is hidden there
        hidden : light (H, W, 3) and layer (H, W) of what is behind what shows, where that is known; it is guessed
            otherwise
        sure : (H, W) bool, pixels that hold no light of what lies beside them; all by default

        Returns
        -------
        Float32
            (H, W, 3)
        """
        result = np.empty(light.shape, np.float32)
        present = sorted(set().union(*(_numbers(plane) for plane in (layer, *(hidden or ())[1:]))))
        with ThreadPoolExecutor(threads) as pool:
            radius = max(float(e.radius.max()) for e in pool.map(self.extent, present))
            cell, steps = self.continuation
            offset = self.place.top % cell, self.place.left % cell
            hiding = None
            if hidden is not None:
                hiding = sheets.known(layer, hidden[1], hidden[0], cell * steps)
            elif len(present) > 1:
                hiding = sheets.uncover(light, layer, offset, cell, steps, sure)
            around = LATTICE * math.ceil(_around(radius) / LATTICE)

            def one(corner: tuple[int, int]) -> None:
                Tile(self, corner, around, light, layer, hiding, alpha).render(result)

            for _ in pool.map(one, self._tiles()):
                pass
        return result

    @cached_property
    def layers(self) -> Layers:
        """How layers are numbered."""
        return Layers(self.optics.blur_at_infinity * self.own_blur)

    @cached_property
    def size(self) -> int:
        """Side of a tile: of small frames half of what they need, so that threads share them."""
        largest = max(self.place.frame)
        return min(TILE, SQUARE * math.ceil(largest / (2 * SQUARE)))

    def _tiles(self) -> Iterable[tuple[int, int]]:
        """Top-left corners of all tiles [px of the picture], on a lattice of the frame."""
        size, (height, width) = self.size, self.place.shape
        top, left = -(self.place.top % size), -(self.place.left % size)
        return [(y, x) for y in range(top, height, size) for x in range(left, width, size)]

    def reach(self, layers: Iterable[int]) -> int:
        """How far around a pixel the result depends on the picture [px]."""
        radius = max(float(self.extent(k).radius.max()) for k in layers)
        cell, steps = self.continuation
        return _around(radius) + cell * (steps + FELT + 2) + SQUARE + CELL

    @cached_property
    def continuation(self) -> tuple[int, int]:
        """Side of the cells in which hidden things are continued [px], and over how many.

        As far as the blur of what is infinitely far, or at half the distance in focus, can uncover; not by what is in
        the picture, of which a cut out part would have less.
        """
        far = self.extent(int(self.layers.of(np.float64(self.layers.infinity))))
        covered = max(2 * float(far.radius.max()), LEAST * math.hypot(*self.place.frame))
        cell = 1
        while cell < LATTICE and covered > CONTINUED * cell:
            cell *= 2
        return cell, min(CONTINUED, math.ceil(covered / cell) + 1)

    def _once(self, store: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
        with self._lock_of(store, key):
            found = store.get(key)
            if found is None:
                found = store[key] = make()
            return found

    def _lock_of(self, store: dict[Any, Any], key: Any) -> Lock:
        with self.kept.lock:
            return self.kept.locks.setdefault((id(store), key), Lock())

    def tidy(self) -> None:
        """Leave for the next picture no more than `KEPT` bytes of spots."""
        self.kept.trim(KEPT)
        self.optics.forget()

    def _anchor(self, layer: int) -> tuple[int, float]:
        """The layer whose spots are those of `layer` but for a factor on their size, and that factor.

        Far from the focus two neighbours' spots differ by hardly more than that.
        """
        if abs(layer) <= BEND:
            return layer, 1.0
        anchor = int(math.copysign(ANCHORS * round(abs(layer) / ANCHORS), layer))
        return anchor, self.layers.blur(layer) / self.layers.blur(anchor)

    def extent(self, layer: int) -> Extent:
        """The spots of a layer in figures."""
        anchor, scale = self._anchor(layer)
        found: Extent = self._once(self.kept.extents, anchor, lambda: self.optics.extent(self.layers.blur(anchor)))
        return found if anchor == layer else replace(found, radius=found.radius * scale, core=found.core * scale)

    def tables(self, levels: Mapping[int, int]) -> dict[int, Table]:
        """The spots of layers for pixels of their levels; those that another thread is making now come last."""
        for layer, level in levels.items():
            if not self._lock_of(self.kept.tables, (self._anchor(layer)[0], level)).locked():
                self.table(layer, level)
        return {layer: self.table(layer, level) for layer, level in levels.items()}

    def table(self, layer: int, level: int) -> Table:
        """The spots of a layer for pixels of a level."""
        anchor, scale = self._anchor(layer)
        found: Table = self._once(
            self.kept.tables, (anchor, level),
            lambda: self.optics.table(self.layers.blur(anchor), level, self.extent(anchor)),
        )
        return found if anchor == layer else replace(found, radius=found.radius * scale, half=found.half * scale)

    def fields(self, y: float, x: float) -> float:
        """Field number at a place [px of the picture]."""
        cx, cy = self.place.axis
        return math.hypot(x - cx, y - cy) / self.optics.corner * (len(self.optics.fans.tangents) - 1)

    def level(self, layer: int, nearest: float, farthest: float) -> int:
        """In which pixels a layer is rendered between two field numbers: the core has enough, the spot not too many."""
        extent = self.extent(layer)
        numbers = np.arange(len(extent.core))
        size = float(np.interp((nearest + farthest) / 2, numbers, extent.core))
        reach = float(np.interp(np.linspace(nearest, farthest, 5), numbers, extent.radius).max())
        level = max(math.floor(math.log2(max(size, FINEST) / FINEST)), math.ceil(math.log2(max(reach, 1) / LARGEST)))
        return min(max(level, 0), LEVELS - 1)

    def falloff(self, layer: int) -> Float32:
        """(FALLOFF,) factor on the light of a layer, evenly over the squared distance from the axis."""
        illumination = self.extent(layer).illumination
        at = np.sqrt(np.linspace(0, 1, FALLOFF)) * (len(illumination) - 1)
        light = np.interp(at, np.arange(len(illumination)), illumination)
        return np.asarray(1 + self.vignetting * (light - 1), np.float32)


def _numbers(layer: Int16) -> set[int]:
    """Of the layers that there are."""
    low = int(layer.min())
    return {low + int(k) for k in np.flatnonzero(np.bincount((layer - low).ravel()))}


def _around(radius: float) -> int:
    """What a tile needs around it for spots of a radius [px]: it, and pixels of its level to interpolate."""
    coarse = 1 << min(LEVELS - 1, max(0, math.ceil(math.log2(max(2 * radius, FINEST) / FINEST))))
    return math.ceil(radius) + 4 * coarse
