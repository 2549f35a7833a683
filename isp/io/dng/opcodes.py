"""DNG opcode lists: programs inside a picture. We bound them, read gain maps and the warp, and name the rest.

DNG specification 1.7, chapter 7. Opcode lists are big-endian whatever the file is.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.errors import InputError
from isp.io.limits import Limits
from isp.rectilinear import MOST_PLANES, RectilinearWarp
from isp.values import Float32, GainMesh

NAMES = {
    1: "WarpRectilinear", 2: "WarpFisheye", 3: "FixVignetteRadial", 4: "FixBadPixelsConstant",
    5: "FixBadPixelsList", 6: "TrimBounds", 7: "MapTable", 8: "MapPolynomial", 9: "GainMap",
    10: "DeltaPerRow", 11: "DeltaPerColumn", 12: "ScalePerRow", 13: "ScalePerColumn", 14: "WarpRectilinear2",
}  # fmt: skip
WARP_RECTILINEAR, GAIN_MAP = 1, 9
OPCODE_LIST_2, OPCODE_LIST_3 = 51009, 51022
OPTIONAL = 1
"""Bit 0 of an opcode's flags: a reader that does not know it may skip it."""
HEADER = struct.Struct(">IIII")
MAP_HEADER = struct.Struct(">10I4dI")
WARP_PLANES = (1, 3)
"""Planes of a warp that can be applied: one for all colours, or R, G, B."""
_LARGEST_PERIOD = 24
"""Pixels over which maps and CFA may repeat together: 6 and 8 do."""
_PARTIAL = "OpcodeList2: GainMap {} covers only part of the frame or of a colour; none is applied"


@dataclass(frozen=True)
class GainMap:
    """One GainMap opcode: gains (rows, columns) for the pixels `top::row_pitch, left::column_pitch` of the area."""

    area: tuple[int, int, int, int]
    pitch: tuple[int, int]
    origin: tuple[float, float]
    spacing: tuple[float, float]
    gains: Float32


Opcode = GainMap | RectilinearWarp


def read_opcodes(data: bytes, tag: str, name: str, limits: Limits) -> tuple[list[Opcode], list[str]]:
    """The gain maps and the first warp of one opcode list, and a warning for every other opcode.

    Raises
    ------
    InputError
        A damaged list, a gain map or warp whose size contradicts its header or whose numbers make no sense, or an
        opcode unknown here that may not be skipped.
    LimitError
        More opcodes than `limits.opcodes`, or a larger map than `limits.gain_map_points`.
    """
    if len(data) < 4:
        raise InputError(f"{name}: damaged: {tag} has {len(data)} bytes")
    (count,) = struct.unpack_from(">I", data)
    limits.check("opcodes", count, f"{name}: opcodes in {tag}")
    maps: list[Opcode] = []
    warnings, at = [], 4
    for index in range(count):
        if at + HEADER.size > len(data):
            raise InputError(f"{name}: damaged: {tag} says {count} opcodes and ends in number {index + 1}")
        code, _, flags, size = HEADER.unpack_from(data, at)
        at += HEADER.size
        if at + size > len(data):
            left = len(data) - at
            raise InputError(f"{name}: damaged: opcode {index + 1} of {tag} needs {size} bytes, {left} are left")
        body, at = data[at : at + size], at + size
        if code == GAIN_MAP and tag == "OpcodeList2":
            maps.append(_gain_map(body, f"{name}: GainMap {index + 1} of {tag}", limits))
        elif code == WARP_RECTILINEAR and tag == "OpcodeList3" and not maps:
            warp = _warp(body, f"{name}: WarpRectilinear of {tag}")
            if len(warp.planes) in WARP_PLANES:
                maps.append(warp)
            else:
                warnings.append(f"{tag}: WarpRectilinear of {len(warp.planes)} planes is not applied")
        elif code in NAMES:
            warnings.append(f"{tag}: opcode {NAMES[code]} is not applied")
        elif flags & OPTIONAL:
            warnings.append(f"{tag}: unknown optional opcode {code} skipped")
        else:
            raise InputError(f"{name}: {tag}: unknown opcode {code} is mandatory: no raw reader may skip it")
    if at + 4 <= len(data):
        warnings.append(f"{tag}: {len(data) - at} bytes behind its {count} opcodes are not read")
    return maps, warnings


