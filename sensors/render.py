"""The tile loop: light of the scene, strip by strip, through the pixel program into the frames that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.runtime import Buffer, Program, buffer_of, query_buffer
from sensors.pixel import exposure
from sensors.pixel.exposure import RESULTS, Structure
from sensors.plan import Plan, Reading
from sensors.scenes import View

STRIP = 256
"""Photosite rows whose light is computed at a time. Results do not depend on it."""
_PATCH = 256
"""Side of the patches of the sensor in which one lens kernel holds, where the kernel varies [photosites]."""

_SPILL = 64
"""Entries around the noise of rows and columns that whole vectors may touch; they change nothing."""

Allocate = Callable[[str, tuple[int, ...], Any], NDArray[Any]]
Progress = Callable[[int, int], None]
Tile = tuple[int, int, int, int]
"""x, y, width, height [output px]."""


def render(
    plan: Plan,
    results: tuple[str, ...],
    allocate: Allocate,
    progress: Progress | None = None,
    strip: int = STRIP,
) -> dict[str, list[NDArray[Any]]]:
    """Compute frames of `plan`.

    Parameters
    ----------
    results : of `codes` (one frame per reading), `signal`, `defects`
    allocate : called with (result, shape, dtype) for each array to fill
    progress : called with (rows done, all)
    strip : photosite rows at a time; changes nothing but memory

    Returns
    -------
    dict of result to its arrays, (height, width)
    """
    _, _, width, height = plan.region
    wanted = {
        name: [allocate(name, (height, width), RESULTS[name]) for _ in (plan.readings if name == "codes" else (0,))]
        for name in results
    }
    structures = {name: structure(plan, name) for name in results}
    programs = {name: s.program() for name, s in structures.items()}
    inputs = [_Inputs(plan, reading) for reading in plan.readings]
    seeing = [program for name, program in programs.items() if name != "defects"]
    done = 0
    for tile in _strips(plan, strip):
        patches = list(_patches(plan, tile))
        light = _light(plan, seeing, inputs[0], [part for part, _ in patches])
        for part, kernel in patches:
            for name in results:
                for read, frame in zip(inputs, wanted[name], strict=False):
                    target = _part(frame, plan.region, part)
                    programs[name](light.buffer, buffer_of(kernel), *read.buffers, buffer_of(target, part[:2]))
        if progress is not None:
            done += tile[3]
            progress(done, height)
    return wanted


def structure(plan: Plan, result: str) -> Structure:
    """The program that computes `result`."""
    _, _, channels, taps, _ = plan.kernels.shape
    return Structure(result, channels, taps, plan.sensor.block, plan.mode.bin, plan.mode.method == "charge")


def _strips(plan: Plan, strip: int) -> Iterator[Tile]:
    """The region in strips of about `strip` photosite rows."""
    x, y0, width, height = plan.region
    rows = max(strip // plan.mode.bin, 1)
    for y in range(y0, y0 + height, rows):
        yield x, y, width, min(rows, y0 + height - y)


def _patches(plan: Plan, tile: Tile) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """The tile in patches that have one lens kernel each, and the kernel (C, K, K), blended between its nodes."""
    kernels = plan.kernels
    ny, nx = kernels.shape[:2]
    if ny * nx == 1:
        yield tile, np.ascontiguousarray(kernels[0, 0])
        return
    x0, y0, width, height = tile
    side = _PATCH // plan.mode.bin
    for y in range(y0 // side * side, y0 + height, side):
        top, bottom = max(y, y0), min(y + side, y0 + height)
        j, v = _between(y * plan.mode.bin, plan.size[1], ny)
        for x in range(x0 // side * side, x0 + width, side):
            left, right = max(x, x0), min(x + side, x0 + width)
            i, u = _between(x * plan.mode.bin, plan.size[0], nx)
            four = kernels[j : j + 2, i : i + 2]
            rows = four[0] * (1 - v) + four[-1] * v
            yield (left, top, right - left, bottom - top), np.ascontiguousarray(rows[0] * (1 - u) + rows[-1] * u)


def _between(start: int, size: int, count: int) -> tuple[int, float]:
    """The node before the middle of the patch at `start`, and how far that lies towards the next, 0..1."""
    place = min((start + _PATCH / 2) / size, 1.0) * (count - 1)
    node = min(int(place), max(count - 2, 0))
    return node, place - node


@dataclass(frozen=True)
class _Light:
    """Electrons per second of the photosites that a tile needs, (C, h, w), and the buffer over them."""

    planes: NDArray[np.float32]
    buffer: Buffer


def _light(plan: Plan, programs: list[Program], inputs: _Inputs, parts: list[Tile]) -> _Light:
    kernel = np.ascontiguousarray(plan.kernels[0, 0])
    regions = []
    for program in programs:
        pixel = np.zeros(1, RESULTS["codes" if "codes" in program.name else "signal"])
        # each part on its own: programs work in whole vectors, so that a part may read beyond what the strip needs
        for x, y, width, height in parts:
            wanted = query_buffer(np.float32, [(0, 0)] * 3)
            # only the place and size of the output count here; its memory is not touched
            place = np.broadcast_to(pixel, (height, width))
            program(wanted, buffer_of(kernel), *inputs.buffers, buffer_of(place, (x, y)))
            regions.append(wanted.region)
    if not regions:
        planes = np.zeros((len(plan.letters), 1, 1), np.float32)
        return _Light(planes, buffer_of(planes))
    (left, right), (top, bottom) = (
        (min(r[axis][0] for r in regions), max(sum(r[axis]) for r in regions)) for axis in (0, 1)
    )
    view = View(plan.size, left, top, right - left, bottom - top, plan.warp)
    planes = plan.scene.planes(view, np.ascontiguousarray(plan.rates, dtype=np.float32))
    return _Light(planes, buffer_of(planes, (left, top, 0)))


def _part(frame: NDArray[Any], region: Tile, tile: Tile) -> NDArray[Any]:
    x, y = tile[0] - region[0], tile[1] - region[1]
    return frame[y : y + tile[3], x : x + tile[2]]


class _Inputs:
    """Everything that a program reads beside light and kernel, kept alive with the buffers over it."""

    def __init__(self, plan: Plan, reading: Reading) -> None:
        rows, columns = _line_noise(plan, reading)
        mesh = np.ascontiguousarray(plan.shading.transpose(2, 0, 1), dtype=np.float32)
        self._arrays = (
            mesh, plan.site_gains, rows, columns, _numbers(plan, reading), _keys(plan, reading)
        )
        starts = ((), (), (-_SPILL,), (-_SPILL,), (), ())
        self.buffers = tuple(buffer_of(array, start) for array, start in zip(self._arrays, starts, strict=True))


def _numbers(plan: Plan, reading: Reading) -> NDArray[np.float32]:
    sensor, mode, seconds = plan.sensor, plan.mode, reading.exposure
    scale, veil = plan.veil
    warmth = 2 ** ((plan.temperature - 25) / sensor.dark_doubling_c)
    return exposure.numbers(
        light=seconds,
        scale=scale,
        prnu=sensor.prnu,
        dark_e=sensor.dark_e_s(plan.temperature) * seconds,
        hot_e=sensor.hot_e_s * warmth * seconds,
        full_well_e=sensor.full_well_e,
        dsnu_e=sensor.dsnu_e,
        gain=sensor.dn_per_e(reading.iso),
        read_dn=sensor.read_sigma_dn(reading.iso) / (mode.count if mode.method == "charge" else 1),
        pedestal=sensor.pedestal,
        top=float(sensor.top_dn),
        crosstalk=sensor.crosstalk,
        width=float(plan.size[0]),
        height=float(plan.size[1]),
        **{f"veil{i}": float(veil[i]) if i < len(veil) else 0.0 for i in range(3)},
    )


def _keys(plan: Plan, reading: Reading) -> NDArray[np.uint32]:
    temporal, fixed = plan.temporal_key, plan.fixed_key
    return exposure.keys(
        plan.site_planes,
        seed0=temporal[0],
        seed1=temporal[1],
        unit0=fixed[0],
        unit1=fixed[1],
        exposure=reading.number,
        readout=reading.readout,
        hot=round(plan.sensor.hot_fraction * 2**32),
        dead=round(plan.sensor.dead_fraction * 2**32),
    )


def _line_noise(plan: Plan, reading: Reading) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Noise common to a row (of this reading) and to a column (of this specimen), at the converter [DN]."""
    sensor, mode = plan.sensor, plan.mode
    share = mode.count if mode.method == "charge" else 1
    gain = sensor.dn_per_e(reading.iso) / share
    width, height = plan.size
    # as a list NumPy would take the largest seeds through floating point
    key = np.array([plan.seed, 3 * reading.number + reading.readout], np.uint64)
    moving = np.random.Generator(np.random.Philox(key=key))
    still = np.random.Generator(np.random.Philox(key=list(plan.fixed_key)))
    rows = moving.standard_normal(height) * sensor.row_noise_e * gain
    columns = still.standard_normal(width) * sensor.column_noise_e * gain
    return np.pad(rows.astype(np.float32), _SPILL), np.pad(columns.astype(np.float32), _SPILL)
