"""Distortion: straight lines become straight, or a lens's bend is put in.

A pixel of the corrected picture at c + m (x, y), r^2 = x^2 + y^2, is fetched from c + m (x', y'),

    x' = x (k0 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p0 x y + p1 (r^2 + 2 x^2)
    y' = y (k0 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p0 (r^2 + 2 y^2)

with the optical centre c and r = 1 at the farthest corner of the frame: the model of D. C. Brown ("Close-range camera
calibration", Photogrammetric Engineering 37 (1971) 855) in the direction and units of DNG 1.7's WarpRectilinear, so
that a file's own numbers are used as they are (`isp.rectilinear`). Values between pixels are interpolated over 4 x 4 by
the cubic convolution of R. G. Keys (IEEE Trans. ASSP 29 (1981) 1153, a = -1/2), exact for polynomials of degree 2, so
nothing is shifted. Pixels side by side come from places nearly side by side: groups of them are fetched from one first
pixel on, by a few taps more, which is many times faster than addressing each pixel on its own.

A file may state a warp for each colour; green's is used for all, since `chromatic_aberration` has brought red and blue
onto green before, where it can be done well. Companion planes are bent along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.keys1981 import cubic_weights
from isp.parameters import Param
from isp.rectilinear import RectilinearWarp
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.chromatic_aberration import bucket
from isp.values import Companions, Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_STRAIGHT = (1.0, 0.0, 0.0, 0.0)
_GROUPS = (16, 8, 4, 2, 1)
"""Columns that are fetched from one first pixel on, so that pixels are read in a row and not one by one: as many as
spread by no more than `_SPREAD`; a single one hardly does."""
_SPREAD = 3
_ROWS = 128
"""Rows of a companion plane that are bent together."""
_BORDER = 257
"""Points along each side of the frame at which `frame` looks where they come from."""


class Distortion(Stage):
    """Undo (or add) the distortion of a lens."""

    name = "distortion"
    takes = ("camera", "scene", "display")
    parameters = (
        Param(
            "radial", "from_file", "k1..k3 (k0 is 1), k0..k3, or k0..k3 for each of red, green, blue; [] for none",
            lower=-4, upper=4, shapes=((0,), (1,), (2,), (3,), (4,), (3, 4)), sources=("from_file",), tune="gradient",
        ),
        Param(
            "tangential", "from_file", "p0 (along y) and p1 (along x), or a row for each colour; [] for none", lower=-1,
            upper=1, shapes=((0,), (2,), (3, 2)), sources=("from_file",), tune="search",
        ),
        Param("centre", "from_file", "Optical centre x, y: 0 first pixel, 1 last", lower=-1, upper=2, shapes=((2,),),
              sources=("from_file",)),
        Param("scale", 1.0, "Magnification of the picture, on top of what `frame` asks for", lower=0.25, upper=4,
              tune="search"),
        Param(
            "frame", "fill", "keep: size of the middle kept, the mirrored picture in empty corners; fill: magnified as "
            "far as none are empty; widest: as large a view as leaves none empty", choices=("fill", "keep", "widest"),
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        warp = context.info.warp
        if warp is None:
            return (0.5, 0.5) if name == "centre" else ()
        if name == "centre":
            return warp.centre
        plane = warp.planes[1 if len(warp.planes) >= 3 else 0]
        return plane[:4] if name == "radial" else plane[4:]

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return bool(values["scale"] == 1) and all(p == (*_STRAIGHT, 0, 0) for p in _warp(values).planes)

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        group, largest, spread, _ = _groups(values, context.shape)
        return {
            "planes": len(_warp(values).planes), "largest": bucket(largest + 1), "group": group,
            "spread": int(np.ceil(spread)),
        }

    def reach(self, structure: Mapping[str, str | int]) -> int:
        return int(structure["largest"]) + 2

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        warp = _warp(values)
        cx, cy, corner = warp.frame(context.shape)
        z = 1.0 / _zoom(values, context.shape)
        rows = np.array(warp.planes)
        # as displacements, so that float32 holds 1e-4 px in frames of 20000 px
        rows = rows * z ** np.array([1, 3, 5, 7, 2, 2]) - np.array([1.0, 0, 0, 0, 0, 0])
        rows[:, 4:] *= corner
        px, py = context.phase
        bend = _groups(values, context.shape)[3]
        return {"warp": rows, "place": np.array([cx + px, cy + py, 1.0 / corner, bend, px, px + context.shape[1] - 1])}

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if self.identity(values, context):
            return context
        given = context.companions.planes.items()
        planes = {name: _bent(plane, values, context) for name, plane in given if name != "defects"}
        companions = Companions(planes, context.companions.focus)
        return context.but(companions=companions, shading=None, info=replace(context.info, warp=None))

    def warn(self, values: Mapping[str, Plain], context: Context) -> list[str]:
        warp = context.info.warp
        if warp is not None and len(set(warp.planes)) > 1:
            return ["the file's lateral colour is left; chromatic_aberration in front of demosaic corrects it"]
        return []

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y, limit = graph.x, graph.y, int(structure["largest"])
        place, warp = arrays["place"], arrays["warp"]
        origin = graph.column - x
        count, spread, group = (int(structure[name]) for name in ("planes", "spread", "group"))

        def moves(column: Expr) -> list[Expr]:
            """How far to the right and down the place lies that a column of this row is fetched from, by plane."""
            away_x, away_y = hl.f32(column + origin) - place[0], hl.f32(graph.row) - place[1]
            u, v = away_x * place[2], away_y * place[2]
            square, cross = u * u + v * v, u * v * hl.f32(2)
            result = []
            for plane in range(count):
                k = [warp[plane, i] for i in range(6)]
                factor = k[0] + square * (k[1] + square * (k[2] + square * k[3]))
                result.append(away_x * factor + k[4] * cross + k[5] * (square + u * u * hl.f32(2)))
                result.append(away_y * factor + k[5] * cross + k[4] * (square + v * v * hl.f32(2)))
            return result

        # beyond the frame the polynomial may turn anywhere
        edges = [hl.i32(place[i]) - origin for i in (4, 5)]
        ends = zip(
            *(moves(hl.clamp(x * group + step, edges[0], edges[1])) for step in (0, group - 1)), strict=True
        )
        first = graph.stack("first", [hl.floor(hl.min(a, b) - place[3]) for a, b in ends], stored=True)
        shift = graph.stack("shift", moves(x), stored=True)

        def taps(axis: int) -> tuple[Expr, list[Expr]]:
            """The first pixel of its group, relative to this one, and the weights of the pixels from there on."""
            base = hl.clamp(hl.i32(first[x // group, y, axis]), -limit, limit - spread)
            return base, _weights(hl, shift[x, y, axis] - hl.f32(base), spread)

        def fetched(c: int) -> Expr:
            (nx, wx), (ny, wy) = (taps(2 * (c % count) + axis) for axis in range(2))
            rows = [
                _sum([image[x + nx + i - 1, y + ny + j - 1, c] * w for i, w in enumerate(wx)]) * v
                for j, v in enumerate(wy)
            ]
            return _sum(rows)

        return graph.grouped(graph.rgb("straight", [fetched(c) for c in range(3)]), group)


def _weights(hl: Any, move: Expr, spread: int) -> list[Expr]:
    """Weights of the pixels -1 .. 2 + `spread` for a place `move` = 0 .. 1 + `spread` behind pixel 0."""
    whole = hl.clamp(hl.floor(move), hl.f32(0), hl.f32(spread))
    four = cubic_weights(move - whole)
    result = []
    for tap in range(4 + spread):
        weight = hl.f32(0)
        for step in range(max(0, tap - 3), min(spread, tap) + 1):
            weight = hl.select(whole == hl.f32(step), four[tap - step], weight)
        result.append(weight)
    return result


def _sum(terms: Sequence[Expr]) -> Expr:
    """From first to last, so that zeros before and behind change nothing: the result does not depend on the group."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _warp(values: Mapping[str, Plain]) -> RectilinearWarp:
    """The parameters as one plane for all colours, or three."""
    radial, tangential = as_array(values["radial"]), as_array(values["tangential"])
    if radial.ndim == 1:
        radial = radial if len(radial) == 4 else np.concatenate([[1.0], radial, np.zeros(3 - len(radial))])
        radial = radial[None]
    if tangential.ndim == 1:
        tangential = (tangential if tangential.size else np.zeros(2))[None]
    count = max(len(radial), len(tangential))
    rows = np.hstack([np.broadcast_to(part, (count, part.shape[1])) for part in (radial, tangential)])
    return RectilinearWarp(tuple(map(tuple, rows.tolist())), values["centre"])


