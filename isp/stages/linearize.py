"""Linearize: stored codes become linear digital numbers.

Two ways a camera companded its values before it stored them:

- a table of the DN each code stands for (DNG 1.7, chapter 5, LinearizationTable), constant beyond its last entry;
- a piecewise-linear curve through points (code, DN), as HDR sensors transmit 16 to 24 linear bits in 12 to 16
  (the "knee points" of their datasheets), constant beyond its ends:
  DN = y0 + sum over i of slope_i * clamp(code - x_i, 0, x_i+1 - x_i).

A DNG's black and white levels refer to linear DN. The levels of a headerless dump or an array are stored codes: they
go through the points as well, so that `black_level` finds them in linear DN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Graph, Image

MAX_POINTS = 65
"""Most points of a curve; sensors use 3 to 17."""
_LAST_DN = 2**32 - 1


class Linearize(Stage):
    """Undo the companding of stored codes, by a table or by a piecewise-linear curve."""

    name = "linearize"
    takes = ("raw",)
    gives = "raw"
    cfas = ("bayer", "ryyb", "quad", "nona", "hexadeca", "mono", "other")
    parameters = (
        Param(
            "table", "from_file", "Linear value of each stored code, from code 0 on; [] for none", unit="DN",
            lower=0, upper=_LAST_DN, shapes=((None,),), sources=("from_file",), files=(".npy",),
        ),
        Param(
            "points", (), "Curve through pairs of stored code and linear value; replaces the table; [] for none",
            unit="DN", lower=0, upper=_LAST_DN, shapes=((0,), (None, 2)), files=(".npy",), tune="gradient",
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        table = context.info.linearization
        return () if table is None else tuple(table.tolist())

    def check(self, values: Mapping[str, Any]) -> None:
        points, table = values.get("points", ()), values.get("table", "from_file")
        if isinstance(points, tuple) and points:
            if table not in ("from_file", ()):
                raise ValueError("table and points are both given; allowed: one of them")
            _check_points(points)

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return len(values["table"]) == 0 and len(values["points"]) == 0

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        count = len(values["points"])
        # spare pieces of no width, so that only the 9th, 17th... piece asks for another program
        return {"pieces": -(-(count - 1) // 8) * 8 if count else 0}

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        points = as_array(values["points"])
        if len(points) == 0:
            return {"table": as_array(values["table"])}
        _check_points(values["points"])
        code, level = points.T
        width = np.diff(code)
        spare = -(len(points) - 1) % 8
        return {
            "start": level[:1],
            "code": np.pad(code[:-1], (0, spare)),
            "width": np.pad(width, (0, spare)),
            "slope": np.pad(np.diff(level) / width, (0, spare)),
        }

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if context.info.linearization is not None:
            context = context.but(info=replace(context.info, linearization=None))
        if len(values["points"]) == 0 or context.info.self_describing:
            return context
        code, level = as_array(values["points"]).T
        black = tuple(float(v) for v in np.interp(context.black, code, level))
        return context.but(black=black, white=float(np.interp(context.white, code, level)))

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        code = image[graph.x, graph.y]
        pieces = int(structure["pieces"])
        if pieces == 0:
            index = hl.clamp(hl.i32(hl.min(code, hl.f32(2.0**30))), 0, arrays.length("table") - 1)
            return graph.plane("table", arrays["table"][index])
        start, knot, width, slope = (arrays[n] for n in ("start", "code", "width", "slope"))
        level = start[0]
        for i in range(pieces):
            # one after another, lowest first: sums of whole numbers stay exact up to 24 bits
            level = level + slope[i] * hl.clamp(code - knot[i], hl.f32(0), width[i])
        return graph.plane("points", level)


def _check_points(points: Any) -> None:
    code, level = as_array(points).T
    if not 2 <= len(code) <= MAX_POINTS:
        raise ValueError(f"{len(code)} points; allowed: 2..{MAX_POINTS}")
    if (np.diff(code) <= 0).any():
        at = int(np.argmax(np.diff(code) <= 0))
        raise ValueError(f"point {at + 2} has code {code[at + 1]:g} after {code[at]:g}; codes must increase")
    if (np.diff(level) < 0).any():
        at = int(np.argmax(np.diff(level) < 0))
        raise ValueError(f"point {at + 2} has value {level[at + 1]:g} after {level[at]:g} DN; values must not decrease")
