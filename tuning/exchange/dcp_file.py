"""DCP files: camera profiles as Adobe's raw converters and RawTherapee read them (DNG specification 1.7.1, chapter 6).

A little-endian TIFF with the magic ``IIRC`` and one directory of tags of profiles, no picture.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isp.errors import InputError
from isp.io.dng.colour import ILLUMINANTS, TAGS
from isp.io.dng.write_tags import ASCII, LONG, SHORT, SRATIONAL, Tag, light_source, rationals
from isp.values import ColorCalibration, Float64

MAGIC = b"IIRC"
FLOAT = 11
MODEL, NAME, COPYRIGHT, EMBED, SIGNATURE = 50708, 50936, 50942, 50941, 50932
MAP_DIMS, MAP_DATA, MAP_ENCODING = 50937, (50938, 50939, 52537), 51107
LOOK_DIMS, LOOK_DATA, LOOK_ENCODING = 50981, 50982, 51108
TONE_CURVE, EXPOSURE_OFFSET, BLACK_RENDER = 50940, 51109, 51110
_TYPES = {1: ("B", 1), 2: ("s", 1), 3: ("H", 2), 4: ("I", 4), 5: ("II", 8), 7: ("s", 1), 9: ("i", 4), 10: ("ii", 8),
          11: ("f", 4), 12: ("d", 8)}  # fmt: skip
_MOST_TAGS, _MOST_BYTES = 256, 64_000_000
_ALLOW_COPY = 0
"""ProfileEmbedPolicy: no restrictions."""


@dataclass(frozen=True)
class CameraProfile:
    """What a DCP says.

    Parameters
    ----------
    name, model, copyright : str
    calibrations : one to three
    maps : tuple of (values, hues, saturations, 3) float64, one for each calibration, or none
        ProfileHueSatMap: turn [degrees], factor on saturation, factor on value.
    look : the same of ProfileLookTable, or None
    map_encoding, look_encoding : 0, values linear; 1, as sRGB's code
    tone : (N, 2) or empty
        ProfileToneCurve: linear in, linear out, 0..1.
    exposure_offset : float [EV]
    ignored : codes of tags that are not used
    """

    name: str
    model: str
    calibrations: tuple[ColorCalibration, ...]
    maps: tuple[Float64, ...] = ()
    look: Float64 | None = None
    map_encoding: int = 0
    look_encoding: int = 0
    tone: Float64 = field(default_factory=lambda: np.zeros((0, 2)))
    exposure_offset: float = 0.0
    copyright: str = ""
    ignored: tuple[int, ...] = ()


def read_dcp(data: bytes, name: str) -> CameraProfile:
    """Read a DCP.

    Raises
    ------
    InputError
        ``FILE: what`` is wrong: not a DCP, cut, or tags that contradict themselves.
    """
    tags = _directory(data, name)
    calibrations, used = [], {MODEL, NAME, COPYRIGHT, EMBED, SIGNATURE, BLACK_RENDER}
    for color, forward, individual, light in TAGS:
        used |= {color, forward, individual, light}
        if color not in tags:
            continue
        known = ILLUMINANTS.get(int(tags.get(light, [0])[0]), ("unknown", 5000.0))
        given = [_shaped(tags, code, (3, 3), name) for code in (color, forward, individual)]
        if given[0] is None:
            continue
        identity = np.eye(3) if given[2] is None else given[2]
        try:
            calibrations.append(ColorCalibration(known[1], given[0], given[1], identity, known[0]))
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    if not calibrations:
        raise InputError(f"{name}: has no ColorMatrix1; it is not a camera profile")
    maps = tuple(m for m in (_table(tags, MAP_DIMS, code, name) for code in MAP_DATA) if m is not None)
    if maps and len(maps) not in (1, len(calibrations)):
        raise InputError(f"{name}: {len(maps)} hue and saturation maps for {len(calibrations)} calibrations")
    offset = float(tags.get(EXPOSURE_OFFSET, [0.0])[0])
    if not abs(offset) <= 20:
        raise InputError(f"{name}: BaselineExposureOffset {offset:g} EV; allowed: -20..20")
    tone = np.array(tags.get(TONE_CURVE, []), np.float64)
    if len(tone) % 2 or len(tone) == 2:
        raise InputError(f"{name}: ProfileToneCurve of {len(tone)} numbers; pairs are needed, two or more")
    points = tone.reshape(-1, 2)
    if len(points) and ((np.diff(points[:, 0]) <= 0).any() or points.min() < 0 or points.max() > 1):
        raise InputError(f"{name}: ProfileToneCurve must rise within 0..1")
    used |= {MAP_DIMS, *MAP_DATA, MAP_ENCODING, LOOK_DIMS, LOOK_DATA, LOOK_ENCODING, TONE_CURVE, EXPOSURE_OFFSET}
    return CameraProfile(
        _string(tags, NAME), _string(tags, MODEL), tuple(calibrations), maps, _table(tags, LOOK_DIMS, LOOK_DATA, name),
        int(tags.get(MAP_ENCODING, [0])[0]), int(tags.get(LOOK_ENCODING, [0])[0]), points,
        offset, _string(tags, COPYRIGHT), tuple(sorted(set(tags) - used)),
    )  # fmt: skip


def dcp_bytes(profile: CameraProfile) -> bytes:
    """A DCP file; the same profile gives the same bytes."""
    tags: list[Tag] = [_text(MODEL, profile.model), _text(NAME, profile.name), (EMBED, LONG, 1, (_ALLOW_COPY,))]
    if profile.copyright:
        tags.append(_text(COPYRIGHT, profile.copyright))
    for (color, forward, _, light), calibration in zip(TAGS, profile.calibrations, strict=False):
        tags.append(rationals(color, calibration.color_matrix.ravel(), signed=True))
        tags.append((light, SHORT, 1, (light_source(calibration),)))
        if calibration.forward_matrix is not None:
            tags.append(rationals(forward, calibration.forward_matrix.ravel(), signed=True))
    looks = () if profile.look is None else (profile.look,)
    for tables, dims, codes in ((profile.maps, MAP_DIMS, MAP_DATA), (looks, LOOK_DIMS, (LOOK_DATA,))):
        for code, table in zip(codes, tables, strict=False):
            tags.append((code, FLOAT, table.size, tuple(table.ravel().tolist())))
        if tables:
            values, hues, saturations = tables[0].shape[:3]
            tags.append((dims, LONG, 3, (hues, saturations, values)))
    if len(profile.tone):
        tags.append((TONE_CURVE, FLOAT, profile.tone.size, tuple(profile.tone.ravel().tolist())))
    if profile.exposure_offset:
        tags.append(rationals(EXPOSURE_OFFSET, [profile.exposure_offset], signed=True))
    tags.append((BLACK_RENDER, LONG, 1, (1,)))  # DefaultBlackRender: none, the curve is as it is
    return _written(tags)


def _written(tags: list[Tag]) -> bytes:
    ordered = sorted(tags, key=lambda tag: int(tag[0]))
    place = 8 + 2 + 12 * len(ordered) + 4
    entries, body = b"", b""
    for code, kind, count, value in ordered:
        letters, _ = _TYPES[kind]
        data = value if kind == ASCII else struct.pack(f"<{len(value)}{letters[0]}", *value)
        if len(data) > 4:
            entries += struct.pack("<HHII", code, kind, count, place + len(body))
            body += data + b"\0" * (len(data) % 2)
        else:
            entries += struct.pack("<HHI", code, kind, count) + data.ljust(4, b"\0")
    return MAGIC + struct.pack("<IH", 8, len(ordered)) + entries + struct.pack("<I", 0) + body


def _text(code: int, text: str) -> Tag:
    data = text.replace("\0", " ").encode("utf-8") + b"\0"
    return code, ASCII, len(data), data


def _directory(data: bytes, name: str) -> dict[int, Any]:
    """The tags of the first directory by code: text, or lists of numbers."""
    if not data.startswith(MAGIC):
        raise InputError(f"{name}: not a DCP file: it begins with {data[:4]!r}, not {MAGIC!r}")
    (start,) = _unpacked("<I", data, 4, name)
    (count,) = _unpacked("<H", data, start, name)
    if not 0 < count <= _MOST_TAGS:
        raise InputError(f"{name}: a directory of {count} tags; allowed: 1..{_MOST_TAGS}")
    tags: dict[int, Any] = {}
    for i in range(count):
        code, kind, number = _unpacked("<HHI", data, start + 2 + 12 * i, name)
        if kind not in _TYPES:
            continue
        letters, size = _TYPES[kind]
        if number * size > min(len(data), _MOST_BYTES):
            raise InputError(f"{name}: tag {code} of {number} values is larger than the file")
        at = start + 10 + 12 * i
        if number * size > 4:
            (at,) = _unpacked("<I", data, at, name)
        if letters == "s":
            (tags[code],) = _unpacked(f"<{number}s", data, at, name)
            continue
        values = _unpacked(f"<{number * len(letters)}{letters[0]}", data, at, name)
        tags[code] = _ratios(values) if kind in (5, SRATIONAL) else list(values)
        if kind in (FLOAT, 12) and not np.isfinite(tags[code]).all():
            raise InputError(f"{name}: tag {code} holds values that are not finite")
    return tags


def _unpacked(form: str, data: bytes, at: int, name: str) -> tuple[Any, ...]:
    if at + struct.calcsize(form) > len(data):
        raise InputError(f"{name}: cut short: {struct.calcsize(form)} bytes are needed at {at}, it has {len(data)}")
    return struct.unpack_from(form, data, at)


def _ratios(values: tuple[int, ...]) -> list[float]:
    return [n / d if d else float("nan") for n, d in zip(values[::2], values[1::2], strict=True)]


def _shaped(tags: Mapping[int, Any], code: int, shape: tuple[int, ...], name: str) -> Float64 | None:
    if code not in tags:
        return None
    values = np.array(tags[code], np.float64)
    if values.size != np.prod(shape):
        raise InputError(f"{name}: tag {code} of {values.size} numbers; {int(np.prod(shape))} are needed")
    return values.reshape(shape)


def _table(tags: Mapping[int, Any], dims: int, code: int, name: str) -> Float64 | None:
    if code not in tags:
        return None
    sizes = [int(v) for v in tags.get(dims, [])]
    if len(sizes) != 3 or min(sizes) < 1 or sizes[1] < 2:
        raise InputError(f"{name}: tag {dims} {sizes} must be three sizes: hues, saturations (2 or more), values")
    hues, saturations, values = sizes
    return _shaped(tags, code, (values, hues, saturations, 3), name)


def _string(tags: Mapping[int, Any], code: int) -> str:
    raw = tags.get(code, b"")
    return raw.split(b"\0")[0].decode("utf-8", "replace") if isinstance(raw, bytes) else ""
