"""ICC profiles of a camera, version 4 (ICC.1:2010): what a profile makes of white-balanced linear camera RGB.

``matrix``: three colorants and linear curves, the colour matrix alone. ``lut``: the whole colour part, as the tag
`AToB0` of type lutAToBType (10.12): curves that make the table even in sRGB's code values, a table, and CIELAB of D50.
"""

from __future__ import annotations

import struct

import numpy as np

from isp.color.spaces import D50, D65, adaptation, pcs_to_rgb, rgb_to_xyz, xy_to_xyz
from isp.color.transfer import decoded
from isp.errors import ProfileError, UsageError
from isp.profile import Profile
from isp.values import Float64
from reports.light import xyz_to_lab
from tuning.exchange.camera_facts import facts_of, matrix_at, needed
from tuning.exchange.color_part import grid, rendering_of

KINDS = ("lut", "matrix")
_VERSION = 0x04300000
_DATE = (2024, 1, 1, 0, 0, 0)
"""Fixed, so that a profile always gives the same bytes."""
_CURVE_POINTS = 4096
_D50_XYZ = (0.9642, 1.0, 0.8249)
"""The connection space's white as its header must have it (ICC.1, 7.2.16)."""


def icc_bytes(profile: Profile, *, kind: str, size: int, kelvin: float) -> tuple[bytes, list[str]]:
    """An ICC input profile, and a line for everything that is left out.

    Parameters
    ----------
    kind : str
        ``lut`` or ``matrix``.
    size : int
        Points a side of the table.
    kelvin : float
        Colour temperature at which a colour matrix over cct is taken.

    Raises
    ------
    ProfileError
        The profile states no colour matrix, or encodes for an HDR display.
    """
    if kind not in KINDS:
        raise UsageError(f"ICC profile of kind {kind!r} is not known; kinds: {', '.join(KINDS)}")
    notes: list[str] = []
    tags = [(b"desc", _text(profile.name)), (b"cprt", _text("No copyright, use freely")), (b"wtpt", _xyz(_D50_XYZ))]
    if kind == "matrix":
        facts = facts_of(profile)
        needed(facts, {"matrices": "ccm.matrix"}, "icc", profile.name)
        columns = np.linalg.inv(pcs_to_rgb("srgb")) @ matrix_at(facts, kelvin)
        tags += [(tag, _xyz(columns[:, i])) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
        line = b"curv" + struct.pack(">II", 0, 0)
        tags += [(tag, line) for tag in (b"rTRC", b"gTRC", b"bTRC")]
        notes.append("everything but ccm.matrix: not carried over into a matrix profile")
        return _assembled(tags, b"XYZ "), notes
    render, encode = rendering_of(profile, kelvin, notes)
    transfer, space = str(encode.given["transfer"]), str(encode.given["space"])
    if transfer not in ("srgb", "linear"):
        raise ProfileError(f"{profile.name}: encode.transfer {transfer} is for HDR displays, which ICC cannot describe")
    light = decoded(render(decoded(grid(size), "srgb")), transfer) @ rgb_to_xyz(space).T
    lab = xyz_to_lab(light @ adaptation(D65, D50).T, xy_to_xyz(D50))
    tags.append((b"A2B0", _a_to_b(lab, size)))
    return _assembled(tags, b"Lab "), notes


def _a_to_b(lab: Float64, size: int) -> bytes:
    codes = np.stack([lab[:, 0] * 655.35, (lab[:, 1] + 128) * 257, (lab[:, 2] + 128) * 257], 1)
    # in an ICC table the first channel changes slowest
    cube = np.clip(np.rint(codes), 0, 65535).reshape(size, size, size, 3).transpose(2, 1, 0, 3)
    straight = b"curv" + struct.pack(">II", 0, 0)
    axis = np.linspace(0.0, 1.0, _CURVE_POINTS)
    coded = np.where(axis <= 0.0031308, 12.92 * axis, 1.055 * np.maximum(axis, 0.0031308) ** (1 / 2.4) - 0.055)
    bent = b"curv" + struct.pack(">II", 0, _CURVE_POINTS) + np.rint(coded * 65535).astype(">u2").tobytes()
    table = bytes([size] * 3).ljust(16, b"\0") + bytes((2, 0, 0, 0)) + cube.astype(">u2").tobytes()
    parts, places, at = b"", [], 32
    for part in (straight * 3, table, bent * 3):
        places.append(at)
        padded = part + b"\0" * (-len(part) % 4)
        parts, at = parts + padded, at + len(padded)
    b_curves, clut, a_curves = places
    return b"mAB \0\0\0\0" + struct.pack(">BBH5I", 3, 3, 0, b_curves, 0, 0, clut, a_curves) + parts


def _assembled(tags: list[tuple[bytes, bytes]], connection: bytes) -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", {}
    for tag, data in tags:
        if data not in places:
            places[data] = offset + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", tag, places[data], len(data))
    fields = (offset + len(body), b"", _VERSION, b"scnr", b"RGB ", connection, *_DATE, b"acsp")
    head = struct.pack(">I4sI4s4s4s6H4s", *fields)
    head = head.ljust(64, b"\0") + struct.pack(">I", 0) + _fixed(_D50_XYZ)
    return head.ljust(128, b"\0") + table + body


def _fixed(values: object) -> bytes:
    return np.round(np.asarray(values, np.float64) * 65536).astype(">i4").tobytes()


def _xyz(values: object) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded
