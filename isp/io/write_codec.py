"""PNG, JPEG and AVIF files from code values, with what their numbers mean.

Colour is said by an ICC profile in PNG, JPEG and TIFF, and by code points of ITU-T H.273 (CICP) in AVIF; PNG with PQ or
HLG has both (PNG, third edition, 11.3.2.6: cICP comes first). The codecs are imagecodecs' (libpng, libjpeg-turbo,
libavif with libaom).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.processors import cores

PRIMARIES = {"srgb": 1, "rec2020": 9, "display_p3": 12, "camera": 2}
"""H.273, table 2; 2 is unspecified."""
TRANSFERS = {"linear": 8, "srgb": 13, "pq": 16, "hlg": 18}
"""H.273, table 3."""
_MATRICES = {"srgb": 1, "rec2020": 9, "display_p3": 1, "camera": 1}
"""H.273, table 4: the luma that AVIF stores, BT.709's or BT.2020's."""
HDR = ("pq", "hlg")
FULL_CHROMA_QUALITY = 90
"""From this quality on colour is stored at full resolution: at such rates its blur would be the largest error."""
_AVIF_SPEED = 9
"""Of 0..10: speed 6 takes four times as long for files 6 % smaller."""

Parts = list[bytes | memoryview]


def png(pixels: NDArray[Any], profile: bytes | None, space: str, transfer: str) -> Parts:
    """A PNG file of uint8 or uint16 codes (H, W, 3)."""
    import imagecodecs

    # fast settings (run-length strategy, "sub" filter): 3 to 10 times quicker than zlib's default, ~15 % larger
    data = memoryview(imagecodecs.png_encode(pixels, 1, strategy=3, filter=16))
    head = 8 + 25  # signature and IHDR; colour comes before IDAT (PNG specification, 5.6)
    chunks: Parts = []
    if transfer in HDR:
        chunks.append(_chunk(b"cICP", bytes((PRIMARIES[space], TRANSFERS[transfer], 0, 1))))
    if profile is not None:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    return [data[:head], *chunks, data[head:]]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg(pixels: NDArray[Any], profile: bytes | None, quality: int, chroma: str | int) -> Parts:
    """A JPEG file of uint8 codes (H, W, 3)."""
    import imagecodecs

    data = memoryview(imagecodecs.jpeg8_encode(pixels, quality, subsampling=_subsampling(quality, chroma)))
    if profile is None:
        return [data]
    head = 4 + struct.unpack(">H", data[4:6])[0]  # start of image and JFIF segments (ICC.1, annex B.4)
    body = b"ICC_PROFILE\0\x01\x01" + profile
    return [data[:head], b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body, data[head:]]


def avif(pixels: NDArray[Any], bits: int, space: str, transfer: str, quality: int, chroma: str | int) -> Parts:
    """An AVIF file of codes (H, W, 3): uint8 for 8 bits, uint16 for 10 or 12. Full range."""
    import imagecodecs

    threads = cores()
    data = imagecodecs.avif_encode(
        np.ascontiguousarray(pixels),
        quality,
        speed=_AVIF_SPEED,
        bitspersample=bits,
        pixelformat=_subsampling(quality, chroma),
        primaries=PRIMARIES[space],
        transfer=2 if space == "camera" else TRANSFERS[transfer],
        matrix=_MATRICES[space],
        numthreads=threads,
    )
    return [memoryview(data)]


def _subsampling(quality: int, chroma: str | int) -> str:
    if chroma == "auto":
        return "444" if quality >= FULL_CHROMA_QUALITY else "420"
    return str(chroma)