def _find(
    warp: RectilinearWarp, plane: int, shape: tuple[int, int], zoom: float, x: NDArray[Any], y: NDArray[Any]
) -> tuple[Float64, Float64]:
    """Where pixels of the corrected picture, magnified by `zoom` around the optical centre, come from [px]."""
    cx, cy, _ = warp.frame(shape)
    return warp.find(shape, plane, cx + (x - cx) / zoom, cy + (y - cy) / zoom)


def _groups(values: Mapping[str, Plain], shape: tuple[int, int]) -> tuple[int, float, float, float]:
    """How many columns make a group, and of any: the displacement, how far it spreads and bends within one [px]."""
    warp, zoom = _warp(values), _zoom(values, shape)
    for group in _GROUPS:
        largest, slope, bend = _extremes(warp, zoom, shape, min(group, shape[1]))
        spread = slope * (group - 1) + 2 * bend
        if spread <= _SPREAD:
            break
    return group, largest, spread, bend


def _extremes(
    warp: RectilinearWarp, zoom: float, shape: tuple[int, int], group: int
) -> tuple[float, float, float]:
    """Of any pixel: the displacement [px], its change per column, and how far it bends within a group [px]."""
    x, y = np.meshgrid(np.linspace(0, shape[1] - group, 65), np.linspace(0, shape[0] - 1, 65))
    largest = slope = bend = 0.0
    for plane in range(len(warp.planes)):
        left, middle, right = (
            np.stack(_find(warp, plane, shape, zoom, at, y)) - (at, y)
            for at in (x, x + (group - 1) / 2, x + group - 1)
        )
        largest = max(largest, float(np.abs(left).max()), float(np.abs(right).max()))
        slope = max(slope, float(np.abs(right - left).max()) / max(group - 1, 1))
        bend = max(bend, float(np.abs((left + right) / 2 - middle).max()))
    # between the points of the grid each may be a little more
    return largest * 1.05, slope * 1.05, bend * 1.2 + 1e-3


