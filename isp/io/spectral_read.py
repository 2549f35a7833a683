"""Spectral pictures from files: OpenEXR with wavelength channels, and ENVI."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError
from isp.io.exr import read_exr, wavelength_of
from isp.io.limits import DEFAULT_LIMITS, Limits
from isp.io.picture_read import one_line, opened
from isp.io.source import Source, shown
from isp.values import frozen

_TO_NM = {"nanometers": 1.0, "nm": 1.0, "micrometers": 1e3, "um": 1e3, "microns": 1e3, "": 0.0, "unknown": 0.0}
_MOST_BYTES = 8e9


@dataclass(frozen=True)
class SpectralCube:
    """A picture of many wavelengths.

    Parameters
    ----------
    pixels : (H, W, B) float32, finite; read-only
    wavelengths : (B,) float64 [nm], increasing
    emissive : True for radiance [W m^-2 sr^-1 nm^-1], False for reflectance (1 is a perfect diffuser)
    name : for messages
    """

    pixels: NDArray[np.float32]
    wavelengths: NDArray[np.float64]
    emissive: bool
    name: str


def read_spectral(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> SpectralCube:
    """Read an OpenEXR file with wavelength channels, or an ENVI header (``.hdr``) with its data beside it.

    Channels that are no wavelength (an RGB preview) are left out; a file with both emission and reflectance gives the
    emission.

    Raises
    ------
    InputError
        Missing, damaged, truncated, fewer than two wavelengths, or values that are not finite.
    LimitError
        Larger than `limits` allow.
    """
    with opened(path, limits, "a spectral picture") as source:
        head = os.pread(source.file.fileno(), 16, 0)
        if head.startswith(b"\x76\x2f\x31\x01"):
            return _read_exr(source, limits)
        if head.lstrip().startswith(b"ENVI"):
            limits.check("tag_megabytes", source.size, f"{source.name}: ENVI header [MB]", 1e6)
            return _read_envi(Path(path), source.name, limits)
        raise InputError(
            f"{source.name}: not a spectral picture: an EXR with wavelength channels or an ENVI header is needed"
        )


def _read_exr(source: Source, limits: Limits) -> SpectralCube:
    picture = read_exr(source, limits, wanted=lambda name: wavelength_of(name) is not None)
    kinds: dict[str, list[tuple[float, str]]] = {}
    for channel in picture.channels:
        kind, wavelength = wavelength_of(channel) or ("", 0.0)
        kinds.setdefault(kind, []).append((wavelength, channel))
    chosen = next((kind for kind in ("S0", "T", "") if kind in kinds), None)
    if chosen is None:
        raise InputError(
            f"{source.name}: no wavelength channels such as T.550,000000nm; found {', '.join(picture.all_names)[:200]}"
        )
    bands = sorted(kinds[chosen])
    pixels = np.stack([np.asarray(picture.channels[channel], np.float32) for _, channel in bands], axis=-1)
    return _cube(source.name, pixels, np.array([w for w, _ in bands]), chosen == "S0")


def _read_envi(path: Path, name: str, limits: Limits) -> SpectralCube:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spectral.io import envi

        try:
            header: dict[str, Any] = envi.read_envi_header(os.fspath(path))
            lines, samples, bands = (int(header[key]) for key in ("lines", "samples", "bands"))
            dtype = np.dtype(envi.envi_to_dtype[str(header["data type"])])
        except KeyError as error:
            raise InputError(f"{name}: ENVI header without {error.args[0]!r}, or with an unknown data type") from None
        except Exception as error:
            raise InputError(f"{name}: damaged ENVI header: {one_line(error)}") from None
        if min(lines, samples, bands) < 1 or dtype.kind not in "fui":
            raise InputError(f"{name}: ENVI picture of {samples}x{lines} pixels, {bands} bands of {dtype}")
        limits.check_size(samples, lines, name)
        limits.check("file_megabytes", lines * samples * bands * 4, f"{name}: size in memory [MB]", 4e6)
        data = _beside(path, name)
        expected = lines * samples * bands * dtype.itemsize + int(header.get("header offset", 0))
        with opened(data, limits, "ENVI data") as source:
            if source.size < expected:
                raise InputError(f"{source.name}: truncated: expected {expected} bytes, found {source.size}")
        try:
            stored = envi.open(os.fspath(path), os.fspath(data))
            pixels = np.array(stored.open_memmap(interleave="bip"), np.float32)
        except Exception as error:
            raise InputError(f"{name}: ENVI data cannot be read: {one_line(error)}") from None
    scale = _number(header.get("reflectance scale factor", 1.0), name, "reflectance scale factor")
    return _cube(name, pixels / np.float32(scale), _wavelengths(header, bands, name), _emits(header))


def _beside(path: Path, name: str) -> Path:
    stem = path.with_suffix("") if path.suffix.lower() == ".hdr" else path
    choices = [stem, *(stem.with_name(stem.name + end) for end in (".img", ".raw", ".dat", ".bsq", ".bil", ".bip"))]
    for choice in choices:
        if choice != path and choice.is_file():
            return choice
    raise InputError(f"{name}: its data file is missing: {shown(stem)} or {shown(choices[1].name)}, .raw, .dat, ...")


def _wavelengths(header: dict[str, Any], bands: int, name: str) -> NDArray[np.float64]:
    try:
        values = np.array([float(v) for v in header["wavelength"]])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{name}: ENVI header without a list of numbers 'wavelength'") from None
    if len(values) != bands:
        raise InputError(f"{name}: ENVI header with {len(values)} wavelengths for {bands} bands")
    unit = str(header.get("wavelength units", "")).strip().lower()
    if unit not in _TO_NM:
        raise InputError(f"{name}: ENVI wavelength units {unit!r}; nanometers or micrometers are needed")
    return values * (_TO_NM[unit] or (1e3 if values.max() < 100 else 1.0))


def _emits(header: dict[str, Any]) -> bool:
    """True if the data are radiance: ENVI has no field for it but `data units`, by which the text says so."""
    return "radiance" in str(header.get("data units", "")).lower()


def _number(value: Any, name: str, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < np.inf:
        raise InputError(f"{name}: ENVI {what} {value!r} must be a number > 0")
    return number


def _cube(name: str, pixels: NDArray[Any], wavelengths: NDArray[np.float64], emissive: bool) -> SpectralCube:
    order = np.argsort(wavelengths)
    wavelengths = wavelengths[order]
    if len(wavelengths) < 2 or not (np.diff(wavelengths) > 0).all():
        raise InputError(f"{name}: two or more different wavelengths are needed, found {len(wavelengths)}")
    if wavelengths[-1] <= 380 or wavelengths[0] >= 780:
        raise InputError(f"{name}: wavelengths {wavelengths[0]:g}..{wavelengths[-1]:g} nm lie outside 380..780 nm")
    bad = int(np.count_nonzero(~np.isfinite(pixels).all(axis=-1)))
    if bad:
        raise InputError(f"{name}: {bad} of {pixels.shape[0] * pixels.shape[1]} pixels are NaN or infinite")
    pixels = pixels if (order == np.arange(len(order))).all() else pixels[..., order]
    return SpectralCube(frozen(pixels, np.float32), frozen(wavelengths, np.float64), emissive, name)
