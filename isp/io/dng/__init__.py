"""DNG: tags through tifffile, pixels here where that is simple, through LibRaw in a child process where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError
from isp.io.dng.colour import DngColour, read_colour
from isp.io.dng.ifd import Ifd
from isp.io.dng.levels import SUPPORTED, read_cfa, read_levels, read_linearization, read_noise
from isp.io.dng.opcodes import GainMap, Opcode, merge, read_opcodes
from isp.io.dng.pixels import Layout, read_layout, read_pixels, supported
from isp.io.limits import Limits
from isp.io.source import Source
from isp.rectilinear import RectilinearWarp
from isp.values import FrameInfo, Origin, RawFrame

DNG_VERSION = 50706
_RAW_PHOTOMETRIC = (32803, 34892)
_RATIONALS = ("ExposureTime", "FNumber", "FocalLength")
_LARGEST_ISO = 65_535
"""PhotographicSensitivity that means "this or more, see the 32-bit tags" (EXIF 2.3, 4.6.5)."""


def is_dng(ifds: list[Ifd]) -> bool:
    """True if the container calls itself a DNG."""
    return bool(ifds) and ifds[0].tag(DNG_VERSION) is not None


def read_dng(ifds: list[Ifd], source: Source, limits: Limits, in_process: bool) -> RawFrame:
    """The raw frame of an open DNG.

    Parameters
    ----------
    ifds : the directories of the file, main first
    source : the file
    limits : what the file may ask for
    in_process : decode what needs LibRaw in this process

    Raises
    ------
    InputError, LimitError
        See `docs/files.md`.
    """
    ifd = _raw_ifd(ifds)
    cfa = read_cfa(ifd)
    width, height = ifd.integer(256), ifd.integer(257)
    limits.check_size(width, height, source.name)
    layout = read_layout(ifd, source)
    area = _active_area(ifd, layout)
    shape = (area[2] - area[0], area[3] - area[1])
    linearization = read_linearization(ifd)
    black, white, more = read_levels(ifd, layout.bits, linearization is not None)
    noise, unread = read_noise(ifd)
    warnings = [*ifds[0].warnings, *more, *unread]
    colour = DngColour(None, (1.0, 1.0, 1.0), (), ()) if cfa.family == "mono" else read_colour(ifd)
    warnings += colour.warnings
    found, more = _opcodes(ifd, limits)
    shading, unmerged = merge([o for o in found if isinstance(o, GainMap)], cfa, shape, source.name)
    warnings += more + unmerged
    exif, orientation = ifds[0].exif(), _orientation(ifds[0], warnings)
    info = FrameInfo(
        make=ifds[0].text(271),
        model=ifds[0].text(272) or ifds[0].text(50708),
        iso=_iso(exif),
        exposure=_exif_number(exif, "ExposureTime"),
        f_number=_exif_number(exif, "FNumber"),
        focal_length=_exif_number(exif, "FocalLength"),
        neutral=colour.neutral,
        analog_balance=colour.analog_balance,
        calibrations=colour.calibrations,
        baseline_exposure=_finite(ifd.numbers(50730)),
        noise=noise,
        lens_shading=shading,
        warp=next((o for o in found if isinstance(o, RectilinearWarp)), None),
        linearization=linearization,
        orientation=orientation,
        self_describing=True,
        warnings=tuple(warnings),
    )
    source.start_hash()
    if supported(layout):
        data: NDArray[Any] = read_pixels(ifd, layout, area, source)
    else:
        from isp.io.decoder import decode_raw

        decoded = decode_raw(source, limits, in_process)
        if decoded.whole.shape != (height, width):
            raise InputError(
                f"{source.name}: compression {layout.compression}: LibRaw decoded {decoded.whole.shape[::-1]} pixels, "
                f"the file declares {(width, height)}"
            )
        data = np.ascontiguousarray(decoded.whole[area[0] : area[2], area[1] : area[3]])
        # LibRaw applies LinearizationTable while it decodes
        info = FrameInfo(**{**info.__dict__, "linearization": None})
    if layout.compression != 1:
        refuse_constant(data, source.name)
    return RawFrame(data, cfa, black, white, info, Origin(source.path.name, source.sha256()))


def refuse_constant(data: NDArray[Any], name: str) -> None:
    """Raise `InputError` if all pixels are equal: what decoders make of data that is not what the tags say."""
    low, high = int(data.min()), int(data.max())
    if low == high:
        raise InputError(f"{name}: decoded image is constant ({low} everywhere): damaged, or compression tag wrong")


def _raw_ifd(ifds: list[Ifd]) -> Ifd:
    candidates = [i for i in ifds if i.integer(262, -1) in _RAW_PHOTOMETRIC]
    # NewSubfileType 0 is the full-resolution image, the others are previews, depth or semantic masks
    full = [i for i in candidates if i.integer(254, 0) == 0] or candidates
    if not full:
        raise InputError(f"{ifds[0].name}: CFA 'none' (no mosaic in this DNG) not supported; {SUPPORTED}")
    return max(full, key=lambda i: i.integer(256, 0) * i.integer(257, 0))


def _active_area(ifd: Ifd, layout: Layout) -> tuple[int, int, int, int]:
    area = ifd.integers(50829, [0, 0, layout.height, layout.width])
    if len(area) != 4:
        raise InputError(f"{ifd.name}: ActiveArea {area} must have 4 values")
    top, left, bottom, right = area
    if not (0 <= top < bottom <= layout.height and 0 <= left < right <= layout.width):
        raise InputError(
            f"{ifd.name}: ActiveArea {area} (top, left, bottom, right) leaves the {layout.width}x{layout.height} image"
        )
    if min(bottom - top, right - left) < 4:
        raise InputError(f"{ifd.name}: raw frame is {right - left}x{bottom - top} pixels; at least 4x4 is needed")
    return top, left, bottom, right


def _opcodes(ifd: Ifd, limits: Limits) -> tuple[list[Opcode], list[str]]:
    opcodes: list[Opcode] = []
    warnings: list[str] = []
    for code, tag in ((51008, "OpcodeList1"), (51009, "OpcodeList2"), (51022, "OpcodeList3")):
        data = ifd.bytes(code)
        if data is not None:
            found, more = read_opcodes(data, tag, ifd.name, limits)
            opcodes += found
            warnings += more
    return opcodes, warnings


def _orientation(main: Ifd, warnings: list[str]) -> int:
    value = main.integer(274, 1)
    if value in (0, 9):  # both are written for "unknown"
        warnings.append(f"orientation {value} means unknown; taken as upright")
        return 1
    return value


def _iso(exif: dict[str, Any]) -> float | None:
    value = _exif_number(exif, "ISOSpeedRatings", "PhotographicSensitivity")
    if value is None or value < _LARGEST_ISO:
        return value
    return _exif_number(exif, "RecommendedExposureIndex", "ISOSpeed", "StandardOutputSensitivity") or value


def _exif_number(exif: dict[str, Any], *names: str) -> float | None:
    for name in names:
        value = exif.get(name)
        if isinstance(value, tuple) and len(value) == 2 and name in _RATIONALS:
            value = value[0] / value[1] if value[1] else None
        if isinstance(value, tuple) and value:
            value = value[0]
        if isinstance(value, int | float) and np.isfinite(value) and value > 0:
            return float(value)
    return None


def _finite(values: list[float] | None) -> float | None:
    return values[0] if values and np.isfinite(values[0]) else None
