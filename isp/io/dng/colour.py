"""What a DNG says about colour: matrices, illuminants, the as-shot white (DNG specification 1.7, chapters 4 and 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isp.errors import InputError
from isp.io.dng.ifd import Ifd
from isp.values import ColorCalibration, Float64

# EXIF LightSource code -> (name, correlated colour temperature [K]). The temperatures of fluorescent lamps are the
# middles of the ranges that EXIF 2.3 gives; the others are those of the DNG specification's camera profiles chapter.
ILLUMINANTS: dict[int, tuple[str, float]] = {
    1: ("daylight", 5500.0),
    2: ("fluorescent", 4150.0),
    3: ("tungsten", 2850.0),
    4: ("flash", 5500.0),
    9: ("fine weather", 5500.0),
    10: ("cloudy weather", 6500.0),
    11: ("shade", 7500.0),
    12: ("daylight fluorescent", 6400.0),
    13: ("day white fluorescent", 5050.0),
    14: ("cool white fluorescent", 4150.0),
    15: ("white fluorescent", 3525.0),
    16: ("warm white fluorescent", 2925.0),
    17: ("A", 2850.0),
    18: ("B", 5500.0),
    19: ("C", 6500.0),
    20: ("D55", 5500.0),
    21: ("D65", 6500.0),
    22: ("D75", 7500.0),
    23: ("D50", 5000.0),
    24: ("ISO studio tungsten", 3200.0),
}

_UNKNOWN = ("unknown", 5000.0)
"""For a file with a single matrix the temperature has no influence; D50 is the profile connection white."""

TAGS = ((50721, 50964, 50723, 50778), (50722, 50965, 50724, 50779), (52531, 52532, 52530, 52529))
"""ColorMatrix, ForwardMatrix, CameraCalibration, CalibrationIlluminant of the up to three calibrations."""


@dataclass(frozen=True)
class DngColour:
    """The colour part of `FrameInfo`."""

    neutral: tuple[float, float, float] | None
    analog_balance: tuple[float, float, float]
    calibrations: tuple[ColorCalibration, ...]
    warnings: tuple[str, ...]


def read_colour(ifd: Ifd) -> DngColour:
    """Matrices, analog balance and as-shot neutral of a three-colour camera.

    Raises
    ------
    InputError
        A matrix that is zero, singular or not finite, or a neutral that is not positive.
    """
    warnings: list[str] = []
    calibrations = _calibrations(ifd, warnings)
    balance = ifd.numbers(50727)
    if balance is None or len(balance) != 3:
        balance = [1.0, 1.0, 1.0]
    if not all(np.isfinite(v) and v > 0 for v in balance):
        raise InputError(f"{ifd.name}: AnalogBalance {balance} must be 3 finite numbers > 0")
    neutral = ifd.numbers(50728)
    if neutral is not None and (len(neutral) != 3 or not all(np.isfinite(v) and v > 0 for v in neutral)):
        raise InputError(f"{ifd.name}: AsShotNeutral {neutral} must be 3 finite numbers > 0")
    white_xy = ifd.numbers(50729)
    if neutral is None and white_xy is not None:
        if len(white_xy) != 2 or not all(0 < v < 1 for v in white_xy):
            raise InputError(f"{ifd.name}: AsShotWhiteXY {white_xy} must be two numbers in 0..1")
        if calibrations:
            neutral = list(neutral_of_white((white_xy[0], white_xy[1]), calibrations, balance))
        else:
            warnings.append("AsShotWhiteXY is not used: the file has no ColorMatrix")
    return DngColour(
        (neutral[0], neutral[1], neutral[2]) if neutral else None,
        (balance[0], balance[1], balance[2]),
        calibrations,
        tuple(warnings),
    )


def _calibrations(ifd: Ifd, warnings: list[str]) -> tuple[ColorCalibration, ...]:
    # CameraCalibration belongs to the profile only if their signatures are the same (often both are absent)
    signed = ifd.text(50931) == ifd.text(50932)
    found = []
    for index, (colour, forward, individual, light) in enumerate(TAGS, start=1):
        matrix = _matrix(ifd, colour, f"ColorMatrix{index}")
        if matrix is None:
            continue
        code = ifd.integer(light, 0)
        name, temperature = ILLUMINANTS.get(code, _UNKNOWN)
        found.append(
            ColorCalibration(
                temperature,
                matrix,
                _matrix(ifd, forward, f"ForwardMatrix{index}"),
                _or_eye(_matrix(ifd, individual, f"CameraCalibration{index}") if signed else None),
                name,
            )
        )
        if code == 255:
            warnings.append(f"CalibrationIlluminant{index} is given as a spectrum or xy, which is not read")
    known = [c for c in found if c.illuminant != "unknown"]
    if len(found) > 1 and len(known) < len(found):
        # without temperatures there is nothing to interpolate over
        warnings.append("a ColorMatrix with an unknown illuminant is not used")
        found = known or found[:1]
    return tuple(found)


def _or_eye(matrix: Float64 | None) -> Float64:
    return np.eye(3) if matrix is None else matrix


def _matrix(ifd: Ifd, code: int, tag: str) -> Float64 | None:
    values = ifd.numbers(code)
    if values is None:
        return None
    if len(values) != 9:
        raise InputError(f"{ifd.name}: {tag} has {len(values)} values; cameras of 3 colours (9 values) are supported")
    matrix = np.asarray(values).reshape(3, 3)
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e6:
        raise InputError(f"{ifd.name}: {tag} {matrix.tolist()} must be finite and invertible")
    return matrix


def neutral_of_white(
    xy: tuple[float, float], calibrations: tuple[ColorCalibration, ...], balance: list[float]
) -> tuple[float, float, float]:
    """Camera RGB of a white of chromaticity `xy`, largest component 1.

    ``AB CC CM XYZ(xy)`` (DNG specification 1.7, "Translating White Balance xy Coordinates to Camera Neutral
    Coordinates"), CC and CM interpolated in mired at the white's temperature, which follows from `xy` by
    McCamy 1992 (doi:10.1002/col.5080170211).
    """
    x, y = xy
    n = (x - 0.3320) / (0.1858 - y)
    temperature = 449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33
    ordered = sorted(calibrations, key=lambda c: -c.temperature)
    mired = [1e6 / c.temperature for c in ordered]
    products = np.stack([c.camera_calibration @ c.color_matrix for c in ordered])
    at = 1e6 / float(np.clip(temperature, 1000, 100000))
    product = np.array([[np.interp(at, mired, products[:, i, j]) for j in range(3)] for i in range(3)])
    camera = np.asarray(balance) * (product @ (x / y, 1.0, (1 - x - y) / y))
    camera = camera / camera.max()
    return float(camera[0]), float(camera[1]), float(camera[2])
