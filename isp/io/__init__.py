"""The doors: everything that touches image and raw files. What they read and write is in `docs/files.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from isp.io.atomic import atomic_write as atomic_write
    from isp.io.atomic import check_writable as check_writable
    from isp.io.depth_read import read_depth as read_depth
    from isp.io.dng.write import write_dng as write_dng
    from isp.io.dump import RawDump as RawDump
    from isp.io.dump import parse_dump as parse_dump
    from isp.io.info import describe as describe
    from isp.io.limits import Limits as Limits
    from isp.io.limits import parse_limits as parse_limits
    from isp.io.picture_meaning import read_picture as read_picture
    from isp.io.picture_read import StoredPicture as StoredPicture
    from isp.io.picture_read import read_image as read_image
    from isp.io.read import read_raw as read_raw
    from isp.io.spectral_read import SpectralCube as SpectralCube
    from isp.io.spectral_read import read_spectral as read_spectral
    from isp.io.write import write_picture as write_picture
    from isp.io.write import write_value as write_value

_HOME = {
    "Limits": "limits",
    "RawDump": "dump",
    "SpectralCube": "spectral_read",
    "StoredPicture": "picture_read",
    "atomic_write": "atomic",
    "check_writable": "atomic",
    "describe": "info",
    "parse_dump": "dump",
    "parse_limits": "limits",
    "read_depth": "depth_read",
    "read_image": "picture_read",
    "read_picture": "picture_meaning",
    "read_raw": "read",
    "read_spectral": "spectral_read",
    "write_dng": "dng.write",
    "write_picture": "write",
    "write_value": "write",
}

__all__ = [
    "Limits",
    "RawDump",
    "SpectralCube",
    "StoredPicture",
    "atomic_write",
    "check_writable",
    "describe",
    "parse_dump",
    "parse_limits",
    "read_depth",
    "read_image",
    "read_picture",
    "read_raw",
    "read_spectral",
    "write_dng",
    "write_picture",
    "write_value",
]

__getattr__, __dir__ = lazily(__name__, _HOME)