def _warp(body: bytes, where: str) -> RectilinearWarp:
    (planes,) = struct.unpack_from(">I", body) if len(body) >= 4 else (0,)
    expected = 4 + 8 * (6 * planes + 2)
    if not 1 <= planes <= MOST_PLANES or len(body) != expected:
        raise InputError(
            f"{where}: {planes} planes in {len(body)} bytes; 1..{MOST_PLANES} planes need 68, 116, 164, 212"
        )
    numbers = struct.unpack_from(f">{6 * planes + 2}d", body, 4)
    try:
        return RectilinearWarp(
            tuple(numbers[6 * i : 6 * i + 6] for i in range(planes)), (numbers[-2], numbers[-1])
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _gain_map(body: bytes, where: str, limits: Limits) -> GainMap:
    if len(body) < MAP_HEADER.size:
        raise InputError(f"{where}: {len(body)} bytes, at least {MAP_HEADER.size} are needed")
    head = MAP_HEADER.unpack_from(body)
    top, left, bottom, right, plane, planes, row_pitch, column_pitch, rows, columns = head[:10]
    spacing, origin, map_planes = (head[10], head[11]), (head[12], head[13]), head[14]
    limits.check("gain_map_points", rows * columns * max(map_planes, 1), f"{where}: points")
    expected = MAP_HEADER.size + 4 * rows * columns * map_planes
    if 0 in (rows, columns, map_planes) or len(body) != expected:
        raise InputError(f"{where}: {rows}x{columns}x{map_planes} points need {expected} bytes, found {len(body)}")
    if plane != 0 or planes < 1 or 0 in (row_pitch, column_pitch) or bottom <= top or right <= left:
        raise InputError(
            f"{where}: plane {plane} of {planes}, pitch {row_pitch}x{column_pitch}, area {(top, left, bottom, right)}"
            " make no sense for a mosaic"
        )
    values = np.frombuffer(body, ">f4", offset=MAP_HEADER.size).reshape(rows, columns, map_planes)[:, :, 0]
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
    for index, gain_map in enumerate(maps, start=1):
        where = f"{name}: GainMap {index} of OpcodeList2"
        top, left, bottom, right = gain_map.area
        if bottom > height or right > width:
            raise InputError(f"{where}: area {gain_map.area} (top, left, bottom, right) leaves the {width}x{height} px")
        if (gain_map.gains.shape, gain_map.origin, gain_map.spacing) != (
            first.gains.shape,
            first.origin,
            first.spacing,
        ):
            rows, columns = gain_map.gains.shape
            raise InputError(
                f"{where}: {rows}x{columns} points differ in number or place from the first map's "
                f"{first.gains.shape[0]}x{first.gains.shape[1]}; maps of one size are supported"
            )
        row_pitch, column_pitch = gain_map.pitch
        begins = top < row_pitch and left < column_pitch
        ends = bottom > height - row_pitch and right > width - column_pitch
        if not (begins and ends):
            return None, [_PARTIAL.format(index)]
    mesh, partial = _planes(maps, cfa)
    if mesh is None:
        return None, [_PARTIAL.format(partial)]
    if mesh.max() > 1000:
        raise InputError(f"{name}: gain maps multiply to {mesh.max():g}, above 1000")
    return GainMesh(mesh, first.origin, first.spacing), []


def sites(cfa: Cfa, side: int) -> NDArray[np.intp]:
    """(side, side) which of R, Gr, Gb, B (0..3) each pixel from the top left is; 0 everywhere without such sites."""
    if cfa.family in ("mono", "other"):
        return np.zeros((side, side), np.intp)
    px, py = cfa.phase
    # site index 2 y + x in the grid whose origin is a red block
    ys, xs = ((np.arange(side) + phase) // cfa.block % 2 for phase in (py, px))
    return np.asarray(2 * ys[:, None] + xs[None, :])


def _planes(maps: list[GainMap], cfa: Cfa) -> tuple[Float32 | None, int]:
    """(rows, columns, 4) products of the maps; or None and the number of a map that covers a colour in part.

    Blocks of one colour (quad and the like) take several maps, which must come to the same gains.
    """
    side = math.lcm(2 * cfa.block, cfa.period, *(pitch for m in maps for pitch in m.pitch))
    if side > _LARGEST_PERIOD:
        return None, len(maps)
    covered = np.zeros((len(maps), side, side), bool)
    for seen, m in zip(covered, maps, strict=True):
        seen[m.area[0] % m.pitch[0] :: m.pitch[0], m.area[1] % m.pitch[1] :: m.pitch[1]] = True
    site = sites(cfa, side)
    mesh = np.ones((*maps[0].gains.shape, 4), np.float32)
    for plane in range(4):
        kinds = np.unique(covered[:, site == (plane if site.any() else 0)], axis=1).T
        product = _product(maps, kinds[0])
        for kind in kinds[1:]:
            if not np.array_equal(_product(maps, kind), product):
                return None, int(np.flatnonzero(kind != kinds[0])[0]) + 1
        mesh[..., plane] = product
    return mesh, 0


def _product(maps: list[GainMap], kind: NDArray[np.bool_]) -> Float32:
    product = np.ones(maps[0].gains.shape, np.float32)
    for index in np.flatnonzero(kind):
        product *= maps[index].gains
    return product
