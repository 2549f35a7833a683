"""Headerless dumps: the pixels alone, described by the user."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.errors import InputError, UsageError
from isp.io.limits import Limits
from isp.io.source import Source
from isp.values import FrameInfo, Origin, RawFrame

PACKINGS = ("auto", "container", "mipi")
_BLOCK_BYTES = 1 << 22
"""Packed rows decoded at a time: bounds the scratch memory."""


@dataclass(frozen=True)
class RawDump:
    """What a headerless dump holds.

    Parameters
    ----------
    width, height : size [px]
    cfa : for example ``RGGB`` (see `isp.cfa.Cfa`)
    bits : significant bits per pixel, 8..24
    black : black level [DN], one value or one per site R, Gr, Gb, B
    white : white level [DN]; None is 2^bits - 1
    packing : ``container`` (8 bits in bytes, up to 16 in 16-bit words, more in 32-bit ones, value in the low bits),
        ``mipi`` (MIPI CSI-2 RAW10: 4 pixels in 5 bytes, RAW12: 2 in 3, high bytes first), or ``auto``: whichever fits
        the size of the file
    stride : bytes from one row to the next; None is rows without padding
    endian : ``little`` or ``big``, of words
    offset : bytes before the first row
    iso : ISO, if known

    Raises
    ------
    UsageError
        A field is outside what is allowed.
    """

    width: int
    height: int
    cfa: str = "RGGB"
    bits: int = 16
    black: float | tuple[float, ...] = 0.0
    white: float | None = None
    packing: str = "auto"
    stride: int | None = None
    endian: str = "little"
    offset: int = 0
    iso: float | None = None

    def __post_init__(self) -> None:
        try:
            cfa = Cfa(self.cfa)
        except InputError as error:
            raise UsageError(f"dump: {error}") from None
        if self.width < 4 or self.height < 4:
            raise UsageError(f"dump: width={self.width}, height={self.height}: at least 4x4 is needed")
        if not 8 <= self.bits <= 24:
            raise UsageError(f"dump: bits={self.bits} must be 8..24")
        if self.packing not in PACKINGS:
            raise UsageError(f"dump: packing={self.packing!r} must be one of {', '.join(PACKINGS)}")
        if self.packing == "mipi" and self.bits not in (10, 12):
            raise UsageError(f"dump: packing=mipi is defined for bits=10 and bits=12, not {self.bits}")
        if self.endian not in ("little", "big"):
            raise UsageError(f"dump: endian={self.endian!r} must be little or big")
        if self.offset < 0:
            raise UsageError(f"dump: offset={self.offset} must be >= 0")
        if self.stride is not None and self.stride < min(self.row_bytes(p) for p in self._packings()):
            raise UsageError(f"dump: stride={self.stride} is shorter than a row of {self.width} pixels")
        levels = np.atleast_1d(np.asarray(self.black, np.float64))
        if levels.size not in (1, 4) or (levels.size == 4 and cfa.period != 2):
            raise UsageError(f"dump: black={self.black} must be one number, or four (R, Gr, Gb, B) for a 2x2 pattern")
        white = self.white_level
        if not (np.isfinite(levels).all() and levels.min() >= 0 and levels.max() < white <= 2**self.bits - 1):
            raise UsageError(
                f"dump: black={self.black}, white={white:g}: 0 <= black < white <= {2**self.bits - 1} "
                f"(bits={self.bits}) is needed"
            )

    @property
    def white_level(self) -> float:
        """White level [DN]."""
        return float(2**self.bits - 1) if self.white is None else float(self.white)

    def row_bytes(self, packing: str) -> int:
        """Bytes of one row without padding."""
        if packing == "mipi":
            group = {10: 4, 12: 2}[self.bits]
            return -(-self.width // group) * (group * self.bits // 8)
        return self.width * self.word_bytes

    @property
    def word_bytes(self) -> int:
        """Bytes of a pixel in packing ``container``."""
        return 1 if self.bits == 8 else 2 if self.bits <= 16 else 4

    def expected(self, packing: str) -> int:
        """Bytes of the whole file."""
        return self.offset + self.height * (self.stride or self.row_bytes(packing))

    def _packings(self) -> tuple[str, ...]:
        if self.packing != "auto":
            return (self.packing,)
        return ("container", "mipi") if self.bits in (10, 12) else ("container",)

    def packing_of(self, size: int, name: str) -> str:
        """The packing that a file of `size` bytes has; InputError with expected and found bytes if none fits."""
        for packing in self._packings():
            # a writer may leave out the padding behind the last row
            short = (self.stride or self.row_bytes(packing)) - self.row_bytes(packing)
            fits = size in (self.expected(packing), self.expected(packing) - short)
            if fits and short >= 0:
                return packing
        wanted = " or ".join(f"{self.expected(p)} ({p})" for p in self._packings())
        raise InputError(
            f"{name}: {self.width}x{self.height} pixels of {self.bits} bits"
            f"{f', stride {self.stride}' if self.stride else ''}{f', offset {self.offset}' if self.offset else ''}"
            f": expected {wanted} bytes, found {size}"
        )


def parse_dump(text: str) -> RawDump:
    """A `RawDump` from ``width=1920,height=1080,cfa=RGGB,bits=10,black=64``; four blacks are joined by ``/``.

    Raises
    ------
    UsageError
        An unknown key (the nearest is suggested), a key twice, or a value that is not of its kind.
    """
    names = [field.name for field in fields(RawDump)]
    found: dict[str, Any] = {}
    for item in text.split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"keys: {', '.join(names)}"
            raise UsageError(f"--raw: unknown key {key!r}; {hint}")
        if not equals or not value:
            raise UsageError(f"--raw: {key!r} needs a value: {key}=...")
        if key in found:
            raise UsageError(f"--raw: {key!r} is given twice")
        found[key] = _value(key, value)
    for key in ("width", "height"):
        if key not in found:
            raise UsageError(f"--raw {text!r}: {key} is missing")
    return RawDump(**found)


def _value(key: str, text: str) -> Any:
    if key in ("cfa", "packing", "endian"):
        return text if key == "cfa" else text.lower()
    try:
        if key == "black" and "/" in text:
            return tuple(float(part) for part in text.split("/"))
        if key in ("black", "white", "iso"):
            return float(text)
        return int(text)
    except ValueError:
        kind = "a number" if key in ("black", "white", "iso") else "a whole number"
        raise UsageError(f"--raw: {key}={text!r} is not {kind}") from None


def read_dump(source: Source, dump: RawDump, limits: Limits) -> RawFrame:
    """The frame of a headerless dump.

    Raises
    ------
    InputError
        The size does not fit (expected and found bytes are given), or values lie above the bit depth.
    LimitError
        Larger than `limits` allow.
    """
    limits.check_size(dump.width, dump.height, source.name)
    packing = dump.packing_of(source.size, source.name)
    source.start_hash()
    data = np.empty((dump.height, dump.width), np.uint16 if dump.bits <= 16 else np.uint32)
    row_bytes = dump.row_bytes(packing)
    stride = dump.stride or row_bytes
    step = max(1, _BLOCK_BYTES // stride)
    top = 2**dump.bits - 1
    excess = 0
    for y in range(0, dump.height, step):
        rows = min(step, dump.height - y)
        count = (rows - 1) * stride + row_bytes
        block = np.frombuffer(source.read_at(dump.offset + y * stride, count, f"row {y}"), np.uint8)
        lines = np.lib.stride_tricks.as_strided(block, (rows, row_bytes), (stride, 1), writeable=False)
        part = data[y : y + rows]
        part[...] = _unpack(lines, dump, packing)
        excess += int(np.count_nonzero(part > top))
    if excess:
        raise InputError(
            f"{source.name}: {excess} of {data.size} values above the {dump.bits}-bit maximum {top}, the largest "
            f"{int(data.max())}; check bits and endian={dump.endian}"
        )
    cfa = Cfa(dump.cfa)
    info: dict[str, Any] = {} if dump.iso is None else {"iso": dump.iso}
    frame = RawFrame.from_array(data, cfa, dump.black, dump.white_level)
    origin = Origin(source.path.name, source.sha256())
    return RawFrame(frame.data, cfa, frame.black, frame.white, FrameInfo(**info), origin)


def _unpack(lines: NDArray[np.uint8], dump: RawDump, packing: str) -> NDArray[Any]:
    if packing == "container":
        if dump.bits == 8:
            return lines
        return np.ascontiguousarray(lines).view(f"{'<' if dump.endian == 'little' else '>'}u{dump.word_bytes}")
    # MIPI CSI-2 specification, RAW10 and RAW12: the high 8 bits of a group's pixels, then their low bits,
    # the first pixel's lowest
    group = {10: 4, 12: 2}[dump.bits]
    spare = dump.bits - 8
    packed = np.ascontiguousarray(lines).reshape(lines.shape[0], -1, group + 1)
    low = packed[:, :, group, None] >> (np.arange(group, dtype=np.uint8) * spare) & (2**spare - 1)
    pixels = packed[:, :, :group].astype(np.uint16) << spare | low
    return np.asarray(pixels.reshape(lines.shape[0], -1)[:, : dump.width])
