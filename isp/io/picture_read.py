"""Pictures from files: photographs (PNG, JPEG, TIFF) and pictures in linear light (EXR, HDR).

A photograph is taken as sRGB whatever profile it carries; alpha is dropped; the orientation its EXIF asks for is
applied. Linear pictures are converted to the primaries of sRGB where the file states others.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError, IspError
from isp.io.limits import DEFAULT_LIMITS, Limits
from isp.io.source import Source, found, open_source, shown
from isp.values import frozen, oriented

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
EXR = b"\x76\x2f\x31\x01"
HEAD = 512


@dataclass(frozen=True)
class StoredPicture:
    """A picture as a file has it.

    Parameters
    ----------
    pixels : (H, W, 3), uint8 or uint16 if encoded, float32 if linear; read-only
    encoded : True for sRGB code values (IEC 61966-2-1, full range), False for linear light with the primaries and
        white of sRGB, which may be negative or above 1
    white_luminance : luminance of linear RGB (1, 1, 1) [cd/m^2] if the file states it
    name : for messages
    """

    pixels: NDArray[Any]
    encoded: bool
    white_luminance: float | None
    name: str


def read_image(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> StoredPicture:
    """Read a PNG, JPEG or TIFF photograph, or an OpenEXR, Radiance HDR or floating point TIFF picture.

    Raises
    ------
    InputError
        Missing, empty, truncated, damaged, another kind of file, not RGB or grey, or values that are not finite.
    LimitError
        Larger than `limits` allow.
    """
    with opened(path, limits, "an image") as source:
        head = os.pread(source.file.fileno(), HEAD, 0)
        if head.startswith(EXR):
            return _read_exr(source, limits)
        data = source.read_at(0, source.size, "the file")
        if head.startswith(b"#?"):
            return _read_radiance(source.name, data, limits)
        if head.startswith(TIFF):
            return _read_tiff(source.name, data, limits)
        if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
            return _read_photo(source.name, data, limits)
        raise InputError(f"{source.name}: not an image: PNG, JPEG, TIFF, EXR or HDR is needed, {seen(head)}")


@contextmanager
def opened(path: str | os.PathLike[str], limits: Limits, kind: str) -> Any:
    """`open_source` for files that are not raw: an empty one is "not `kind`", and reading errors are `InputError`."""
    try:
        empty = Path(path).is_file() and Path(path).stat().st_size == 0
    except (OSError, ValueError):
        empty = False
    if empty:
        raise InputError(f"{shown(path)}: not {kind}: the file is empty")
    with open_source(path, limits) as source:
        try:
            yield source
        except OSError as error:
            raise InputError(f"{source.name}: cannot be read: {error.strerror or error}") from error


def one_line(error: BaseException) -> str:
    """A library's message on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def seen(head: bytes) -> str:
    """What a file that cannot be read looks like, in words."""
    kind = found(head)
    return f"found {kind}" if kind else "found something else"


