"""DNG opcode lists: programs inside a picture. We bound them, read the gain maps and name the rest.

DNG specification 1.7, chapter 7. Opcode lists are big-endian whatever the file is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from isp.cfa import Cfa
from isp.errors import InputError
from isp.io.limits import Limits
from isp.values import Float32, GainMesh

NAMES = {
    1: "WarpRectilinear", 2: "WarpFisheye", 3: "FixVignetteRadial", 4: "FixBadPixelsConstant",
    5: "FixBadPixelsList", 6: "TrimBounds", 7: "MapTable", 8: "MapPolynomial", 9: "GainMap",
    10: "DeltaPerRow", 11: "DeltaPerColumn", 12: "ScalePerRow", 13: "ScalePerColumn", 14: "WarpRectilinear2",
}  # fmt: skip
GAIN_MAP = 9
_OPTIONAL = 1
"""Bit 0 of an opcode's flags: a reader that does not know it may skip it."""
_HEADER = struct.Struct(">IIII")
_MAP_HEADER = struct.Struct(">10I4dI")


@dataclass(frozen=True)
class GainMap:
    """One GainMap opcode: gains (rows, columns) for the pixels `top::row_pitch, left::column_pitch` of the area."""

    area: tuple[int, int, int, int]
    pitch: tuple[int, int]
    origin: tuple[float, float]
    spacing: tuple[float, float]
    gains: Float32


def read_opcodes(data: bytes, tag: str, name: str, limits: Limits) -> tuple[list[GainMap], list[str]]:
    """The gain maps of one opcode list, and a warning for every other opcode.

    Raises
    ------
    InputError
        A damaged list, a gain map whose size contradicts its header, or an opcode unknown here that may not be skipped.
    LimitError
        More opcodes than `limits.opcodes`, or a larger map than `limits.gain_map_points`.
    """
    if len(data) < 4:
        raise InputError(f"{name}: damaged: {tag} has {len(data)} bytes")
    (count,) = struct.unpack_from(">I", data)
    limits.check("opcodes", count, f"{name}: opcodes in {tag}")
    maps, warnings, at = [], [], 4
    for index in range(count):
        if at + _HEADER.size > len(data):
            raise InputError(f"{name}: damaged: {tag} says {count} opcodes and ends in number {index + 1}")
        code, _, flags, size = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if at + size > len(data):
            left = len(data) - at
            raise InputError(f"{name}: damaged: opcode {index + 1} of {tag} needs {size} bytes, {left} are left")
        body, at = data[at : at + size], at + size
        if code == GAIN_MAP and tag == "OpcodeList2":
            maps.append(_gain_map(body, f"{name}: GainMap {index + 1} of {tag}", limits))
        elif code in NAMES:
            warnings.append(f"{tag}: opcode {NAMES[code]} is not applied")
        elif flags & _OPTIONAL:
            warnings.append(f"{tag}: unknown optional opcode {code} skipped")
        else:
            raise InputError(f"{name}: {tag}: unknown opcode {code} is mandatory: no raw reader may skip it")
    if at + 4 <= len(data):
        warnings.append(f"{tag}: {len(data) - at} bytes behind its {count} opcodes are not read")
    return maps, warnings


