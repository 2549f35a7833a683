"""Opcode lists to write: lens shading as GainMap, distortion as WarpRectilinear (DNG 1.7.1, chapter 7)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from isp.cfa import Cfa
from isp.errors import InputError
from isp.io.dng.opcodes import GAIN_MAP, HEADER, MAP_HEADER, OPTIONAL, WARP_RECTILINEAR, sites
from isp.rectilinear import RectilinearWarp
from isp.values import Float32, GainMesh

_SINCE = 0x01030000
"""DNG version that has GainMap and WarpRectilinear."""


def gain_maps(mesh: GainMesh, cfa: Cfa, shape: tuple[int, int]) -> bytes:
    """An opcode list of gain maps: one for all pixels if all are equal, else one for each pixel of the CFA pattern.

    They are marked optional: a reader that skips them gives a shaded picture, not none.

    Parameters
    ----------
    mesh : gains of R, Gr, Gb, B
    cfa, shape : of the frame

    Raises
    ------
    InputError
        Colours differ on a CFA that has no R, Gr, Gb, B.
    """
    opcodes = [_opcode(*part, mesh, shape) for part in _parts(mesh, cfa)]
    return len(opcodes).to_bytes(4, "big") + b"".join(opcodes)


def _parts(mesh: GainMesh, cfa: Cfa) -> Iterator[tuple[int, int, int, Float32]]:
    """Top, left, pitch and gains of each map."""
    if (mesh.gains == mesh.gains[..., :1]).all():
        yield 0, 0, 1, mesh.gains[..., 0]
        return
    if cfa.family in ("mono", "other"):
        raise InputError(f"lens shading that differs between colours cannot be written for CFA {str(cfa)!r}")
    for (y, x), site in np.ndenumerate(sites(cfa, cfa.period)):
        yield y, x, cfa.period, mesh.gains[..., site]


def _opcode(top: int, left: int, pitch: int, gains: Float32, mesh: GainMesh, shape: tuple[int, int]) -> bytes:
    head = MAP_HEADER.pack(top, left, *shape, 0, 1, pitch, pitch, *gains.shape, *mesh.spacing, *mesh.origin, 1)
    body = head + np.ascontiguousarray(gains, ">f4").tobytes()
    return HEADER.pack(GAIN_MAP, _SINCE, OPTIONAL, len(body)) + body


def warp_list(warp: RectilinearWarp) -> bytes | None:
    """An opcode list of one warp, optional as gain maps are; None if its centre lies outside the frame (a crop's may).

    Readers refuse such a file altogether.
    """
    if not all(0 <= place <= 1 for place in warp.centre):
        return None
    numbers = [v for plane in warp.planes for v in plane] + list(warp.centre)
    body = struct.pack(f">I{len(numbers)}d", len(warp.planes), *numbers)
    return struct.pack(">I", 1) + HEADER.pack(WARP_RECTILINEAR, _SINCE, OPTIONAL, len(body)) + body