def _zoom(values: Mapping[str, Plain], shape: tuple[int, int]) -> float:
    """The whole magnification."""
    scale = float(values["scale"])
    if values["frame"] == "keep":
        return scale
    widest = _widest(_warp(values), shape)
    return scale * (max(widest, 1.0) if values["frame"] == "fill" else widest)


def _widest(warp: RectilinearWarp, shape: tuple[int, int]) -> float:
    """The least magnification, within 1/4..4, at which no border pixel comes from outside the frame."""
    height, width = shape
    plane = 1 if len(warp.planes) == 3 else 0
    x, y = np.linspace(0, width - 1, _BORDER), np.linspace(0, height - 1, _BORDER)
    sides = [(x, 0 * x), (x, 0 * x + height - 1), (0 * y, y), (0 * y + width - 1, y)]
    border_x, border_y = (np.concatenate(part) for part in zip(*sides, strict=True))

    def inside(zoom: float) -> bool:
        sx, sy = _find(warp, plane, shape, zoom, border_x, border_y)
        return bool(min(sx.min(), sy.min(), (width - 1 - sx).min(), (height - 1 - sy).min()) >= -1e-6)

    low, high = 0.25, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if inside(middle) else (middle, high)
    return high


def _bent(plane: NDArray[Any], values: Mapping[str, Plain], context: Context) -> NDArray[Any]:
    """A companion plane at its own size: bilinear where it is floating point, else the nearest value."""
    zoom, result = _zoom(values, context.shape), np.empty_like(plane)
    for top in range(0, len(plane), _ROWS):
        result[top : top + _ROWS] = _bent_rows(plane, values, context, zoom, range(top, min(top + _ROWS, len(plane))))
    return result


def _bent_rows(
    plane: NDArray[Any], values: Mapping[str, Plain], context: Context, zoom: float, rows: range
) -> NDArray[Any]:
    (h, w), (height, width) = plane.shape, context.shape
    warp = _warp(values)
    y, x = (((np.arange(n) + 0.5) / n * size - 0.5) for n, size in ((h, height), (w, width)))
    number = 1 if len(warp.planes) == 3 else 0
    sx, sy = _find(warp, number, context.shape, zoom, x[None, :], y[rows.start : rows.stop, None])
    px, py = (np.clip((s + 0.5) / size * n - 0.5, 0, n - 1) for s, size, n in ((sx, width, w), (sy, height, h)))
    if plane.dtype.kind != "f":
        return np.asarray(plane[np.rint(py).astype(np.intp), np.rint(px).astype(np.intp)])
    ix, iy = (np.minimum(p.astype(np.intp), max(n - 2, 0)) for p, n in ((px, w), (py, h)))
    fx, fy = px - ix, py - iy
    jx, jy = np.minimum(ix + 1, w - 1), np.minimum(iy + 1, h - 1)
    top = plane[iy, ix] * (1 - fx) + plane[iy, jx] * fx
    bottom = plane[jy, ix] * (1 - fx) + plane[jy, jx] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, plane.dtype)
