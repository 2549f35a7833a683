"""Look LUT: a look as a table, from a ``.cube`` file.

The table sees colours as its maker did: in the primaries of `space`, behind the curve `transfer`, and is undone
afterwards, so the stage gives the same linear values it takes. With `srgb`, the curve of sRGB (IEC 61966-2-1), colours
outside the gamut are brought into it first (see `isp.stages.gamut`); `log` is the curve of ACEScct (Academy
S-2016-001, 5.2) with the primaries of `space`, which holds scene light up to 222; `linear` is none.

A three-dimensional table is read by tetrahedral interpolation (US patent 4,275,413, expired; J. M. Kasson, W. Plouffe,
S. I. Nin, SPIE 1909 (1993) 127): with the fractions f1 >= f2 >= f3 along axes e1, e2, e3 of a cell,

    v = (1 - f1) v[0] + (f1 - f2) v[e1] + (f2 - f3) v[e1 + e2] + f3 v[e1 + e2 + e3]

which keeps greys grey where the table does. Curves per channel are linear between their points. Colours beyond the
table's domain are held to it. `strength` mixes the looked-up with the incoming code values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import WORKING, conversion, luma
from isp.io.cube import LARGEST_3D, Cube
from isp.parameters import FileRef, Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages import encode, gamut

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_LOG = (10.5402377416545, 0.0729055341958355, 0.0078125, 9.72, 17.52)
"""ACEScct: slope and offset of the straight part, where it ends, and the constants of the logarithm."""
_LOG_CUT = 0.155251141552511


class LutParam(Param):
    """A `Param` whose plain value is a `Cube`; numbers (n, n, n, 3) at [blue, green, red] are taken as one."""

    def check(self, value: Any) -> Any:
        if isinstance(value, Cube):
            return value
        if isinstance(value, (FileRef, Mapping)) or (isinstance(value, (list, tuple)) and not value):
            return super().check(value)
        numbers = np.asarray(super().check(value))
        if len(set(numbers.shape[:3])) > 1 or not 2 <= len(numbers) <= LARGEST_3D:
            raise ValueError(f"a table of {numbers.shape[:3]} points; allowed: n x n x n, n in 2..{LARGEST_3D}")
        return Cube(table=numbers.astype(np.float32))


class LookLut(Stage):
    """Look colours up in a table from a .cube file."""

    name = "look_lut"
    takes = ("scene", "display")
    parameters = (
        LutParam("file", (), "The table: {file: NAME.cube}; [] for none", lower=-1e6, upper=1e6,
                 shapes=((0,), (None, None, None, 3)), files=(".cube",)),
        Param("strength", 1.0, "Share of the look; 0 changes nothing", lower=0, upper=1, tune="gradient"),
        Param("space", "srgb", "Primaries the table was made for (all D65)",
              choices=("srgb", "display_p3", "rec2020")),
        Param("transfer", "srgb", "Curve the table was made for: srgb | log (ACEScct's) | linear",
              choices=("srgb", "log", "linear"), structural=True),
    )

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        cube = values["file"]
        if not isinstance(cube, Cube):
            return {"transfer": values["transfer"], "curves": 0, "table": 0}
        parts = {"curves": int(cube.curves is not None), "table": int(cube.table is not None)}
        return {"transfer": values["transfer"], **parts}

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return not isinstance(values["file"], Cube) or bool(values["strength"] == 0)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        cube = values["file"]
        arrays: dict[str, NDArray[Any]] = {
            "matrix": conversion(WORKING, str(values["space"])),
            "back": conversion(str(values["space"]), WORKING),
            "luma": luma(WORKING),
            "strength": np.atleast_1d(as_array(values["strength"])),
        }
        if values["transfer"] == "srgb":
            arrays |= gamut.arrays(str(values["space"]))
        if not isinstance(cube, Cube):
            return arrays
        if cube.curves is not None:
            arrays["curves"] = cube.curves
            arrays["curves_axis"] = _axis(cube.curves_domain, len(cube.curves))
        if cube.table is not None:
            n = len(cube.table)
            arrays["table"] = cube.table.reshape(n, n, 3 * n)
            arrays["table_axis"] = _axis(cube.table_domain, n)
        return arrays

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        x, y = graph.x, graph.y
        given = [image[x, y, c] for c in range(3)]
        rgb = [_row(arrays["matrix"], i, given) for i in range(3)]
        if structure["transfer"] == "srgb":
            rgb = gamut.compressed(graph, given, rgb, _row(arrays["luma"], None, given), arrays)
        shown = graph.rgb("code", [_encoded(v, str(structure["transfer"])) for v in rgb], stored=True)
        code = [shown[x, y, c] for c in range(3)]
        found = code
        if structure["curves"]:
            places = _places(found, arrays, "curves_axis", arrays.length("curves"))
            found = [_line(arrays["curves"], c, *place) for c, place in enumerate(places)]
        if structure["table"]:
            found = _tetrahedral(arrays, _places(found, arrays, "table_axis", arrays.length("table")))
        looked = graph.rgb("looked", found, stored=True)
        mixed = [code[c] + (looked[x, y, c] - code[c]) * arrays["strength"][0] for c in range(3)]
        plain = [_decoded(v, str(structure["transfer"])) for v in mixed]
        return graph.rgb("look", [hl.f32(0) + _row(arrays["back"], i, plain) for i in range(3)])


def _axis(domain: NDArray[Any] | None, n: int) -> NDArray[Any]:
    """(3, 2) scale and offset from a channel's value to its place in a table of n points."""
    low, high = np.array([[0.0] * 3, [1.0] * 3]) if domain is None else domain
    scale = (n - 1) / (high - low)
    return np.stack([scale, -low * scale], axis=1)