def _gain_map(body: bytes, where: str, limits: Limits) -> GainMap:
    if len(body) < _MAP_HEADER.size:
        raise InputError(f"{where}: {len(body)} bytes, at least {_MAP_HEADER.size} are needed")
    head = _MAP_HEADER.unpack_from(body)
    top, left, bottom, right, plane, planes, row_pitch, column_pitch, rows, columns = head[:10]
    spacing, origin, map_planes = (head[10], head[11]), (head[12], head[13]), head[14]
    limits.check("gain_map_points", rows * columns * max(map_planes, 1), f"{where}: points")
    expected = _MAP_HEADER.size + 4 * rows * columns * map_planes
    if 0 in (rows, columns, map_planes) or len(body) != expected:
        raise InputError(f"{where}: {rows}x{columns}x{map_planes} points need {expected} bytes, found {len(body)}")
    if plane != 0 or planes < 1 or 0 in (row_pitch, column_pitch) or bottom <= top or right <= left:
        raise InputError(
            f"{where}: plane {plane} of {planes}, pitch {row_pitch}x{column_pitch}, area {(top, left, bottom, right)}"
            " make no sense for a mosaic"
        )
    values = np.frombuffer(body, ">f4", offset=_MAP_HEADER.size).reshape(rows, columns, map_planes)[:, :, 0]
    gains = values.astype(np.float32)
    if not np.isfinite(gains).all() or (gains <= 0).any() or (gains > 1000).any():
        raise InputError(f"{where}: gains outside 0 < gain <= 1000")
    # a single point has no spacing; 1 keeps the mesh valid
    steps = (spacing[0] if rows > 1 else 1.0, spacing[1] if columns > 1 else 1.0)
    if not all(np.isfinite(v) for v in (*origin, *steps)) or min(steps) <= 0:
        raise InputError(f"{where}: origin {origin} and spacing {spacing} must be finite, spacing > 0")
    return GainMap((top, left, bottom, right), (row_pitch, column_pitch), origin, steps, gains)


def merge(maps: list[GainMap], cfa: Cfa, shape: tuple[int, int], name: str) -> tuple[GainMesh | None, list[str]]:
    """Gain maps of one size as one mesh for R, Gr, Gb, B; a site without a map has gain 1.

    Parameters
    ----------
    maps : gain maps, their areas counted from the top-left pixel of the active area
    cfa, shape : of the active area

    Raises
    ------
    InputError
        An area outside the frame, or maps of different sizes.
    """
    if not maps:
        return None, []
    first = maps[0]
    height, width = shape
    mesh = np.ones((*first.gains.shape, 4), np.float32)
    for index, gain_map in enumerate(maps, start=1):
        where = f"{name}: GainMap {index} of OpcodeList2"
        top, left, bottom, right = gain_map.area
        if bottom > height or right > width:
            raise InputError(f"{where}: area {gain_map.area} (top, left, bottom, right) leaves the {width}x{height} px")
        if (gain_map.gains.shape, gain_map.origin, gain_map.spacing) != (mesh.shape[:2], first.origin, first.spacing):
            rows, columns = gain_map.gains.shape
            raise InputError(
                f"{where}: {rows}x{columns} points differ in number or place from the first map's "
                f"{mesh.shape[0]}x{mesh.shape[1]}; maps of one size are supported"
            )
        row_pitch, column_pitch = gain_map.pitch
        sites = _sites(gain_map, cfa)
        begins = top < row_pitch and left < column_pitch
        ends = bottom > height - row_pitch and right > width - column_pitch
        if sites is None or not (begins and ends):
            return None, [f"OpcodeList2: GainMap {index} covers only part of the frame or of a colour; none is applied"]
        for site in sites:
            mesh[:, :, site] *= gain_map.gains
    if mesh.max() > 1000:
        raise InputError(f"{name}: gain maps multiply to {mesh.max():g}, above 1000")
    return GainMesh(mesh, first.origin, first.spacing), []


def _sites(gain_map: GainMap, cfa: Cfa) -> list[int] | None:
    """Which of R, Gr, Gb, B a map covers; None if it covers a site in part."""
    block, period = cfa.block, cfa.period
    side = int(np.lcm.reduce([2 * block, period, *gain_map.pitch]))
    if side > 64:
        return None
    px, py = cfa.phase
    # site index 2 y + x in the grid whose origin is a red block
    ys = (np.arange(side) // block + py) % 2
    xs = (np.arange(side) // block + px) % 2
    site = 2 * ys[:, None] + xs[None, :]
    covered = np.zeros((side, side), bool)
    rows, columns = gain_map.pitch
    covered[gain_map.area[0] % rows :: rows, gain_map.area[1] % columns :: columns] = True
    if cfa.family in ("mono", "other"):
        return [0, 1, 2, 3] if covered.all() else None
    chosen = []
    for index in range(4):
        part = covered[site == index]
        if part.all():
            chosen.append(index)
        elif part.any():
            return None
    return chosen