def described(pixels: NDArray[Any]) -> str:
    """Channels and type of what was decoded, in words."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    return f"{channels} channel{'s' if channels > 1 else ''} of {pixels.dtype}"


def decoded(name: str, data: bytes, limits: Limits) -> tuple[NDArray[Any], int]:
    """Pixels and EXIF orientation of a PNG or JPEG; the header is looked at before anything is decoded."""
    import imagecodecs
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    jpeg = data.startswith(b"\xff\xd8")
    # the classes themselves: PIL.Image.open has a limit of its own, which frames of 200 megapixels are above
    header: Callable[..., Any] = JpegImageFile if jpeg else PngImageFile
    decode: Callable[[bytes], Any] = imagecodecs.jpeg8_decode if jpeg else imagecodecs.png_decode
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with header(io.BytesIO(data)) as image:
                width, height = image.size
                limits.check_size(width, height, name)
                if image.mode == "CMYK":
                    raise InputError(f"{name}: CMYK pictures are not supported; RGB or grey is needed")
                orientation = int(image.getexif().get(274, 1))
        # libjpeg fills what is missing with grey: the end mark must stand behind the last scan
        if jpeg and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
            raise InputError(f"{name}: damaged or truncated image: its end is missing")
        pixels = np.asarray(decode(data))
    except (IspError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{name}: damaged or truncated image: {one_line(error)}") from None
    if pixels.shape[:2] != (height, width):
        raise InputError(
            f"{name}: damaged image: header says {width}x{height}, data {pixels.shape[1]}x{pixels.shape[0]}"
        )
    return pixels, orientation


def _read_photo(name: str, data: bytes, limits: Limits) -> StoredPicture:
    pixels, orientation = decoded(name, data, limits)
    return StoredPicture(_photo(name, oriented(pixels, orientation)), True, None, name)


def _photo(name: str, pixels: NDArray[Any]) -> NDArray[Any]:
    """uint8 or uint16 (H, W, 3) of what a decoder gave."""
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{name}: 8 or 16 bits per channel are needed, found {described(pixels)}")
    return frozen(_three(name, pixels))


def _three(name: str, pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"{name}: grey or RGB with or without alpha is needed, found an array of {pixels.shape}")
    colors = pixels[..., :1] if pixels.shape[2] < 3 else pixels[..., :3]
    return np.ascontiguousarray(np.broadcast_to(colors, (*pixels.shape[:2], 3)))


def tiff_array(name: str, data: bytes, limits: Limits) -> NDArray[Any]:
    """Pixels of a TIFF file's first page, upright, (H, W) or (H, W, C)."""
    import tifffile

    try:
        with warnings.catch_warnings(), tifffile.TiffFile(io.BytesIO(data)) as file:
            warnings.simplefilter("ignore")
            page = file.pages.first
            limits.check_size(page.imagewidth, page.imagelength, name)
            limits.check("megapixels", page.size / 3, f"{name}: samples of the first page / 3", 1e6)
            if page.photometric not in (0, 1, 2, 3, 6):
                raise InputError(f"{name}: RGB or grey is needed, found {page.photometric.name}")
            pixels = np.asarray(page.asrgb() if page.photometric == 3 else page.asarray())
            if page.planarconfig == 2 and pixels.ndim == 3:
                pixels = np.moveaxis(pixels, 0, -1)
            if page.photometric == 0:
                pixels = np.iinfo(pixels.dtype).max - pixels
            tag = page.tags.get(274)
    except (IspError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{name}: damaged or unsupported TIFF: {one_line(error)}") from None
    if pixels.size == 0 or pixels.ndim not in (2, 3):
        raise InputError(f"{name}: damaged or unsupported TIFF: an array of {pixels.shape}")
    return oriented(pixels, int(tag.value) if tag is not None else 1)


def _read_tiff(name: str, data: bytes, limits: Limits) -> StoredPicture:
    pixels = tiff_array(name, data, limits)
    if pixels.dtype.kind == "f":
        return StoredPicture(_linear(name, _three(name, pixels)), False, None, name)
    return StoredPicture(_photo(name, pixels), True, None, name)


def _linear(name: str, pixels: NDArray[Any], matrix: NDArray[Any] | None = None) -> NDArray[np.float32]:
    bad = int(np.count_nonzero(~np.isfinite(pixels).all(axis=-1)))
    if bad:
        raise InputError(f"{name}: {bad} of {pixels.shape[0] * pixels.shape[1]} pixels are NaN or infinite")
    return frozen(pixels if matrix is None else pixels @ matrix.T, np.float32)


def _read_exr(source: Source, limits: Limits) -> StoredPicture:
    from isp.io.exr import read_exr, to_srgb

    picture = read_exr(source, limits, wanted=("R", "G", "B", "Y"))
    channels = picture.channels
    names = ("R", "G", "B") if {"R", "G", "B"} <= channels.keys() else ("Y", "Y", "Y")
    if not set(names) <= channels.keys():
        raise InputError(f"{source.name}: channels R, G, B (or Y) are needed, found {', '.join(picture.all_names)}")
    pixels = np.stack([channels[n] for n in names], axis=-1)
    matrix = to_srgb(picture.chromaticities, source.name) if names[0] == "R" else None
    return StoredPicture(_linear(source.name, pixels, matrix), False, picture.white_luminance, source.name)


def _read_radiance(name: str, data: bytes, limits: Limits) -> StoredPicture:
    import imagecodecs

    head, _, rest = data[:65536].partition(b"\n\n")
    size = rest.partition(b"\n")[0].split()
    if len(size) != 4 or size[0] not in (b"-Y", b"+Y") or size[2] not in (b"+X", b"-X"):
        raise InputError(f"{name}: damaged HDR: no picture size in its header")
    if not (size[1].isdigit() and size[3].isdigit()) or (size[0], size[2]) != (b"-Y", b"+X"):
        raise InputError(
            f"{name}: HDR picture size {b' '.join(size).decode('ascii', 'replace')!r}: '-Y H +X W' is needed"
        )
    limits.check_size(int(size[3]), int(size[1]), name)
    if b"FORMAT=32-bit_rle_xyze" in head:
        raise InputError(f"{name}: HDR in XYZE is not supported; RGBE is needed")
    try:
        pixels = np.asarray(imagecodecs.rgbe_decode(data), np.float32)
        exposure = 1.0
        for line in head.splitlines():
            if line.startswith(b"EXPOSURE="):
                exposure *= float(line[9:])
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"{name}: damaged or truncated HDR: {one_line(error)}") from None
    if not 1e-9 < exposure < 1e9:
        raise InputError(f"{name}: EXPOSURE={exposure:g} in the HDR header must be a number > 0")
    return StoredPicture(_linear(name, _three(name, pixels / np.float32(exposure))), False, None, name)