def _places(rgb: list[Expr], arrays: Arrays, axis: str, length: Expr) -> list[tuple[Expr, Expr]]:
    """Cell and fraction of each channel, held to the table."""
    import halide as hl

    places = []
    for c, value in enumerate(rgb):
        at = hl.clamp(value * arrays[axis][c, 0] + arrays[axis][c, 1], hl.f32(0), hl.f32(length - 1))
        low = hl.clamp(hl.i32(at), 0, length - 2)
        places.append((low, at - hl.f32(low)))
    return places


def _line(curves: Any, c: int, low: Expr, part: Expr) -> Expr:
    return curves[low, c] + (curves[low + 1, c] - curves[low, c]) * part


def _tetrahedral(arrays: Arrays, places: list[tuple[Expr, Expr]]) -> list[Expr]:
    import halide as hl

    table = arrays["table"]
    (r, fr), (g, fg), (b, fb) = places
    rg, gb, rb = fr >= fg, fg >= fb, fr >= fb
    first = hl.max(fr, hl.max(fg, fb))
    last = hl.min(fr, hl.min(fg, fb))
    middle = hl.max(hl.min(fr, fg), hl.min(hl.max(fr, fg), fb))

    def step(condition: Expr) -> Expr:
        return hl.select(condition, 1, 0)

    # the axis of the largest fraction, and all but that of the smallest; ties go in the order r, g, b
    one = (step(rg & rb), step(~rg & gb), step(~rb & ~gb))
    two = (step(rg | rb), step(~rg | gb), step(~rb | ~gb))

    def corner(at: tuple[Expr, Expr, Expr], c: int) -> Expr:
        return table[b + at[2], g + at[1], 3 * (r + at[0]) + c]

    weights = (hl.f32(1) - first, first - middle, middle - last, last)
    zero, all_ = (0, 0, 0), (1, 1, 1)
    result = []
    for c in range(3):
        corners = [corner(at, c) for at in (zero, one, two, all_)]
        total = corners[0] * weights[0]
        for value, weight in zip(corners[1:], weights[1:], strict=True):
            total = total + value * weight
        result.append(total)
    return result


def _row(matrix: Any, i: int | None, values: list[Expr]) -> Expr:
    w = [matrix[k] if i is None else matrix[i, k] for k in range(3)]
    return w[0] * values[0] + w[1] * values[1] + w[2] * values[2]


def _encoded(value: Expr, transfer: str) -> Expr:
    import halide as hl

    if transfer == "srgb":
        return encode.srgb(hl.clamp(value, hl.f32(0), hl.f32(1)))
    if transfer == "log":
        slope, offset, cut, plus, over = _LOG
        curve = (hl.log(hl.max(value, hl.f32(cut))) * hl.f32(1 / np.log(2)) + hl.f32(plus)) * hl.f32(1 / over)
        return hl.select(value <= hl.f32(cut), value * hl.f32(slope) + hl.f32(offset), curve)
    return value


def _decoded(value: Expr, transfer: str) -> Expr:
    import halide as hl

    if transfer == "srgb":
        base = (hl.clamp(value, hl.f32(0.04), hl.f32(16)) + hl.f32(0.055)) * hl.f32(1 / 1.055)
        power = hl.exp(hl.log(base) * hl.f32(2.4))
        return hl.select(value <= hl.f32(0.04045), value * hl.f32(1 / 12.92), power)
    if transfer == "log":
        slope, offset, _, plus, over = _LOG
        held = hl.min(hl.max(value, hl.f32(_LOG_CUT)) * hl.f32(over) - hl.f32(plus), hl.f32(16))
        return hl.select(
            value <= hl.f32(_LOG_CUT), (value - hl.f32(offset)) * hl.f32(1 / slope), hl.exp(held * hl.f32(np.log(2)))
        )
    return value
