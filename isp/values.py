"""The values that flow: frozen, checked where they are built, and carrying what their pixels mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.cfa import Cfa
from isp.errors import InputError, NumericError, UsageError
from isp.rectilinear import RectilinearWarp

Found = TypeVar("Found")
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

LARGEST_VALUE = 1e6
"""Linear values beyond this (white is 1) are refused: they overflow float32 a few stages later."""


def frozen(array: ArrayLike, dtype: Any = None) -> NDArray[Any]:
    """A read-only view of `array` (copied only if its dtype must change)."""
    view = np.asarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


def check_finite(data: NDArray[Any], what: str) -> None:
    """Raise `NumericError` naming the first value of `data` that is not finite or beyond `LARGEST_VALUE`."""
    # min and max see NaN and both infinities, in one pass without a mask as large as the frame
    low, high = float(np.min(data)), float(np.max(data))
    if np.isfinite(low) and np.isfinite(high) and max(-low, high) <= LARGEST_VALUE:
        return
    bad = ~(np.abs(data) <= LARGEST_VALUE)
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    raise NumericError(
        f"{what} holds {int(bad.sum())} values that are not finite or beyond ±{LARGEST_VALUE:g}, "
        f"the first at {where}: {data[where]}"
    )


@dataclass(frozen=True)
class NoiseModel:
    """Variance of a linear value x (black 0, white 1) at each Bayer site: S x + O, as DNG's NoiseProfile.

    Parameters
    ----------
    shot, read : (4,) float
        S and O for R, Gr, Gb, B (all four equal for a mono sensor); S >= 0, O >= 0, finite.
    """

    shot: tuple[float, float, float, float]
    read: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        for name in ("shot", "read"):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) != 4 or not all(np.isfinite(v) and v >= 0 for v in values):
                raise InputError(f"noise model {name} {values} must be 4 finite numbers >= 0 (R, Gr, Gb, B)")
            object.__setattr__(self, name, values)

    def scaled(self, gains: Sequence[float]) -> NoiseModel:
        """The model after multiplying each site by its gain: S g, O g^2."""
        return NoiseModel(
            tuple(s * g for s, g in zip(self.shot, gains, strict=True)),  # type: ignore[arg-type]
            tuple(o * g * g for o, g in zip(self.read, gains, strict=True)),  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class ColorCalibration:
    """What a raw file says about colour under one illuminant (DNG 1.7, chapter 6).

    `color_matrix` maps XYZ to camera, `forward_matrix` white-balanced camera to XYZ of D50,
    `camera_calibration` (CC) is the individual camera's correction; all (3, 3). `temperature` [K].
    """

    temperature: float
    color_matrix: Float64
    forward_matrix: Float64 | None = None
    camera_calibration: Float64 = field(default_factory=lambda: np.eye(3))
    illuminant: str = ""

    def __post_init__(self) -> None:
        for name in ("color_matrix", "forward_matrix", "camera_calibration"):
            matrix = getattr(self, name)
            if matrix is None:
                continue
            matrix = frozen(matrix, np.float64)
            if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e6:
                raise InputError(f"{name} {np.asarray(matrix).tolist()} must be a finite, invertible 3x3 matrix")
            object.__setattr__(self, name, matrix)
        if not (np.isfinite(self.temperature) and 1000 <= self.temperature <= 100000):
            raise InputError(f"calibration illuminant temperature {self.temperature} K outside 1000..100000 K")


@dataclass(frozen=True)
class GainMesh:
    """Lens-shading gains on a regular mesh, bilinear between its points and constant beyond its borders.

    Parameters
    ----------
    gains : (rows, columns, 4) float32
        Gain of R, Gr, Gb, B at each mesh point; > 0.
    origin, spacing : (2,) float
        (vertical, horizontal) position of the first point and step between points, in units of the
        height and width of the active frame (0 is the outer edge of the first pixel).
    """

    gains: Float32
    origin: tuple[float, float] = (0.0, 0.0)
    spacing: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        gains = frozen(self.gains, np.float32)
        if gains.ndim != 3 or gains.shape[2] != 4 or 0 in gains.shape:
            raise InputError(f"gain mesh of shape {gains.shape} must be (rows, columns, 4)")
        if not (np.isfinite(gains).all() and (gains > 0).all() and (gains <= 1000).all()):
            raise InputError("gain mesh holds gains outside 0 < gain <= 1000")
        if not all(np.isfinite(v) for v in (*self.origin, *self.spacing)) or min(self.spacing) <= 0:
            raise InputError(f"gain mesh origin {self.origin} and spacing {self.spacing} must be finite, spacing > 0")
        object.__setattr__(self, "gains", gains)


@dataclass(frozen=True)
class Origin:
    """Where a frame came from: a file with the SHA-256 of the bytes read, or a description and seed."""

    name: str
    sha256: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class FrameInfo:
    """What a raw file says beside its pixels, every part optional.

    `neutral` (3,) is the camera RGB of a neutral object; `analog_balance` (3,); `exposure` [s]; `focal_length` [mm];
    `baseline_exposure` [EV]; `linearization` (N,) maps stored codes to linear DN; `orientation` is EXIF 1..8;
    `self_describing` is True for a format that should say its colour (DNG, camera raw), False for dumps and arrays,
    where stages use their documented fallbacks;
    `warp` undoes the lens's distortion and lateral colour;
    `warnings` lists what the reader skipped, a line each.
    """

    make: str = ""
    model: str = ""
    iso: float | None = None
    exposure: float | None = None
    f_number: float | None = None
    focal_length: float | None = None
    neutral: tuple[float, float, float] | None = None
    analog_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    calibrations: tuple[ColorCalibration, ...] = ()
    baseline_exposure: float | None = None
    noise: NoiseModel | None = None
    lens_shading: GainMesh | None = None
    warp: RectilinearWarp | None = None
    linearization: Float32 | None = None
    orientation: int = 1
    self_describing: bool = False
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.neutral is not None:
            neutral = tuple(float(v) for v in self.neutral)
            if len(neutral) != 3 or not all(np.isfinite(v) and v > 0 for v in neutral):
                raise InputError(f"as-shot neutral {neutral} must be 3 finite numbers > 0")
            object.__setattr__(self, "neutral", neutral)
        if self.orientation not in range(1, 9):
            raise InputError(f"orientation {self.orientation} must be 1..8 (EXIF)")
        if self.linearization is not None:
            object.__setattr__(self, "linearization", frozen(self.linearization, np.float32))


@dataclass(frozen=True)
class RawFrame:
    """One frame as the sensor gives it.

    Parameters
    ----------
    data : (H, W) uint16 or uint32
        Digital numbers [DN] of the active area; at least 4 x 4.
    cfa : Cfa
    black : (h, w) float
        Black level [DN] on a repeating pattern from the top-left pixel; h and w at most 8.
    white : float
        Saturation level [DN], above every black level.
    info : FrameInfo
    origin : Origin

    Raises
    ------
    InputError
        The levels contradict each other or the data.
    """

    data: NDArray[np.unsignedinteger[Any]]
    cfa: Cfa
    black: Float64
    white: float
    info: FrameInfo = field(default_factory=FrameInfo)
    origin: Origin = Origin("array")

    def __post_init__(self) -> None:
        data = frozen(self.data)
        if data.dtype not in (np.uint16, np.uint32) or data.ndim != 2:
            raise InputError(f"raw data of shape {data.shape} and dtype {data.dtype} must be (H, W) uint16 or uint32")
        if min(data.shape) < 4:
            raise InputError(f"raw frame is {data.shape[1]}x{data.shape[0]} pixels; at least 4x4 is needed")
        black = frozen(np.atleast_2d(np.asarray(self.black, np.float64)))
        if black.ndim != 2 or max(black.shape) > 8:
            raise InputError(f"black level of shape {black.shape} must be a repeating pattern of at most 8x8")
        top = float(np.iinfo(data.dtype).max)
        if not np.isfinite(black).all() or black.min() < 0:
            raise InputError(f"black level {black.ravel().tolist()} must be finite and >= 0")
        if not (np.isfinite(self.white) and 0 < self.white <= top):
            raise InputError(f"white level {self.white:g} must be in 1..{top:g}")
        if black.max() >= self.white:
            raise InputError(f"black level {black.max():g} must be below white level {self.white:g}")
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "black", black)
        object.__setattr__(self, "white", float(self.white))

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) [px]."""
        return self.data.shape

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        cfa: str | Cfa = "RGGB",
        black: ArrayLike = 0,
        white: float = 65535,
        **info: Any,
    ) -> RawFrame:
        """A frame from an array of digital numbers.

        Parameters
        ----------
        array : (H, W) integers
            Digital numbers [DN] in 0..2^32-1; kept as uint16 where they fit, else uint32.
        cfa : str
            For example ``RGGB`` (see `Cfa`).
        black : float, or 2 x 2 (any repeating pattern), or 4 values R, Gr, Gb, B for a Bayer pattern [DN]
        white : float
            Saturation level [DN].
        **info
            Fields of `FrameInfo`: ``iso=100, noise=NoiseModel(...), neutral=(...)``.
        """
        pixels = np.asarray(array)
        if pixels.dtype.kind not in "ui":
            raise InputError(f"raw data must be integers [DN], not {pixels.dtype}")
        if pixels.dtype not in (np.uint16, np.uint32):
            if pixels.size and (int(pixels.min()) < 0 or int(pixels.max()) > 0xFFFFFFFF):
                raise InputError(f"raw data in {pixels.min()}..{pixels.max()} must be in 0..4294967295 DN")
            wide = pixels.size > 0 and int(pixels.max()) > 0xFFFF
            pixels = pixels.astype(np.uint32 if wide else np.uint16)
        pattern = cfa if isinstance(cfa, Cfa) else Cfa(cfa)
        level = np.asarray(black, np.float64)
        if level.shape == (4,):
            level = sites_to_pattern(level, pattern)
        return cls(pixels, pattern, np.atleast_2d(level), float(white), FrameInfo(**info))

    def with_info(self, **changes: Any) -> RawFrame:
        """The same frame with some fields of `info` replaced."""
        return replace(self, info=replace(self.info, **changes))


