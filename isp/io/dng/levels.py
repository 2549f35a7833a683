"""CFA, black and white level, linearization and noise of a DNG (DNG specification 1.7, chapters 4 and 5)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.errors import InputError
from isp.io.dng.ifd import Ifd
from isp.values import Float32, Float64, NoiseModel

SUPPORTED = (
    "supported: Bayer (RGGB, GRBG, GBRG, BGGR), RYYB, quad, nona and hexadeca blocks of these, RGBW patterns of side "
    "4 or 8, mono (Y)"
)
COLOURS = "RGBCMYW"
"""Letters of CFAPattern's codes 0..6 (TIFF/EP)."""
_CFA, _LINEAR_RAW = 32803, 34892


def read_cfa(ifd: Ifd) -> Cfa:
    """The colour filter array, from the top-left pixel of the active area (where DNG counts from).

    Raises
    ------
    InputError
        Linear RGB, X-Trans, staggered or nonsensical patterns.
    """
    samples = ifd.integer(277, 1)
    if ifd.integer(262, -1) == _LINEAR_RAW and samples == 1:
        return Cfa("Y")
    if ifd.integer(262, -1) != _CFA or samples != 1:
        raise InputError(
            f"{ifd.name}: CFA 'none' (linear DNG with {samples} colours per pixel, not a mosaic) not supported; "
            f"{SUPPORTED}"
        )
    rows, columns = _pair(ifd, 33421, "CFARepeatPatternDim", 2)
    codes = ifd.bytes(33422) or b""
    layout = ifd.integer(50711, 1)
    if len(codes) != rows * columns or max(codes) >= len(COLOURS):
        raise InputError(f"{ifd.name}: CFA {list(codes[:64])} declared as {rows}x{columns} not supported; {SUPPORTED}")
    if layout != 1:
        raise InputError(f"{ifd.name}: CFA layout {layout} (staggered sites) not supported; {SUPPORTED}")
    tile = np.frombuffer(codes, np.uint8).reshape(rows, columns)
    side = math.lcm(rows, columns)
    grid = np.tile(tile, (side // rows, side // columns))
    # some writers declare a Bayer pattern over 4x4 or 2x4 pixels
    period = next(n for n in range(1, side + 1) if side % n == 0 and _repeats(grid, n))
    return check_cfa("/".join("".join(COLOURS[c] for c in row[:period]) for row in grid[:period]), ifd.name)


def _repeats(grid: NDArray[np.uint8], period: int) -> bool:
    count = len(grid) // period
    return np.array_equal(np.tile(grid[:period, :period], (count, count)), grid)


def check_cfa(pattern: str, name: str) -> Cfa:
    """`pattern` as a Cfa of a kind some stage could take; InputError with the supported kinds otherwise."""
    try:
        cfa = Cfa(pattern)
    except InputError:
        raise InputError(f"{name}: CFA {pattern!r} not supported; {SUPPORTED}") from None
    letters = set(pattern)
    sparse = {"R", "B", "W"} <= letters and bool(letters & {"G", "Y"})
    if (cfa.family == "other" and not sparse) or (cfa.family == "mono" and pattern not in ("Y", "W")):
        kind = " (X-Trans)" if cfa.period == 6 and letters == set("RGB/") else ""
        raise InputError(f"{name}: CFA {pattern!r}{kind} not supported; {SUPPORTED}")
    return cfa


def read_linearization(ifd: Ifd) -> Float32 | None:
    """LinearizationTable: linear DN of every stored code; codes beyond it take its last entry."""
    values = ifd.numbers(50712)
    if values is None:
        return None
    table = np.asarray(values, np.float32)
    if table.size < 2 or (np.diff(table) < 0).any() or table[0] == table[-1]:
        raise InputError(f"{ifd.name}: LinearizationTable of {table.size} entries must rise, with at least 2 entries")
    return table


def read_levels(ifd: Ifd, bits: int, linearized: bool) -> tuple[Float64, float, list[str]]:
    """Black pattern (h, w) [DN], white level [DN] and warnings, checked against each other.

    Raises
    ------
    InputError
        Levels that contradict each other or the bit depth; the message gives both numbers and their tags.
    """
    top = float(2 ** (16 if linearized else bits) - 1)
    rows, columns = _pair(ifd, 50713, "BlackLevelRepeatDim", 1)
    values = ifd.numbers(50714)
    black_from = "BlackLevel" if values is not None else "BlackLevel's default"
    if values is None:
        values = [0.0] * (rows * columns)
    if len(values) != rows * columns:
        raise InputError(
            f"{ifd.name}: BlackLevel has {len(values)} values, BlackLevelRepeatDim asks for {rows}x{columns}"
        )
    black = np.asarray(values, np.float64).reshape(rows, columns)
    whites = ifd.numbers(50717)
    white_from = "WhiteLevel" if whites else "WhiteLevel's default"
    white = whites[0] if whites else float(2**bits - 1)
    low, high = float(black.min()), float(black.max())
    if not np.isfinite(black).all() or low < 0:
        raise InputError(f"{ifd.name}: black level {low:g} (BlackLevel) must be finite and >= 0")
    if not 0 < white <= top:
        raise InputError(
            f"{ifd.name}: white level {white:g} ({white_from}) must be in 1..{top:g} (BitsPerSample {bits}"
            f"{', LinearizationTable' if linearized else ''})"
        )
    if high >= white:
        raise InputError(
            f"{ifd.name}: black level {high:g} ({black_from}) must be below white level {white:g} ({white_from})"
        )
    warnings = []
    for code, tag in ((50715, "BlackLevelDeltaH"), (50716, "BlackLevelDeltaV")):
        delta = ifd.numbers(code)
        if delta is not None and any(delta):
            warnings.append(f"{tag} (black level per {'column' if tag[-1] == 'H' else 'row'}) is not applied")
    return black, white, warnings


def _pair(ifd: Ifd, code: int, tag: str, default: int) -> tuple[int, int]:
    values = ifd.integers(code, [default, default])
    if len(values) != 2 or not all(1 <= v <= 8 for v in values):
        raise InputError(f"{ifd.name}: {tag} {values} must be two numbers in 1..8")
    return values[0], values[1]


def read_noise(ifd: Ifd) -> tuple[NoiseModel | None, list[str]]:
    """NoiseProfile as a noise model for R, Gr, Gb, B: one pair for all planes, or one each for R, G, B."""
    values = ifd.numbers(51041)
    if values is None:
        return None, []
    sites = {2: (0, 0, 0, 0), 6: (0, 1, 1, 2)}.get(len(values))
    if sites is None:
        return None, [f"NoiseProfile of {len(values)} values is not read (2 or 6 expected)"]
    model = NoiseModel(
        tuple(values[2 * i] for i in sites),  # type: ignore[arg-type]
        tuple(values[2 * i + 1] for i in sites),  # type: ignore[arg-type]
    )
    return model, []
