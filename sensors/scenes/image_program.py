"""The compiled part of picture scenes: interpolation of planes at the photosites."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.programs import obtain
from isp.engine.runtime import Program, buffer_of
from sensors.scenes.scene import Float32, Float64

PAD = 3
"""Samples repeated on every side of the planes: all taps of a position outside then see the outermost sample."""


def resample(planes: Float32, x: Float64, y: Float64, place: tuple[float, float, float], smooth: bool) -> Float32:
    """Planes interpolated at positions, never below 0.

    Parameters
    ----------
    planes : (C, h0 + 2 PAD, w0 + 2 PAD) float32
    x, y : float64 positions, of shapes (1, w) and (h, 1), or both (h, w)
    place : (step, start_x, start_y), with which ``x * step + start_x`` is a position in samples, 0 at the centre of
        the first; likewise for y
    smooth : cubic (Catmull-Rom) instead of linear

    Returns
    -------
    Float32
        (C, h, w); a value depends on its own position only
    """
    step, start_x, start_y = place
    height, width = y.shape[0], x.shape[1]
    result = np.empty((planes.shape[0], height, width), np.float32)
    _, rows, columns = planes.shape
    if x.shape[0] == 1 and y.shape[1] == 1:
        left, across = _taps(x[0] * step + start_x, columns, smooth)
        top, down = _taps(y[:, 0] * step + start_y, rows, smooth)
        # only the columns that the tile needs are filtered down
        first, stop = int(left.min()), int(left.max()) + 4
        part = planes[:, :, first:stop]
        arrays: tuple[NDArray[Any], ...] = (part, left - np.int32(first), across, top, down, result)
        _program(False, smooth)(*(buffer_of(a) for a in arrays))
        return result
    arrays = (planes, np.ascontiguousarray(x), np.ascontiguousarray(y), np.array([step, start_x, start_y]), result)
    _program(True, smooth)(*(buffer_of(a) for a in arrays))
    return result


def _taps(at: Float64, extent: int, smooth: bool) -> tuple[NDArray[np.int32], Float32]:
    """First of four samples in the padded plane, and their weights (4, n), for positions along one axis."""
    whole = np.floor(at)
    f = (at - whole).astype(np.float32)
    first = np.clip(whole + (PAD - 1), 0, extent - 4).astype(np.int32)
    return first, np.ascontiguousarray(np.stack([np.broadcast_to(w, f.shape) for w in _weights(f, smooth)]))


def _weights(f: Any, smooth: bool) -> list[Any]:
    """Weights of the samples at -1, 0, 1, 2 for a position `f` after the sample at 0, float32."""
    if not smooth:
        return [f * 0.0, 1.0 - f, f, f * 0.0]
    return [
        ((1.0 - 0.5 * f) * f - 0.5) * f,
        ((1.5 * f - 2.5) * f) * f + 1.0,
        ((2.0 - 1.5 * f) * f + 0.5) * f,
        ((0.5 * f - 0.5) * f) * f,
    ]


@cache
def _program(warped: bool, smooth: bool) -> Program:
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if warped:
        return obtain(f"picture warped {smooth} {source}", 5, "warped picture", lambda: _build_warped(smooth))
    return obtain(f"picture straight {source}", 6, "picture", _build_straight)


def _build_straight() -> tuple[Any, list[Any]]:
    import halide as hl

    planes = hl.ImageParam(hl.Float(32), 3, "planes")
    first_x, first_y = (hl.ImageParam(hl.Int(32), 1, n) for n in ("first_x", "first_y"))
    weights_x, weights_y = (hl.ImageParam(hl.Float(32), 2, n) for n in ("weights_x", "weights_y"))
    x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
    down, output = hl.Func("down"), hl.Func("output")
    top = hl.clamp(first_y[y], 0, planes.dim(1).extent() - 4)
    left = hl.clamp(first_x[x], 0, planes.dim(0).extent() - 4)
    down[x, y, c] = _sum([weights_y[y, j] * planes[x, top + j, c] for j in range(4)])
    across = _sum([weights_x[x, i] * down[left + i, y, c] for i in range(4)])
    output[x, y, c] = hl.max(across, hl.f32(0))
    output.reorder(x, c, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf).parallel(y, 4, hl.TailStrategy.GuardWithIf)
    down.compute_at(output, c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    return output, [planes, first_x, weights_x, first_y, weights_y]


def _build_warped(smooth: bool) -> tuple[Any, list[Any]]:
    import halide as hl

    planes = hl.ImageParam(hl.Float(32), 3, "planes")
    at_x, at_y = (hl.ImageParam(hl.Float(64), 2, n) for n in ("at_x", "at_y"))
    place = hl.ImageParam(hl.Float(64), 1, "place")
    x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")

    def taps(position: Any, extent: Any) -> tuple[Any, list[Any]]:
        whole = hl.floor(position)
        bounded = hl.clamp(whole + hl.f64(PAD - 1), hl.f64(0), hl.f64(extent - 4))
        first = hl.clamp(hl.i32(bounded), 0, extent - 4)
        return first, [hl.f32(w) for w in _weights(hl.f32(position - whole), smooth)]

    left, weights_x = taps(at_x[x, y] * place[0] + place[1], planes.dim(0).extent())
    top, weights_y = taps(at_y[x, y] * place[0] + place[2], planes.dim(1).extent())
    used = range(4) if smooth else range(1, 3)
    rows = [_sum([weights_x[i] * planes[left + i, top + j, c] for i in used]) for j in used]
    output = hl.Func("output")
    output[x, y, c] = hl.max(_sum([weights_y[j] * row for j, row in zip(used, rows, strict=True)]), hl.f32(0))
    output.reorder(x, c, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf).parallel(y, 4, hl.TailStrategy.GuardWithIf)
    return output, [planes, at_x, at_y, place]


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
