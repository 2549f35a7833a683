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
"""Photosite rows computed at a time. Results do not depend on it."""
_CELL = 16
"""Borders between kernel nodes fall on multiples of this, so that no bin is cut [photosites]."""

Allocate = Callable[[str, tuple[int, ...], Any], NDArray[Any]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Cell:
    """The rectangle between four kernel nodes: what it covers [photosites] and its kernels (nodes, C, K, K)."""

    x: tuple[int, int]
    y: tuple[int, int]
    nodes: tuple[float, float, float, float]
    kernels: NDArray[np.float32]


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
    progress : called with (photosite rows done, all)
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
    done = 0
    for tile, cell in _tiles(plan, strip):
        light = _light(plan, [p for name, p in programs.items() if name != "defects"], cell, tile)
        for name in results:
            for reading, frame in zip(plan.readings, wanted[name], strict=False):
                inputs = _Inputs(plan, reading, cell)
                part = _part(frame, plan.region, tile)
                programs[name](light.buffer, *inputs.buffers, buffer_of(part, tile[:2]))
        if progress is not None:
            done += tile[2] * tile[3]
            progress(done, width * height)
    return wanted


def structure(plan: Plan, result: str) -> Structure:
    """The program that computes `result`."""
    ny, nx, channels, taps, _ = plan.kernels.shape
    return Structure(
        result, channels, taps, 4 if ny * nx > 1 else 1, plan.sensor.block, plan.mode.bin, plan.mode.method == "charge"
    )


def _tiles(plan: Plan, strip: int) -> Iterator[tuple[tuple[int, int, int, int], _Cell]]:
    """Tiles (x, y, width, height) [output px] of the region, each inside one cell, with the cell."""
    x0, y0, width, height = plan.region
    n = plan.mode.bin
    rows = max(strip // n // 2 * 2, 2)
    for cell in _cells(plan):
        left, right = max(x0, cell.x[0] // n), min(x0 + width, -(-cell.x[1] // n))
        top, bottom = max(y0, cell.y[0] // n), min(y0 + height, -(-cell.y[1] // n))
        for y in range(top, bottom, rows):
            if right > left:
                yield (left, y, right - left, min(rows, bottom - y)), cell


def _cells(plan: Plan) -> Iterator[_Cell]:
    width, height = plan.size
    kernels = plan.kernels
    ny, nx = kernels.shape[:2]
    if ny * nx == 1:
        yield _Cell((0, width), (0, height), (0.0, 0.0, 1.0, 1.0), np.ascontiguousarray(kernels[0]))
        return

    def edge(i: int, count: int, size: int) -> int:
        return size if i == count - 1 else round(i * size / (count - 1) / _CELL) * _CELL

    for j in range(max(ny - 1, 1)):
        for i in range(max(nx - 1, 1)):
            i1, j1 = min(i + 1, nx - 1), min(j + 1, ny - 1)
            four = np.stack([kernels[j, i], kernels[j, i1], kernels[j1, i], kernels[j1, i1]])
            step_x, step_y = width / max(nx - 1, 1), height / max(ny - 1, 1)
            columns = (edge(i, nx, width), edge(i + 1, nx, width)) if nx > 1 else (0, width)
            rows = (edge(j, ny, height), edge(j + 1, ny, height)) if ny > 1 else (0, height)
            yield _Cell(columns, rows, (i * step_x, j * step_y, step_x, step_y), np.ascontiguousarray(four))


@dataclass(frozen=True)
class _Light:
    """Electrons per second of the photosites that a tile needs, (C, h, w), and the buffer over them."""

    planes: NDArray[np.float32]
    buffer: Buffer


def _light(plan: Plan, programs: list[Program], cell: _Cell, tile: tuple[int, int, int, int]) -> _Light:
    x, y, width, height = tile
    inputs = _Inputs(plan, plan.readings[0], cell)
    regions = []
    for program in programs:
        wanted = query_buffer(np.float32, [(0, 0)] * 3)
        # only the place and size of the output count here; its memory is not touched
        place = np.broadcast_to(np.zeros(1, RESULTS["codes" if "codes" in program.name else "signal"]), (height, width))
        program(wanted, *inputs.buffers, buffer_of(place, (x, y)))
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


def _part(frame: NDArray[Any], region: tuple[int, int, int, int], tile: tuple[int, int, int, int]) -> NDArray[Any]:
    x, y = tile[0] - region[0], tile[1] - region[1]
    return frame[y : y + tile[3], x : x + tile[2]]


class _Inputs:
    """Everything that a program reads beside the light, kept alive with the buffers over it."""

    def __init__(self, plan: Plan, reading: Reading, cell: _Cell) -> None:
        rows, columns = _line_noise(plan, reading)
        mesh = np.ascontiguousarray(plan.shading.transpose(2, 0, 1), dtype=np.float32)
        self._arrays = (
            cell.kernels, mesh, plan.site_gains, rows, columns, _numbers(plan, reading, cell), _keys(plan, reading)
        )
        self.buffers = tuple(buffer_of(array) for array in self._arrays)


def _numbers(plan: Plan, reading: Reading, cell: _Cell) -> NDArray[np.float32]:
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
        cell_x=cell.nodes[0],
        cell_y=cell.nodes[1],
        cell_width=cell.nodes[2],
        cell_height=cell.nodes[3],
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
    moving = np.random.Generator(np.random.Philox(key=[plan.seed, 3 * reading.number + reading.readout]))
    still = np.random.Generator(np.random.Philox(key=list(plan.fixed_key)))
    rows = moving.standard_normal(height) * sensor.row_noise_e * gain
    columns = still.standard_normal(width) * sensor.column_noise_e * gain
    return rows.astype(np.float32), columns.astype(np.float32)