def typical(
    cfa: str | Cfa = "RGGB", size: tuple[int, int] = (4032, 3024), iso: float | None = None
) -> RawFrame:
    """A frame without a picture: a phone's 12 MP, 10 bits, black 64 and white 1023; `size` is (width, height) [px]."""
    width, height = size
    return RawFrame.from_array(np.zeros((height, width), np.uint16), cfa, 64, 1023, iso=iso)


def sites_to_pattern(values: ArrayLike, cfa: Cfa) -> Float64:
    """Four values for R, Gr, Gb, B as the pattern they form from the top-left pixel of `cfa`; (2, 2) for Bayer."""
    return np.asarray(values, np.float64)[_sites(cfa, 2 * cfa.block)]


def pattern_to_sites(pattern: ArrayLike, cfa: Cfa) -> Float64:
    """A repeating pattern from the top-left pixel as four values R, Gr, Gb, B.

    Raises
    ------
    InputError
        It differs between pixels of one site (of one block, on a block CFA).
    """
    grid = np.atleast_2d(np.asarray(pattern, np.float64))
    side = math.lcm(2 * cfa.block, *grid.shape)
    tall = np.tile(grid, (side // grid.shape[0], side // grid.shape[1]))
    sites = _sites(cfa, side)
    values = np.array([tall[sites == site][0] for site in range(4)])
    if not np.array_equal(values[sites], tall):
        what = "more than 2x2 pixels" if cfa.block == 1 else f"other than {cfa.block}x{cfa.block} blocks"
        raise InputError(f"pattern {grid.tolist()} repeats over {what}, which a stage for CFA {cfa} cannot take")
    return values


def _sites(cfa: Cfa, side: int) -> NDArray[np.intp]:
    """(side, side) which of R, Gr, Gb, B (0..3) each pixel from the top left is."""
    px, py = cfa.phase
    ys, xs = ((np.arange(side) + phase) // cfa.block % 2 for phase in (py, px))
    return np.asarray(2 * ys[:, None] + xs[None, :])


@dataclass(frozen=True)
class Mosaic:
    """A linear mosaic: black 0, white 1, below 0 and above 1 allowed.

    `data` (H, W) float32, finite; `cfa`; `noise` the noise model at this point of the pipeline.
    """

    data: Float32
    cfa: Cfa
    noise: NoiseModel | None = None
    info: FrameInfo = field(default_factory=FrameInfo)
    origin: Origin = Origin("array")

    def __post_init__(self) -> None:
        data = frozen(self.data, np.float32)
        if data.ndim != 2 or min(data.shape) < 4:
            raise InputError(f"mosaic of shape {data.shape} must be (H, W), at least 4x4")
        check_finite(data, "mosaic")
        object.__setattr__(self, "data", data)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) [px]."""
        return self.data.shape


SPACES = ("camera", "rec2020", "srgb", "display_p3")
TRANSFERS = ("linear", "srgb", "pq", "hlg")


@dataclass(frozen=True)
class Picture:
    """A colour picture and what its numbers mean.

    Parameters
    ----------
    pixels : (H, W, 3) float32, or uint8 / uint16 codes
        Codes are quantised values: code / (2^bits - 1).
    space : str
        `camera` (white-balanced or raw camera RGB), `rec2020` (the linear working space, D65), `srgb`, `display_p3`.
    transfer : str
        `linear`, `srgb` (IEC 61966-2-1), `pq` (SMPTE ST 2084) or `hlg` (ITU-R BT.2100); see `isp.color.transfer`.
    referred : str
        `scene` (proportional to light in the scene) or `display` (proportional to light from the display).
    orientation : int
        EXIF 1..8: how to turn the pixels for viewing; `save` turns them.
    """

    pixels: NDArray[Any]
    space: str
    transfer: str = "linear"
    referred: str = "scene"
    orientation: int = 1
    origin: Origin = Origin("array")

    def __post_init__(self) -> None:
        pixels = frozen(self.pixels)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise InputError(f"picture of shape {pixels.shape} must be (H, W, 3)")
        if pixels.dtype not in (np.float32, np.uint8, np.uint16):
            raise InputError(f"picture of dtype {pixels.dtype} must be float32, uint8 or uint16")
        if self.space not in SPACES or self.transfer not in TRANSFERS or self.referred not in ("scene", "display"):
            raise UsageError(
                f"picture in {self.space}/{self.transfer}/{self.referred}; spaces: {', '.join(SPACES)}; "
                f"transfers: {', '.join(TRANSFERS)}; referred: scene, display"
            )
        if pixels.dtype == np.float32:
            check_finite(pixels, "picture")
        object.__setattr__(self, "pixels", pixels)

    @property
    def bits(self) -> int:
        """8 or 16 for quantised codes, 32 for float32."""
        return int(self.pixels.dtype.itemsize) * 8

    @property
    def data(self) -> Float32:
        """(H, W, 3) float32 values; 0 is black and 1 white (display) or sensor saturation at unit gain (scene)."""
        if self.bits == 32:
            return self.pixels
        return frozen(self.pixels.astype(np.float32) / np.float32(2**self.bits - 1))

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) [px], before orientation."""
        return self.pixels.shape[:2]

    @classmethod
    def from_array(
        cls, array: ArrayLike, space: str = "srgb", transfer: str | None = None, referred: str | None = None
    ) -> Picture:
        """A picture from an array.

        Parameters
        ----------
        array : (H, W, 3)
            uint8 or uint16 codes, or floating point values (kept as float32).
        space : str
            See `Picture`. `srgb` and `display_p3` default to the sRGB transfer and display-referred values,
            `camera` and `rec2020` to linear and scene-referred.
        """
        pixels = np.asarray(array)
        if pixels.dtype.kind == "f":
            pixels = pixels.astype(np.float32)
        display = space in ("srgb", "display_p3")
        return cls(
            pixels,
            space,
            transfer if transfer is not None else ("srgb" if display else "linear"),
            referred if referred is not None else ("display" if display else "scene"),
        )

    def upright(self) -> NDArray[Any]:
        """The pixels turned for viewing (a view where possible)."""
        return oriented(self.pixels, self.orientation)

    def save(
        self, path: str | Path, *, format: str | None = None, bits: int | None = None, quality: int = 92,
        chroma: str | int = "auto", resize: Mapping[str, float] | None = None, overwrite: bool = False,
    ) -> Path:
        """Write the picture, upright, with what its colours mean; see `isp.io.write_picture`."""
        from isp.io import write_picture

        return write_picture(
            self, path, format=format, bits=bits, quality=quality, chroma=chroma, resize=resize, overwrite=overwrite
        )


def oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`pixels` (H, W, ...) turned and mirrored as EXIF orientation 1..8 asks."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


@dataclass(frozen=True)
class RawSet:
    """An ordered tuple of frames of one scene (exposures or gains): same size, same CFA."""

    frames: tuple[RawFrame, ...]

    def __post_init__(self) -> None:
        frames = tuple(self.frames)
        if not frames:
            raise InputError("a raw set needs at least one frame")
        for number, frame in enumerate(frames[1:], 2):
            if frame.shape != frames[0].shape or frame.cfa != frames[0].cfa:
                here, first = (f"{f.shape[1]}x{f.shape[0]} {f.cfa}" for f in (frame, frames[0]))
                raise InputError(
                    f"frame {number} of the set is {here}, the first {first}; they must agree in size and CFA"
                )
        object.__setattr__(self, "frames", frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[RawFrame]:
        return iter(self.frames)

    @overload
    def __getitem__(self, index: int) -> RawFrame: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[RawFrame, ...]: ...

    def __getitem__(self, index: int | slice) -> RawFrame | tuple[RawFrame, ...]:
        return self.frames[index]


@dataclass(frozen=True)
class Companions:
    """Planes registered to the frame, each at its own size, and the focus distance.

    `planes` maps a name (`depth` [m], `mask`, `defects`) to a 2-D array that covers the same field of view.
    `focus` is the distance in focus [m].
    """

    planes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    focus: float | None = None

    def __post_init__(self) -> None:
        planes = {}
        for name, plane in self.planes.items():
            plane = frozen(plane)
            if plane.ndim != 2 or 0 in plane.shape or not np.isfinite(plane).all():
                raise InputError(f"companion {name!r} of shape {plane.shape} must be a finite 2-D plane")
            planes[name] = plane
        if self.focus is not None and not (np.isfinite(self.focus) and self.focus > 0):
            raise InputError(f"focus distance {self.focus} must be > 0 m")
        object.__setattr__(self, "planes", MappingProxyType(planes))


@dataclass(frozen=True)
class Statistics:
    """What the pre-pass saw: the frame before white balance, as small camera-RGB images.

    Parameters
    ----------
    thumbnail : (h, w, 3) float32
        Box means of the linear mosaic per colour, at most 768 x 1024.
    saturated : (h, w, 3) float32
        Fraction of saturated sites in each box and colour, 0..1.
    block : int
        Side of a box [px].
    start : (x, y)
        Where in the frame the first box starts [px].
    peak : (h, w, 3) float32, optional
        Largest value of each box and colour.
    clip : (3,)
        Value at which R, G, B saturate by what the file says, without lens shading.
    """

    thumbnail: Float32
    saturated: Float32
    block: int
    start: tuple[int, int] = (0, 0)
    peak: Float32 | None = None
    clip: tuple[float, float, float] = (1.0, 1.0, 1.0)
    _found: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("thumbnail", "saturated", "peak"):
            if name == "peak" and self.peak is None:
                continue
            array = frozen(getattr(self, name), np.float32)
            check_finite(array, f"statistics {name}")
            object.__setattr__(self, name, array)

    def once(self, key: Hashable, make: Callable[[], Found]) -> Found:
        """What `make` finds in these statistics, kept under `key` for whoever asks again."""
        if key not in self._found:
            self._found[key] = make()
        found: Found = self._found[key]
        return found

    def zones(self, rows: int = 12, columns: int = 16) -> tuple[Float64, Float64]:
        """Zone means (rows, columns, 3) and saturated fractions (rows, columns, 3), in float64."""
        h, w = self.thumbnail.shape[:2]
        rows, columns = min(rows, h), min(columns, w)
        edge_y, edge_x = np.arange(rows) * h // rows, np.arange(columns) * w // columns

        def mean(array: Float32) -> Float64:
            total = np.add.reduceat(np.add.reduceat(array.astype(np.float64), edge_y, axis=0), edge_x, axis=1)
            count = np.diff(np.append(edge_y, h))[:, None] * np.diff(np.append(edge_x, w))[None, :]
            return np.asarray(total / count[..., None])

        return mean(self.thumbnail), mean(self.saturated)

    def histogram(self, bins: int = 256, upper: float = 1.0) -> NDArray[np.int64]:
        """(3, bins) counts of thumbnail values in 0..`upper`; values outside fall into the first and last bin."""
        clipped = np.clip(self.thumbnail, 0, upper)
        return np.stack([np.histogram(clipped[..., c], bins, (0, upper))[0] for c in range(3)])
