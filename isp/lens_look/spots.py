"""Spots: what the light of a point in a layer looks like on the sensor, as tables over the field.

A table holds, for each field height, the density of the light of red, green and blue around the place of the chief
ray, x away from the axis of the lens. The renderer turns it by the azimuth of each place in the picture. Coma moves the
middle of a spot from the chief ray, alike for all distances: where that is by more than `APART` from one block of the
picture to the next, tables are about the middle of the spot of what is in focus, and how far it lies from the chief ray
is drawn later, with the distortion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import UsageError
from isp.lens_look.fans import FIELDS, Fans
from isp.lens_look.field_tracing import RAYS, VERGENCES, WAVELENGTHS
from isp.lens_look.programs import run
from isp.lens_look.table_loops import LANES
from isp.lens_look.thin_lens import check_focus
from isp.lenses import Lens
from isp.lenses.beam import Opening
from isp.lenses.lens import NOMINAL
from isp.values import Float32, Float64, frozen

DIVISIONS = 4
"""Each cell between traced rays is divided into so many parts along each side."""
Indices = NDArray[np.intp]
FINEST = 8.0
"""A blur is rendered in the coarsest pixels of which its diameter has so many."""
LARGEST = 20.0
"""Radius up to which a kernel is gathered [px of its level]."""
LEVELS = 6
CELLS = 2.4
"""Cells of a table per pixel, at least."""
SHARP = 10.0
"""The same at full size, where places count to a tenth of a pixel, as far as that makes no large tables."""
ENERGY = 0.985
"""Part of the rays that a table holds; what strays further is left out."""
FINE = 16.0
"""Cells of a table per pixel, at most."""
DIM = 3e-3
"""Cells of a table with less light, relative to the mean, are taken to be dark: no more than this part of all light."""
CONE = 0.5
"""Radius of the cone that softens tables for pixels of the coarser levels [px of the level]."""
NEARNESS = 8
"""Steps of vergence between points that were traced, for which the lit part of the pupil is kept."""
NARROWEST = 0.15
"""Radius of the stop [clear radii] below which its spots are those at this radius, smaller: rays lie too far apart."""
APART = 0.1
"""By so much of their width the middle of spots may move from block to block."""
DARK = 0.1
"""Of the light on the axis; where there is less, nobody sees what moves."""
WIDTH = 2.5
"""Diameter of a disc, in ranges that hold the middle half of its light."""
TURNS = 4
"""Steps of azimuth over one blade of the iris."""


@dataclass(frozen=True)
class Extent:
    """The spots of one layer in figures, each (F,) float64.

    Parameters
    ----------
    radius : that holds the light [px]
    core : diameter of a disc as wide as the spot's core [px]
    illumination : relative to the axis: area of the beam times cos³ (see `Lens.relative_illumination`)
    """

    radius: Float64
    core: Float64
    illumination: Float64


@dataclass(frozen=True)
class Table:
    """Spots of one layer, for rendering in pixels of one level.

    Parameters
    ----------
    density : (A, F, 4, n, n) float32
        Light per area for A turns of the iris, F fields, and red, green, blue and their mean.
    half : (F,) float64
        Half the side of a table [px].
    radius : (F,) float64
        Within which the light lies [px].
    """

    density: Float32
    half: Float64
    radius: Float64


@dataclass(frozen=True)
class Optics:
    """A lens at work: focused, stopped down, in front of a sensor.

    Parameters
    ----------
    fans : Fans
    f_number : float
    focus : float
        Distance in focus [mm].
    pitch : float
        Of a pixel [mm].
    strength : float
        Factor on the size of every spot.
    distortion : float
        Factor on the distortion of the lens, which is drawn later: spots are shaped so that it makes them right.
    blades, blade_angle : int, float
        Of the iris; 0 is round [degrees].
    onion : (depth, rings)
        Modulation of the light over the radius of the stop, as turned aspheres leave it.
    block : float
        Side of the blocks of the picture that share a kernel [px].

    Raises
    ------
    UsageError
        The focus is behind or inside the lens, or the lens does not open that wide.
    """

    fans: Fans
    f_number: float
    focus: float
    pitch: float
    strength: float = 1.0
    distortion: float = 0.0
    blades: int = 0
    blade_angle: float = 0.0
    onion: tuple[float, float] = (0.0, 0.0)
    block: float = 0.0

    def __post_init__(self) -> None:
        check_focus(self.fans.focal_length, self.focus / 1e3)
        if not self.pitch > 0:
            raise UsageError(f"pixel pitch {self.pitch:g} mm must be > 0")
        # a stop that there is not is refused here
        self._opening(0.0)

    @cached_property
    def blur_at_infinity(self) -> float:
        """Diameter of the blur circle of an infinitely far point, as a thin lens has it [px]."""
        focal = self.fans.focal_length
        return self.strength * focal**2 / self.f_number / (self.focus - focal) / self.pitch

    @cached_property
    def plane(self) -> float:
        """Place of the sensor behind the plane of reference: the smallest spot on the axis [mm]."""
        w = self._near(0, 1 / self.focus)
        x, y, slope_x, slope_y = (_between(a[0, :, 4], w) for a in self._maps)
        lit = self._open(0, w, 0.0) > 0
        top, bottom = (x * slope_x + y * slope_y)[lit].sum(), (slope_x**2 + slope_y**2)[lit].sum()
        return float(-top / bottom)

    @cached_property
    def heights(self) -> Float64:
        """(F,) image heights of the fields, of what is in focus [mm]."""
        return np.array([self._chief(k, 1 / self.focus) for k in range(FIELDS)])

    def _chief(self, field: int, vergence: float) -> float:
        fans = self.fans
        heights = fans.chief[field] + self.plane * fans.chief_slope[field]
        return float(_between(heights, self._near(field, vergence)))

    @cached_property
    def scale(self) -> float:
        """Image height per tangent of the field angle close to the axis [mm]."""
        near = self.heights[1:3] / self.fans.tangents[1:3]
        return float((4 * near[0] - near[1]) / 3)

    @cached_property
    def corner(self) -> float:
        """Distance from the axis of the last field in a picture without distortion [px]."""
        return self.scale * float(self.fans.tangents[-1]) / self.pitch

    @cached_property
    def stretch(self) -> tuple[Float64, Float64]:
        """(F,) each: what distortion multiplies lengths by, along the radius and across it."""
        ideal = self.scale * self.fans.tangents
        across = np.ones(FIELDS)
        across[1:] = self.heights[1:] / ideal[1:]
        across = 1 + self.distortion * (across - 1)
        along = np.gradient(across * ideal, ideal)
        return along, across

    @cached_property
    def shift(self) -> Float64:
        """(F,) how far away from the axis the middle of the spot of what is in focus lies from the chief ray [px].

        Half of its light lies on either side. In the picture before distortion, like the spots; 0 where neighbouring
        blocks fit without.
        """
        found, width, bright = np.zeros(FIELDS), np.ones(FIELDS), np.zeros(FIELDS)
        for k in range(FIELDS):
            corners, weight = self._samples(k, 1 / self.focus, 0.0)
            light = weight.sum(axis=0, dtype=np.float64)
            bright[k] = light.sum() * self.fans.cell[k]
            if not bright[k]:
                # beyond the lens's field, all moves as at its edge
                along = self.stretch[0]
                found[k:] = found[k - 1] * along[k - 1] / along[k:]
                break
            places = self._about_chief(k, 1 / self.focus, corners)[0][:, corners].mean(axis=1).ravel()
            order = np.argsort(places, kind="stable")
            before = np.cumsum(np.tile(light, len(places) // len(light))[order])
            low, found[k], high = np.interp(before[-1] * np.array([0.25, 0.5, 0.75]), before, places[order])
            width[k] = max(WIDTH * (high - low), 1.0)
        found[0] = 0.0
        step = self.block * np.abs(np.diff(found)) * (FIELDS - 1) / self.corner
        seen = bright[1:] > DARK * bright[0]
        return found if (seen & (step > APART * width[1:])).any() else np.zeros(FIELDS)

    @cached_property
    def _maps(self) -> tuple[Float32, Float32, Float32, Float32]:
        fans = self.fans
        return fans.x, fans.y, fans.slope_x, fans.slope_y

    def _opening(self, turn: float) -> Opening:
        """The stop whose rays are taken: that in use, or the narrowest one that holds enough of them."""
        opening = self._stop
        return replace(opening, radius=max(opening.radius, NARROWEST), angle_deg=self.blade_angle - turn)

    @cached_property
    def _stop(self) -> Opening:
        return _opening(self.fans.lens, self.fans.f_number, self.f_number, self.blades)

    def _near(self, field: int, vergence: float) -> float:
        """Of points in a plane at right angles to the axis: along the chief ray they are farther away."""
        return vergence * self.fans.near / math.sqrt(1 + float(self.fans.tangents[field]) ** 2)

    def _open(self, field: int, w: float, turn: float) -> Float64:
        """Clearance of the rays of a field through the rims and the stop in use."""
        fans, opening = self.fans, self._opening(turn)
        # nearer than any that was traced, rims are those of the nearest
        w = min(max(w, VERGENCES[0]), VERGENCES[-1])
        stop_x, stop_y, rims = (_between(a[field], w) for a in (fans.stop_x, fans.stop_y, fans.clearance))
        return np.asarray(np.minimum(rims, opening.clearance(stop_x, stop_y)))

    @property
    def turns(self) -> int:
        """Steps of azimuth that tables hold."""
        return TURNS if self.blades and self._stop.radius < 1 else 1

    def vergence(self, blur: float) -> float:
        """1 / distance [1/mm] of what has the thin-lens blur diameter `blur` [px]."""
        return (1 - blur / self.blur_at_infinity) / self.focus if self.strength else 1 / self.focus

    def _samples(self, field: int, vergence: float, turn: float) -> tuple[Indices, Float32]:
        """(4, cells) corners of the cells that hold light, and (divisions, cells) the weight of each part of them.

        What the rims let through changes little with the distance: it is kept for steps of it.
        """
        step = round(self._near(field, vergence) * NEARNESS)
        key = (field, step, turn)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._sampled(field, step / NEARNESS, turn)
        return found

    def forget(self) -> None:
        """Give back the memory of what is made again where it is needed."""
        self._kept.clear()

    @cached_property
    def _kept(self) -> dict[tuple[int, int, float], tuple[Indices, Float32]]:
        return {}

    def _sampled(self, field: int, w: float, turn: float) -> tuple[Indices, Float32]:
        corners = _corners(RAYS)
        clearance = self._open(field, w, turn).ravel()[corners]
        used = clearance.max(axis=0) > 0
        parts = _weights()
        free = np.einsum("kd,kc->dc", parts, clearance[:, used])
        # soft over one division, so that rims are smooth
        soft = np.maximum(np.ptp(clearance[:, used], axis=0) / DIVISIONS, 1e-9)
        weight = np.clip(0.5 + free / soft, 0.0, 1.0)
        depth, rings = self.onion
        if depth:
            stop = [
                np.einsum("kd,kc->dc", parts, _between(a[field], w).ravel()[corners][:, used])
                for a in (self.fans.stop_x, self.fans.stop_y)
            ]
            weight *= 1 + depth * np.cos(2 * np.pi * rings * np.hypot(*stop))
        return corners[:, used], weight.astype(np.float32)

    def _places(self, field: int, vergence: float, used: Indices) -> Float32:
        """(2, 9, rays) places of all rays around the middle of spots [px], if those are the ones `used`."""
        places = self._about_chief(field, vergence, used)
        places[0] -= np.float32(self.shift[field])
        return places

    def _about_chief(self, field: int, vergence: float, used: Indices) -> Float32:
        """(2, 9, rays) places of all rays around the chief ray [px], if those are the ones `used`."""
        w = self._near(field, vergence)
        x, y, slope_x, slope_y = (_between(a[field], w) for a in self._maps)
        x = x + self.plane * slope_x - self._chief(field, vergence)
        y = y + self.plane * slope_y
        along, across = (self.strength / self.pitch / float(s[field]) for s in self.stretch)
        places = np.stack([x * along, y * across], dtype=np.float32).reshape(2, len(x), -1)
        if self._stop.radius < NARROWEST:
            # of each colour about its own middle, of which coma's part shrinks as the square
            ratio = self._stop.radius / NARROWEST
            middle = places[:, :, used].mean(axis=tuple(range(2, 2 + used.ndim)))[:, :, None]
            places = middle - middle[:, 4:5] * (1 - ratio**2) + (places - middle) * ratio
        return places

    def extent(self, blur: float) -> Extent:
        """How large the spots of a layer are, and how bright."""
        vergence = self.vergence(blur)
        radius, core, area = np.zeros((3, FIELDS))
        for k in range(FIELDS):
            weight = self._samples(k, vergence, 0.0)[1]
            area[k] = weight.sum() * self.fans.cell[k]
            lit = np.flatnonzero(self._open(k, self._near(k, vergence), 0.0).ravel() > 0)
            if not lit.size:
                continue
            x, y = self._places(k, vergence, lit)[:, :, lit]
            # a cell around each ray holds light, too
            radius[k] = np.quantile(np.hypot(x, y), ENERGY) * (1 + 0.8 / math.sqrt(lit.size))
            core[k] = 2 * math.sqrt(2) * np.median(np.hypot(x - x.mean(), y - y.mean()))
        return Extent(radius, core, area / area[0] * (1 + self.fans.tangents**2) ** -1.5)

    def _splat(self, vergence: float, turn: float, half: Float64, light: Float32) -> None:
        """Put light into the cells of tables (F, 3, n, n), in sum 1 in each."""
        n = light.shape[-1]
        found = [self._samples(k, vergence, turn) for k in range(FIELDS)]
        count = max(corners.shape[1] for corners, _ in found)
        waves = sum(len(colour) for colour in WAVELENGTHS)
        at = np.empty((FIELDS, waves, 2, RAYS**2), np.float32)
        around = np.zeros((FIELDS, count, 4), np.int32)
        weights = np.zeros((FIELDS, count, DIVISIONS**2), np.float32)
        for k, (corners, weight) in enumerate(found):
            cells = corners.shape[1]
            places = self._places(k, vergence, corners) * np.float32(n / (2 * half[k])) + np.float32(n / 2)
            at[k] = places.swapaxes(0, 1)
            around[k, :cells] = corners.T
            weights[k, :cells] = weight.T / max(weight.sum() * len(WAVELENGTHS[0]), 1e-12)
        parts = np.ascontiguousarray(_weights().T, np.float32)
        run("splat", at, around, weights, parts, np.zeros((n, n), np.float32), light)

    def table(self, blur: float, level: int, extent: Extent) -> Table:
        """The spots of the layer of thin-lens blur diameter `blur` [px], for pixels of 2^level.

        Spots are convolved with a cone of a pixel's radius: a spot of no size is one pixel, wherever it is sampled.
        """
        pixel, radius = 2.0**level, extent.radius
        half = radius + 1.5 * pixel
        # odd, so that a spot of no size lies in the middle of a cell
        wanted = CELLS if level else SHARP
        n = int(np.clip(math.ceil(wanted * 2 * half.max() / pixel), 32, 144)) | 1
        # no more cells to a pixel than its cone needs
        half = np.maximum(half, n * pixel / (2 * FINE))
        cells = n * pixel / (2 * half)
        if level == 0:
            # a cell less, so that between cells a spot of no size gives nothing to the pixels beside it
            cone, drawn = np.maximum(cells - 1, 1), half
        else:
            # making pixels of a level and interpolating between them has a part in the spot's second moment
            cone = CONE * cells
            own = pixel**2 * (1 / 12 + 1 / 6 + 0.15 * CONE**2) / np.maximum(extent.core / 4, pixel) ** 2
            drawn = half / np.sqrt(1 - np.minimum(own, 0.5))
        vergence = self.vergence(blur)
        density = np.zeros((self.turns, FIELDS, 4, n, n), np.float32)
        for turn in range(self.turns):
            cones = _cones(cone)
            margin = cones.shape[1] // 2
            spare = -n % LANES
            light = np.zeros((FIELDS, len(WAVELENGTHS), n + 2 * margin, n + 2 * margin + spare), np.float32)
            inner = light[..., margin : margin + n, margin : margin + n]
            self._splat(vergence, 360.0 / max(self.blades, 1) * turn / self.turns, drawn, inner)
            soft = np.empty((*inner.shape[:-1], n + spare), np.float32)
            widths = (np.count_nonzero(cones, axis=2).astype(np.int32) - 1) // 2
            run("soften", light, cones, _boxes(light), widths, soft)
            soft = np.ascontiguousarray(soft[..., :n])
            soft[soft < DIM * soft.mean(axis=(2, 3), keepdims=True)] = 0
            # per area, so that tables of other sizes can be blended with it
            density[turn, :, :3] = soft * ((n / (2 * half)) ** 2)[:, None, None, None]
            density[turn, :, 3] = density[turn, :, :3].mean(axis=1)
        return Table(density, half, radius)


@lru_cache(maxsize=1)
def shared(optics: Optics) -> Optics:
    """The first of equal lenses at work: what it works out, it works out once for all that is done with it."""
    return optics


@lru_cache(maxsize=256)
def _opening(lens: Lens | None, widest: float, f_number: float, blades: int) -> Opening:
    if lens is not None:
        return lens.opening(f_number, blades)
    if f_number < NOMINAL * widest:
        raise UsageError(f"the ideal lens: f/{f_number:g} is not allowed; allowed: f/{widest:g}..f/1000")
    return Opening(min(widest / f_number, 1.0), blades)


def _between(points: NDArray[Any], w: float) -> NDArray[Any]:
    """What lies at vergence w, along the first axis, of `VERGENCES`."""
    first = int(w >= VERGENCES[1])
    far, near = points[first : first + 2]
    return np.asarray(far + points.dtype.type(w - VERGENCES[first]) * (near - far))


@cache
def _corners(n: int) -> Indices:
    """(4, cells) flat indices of the corners of the cells of an (n, n) grid."""
    first = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    return frozen(np.stack([first, first + 1, first + n, first + n + 1]))


@cache
def _weights() -> Float64:
    """(4, divisions) bilinear weights of the corners at places spread evenly over a cell, in no row with another."""
    total = DIVISIONS**2
    a = (np.arange(total) + 0.5) / total
    # the golden ratio spreads its multiples more evenly than any other number
    b = (np.arange(total) * 0.6180339887498949 + 0.5) % 1
    return frozen(np.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b]))


def _boxes(light: Float32) -> NDArray[np.int32]:
    """(F, 4) first and last column, first and last row of tables (F, colours, h, w) that hold light."""
    boxes = np.empty((len(light), 4), np.int32)
    for box, tables in zip(boxes, light, strict=True):
        there = np.asarray(tables.any(axis=0))
        for k, axis in ((0, 0), (2, 1)):
            lit = np.flatnonzero(there.any(axis=axis))
            box[k : k + 2] = (lit[0], lit[-1]) if lit.size else (0, -1)
    return boxes


def _cones(radius: Float64) -> Float32:
    """(F, taps, taps) cones of these radii [cells], each of volume 1."""
    reach = max(math.ceil(radius.max()) - 1, 1)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    cones = np.maximum(1 - np.hypot(x, y) / radius[:, None, None], 0)
    return np.asarray(cones / cones.sum(axis=(1, 2), keepdims=True), np.float32)
