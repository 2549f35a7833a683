"""ICC profiles of the spaces we write: matrix and tone curve, version 4, the same bytes every time.

ICC.1:2010 (profile version 4.3), clauses 7 to 10. littleCMS can author such profiles too, but stamps them with the time
and names them all "RGB built-in".
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

from isp.errors import UsageError
from isp.values import TRANSFERS, Float64

D65_XY = (0.3127, 0.3290)
"""White of all our spaces (IEC 61966-2-1, ITU-R BT.2020, SMPTE EG 432-1)."""
D50_XYZ = (0.9642, 1.0, 0.8249)
"""The profile connection space's white (ICC.1, clause 7.2.16)."""

# CIE 1931 xy of R, G, B
PRIMARIES = {
    "srgb": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # IEC 61966-2-1
    "display_p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # SMPTE EG 432-1
    "rec2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # ITU-R BT.2020
}
NAMES = {"srgb": "sRGB", "display_p3": "Display P3", "rec2020": "Rec.2020"}

_CODE_POINTS = {"srgb": (1,), "rec2020": (9,), "display_p3": (12,), "pq": (16,), "hlg": (18,)}
"""ITU-T H.273, tables 2 and 3."""
_CURVE_POINTS = 4096

# IEC 61966-2-1 as a parametric curve of type 3: (a x + b)^g for x >= d, else c x
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""ICC.1, annex E.2."""


@cache
def icc_profile(space: str, transfer: str) -> bytes | None:
    """The profile of a `Picture`'s `space` and `transfer`; None for camera RGB, which no profile here describes.

    Parameters
    ----------
    space : ``srgb``, ``display_p3``, ``rec2020`` or ``camera``
    transfer : ``srgb``, ``linear``, ``pq`` or ``hlg``; the last two are named by a `cicp` tag (ICC.1:2022, 9.2.17), and
        their curves, for readers that do not know it, end at display white
    """
    if space == "camera":
        return None
    if space not in PRIMARIES or transfer not in TRANSFERS:
        raise UsageError(
            f"no ICC profile for {space}/{transfer}; spaces: {', '.join(PRIMARIES)}; transfers: {', '.join(TRANSFERS)}"
        )
    usual = "linear" if space == "rec2020" else "srgb"
    hdr = transfer in ("pq", "hlg")
    name = NAMES[space] if transfer == usual else f"{NAMES[space]} ({transfer} transfer)"
    adaptation = _adaptation()
    colorants = adaptation @ rgb_to_xyz(space)
    curve = _curve(transfer)
    tags = [
        (b"desc", _text(name)),
        (b"cprt", _text("No copyright, use freely")),
        (b"wtpt", _xyz(D50_XYZ)),
        (b"chad", b"sf32\0\0\0\0" + _fixed(adaptation.ravel())),
        *((tag, _xyz(colorants[:, i])) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        *((tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    if hdr:
        tags.append((b"cicp", b"cicp\0\0\0\0" + bytes((*_CODE_POINTS[space], *_CODE_POINTS[transfer], 0, 1))))
    offset = 128 + 4 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", {}
    for tag, data in tags:
        if data not in places:  # the three curves are stored once
            places[data] = offset + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", tag, places[data], len(data))
    version = 0x04400000 if hdr else 0x04300000  # cicp came with 4.4
    # size, any CMM, version, display device, RGB to XYZ, a fixed date, file signature, media-relative intent
    head = struct.pack(">I4sI4s4s4s6H4s", offset + len(body), b"", version, b"mntr", b"RGB ", b"XYZ ",
                       2024, 1, 1, 0, 0, 0, b"acsp")  # fmt: skip
    head = head.ljust(64, b"\0") + struct.pack(">I", 1) + _fixed(D50_XYZ)
    return head.ljust(128, b"\0") + table + body


def rgb_to_xyz(space: str) -> Float64:
    """(3, 3) linear RGB of `space` to CIE 1931 XYZ, white (1, 1, 1) to D65 with Y = 1 (SMPTE RP 177)."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in PRIMARIES[space]]).T
    return columns * np.linalg.solve(columns, _white())


def _white() -> Float64:
    x, y = D65_XY
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adaptation() -> Float64:
    gain = (_BRADFORD @ np.array(D50_XYZ)) / (_BRADFORD @ _white())
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD)


def _fixed(values: object) -> bytes:
    return np.round(np.asarray(values, np.float64) * 65536).astype(">i4").tobytes()


def _xyz(values: object) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _curve(transfer: str) -> bytes:
    if transfer == "linear":
        return b"curv" + struct.pack(">II", 0, 0)
    if transfer == "srgb":
        return b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(_SRGB_CURVE)
    from isp.color.transfer import decoded

    grey = decoded(np.repeat(np.linspace(0, 1, _CURVE_POINTS)[:, None], 3, axis=1), transfer)[:, 1]
    codes = np.round(np.clip(grey, 0, 1) * 65535).astype(">u2")
    return b"curv" + struct.pack(">II", 0, len(codes)) + codes.tobytes()


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded
