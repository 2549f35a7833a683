"""Pictures from files with what their numbers mean: by code points (PNG's cICP) or the embedded ICC profile."""

from __future__ import annotations

import io
import os
import struct
import warnings
from typing import Any

import numpy as np

from isp.color.spaces import D50, D65, adaptation, rgb_to_xyz
from isp.color.spaces import PRIMARIES as RGB_SPACES
from isp.errors import InputError
from isp.io.limits import DEFAULT_LIMITS, Limits
from isp.io.picture_read import opened, read_image
from isp.io.write_codec import PRIMARIES, TRANSFERS
from isp.values import Origin, Picture

_TOLERANCE = 0.004
"""Of colorants relative to D50 (XYZ): the three spaces differ by 0.03 and more, rounding in profiles is below 0.001."""
_PNG = b"\x89PNG\r\n\x1a\n"


def read_picture(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Read a PNG, JPEG, TIFF, EXR or HDR picture, upright.

    Code values are of the space that the file states: by cICP code points, or by an ICC profile with the primaries of
    sRGB, Display P3 or Rec.2020 (whose curve is taken to be sRGB's); sRGB if it states none. Linear files are of sRGB's
    primaries.

    Raises
    ------
    InputError
        As `read_image`; or the file's profile has other primaries than those three.
    LimitError
        Larger than `limits` allow.
    """
    with opened(path, limits, "an image") as source:
        source.start_hash()
        head = source.read_at(0, min(source.size, 1 << 20), "the file")
        stated = _stated(head) or _profiled(source, head)
        stored = read_image(path, limits)
        origin = Origin(os.path.basename(os.fspath(path)), source.sha256())
    if not stored.encoded:
        return Picture(stored.pixels, "srgb", "linear", "scene", origin=origin)
    return Picture(stored.pixels, *(stated or ("srgb", "srgb")), "display", origin=origin)


def _stated(head: bytes) -> tuple[str, str] | None:
    """(space, transfer) by a PNG's cICP chunk."""
    if not head.startswith(_PNG):
        return None
    place = len(_PNG)
    while place + 8 <= len(head):
        length, name = struct.unpack_from(">I4s", head, place)
        if name == b"IDAT":
            return None
        if name == b"cICP" and length == 4 and place + 12 <= len(head):
            primaries, transfer = head[place + 8], head[place + 9]
            space = next((s for s, code in PRIMARIES.items() if code == primaries), None)
            curve = next((t for t, code in TRANSFERS.items() if code == transfer), None)
            return (space, curve) if space and curve else None
        place += 12 + length
    return None


def _profiled(source: Any, head: bytes) -> tuple[str, str] | None:
    """(space, transfer) by the primaries of an embedded ICC profile."""
    from PIL import ImageCms
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.TiffImagePlugin import TiffImageFile

    # the classes themselves: PIL.Image.open has a limit of its own, which frames of 200 megapixels are above
    kinds: dict[bytes, Any] = {
        _PNG[:2]: PngImageFile, b"\xff\xd8": JpegImageFile, b"II": TiffImageFile, b"MM": TiffImageFile,
    }  # fmt: skip
    if head[:2] not in kinds:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = head if source.size <= len(head) else source.read_at(0, source.size, "the file")
            with kinds[head[:2]](io.BytesIO(whole)) as image:
                data = image.info.get("icc_profile")
            if not data:
                return None
            profile = ImageCms.ImageCmsProfile(io.BytesIO(data)).profile
            colorants = [getattr(profile, f"{name}_colorant") for name in ("red", "green", "blue")]
            described = " ".join(str(profile.profile_description or "without a name").split())[:80]
    except Exception:
        return None  # what matters of a damaged file is said by its reader
    if any(c is None for c in colorants):
        return None
    found = np.array([c[0] for c in colorants]).T
    to_pcs = adaptation(D65, D50)
    for space in RGB_SPACES:
        if np.abs(found - to_pcs @ rgb_to_xyz(space)).max() < _TOLERANCE:
            return space, "linear" if "linear" in described.lower() else "srgb"
    raise InputError(
        f"{source.name}: its ICC profile ({described}) has primaries of its own; "
        "sRGB, Display P3 and Rec.2020 are understood: convert it to one of them"
    )
