"""Seven operations fused by hand into one Halide pipeline: what the generic engine is compared with.

uint16 Bayer in: black level and gains, Malvar demosaic, 5x5 range-weighted filter on three channels, 3x3 matrix,
4096-entry tone table with interpolation, separable 5x5 unsharp mask, 8-bit interleaved RGB out. Every size, weight and
schedule is chosen here for this one chain, as an engineer would who has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import halide as hl
import numpy as np


def compile_chain(width: int, height: int) -> Callable[[np.ndarray, np.ndarray], None]:
    """The compiled chain: call it with a uint16 frame padded by 8 on all sides and a (H, W, 3) uint8 result."""
    x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
    source = hl.ImageParam(hl.UInt(16), 2, "source")
    table = hl.ImageParam(hl.Float(32), 1, "table")

    def f(v: Any) -> Any:
        return hl.f32(v)

    linear = hl.Func("linear")
    even_x, even_y = x % 2 == 0, y % 2 == 0
    gain = hl.select(even_y, hl.select(even_x, f(2.0), f(1.0)), hl.select(even_x, f(1.0), f(1.6)))
    linear[x, y] = (f(source[x, y]) - 64.0) * gain * f(1 / 959)

    def m(dx: int, dy: int) -> Any:
        return f(linear[x + dx, y + dy])

    here = m(0, 0)
    row, column = m(-1, 0) + m(1, 0), m(0, -1) + m(0, 1)
    row2, column2 = m(-2, 0) + m(2, 0), m(0, -2) + m(0, 2)
    corners = m(-1, -1) + m(1, -1) + (m(-1, 1) + m(1, 1))
    green = (here * 4.0 + (row + column) * 2.0 - (row2 + column2)) * f(0.125)
    in_row = (here * 5.0 + row * 4.0 - corners - row2 + column2 * f(0.5)) * f(0.125)
    in_column = (here * 5.0 + column * 4.0 - corners - column2 + row2 * f(0.5)) * f(0.125)
    opposite = (here * 6.0 + corners * 2.0 - (row2 + column2) * f(1.5)) * f(0.125)

    def site(r: Any, gr: Any, gb: Any, b: Any) -> Any:
        return hl.select(even_y, hl.select(even_x, r, gr), hl.select(even_x, gb, b))

    rgb = hl.Func("rgb")
    rgb[x, y, c] = hl.mux(
        c,
        [
            site(here, in_row, in_column, opposite),
            site(green, here, here, green),
            site(opposite, in_column, in_row, here),
        ],
    )
    quiet = hl.Func("quiet")
    centre = f(rgb[x, y, c])
    total, weights = centre, f(1.0)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            if dx or dy:
                value = f(rgb[x + dx, y + dy, c])
                d = value - centre
                w = hl.max(f(1.0) - d * d * f(400.0), f(0.0))
                w = w * w
                total, weights = total + w * value, weights + w
    quiet[x, y, c] = total / weights
    matrix = [[1.6, -0.4, -0.2], [-0.3, 1.6, -0.3], [0.0, -0.5, 1.5]]
    toned = hl.Func("toned")

    def tone(value: Any) -> Any:
        place = hl.clamp(value, 0.0, 1.0) * f(4095.0)
        index = hl.clamp(hl.i32(place), 0, 4094)
        low = f(table[index])
        return low + (f(table[index + 1]) - low) * (place - f(index))

    toned[x, y, c] = tone(
        hl.mux(c, [sum((f(quiet[x, y, k]) * f(v) for k, v in enumerate(r)), f(0.0)) for r in matrix])
    )
    across, blurred, output = hl.Func("across"), hl.Func("blurred"), hl.Func("output")
    k = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]
    across[x, y, c] = sum((f(toned[x + i - 2, y, c]) * f(w) for i, w in enumerate(k)), f(0.0))
    blurred[x, y, c] = sum((f(across[x, y + i - 2, c]) * f(w) for i, w in enumerate(k)), f(0.0))
    sharp = f(toned[x, y, c]) * f(1.6) - f(blurred[x, y, c]) * f(0.6)
    output[x, y, c] = hl.u8(hl.clamp(sharp, 0.0, 1.0) * f(255.0) + f(0.5))

    target = hl.get_host_target().with_feature(hl.TargetFeature.StrictFloat)
    lanes = target.natural_vector_size(hl.Float(32))
    xo, yo, xi, yi = hl.Var("xo"), hl.Var("yo"), hl.Var("xi"), hl.Var("yi")
    output.bound(c, 0, 3).tile(x, y, xo, yo, xi, yi, 256, 64, hl.TailStrategy.GuardWithIf)
    output.reorder(c, xi, yi, xo, yo).unroll(c).vectorize(xi, lanes).parallel(yo).never_partition_all()
    buffer = output.output_buffer()
    buffer.dim(0).set_stride(3)
    buffer.dim(2).set_stride(1).set_bounds(0, 3)
    for func in (linear, rgb, quiet, toned, across):
        func.compute_at(output, xo).vectorize(x, lanes).never_partition_all()
        if func is linear or func is rgb:
            func.align_bounds(x, 2).align_bounds(y, 2).unroll(y, 2)
        if func is not linear:
            func.bound(c, 0, 3).reorder(c, x, y).unroll(c)
    run = output.compile_to_callable([source, table], target)
    curve = hl.Buffer((np.linspace(0, 1, 4096) ** (1 / 2.2)).astype(np.float32))

    def call(padded: np.ndarray, result: np.ndarray) -> None:
        frame = hl.Buffer(padded)
        frame.set_min([-8, -8])
        run(frame, curve, hl.Buffer(result.transpose(2, 0, 1)))

    return call


if __name__ == "__main__":
    import time

    width, height = 8000, 6000
    rng = np.random.default_rng(1)
    padded = rng.integers(64, 1023, (height + 16 + 64, width + 16 + 256), dtype=np.uint16)
    result = np.empty((height, width, 3), np.uint8)
    start = time.perf_counter()
    chain = compile_chain(width, height)
    print(f"compile {time.perf_counter() - start:.1f} s")
    for _ in range(4):
        start = time.perf_counter()
        chain(padded, result)
        print(f"{width * height / 1e6 / (time.perf_counter() - start):.0f} MP/s")
