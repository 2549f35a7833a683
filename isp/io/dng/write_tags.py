"""What a raw frame says, as TIFF tags (DNG specification 1.7.1, chapter 4; EXIF 2.3).

A tag is (code, field type, count, value). Rationals are the nearest fractions of 31-bit numbers: decimals of a few
digits and exposures such as 1/60 are held as they are written, any other value to 5e-10 of its size (of 1 where the
value may be 0 or negative).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from isp.errors import InputError
from isp.io.dng.colour import ILLUMINANTS, TAGS
from isp.io.dng.levels import COLOURS, check_cfa
from isp.io.dng.opcodes import OPCODE_LIST_2, OPCODE_LIST_3
from isp.io.dng.write_opcodes import gain_maps, warp_list
from isp.values import ColorCalibration, FrameInfo, RawFrame

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 12
"""TIFF field types."""

Tag = tuple[int | str, int, int, Any]

_LARGEST = 2**31 - 1
"""Of numerators and denominators: some readers take unsigned rationals as signed ones."""
_MOST_SHORT = 65_535
_NEAREST = (17, 24, 15, 14, 23, 20, 21, 22)
"""LightSource codes that stand for a temperature: one each, CIE illuminants first."""
_RECOMMENDED_EXPOSURE_INDEX = 2
"""EXIF SensitivityType."""


def main_tags(frame: RawFrame, software: str, description: str) -> list[Tag]:
    """Everything but the pixels and what EXIF holds.

    Raises
    ------
    InputError
        The frame says something that a DNG cannot; the message says what can be held.
    """
    info, (height, width) = frame.info, frame.shape
    name = f"{info.make} {info.model}" if not info.model.startswith(info.make) else info.model
    tags = [
        (254, LONG, 1, 0),  # NewSubfileType: the full-resolution image
        *_text(270, description),
        *_text(271, info.make),
        *_text(272, info.model),
        (274, SHORT, 1, info.orientation),
        *_text(305, software),
        (50706, BYTE, 4, bytes((1, 6 if len(info.calibrations) > 2 else 4, 0, 0))),
        # every tag of a later version may be skipped, and the opcodes are marked so
        (50707, BYTE, 4, bytes((1, 1, 0, 0))),
        *_text(50708, name.strip() or "mobile-isp"),
        (50718, RATIONAL, 2, (1, 1, 1, 1)),  # DefaultScale
        (50719, LONG, 2, (0, 0)),  # DefaultCropOrigin and DefaultCropSize: all of it
        (50720, LONG, 2, (width, height)),
        (50829, LONG, 4, (0, 0, height, width)),  # ActiveArea
        *_mosaic(frame),
        *_levels(frame),
        *_colour(frame),
    ]
    if info.baseline_exposure is not None:
        tags.append(rationals(50730, [info.baseline_exposure], signed=True))
    tags += _noise(frame)
    if info.lens_shading is not None:
        maps = gain_maps(info.lens_shading, frame.cfa, frame.shape)
        tags.append((OPCODE_LIST_2, UNDEFINED, len(maps), maps))
    warp = None if info.warp is None else warp_list(info.warp)
    if warp is not None:
        tags.append((OPCODE_LIST_3, UNDEFINED, len(warp), warp))
    return tags


def exif_tags(info: FrameInfo) -> list[Tag]:
    """The EXIF directory, in ascending order: exposure, aperture, ISO and focal length, where they are known."""
    tags: list[Tag] = []
    exposure, f_number, sensitivity, focal_length = (
        _known(value) for value in (info.exposure, info.f_number, info.iso, info.focal_length)
    )
    if exposure:
        tags.append(rationals(33434, [exposure]))
    if f_number:
        tags.append(rationals(33437, [f_number]))
    if sensitivity:
        iso = max(1, round(sensitivity))
        tags.append((34855, SHORT, 1, min(iso, _MOST_SHORT)))
        if iso >= _MOST_SHORT:
            tags += [(34864, SHORT, 1, _RECOMMENDED_EXPOSURE_INDEX), (34866, LONG, 1, min(iso, 2**32 - 1))]
    tags.append((36864, UNDEFINED, 4, b"0230"))  # ExifVersion
    if focal_length:
        tags.append(rationals(37386, [focal_length]))
    return tags


def rationals(code: int, values: Iterable[Any], signed: bool = False) -> Tag:
    """A tag of RATIONAL (values >= 0) or SRATIONAL values."""
    pairs = [_ratio(float(v), code, signed) for v in values]
    return code, SRATIONAL if signed else RATIONAL, len(pairs), tuple(n for pair in pairs for n in pair)


def _ratio(value: float, code: int, signed: bool) -> tuple[int, int]:
    if not math.isfinite(value) or abs(value) > _LARGEST or (value < 0 and not signed):
        raise InputError(f"tag {code} cannot hold {value:g}; allowed: {-_LARGEST if signed else 0}..{_LARGEST}")
    nearest = Fraction(value).limit_denominator(_LARGEST // max(1, math.ceil(abs(value))))
    if value > 0 and not nearest and not signed:
        return 1, _LARGEST
    return nearest.numerator, nearest.denominator


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _text(code: int, text: str) -> Iterator[Tag]:
    if text:
        data = text.replace("\0", " ").encode("utf-8", "replace") + b"\0"
        yield code, ASCII, len(data), data


def _mosaic(frame: RawFrame) -> Iterator[Tag]:
    """The CFA; a mono sensor is linear raw with one sample and has none."""
    cfa = check_cfa(frame.cfa.pattern, "raw frame")
    if cfa.family == "mono":
        return
    letters = "".join(cfa.rows)
    # DNG has no matrices of three colours for a sensor of four: white sites are in the pattern, not among the planes
    planes = ("R", "G" if "G" in letters else "Y", "B")
    yield 33421, SHORT, 2, (cfa.period, cfa.period)
    yield 33422, BYTE, len(letters), bytes(COLOURS.index(c) for c in letters)
    yield 50710, BYTE, 3, bytes(COLOURS.index(c) for c in planes)
    yield 50711, SHORT, 1, 1  # CFALayout: rectangular


def _levels(frame: RawFrame) -> Iterator[Tag]:
    black = frame.black
    if frame.white != round(frame.white):
        raise InputError(f"white level {frame.white:g} cannot be written; DNG holds whole numbers in 1..{_MOST_SHORT}")
    yield 50713, SHORT, 2, black.shape
    if np.array_equal(black, np.rint(black)):
        yield 50714, SHORT, black.size, tuple(int(v) for v in black.ravel())
    else:
        yield rationals(50714, black.ravel())
    yield 50717, LONG, 1, int(frame.white)
    table = frame.info.linearization
    if table is None:
        return
    whole = table.ndim == 1 and np.isfinite(table).all() and np.array_equal(table, np.rint(table))
    if not whole or not 2 <= table.size <= _MOST_SHORT + 1 or table.min() < 0 or table.max() > _MOST_SHORT:
        raise InputError(
            f"linearization table of {table.size} entries cannot be written; DNG holds 2 to 65536 whole numbers in "
            f"0..{_MOST_SHORT}"
        )
    if (np.diff(table) < 0).any() or table[0] == table[-1]:
        raise InputError(f"linearization table of {table.size} entries must rise")
    yield 50712, SHORT, table.size, tuple(int(v) for v in table)


def _colour(frame: RawFrame) -> Iterator[Tag]:
    info = frame.info
    if frame.cfa.family == "mono":
        return
    if len(info.calibrations) > len(TAGS):
        raise InputError(f"{len(info.calibrations)} colour calibrations cannot be written; DNG holds {len(TAGS)}")
    for (colour, forward, individual, light), calibration in zip(TAGS, info.calibrations, strict=False):
        yield light, SHORT, 1, light_source(calibration)
        yield rationals(colour, calibration.color_matrix.ravel(), signed=True)
        if calibration.forward_matrix is not None:
            yield rationals(forward, calibration.forward_matrix.ravel(), signed=True)
        if not np.array_equal(calibration.camera_calibration, np.eye(3)):
            yield rationals(individual, calibration.camera_calibration.ravel(), signed=True)
    if info.analog_balance != (1.0, 1.0, 1.0):
        yield rationals(50727, info.analog_balance)
    if info.neutral is not None:
        yield rationals(50728, info.neutral)


def light_source(calibration: ColorCalibration) -> int:
    """EXIF LightSource code: that of its name if the temperature agrees to 5 %, else of the nearest one in mired."""
    if calibration.illuminant == "unknown":
        return 0
    for code, (name, temperature) in ILLUMINANTS.items():
        if calibration.illuminant == name and abs(temperature / calibration.temperature - 1) < 0.05:
            return code
    return min(_NEAREST, key=lambda code: abs(1 / ILLUMINANTS[code][1] - 1 / calibration.temperature))


def _noise(frame: RawFrame) -> Iterator[Tag]:
    """NoiseProfile: S and O of each plane, in the order of CFAPlaneColor; the greens share one."""
    noise = frame.info.noise
    if noise is None:
        return
    planes: tuple[slice, ...] = (
        (slice(0, 4),) if frame.cfa.family == "mono" else (slice(0, 1), slice(1, 3), slice(3, 4))
    )
    given: tuple[tuple[float, ...], ...] = (noise.shot, noise.read)
    values = [statistics.fmean(part[plane]) for plane in planes for part in given]
    yield 51041, DOUBLE, len(values), tuple(values)
