"""A small DNG writer for tests: exactly the tags it is told, right or wrong."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 11, 12
_FORMATS = {BYTE: "B", SHORT: "H", LONG: "I", FLOAT: "f", DOUBLE: "d"}
LETTERS = "RGBCMYW"

# XYZ to camera of a made-up camera near a phone's, at A and D65
MATRIX_A = ((1.0, -0.35, -0.10), (-0.40, 1.25, 0.16), (-0.05, 0.22, 0.60))
MATRIX_D65 = ((0.85, -0.25, -0.09), (-0.45, 1.30, 0.17), (-0.08, 0.20, 0.65))

Tags = Mapping[int, tuple[int, Any] | None]


def mosaic(width: int = 48, height: int = 32, top: int = 1023, seed: int = 0) -> np.ndarray:
    """(height, width) uint16 random digital numbers in 64..top: nothing in it repeats."""
    return np.random.default_rng(seed).integers(64, top + 1, (height, width)).astype(np.uint16)


def dng_bytes(
    pixels: np.ndarray,
    *,
    cfa: str = "RGGB",
    bits: int = 16,
    black: float = 64,
    white: float = 1023,
    compression: int = 1,
    rows_per_strip: int | None = None,
    tile: tuple[int, int] | None = None,
    order: str = "<",
    sub_ifd: bool = False,
    tags: Tags | None = None,
) -> bytes:
    """A DNG of `pixels` (H, W).

    Parameters
    ----------
    bits : 8, 16 or 32, or 10, 12, 14 packed from the most significant bit
    compression : 1 none, 7 lossless JPEG (of two components for 14 bits), 8 Deflate
    tile : (height, width); rows_per_strip for strips
    order : ``<`` or ``>``
    sub_ifd : put the raw image into a SubIFD behind a preview, as Adobe's converter does
    tags : code -> (type, values) to set, or None to leave a tag out
    """
    height, width = pixels.shape
    segments = _segments(pixels, bits, compression, rows_per_strip, tile, order)
    rows = cfa.split("/") if "/" in cfa else [cfa[:2], cfa[2:]]
    raw: dict[int, tuple[int, Any] | None] = {
        254: (LONG, [0]),
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits]),
        259: (SHORT, [compression]),
        262: (SHORT, [32803]),
        277: (SHORT, [1]),
        33421: (SHORT, [len(rows), len(rows[0])]),
        33422: (BYTE, [LETTERS.index(c) for c in "".join(rows)]),
        50714: (RATIONAL, [black]),
        50717: (LONG, [white]),
    }
    if tile:
        raw |= {322: (LONG, [tile[1]]), 323: (LONG, [tile[0]])}
    else:
        raw[278] = (LONG, [rows_per_strip or height])
    main: dict[int, tuple[int, Any] | None] = {
        271: (ASCII, "Maker"),
        272: (ASCII, "Model 1"),
        274: (SHORT, [1]),
        50706: (BYTE, [1, 4, 0, 0]),
        50708: (ASCII, "Maker Model 1"),
        50721: (SRATIONAL, np.ravel(MATRIX_A)),
        50722: (SRATIONAL, np.ravel(MATRIX_D65)),
        50728: (RATIONAL, [0.5, 1.0, 0.6]),
        50778: (SHORT, [17]),
        50779: (SHORT, [21]),
    }
    for code, value in (tags or {}).items():
        (main if sub_ifd and code in main else raw)[code] = value
    if not sub_ifd:
        return _container([{**main, **raw}], segments, bool(tile), order)
    preview = {254: (LONG, [1]), 256: (LONG, [1]), 257: (LONG, [1]), 258: (SHORT, [8, 8, 8]), 259: (SHORT, [1]),
               262: (SHORT, [2]), 277: (SHORT, [3])}  # fmt: skip
    return _container([{**preview, **main}, raw], segments, bool(tile), order)


def write_dng(path: Path, pixels: np.ndarray, **settings: Any) -> Path:
    """`dng_bytes` into a file."""
    path.write_bytes(dng_bytes(pixels, **settings))
    return path


def opcode_list(*opcodes: tuple[int, int, bytes]) -> tuple[int, bytes]:
    """An opcode list tag of (id, flags, parameters)."""
    body = struct.pack(">I", len(opcodes))
    for code, flags, data in opcodes:
        body += struct.pack(">IIII", code, 0x01030000, flags, len(data)) + data
    return UNDEFINED, body


def gain_map(
    gains: np.ndarray,
    area: tuple[int, int, int, int],
    pitch: tuple[int, int] = (2, 2),
    spacing: tuple[float, float] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
) -> bytes:
    """Parameters of a GainMap opcode; `area` is top, left, bottom, right."""
    rows, columns = gains.shape
    steps = spacing or (1 / max(rows - 1, 1), 1 / max(columns - 1, 1))
    head = struct.pack(">10I4dI", *area, 0, 1, *pitch, rows, columns, *steps, *origin, 1)
    return head + gains.astype(">f4").tobytes()


def _segments(
    pixels: np.ndarray,
    bits: int,
    compression: int,
    rows_per_strip: int | None,
    tile: tuple[int, int] | None,
    order: str,
) -> list[bytes]:
    height, width = pixels.shape
    th, tw = tile or (rows_per_strip or height, width)
    parts = []
    for y in range(0, height, th):
        for x in range(0, width, tw):
            part = pixels[y : y + th, x : x + tw]
            if tile:
                part = np.pad(part, ((0, th - part.shape[0]), (0, tw - part.shape[1])), mode="edge")
            parts.append(_encode(np.ascontiguousarray(part), bits, compression, order))
    return parts


def _encode(part: np.ndarray, bits: int, compression: int, order: str) -> bytes:
    import imagecodecs

    if compression == 7 and part.shape[1] % 2 == 0 and bits == 14:
        # as Adobe's converter does: two components, so that each site is predicted from its own colour
        pairs = part.astype(np.uint16).reshape(part.shape[0], -1, 2)
        return bytes(imagecodecs.jpeg8_encode(pairs, lossless=True, bitspersample=14, predictor=1))
    if compression == 7:
        return bytes(imagecodecs.ljpeg_encode(part.astype(np.uint16), bitspersample=min(bits, 16)))
    if bits in (8, 16, 32):
        plain = part.astype(f"{order}u{bits // 8}").tobytes()
    else:
        plain = bytes(imagecodecs.packints_encode(part.astype(np.uint16), bits, runlen=part.shape[1]))
    return bytes(imagecodecs.zlib_encode(plain)) if compression == 8 else plain


def _container(ifds: list[dict[int, tuple[int, Any] | None]], segments: list[bytes], tiled: bool, order: str) -> bytes:
    """Header, IFDs with the values that do not fit behind each, then the segments."""
    places = (324, 325) if tiled else (273, 279)
    counts = [len(s) for s in segments]
    raw = ifds[-1]
    raw.setdefault(places[1], (LONG, counts))
    given = raw.get(places[0])
    raw[places[0]] = given or (LONG, [0] * len(segments))
    sub, end = 0, 0
    for _ in range(2):  # sizes are known after the first pass, places after the second
        if len(ifds) > 1:
            ifds[0][330] = (LONG, [sub])
        if given is None:
            raw[places[0]] = (LONG, [end + sum(counts[:i]) for i in range(len(counts))])
        body = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8))
        for ifd in ifds:
            sub = len(body)
            body += _ifd(ifd, sub, order)
        end = len(body)
    return bytes(body) + b"".join(segments)


def _ifd(tags: dict[int, tuple[int, Any] | None], start: int, order: str) -> bytes:
    entries = sorted((code, value) for code, value in tags.items() if value is not None)
    extra_at = start + 2 + 12 * len(entries) + 4
    table, extra = struct.pack(order + "H", len(entries)), b""
    for code, (kind, values) in entries:
        data, count = _values(kind, values, order)
        if len(data) > 4:
            where = struct.pack(order + "I", extra_at + len(extra))
            extra += data + b"\0" * (len(data) % 2)
        else:
            where = data.ljust(4, b"\0")
        table += struct.pack(order + "HHI", code, kind, count) + where
    return table + b"\0\0\0\0" + extra


def _values(kind: int, values: Any, order: str) -> tuple[bytes, int]:
    if kind == ASCII:
        data = values.encode() + b"\0"
        return data, len(data)
    if kind == UNDEFINED:
        return bytes(values), len(values)
    if kind in (RATIONAL, SRATIONAL):
        pairs = [v if isinstance(v, tuple) else (round(float(v) * 10000), 10000) for v in values]
        form = "II" if kind == RATIONAL else "ii"
        return b"".join(struct.pack(order + form, *p) for p in pairs), len(pairs)
    return struct.pack(f"{order}{len(values)}{_FORMATS[kind]}", *values), len(values)
