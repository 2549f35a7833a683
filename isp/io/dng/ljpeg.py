"""The head of a JPEG stream: enough to know what a decoder would do with it, and that it ends."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isp.errors import InputError

LOSSLESS = 0xC3
"""SOF3: lossless, Huffman coded (ITU-T T.81, table B.1), the only JPEG that DNG allows for a mosaic."""
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


@dataclass(frozen=True)
class JpegHead:
    """The frame header: `process` (0xC3 is lossless), sample precision [bit], size [px], components."""

    process: int
    precision: int
    height: int
    width: int
    components: int


def read_head(data: bytes, what: str) -> JpegHead:
    """The frame header of a JPEG stream; InputError if it has none."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _FRAMES and at + 10 <= len(data):
            precision, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            return JpegHead(marker, precision, height, width, components)
        at += 2 + size
    raise InputError(f"{what} is not a JPEG stream, as its Compression tag says")


def check_end(data: bytes, what: str) -> None:
    """Raise `InputError` if the stream does not end with its end marker (decoders fill the missing rows silently)."""
    # writers may pad a stream to an even or aligned length
    if not data[-64:].rstrip(b"\0").endswith(b"\xff\xd9"):
        raise InputError(f"{what}: truncated: the JPEG stream has no end marker")
