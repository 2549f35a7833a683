"""The tile loop: light of the scene, strip by strip, through the pixel program into the frames that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.runtime import buffer_of
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
        light = _light(plan, structures[results[0]], tile) if set(results) - {"defects"} else None
        for name in results:
            for reading, frame in zip(plan.readings, wanted[name], strict=False):
                part = _part(frame, plan.region, tile)
                arguments = _arguments(plan, structures[name], reading, cell, tile, light)
                programs[name](*arguments.buffers, buffer_of(part, tile[:2]))
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


def _light(plan: Plan, s: Structure, tile: tuple[int, int, int, int]) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Electrons per second of every photosite the tile needs, (C, h, w), and the place of the first."""
    x, y, width, height = tile
    left, right = s.photosites(x, x + width)
    top, bottom = s.photosites(y, y + height)
    m, spill = s.margin, s.spill
    view = View(
        plan.size, left - m, top - m, right - left + 2 * m + spill[0], bottom - top + 2 * m + spill[1], plan.warp
    )
    planes = plan.scene.planes(view, np.ascontiguousarray(plan.rates, dtype=np.float32))
    return planes, (left - m, top - m)


def _part(frame: NDArray[Any], region: tuple[int, int, int, int], tile: tuple[int, int, int, int]) -> NDArray[Any]:
    x, y = tile[0] - region[0], tile[1] - region[1]
    return frame[y : y + tile[3], x : x + tile[2]]


@dataclass(frozen=True)
class _Arguments:
    """Arrays of one call, kept alive, and the buffers over them."""

    arrays: tuple[NDArray[Any], ...]
    buffers: tuple[Any, ...]


def _arguments(
    plan: Plan,
    s: Structure,
    reading: Reading,
    cell: _Cell,
    tile: tuple[int, int, int, int],
    light: tuple[NDArray[np.float32], tuple[int, int]] | None,
) -> _Arguments:
    sensor, mode = plan.sensor, plan.mode
    planes, place = light if light is not None else (np.zeros((s.channels, 1, 1), np.float32), (0, 0))
    scale, veil = plan.veil
    gain = sensor.dn_per_e(reading.iso)
    share = mode.count if mode.method == "charge" else 1
    seconds = reading.exposure
    warm = 2 ** ((plan.temperature - 25) / sensor.dark_doubling_c)
    values = dict(
        light=seconds,
        prnu=sensor.prnu,
        dark_e=sensor.dark_e_s(plan.temperature) * seconds,
        hot_e=sensor.hot_e_s * warm * seconds,
        full_well_e=sensor.full_well_e,
        dsnu_e=sensor.dsnu_e,
        gain=gain,
        read_dn=sensor.read_sigma_dn(reading.iso) / share,
        pedestal=sensor.pedestal,
        top=float(sensor.top_dn),
        crosstalk=sensor.crosstalk,
        width=float(plan.size[0]),
        height=float(plan.size[1]),
        cell_x=cell.nodes[0],
        cell_y=cell.nodes[1],
        cell_width=cell.nodes[2],
        cell_height=cell.nodes[3],
        scale=scale,
    ) | {f"veil{i}": float(veil[i]) if i < len(veil) else 0.0 for i in range(3)}
    temporal, fixed = plan.temporal_key, plan.fixed_key
    numbers = exposure.numbers(**values)
    keys = exposure.keys(
        plan.site_planes,
        seed0=temporal[0],
        seed1=temporal[1],
        unit0=fixed[0],
        unit1=fixed[1],
        exposure=reading.number,
        readout=reading.readout,
        hot=round(sensor.hot_fraction * 2**32),
        dead=round(sensor.dead_fraction * 2**32),
    )
    rows, columns = _line_noise(plan, reading)
    mesh = np.ascontiguousarray(plan.shading.transpose(2, 0, 1), dtype=np.float32)
    arrays = (planes, cell.kernels, mesh, plan.site_gains, rows, columns, numbers, keys)
    buffers = (buffer_of(planes, (*place, 0)), *(buffer_of(a) for a in arrays[1:]))
    return _Arguments(arrays, buffers)


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
