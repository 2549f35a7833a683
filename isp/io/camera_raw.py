"""Raw formats other than DNG (CR2, NEF, ARW, CRW, ...): everything LibRaw says about them, as a frame."""

from __future__ import annotations

import numpy as np

from isp.errors import InputError
from isp.io.decoder import decode_raw
from isp.io.dng import refuse_constant
from isp.io.dng.levels import check_cfa
from isp.io.limits import Limits
from isp.io.source import Source
from isp.values import ColorCalibration, FrameInfo, Origin, RawFrame

# LibRaw's flip (bit 0 mirrors left-right, bit 1 top-bottom, bit 2 transposes) -> EXIF orientation
_ORIENTATIONS = {0: 1, 1: 2, 3: 3, 2: 4, 4: 5, 6: 6, 7: 7, 5: 8}
_D65 = 6504.0
"""LibRaw's built-in matrices are those of Adobe's converter for D65 [K]."""


def read_camera_raw(source: Source, limits: Limits, in_process: bool) -> RawFrame:
    """The frame of a camera raw file: visible area, levels, as-shot neutral and the D65 matrix, as LibRaw knows them.

    Raises
    ------
    InputError, LimitError
        See `docs/files.md`.
    """
    source.start_hash()
    decoded = decode_raw(source, limits, in_process)
    head, name = decoded.head, source.name
    (top, left), (height, width) = head["margins"], head["visible"]
    data = decoded.whole[top : top + height, left : left + width]
    if data.shape != (height, width) or min(data.shape) < 4:
        raise InputError(f"{name}: visible area {width}x{height} at {left},{top} leaves the frame or is under 4x4")
    if data.dtype not in (np.uint16, np.uint32):
        data = data.astype(np.uint16)
    refuse_constant(data, name)
    warnings: list[str] = []
    pattern = np.asarray(head["pattern"], int)
    colours = str(head["colours"])
    if pattern.min() < 0 or pattern.max() >= len(colours):
        raise InputError(f"{name}: CFA {pattern.tolist()} of colours {colours!r} not supported")
    cfa = check_cfa("/".join("".join(colours[i] for i in row) for row in pattern), name)
    black = np.asarray(head["black"], np.float64)[pattern]
    white = float(head["white"])
    if not 0 <= black.max() < white:
        raise InputError(f"{name}: black level {black.max():g} must be below white level {white:g} (both from LibRaw)")
    info = FrameInfo(
        iso=_positive(head["iso"]),
        exposure=_positive(head["exposure"]),
        f_number=_positive(head["f_number"]),
        neutral=_neutral(head["balance"], warnings),
        calibrations=_calibration(head["matrix"], warnings),
        orientation=_ORIENTATIONS.get(int(head["flip"]), 1),
        self_describing=True,
        warnings=tuple(warnings),
    )
    return RawFrame(data, cfa, black, white, info, Origin(source.path.name, source.sha256()))


def _positive(value: float) -> float | None:
    return float(value) if np.isfinite(value) and value > 0 else None


def _neutral(balance: list[float], warnings: list[str]) -> tuple[float, float, float] | None:
    gains = np.asarray(balance[:3], np.float64)
    if not (np.isfinite(gains).all() and (gains > 0).all()):
        warnings.append("the file says no as-shot white balance that LibRaw can read")
        return None
    neutral = gains.min() / gains
    return float(neutral[0]), float(neutral[1]), float(neutral[2])


def _calibration(matrix: list[list[float]], warnings: list[str]) -> tuple[ColorCalibration, ...]:
    values = np.asarray(matrix, np.float64)
    if not values.any():
        warnings.append("LibRaw knows no colour matrix for this camera")
        return ()
    return (ColorCalibration(_D65, values, illuminant="D65"),)
