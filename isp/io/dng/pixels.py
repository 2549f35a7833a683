"""The pixels of a DNG: strips and tiles, uncompressed or losslessly compressed, into one array."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError
from isp.io.dng import ljpeg
from isp.io.dng.ifd import Ifd
from isp.io.source import Source

NONE, JPEG = 1, 7
_BY_TIFFFILE = {5: "LZW", 8: "Deflate", 32773: "PackBits", 32946: "Deflate", 50000: "Zstandard"}
REFUSED = {
    34892: "lossy JPEG",
    52546: "JPEG XL",
}
"""Compressions no decoder here takes: a mosaic compressed like this must be converted first."""
_CONVERT = (
    "convert it to a DNG with uncompressed or lossless-JPEG mosaic data, for example with Adobe DNG Converter "
    "(compatibility: Camera Raw 7.1, not linear, no lossy compression)"
)
_WORKERS = 4


@dataclass(frozen=True)
class Layout:
    """Where the pixels of one image lie in the file.

    `width`, `height` of the stored image [px]; `bits` per sample; segments (strips or tiles) of
    `segment_height` x `segment_width`, `across` of them side by side.
    """

    width: int
    height: int
    bits: int
    compression: int
    segment_width: int
    segment_height: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def across(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.segment_width)

    def rows_of(self, index: int, tiled: bool) -> int:
        """Stored rows of one segment: the last strip may be shorter, a tile never is."""
        top = index // self.across * self.segment_height
        return self.segment_height if tiled else min(self.segment_height, self.height - top)

    @property
    def tiled(self) -> bool:
        """True for tiles."""
        return self.segment_width != self.width


def read_layout(ifd: Ifd, source: Source) -> Layout:
    """The layout that an IFD declares, checked against the size of the file before anything is allocated.

    Raises
    ------
    InputError
        A contradiction, a kind of samples that is not supported, or segments beyond the end of the file.
    """
    width, height = ifd.integer(256), ifd.integer(257)
    if width < 1 or height < 1:
        raise InputError(f"{source.name}: raw image is {width}x{height} pixels; at least 4x4 is needed")
    bits, compression = ifd.integer(258, 1), ifd.integer(259, NONE)
    if compression in REFUSED:
        raise InputError(f"{source.name}: compression {compression} ({REFUSED[compression]}) not supported; {_CONVERT}")
    if ifd.integer(339, 1) != 1:
        raise InputError(f"{source.name}: floating-point or signed samples are not supported; {_CONVERT}")
    if not 8 <= bits <= 16 and bits != 32:
        raise InputError(f"{source.name}: {bits} bits per sample not supported; supported: 8 to 16, and 32")
    tiled = ifd.tag(324) is not None
    if tiled:
        segment_width, segment_height = ifd.integer(322), ifd.integer(323)
        offsets, counts = ifd.integers(324), ifd.integers(325)
    else:
        segment_width, segment_height = width, min(ifd.integer(278, height), height)
        offsets, counts = ifd.integers(273), ifd.integers(279)
    if not (0 < segment_width <= 65536 and 0 < segment_height <= 65536):
        raise InputError(f"{source.name}: damaged: strips or tiles of {segment_width}x{segment_height} pixels")
    expected = -(-width // segment_width) * -(-height // segment_height)
    if len(offsets) != expected or len(counts) != expected:
        raise InputError(
            f"{source.name}: damaged: {width}x{height} pixels in {segment_width}x{segment_height} segments need "
            f"{expected} segments, found {len(offsets)} offsets and {len(counts)} byte counts"
        )
    layout = Layout(width, height, bits, compression, segment_width, segment_height, tuple(offsets), tuple(counts))
    _check_segments(layout, source)
    return layout


def _check_segments(layout: Layout, source: Source) -> None:
    for index, (offset, count) in enumerate(zip(layout.offsets, layout.counts, strict=True)):
        what = _named(layout, index)
        source.need(offset, count, what)
        rows = layout.rows_of(index, layout.tiled)
        if layout.compression == NONE:
            needed = rows * _row_bytes(layout)
        else:
            # one bit per sample is the least that Huffman coding takes; deflate's best is 1032 to 1
            samples = rows * layout.segment_width
            needed = samples // 8 if layout.compression == JPEG else samples * layout.bits // 8 // 1032
        if offset == 0 or count < max(needed, 1):
            raise InputError(f"{source.name}: truncated: {what} has {count} bytes, {needed} are needed")


def _named(layout: Layout, index: int) -> str:
    return f"{'tile' if layout.tiled else 'strip'} {index + 1} of {len(layout.offsets)}"


def _row_bytes(layout: Layout) -> int:
    return (layout.segment_width * layout.bits + 7) // 8


def supported(layout: Layout) -> bool:
    """True if `read_pixels` decodes this compression; the others are left to LibRaw."""
    return layout.compression in (NONE, JPEG, *_BY_TIFFFILE)


def read_pixels(
    ifd: Ifd, layout: Layout, area: tuple[int, int, int, int], source: Source
) -> NDArray[np.unsignedinteger[Any]]:
    """The pixels of `area` (top, left, bottom, right), C contiguous uint16 (uint32 for 32-bit samples).

    Raises
    ------
    InputError
        A segment is truncated or is not what its compression tag says.
    """
    top, left, bottom, right = area
    dtype = np.dtype(np.uint32 if layout.bits == 32 else np.uint16)
    whole = len(layout.offsets) == 1 and area == (0, 0, layout.height, layout.width) and not layout.tiled
    native = layout.compression == NONE and layout.bits in (16, 32) and not layout.tiled
    if whole and not native:
        return np.ascontiguousarray(_decode(ifd, layout, 0, source), dtype)
    out = np.empty((bottom - top, right - left), dtype)

    def place(index: int) -> None:
        y = index // layout.across * layout.segment_height
        x = index % layout.across * layout.segment_width
        y0, y1 = max(y, top), min(y + layout.segment_height, bottom)
        x0, x1 = max(x, left), min(x + layout.segment_width, right)
        if y0 < y1 and x0 < x1:
            pixels = _decode(ifd, layout, index, source)
            out[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0 - y : y1 - y, x0 - x : x1 - x]

    indices = range(len(layout.offsets))
    if native:
        _read_native(layout, area, source, ifd.page.parent.byteorder, out)
    elif layout.compression == NONE or len(indices) == 1:
        for index in indices:
            place(index)
    else:
        # the decoders release the interpreter lock; each segment fills its own part, so order does not matter
        with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
            for _ in pool.map(place, indices):
                pass
    return out


def _read_native(
    layout: Layout, area: tuple[int, int, int, int], source: Source, byteorder: str, out: NDArray[Any]
) -> None:
    """Uncompressed 16- and 32-bit strips, read without a second copy of the frame."""
    top, left, bottom, right = area
    size = out.dtype.itemsize
    for index, y0, y1 in _strips(layout, top, bottom):
        first = index * layout.segment_height
        start = layout.offsets[index] + (y0 - first) * layout.width * size
        part = out[y0 - top : y1 - top]
        if (left, right) == (0, layout.width):
            _read_into(source, start, part, _named(layout, index))
        else:
            rows = max(1, (1 << 22) // (layout.width * size))
            for y in range(y0, y1, rows):
                count = min(rows, y1 - y)
                at = start + (y - y0) * layout.width * size
                block = np.empty((count, layout.width), out.dtype)
                _read_into(source, at, block, _named(layout, index))
                part[y - y0 : y - y0 + count] = block[:, left:right]
    if byteorder != ("<" if sys.byteorder == "little" else ">"):
        out.byteswap(inplace=True)


def _strips(layout: Layout, top: int, bottom: int) -> Iterator[tuple[int, int, int]]:
    for index in range(len(layout.offsets)):
        y = index * layout.segment_height
        y0, y1 = max(y, top), min(y + layout.segment_height, bottom)
        if y0 < y1:
            yield index, y0, y1


def _read_into(source: Source, offset: int, out: NDArray[Any], what: str) -> None:
    view = memoryview(out.data).cast("B")
    done = 0
    while done < len(view):
        count = os.preadv(source.file.fileno(), [view[done:]], offset + done)
        if count <= 0:
            raise InputError(f"{source.name}: truncated: {what} ends early")
        done += count


def _decode(ifd: Ifd, layout: Layout, index: int, source: Source) -> NDArray[Any]:
    what = f"{source.name}: {_named(layout, index)}"
    rows = layout.rows_of(index, layout.tiled)
    data = source.read_at(layout.offsets[index], layout.counts[index], _named(layout, index))
    if layout.compression == JPEG:
        return _decode_jpeg(data, rows, layout, what)
    if layout.compression == NONE:
        return _unpack(data, rows, layout, ifd.page.parent.byteorder)
    try:
        pixels = ifd.page.decode(data, index)[0]
    except Exception as error:
        raise InputError(f"{what}: cannot be decoded ({_BY_TIFFFILE[layout.compression]}): {error}") from error
    if pixels is None or pixels.size < rows * layout.segment_width:
        raise InputError(f"{what}: truncated: {0 if pixels is None else pixels.size} pixels decoded")
    return np.asarray(pixels).reshape(-1, layout.segment_width)


def _decode_jpeg(data: bytes, rows: int, layout: Layout, what: str) -> NDArray[Any]:
    import imagecodecs

    head = ljpeg.read_head(data, what)
    if head.process != ljpeg.LOSSLESS:
        raise InputError(f"{what}: lossy JPEG in a mosaic not supported; {_CONVERT}")
    found, expected = head.height * head.width * head.components, rows * layout.segment_width
    if found != expected or head.precision > layout.bits:
        raise InputError(
            f"{what}: damaged: JPEG of {head.width}x{head.height}x{head.components} samples of {head.precision} bits, "
            f"expected {layout.segment_width}x{rows} of at most {layout.bits}"
        )
    ljpeg.check_end(data, what)
    try:
        pixels = imagecodecs.jpeg8_decode(data)
    except Exception as error:
        raise InputError(f"{what}: lossless JPEG cannot be decoded: {error}") from error
    return np.asarray(pixels).reshape(rows, layout.segment_width)


def _unpack(data: bytes, rows: int, layout: Layout, byteorder: str) -> NDArray[Any]:
    shape = (rows, layout.segment_width)
    used = memoryview(data)[: rows * _row_bytes(layout)]
    if layout.bits in (8, 16, 32):
        return np.frombuffer(used, np.dtype(f"{byteorder}u{layout.bits // 8}")).reshape(shape)
    import imagecodecs

    # DNG packs other depths from the most significant bit, rows padded to bytes, whatever the file's byte order
    pixels = imagecodecs.packints_decode(bytes(used), "=u2", layout.bits, runlen=layout.segment_width)
    return np.asarray(pixels).reshape(shape)
