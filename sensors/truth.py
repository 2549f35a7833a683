"""What the camera should have seen: the answer sheet that goes with a simulated frame."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import D65, adaptation, rgb_to_xyz, srgb_encoded
from isp.io import atomic_write, check_writable
from isp.values import Float32, Float64, Origin, Picture
from sensors.plan import Plan, describe
from sensors.render import Allocate
from sensors.scenes import View
from sensors.spectrum import WAVELENGTHS, photon_rate, to_xyz

STRIP = 256
"""Rows of the ideal picture computed at a time."""
ARRAYS = ("electrons", "ideal", "defects", "depth")
FILES = (*(f"{name}.npy" for name in ARRAYS), "ideal.png", "truth.json")
"""What a folder of truth may hold; `depth.npy` only where the scene has depth."""


def _empty(_name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    return np.empty(shape, dtype)


@dataclass(frozen=True)
class Truth:
    """The truth of a capture, at the size of its frame.

    Parameters
    ----------
    electrons : (H, W) float32
        Mean photo-electrons of each output pixel of the first reading, summed over its photosites: light, lens, filter
        and crosstalk, but no PRNU, no noise, no dark current and no clipping [e-].
    ideal : Picture
        (H, W, 3) linear sRGB of a colorimetric camera without lens or sensor faults: each pixel the mean over its area;
        1 is a perfect diffuser under the light, which is adapted to D65 (Bradford). Values may leave 0..1.
    defects : (H, W) uint8
        0 sound, 1 holds a hot photosite, 2 a dead one.
    depth : (H, W) float32 or None
        Distance along the optical axis [m], where the scene has one.
    neutral : (C,) float64
        Response to a perfect diffuser, largest 1.
    spectrum : (81,) float64
        Spectral irradiance of the light on the scene [W m^-2 nm^-1] at `sensors.spectrum.WAVELENGTHS`.
    regions : list of dict
        What can be measured in the scene and where, in pixels of the frame; see `sensors.scenes.Scene.regions`.
    settings : mapping
        Everything needed to repeat the capture, with the seed.
    """

    electrons: Float32
    ideal: Picture
    defects: NDArray[np.uint8]
    depth: Float32 | None
    neutral: Float64
    spectrum: Float64
    regions: list[dict[str, Any]]
    settings: Mapping[str, Any]

    @property
    def srgb(self) -> Picture:
        """`ideal` as an 8-bit sRGB picture, clipped."""
        pixels = self.ideal.pixels
        codes = np.empty(pixels.shape, np.uint8)
        for y in range(0, pixels.shape[0], STRIP):
            codes[y : y + STRIP] = _encode(pixels[y : y + STRIP])
        return Picture(codes, "srgb", "srgb", "display", origin=self.ideal.origin)

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> list[Path]:
        """Write the truth into `folder`; see `save_truth`."""
        return save_truth(self, Path(folder), overwrite)


def make_truth(plan: Plan, electrons: Float32, defects: NDArray[np.uint8], allocate: Allocate = _empty) -> Truth:
    """The truth of `plan`; `electrons` and `defects` are those that `sensors.render.render` gave."""
    x, y, width, height = plan.region
    whole = plan.sensor.output_size(plan.mode, plan.size)
    ideal = ideal_picture(plan, allocate)
    depth: Float32 | None = None
    for top in range(0, height, STRIP):
        part = plan.scene.depth(View(whole, x, y + top, width, min(STRIP, height - top)))
        if part is None:
            break
        depth = allocate("depth", (height, width), np.float32) if depth is None else depth
        depth[top : top + STRIP] = part
    response = plan.sensitivity.curves @ photon_rate(plan.light.spectrum)
    return Truth(
        electrons=electrons,
        ideal=ideal,
        defects=defects,
        depth=depth,
        neutral=np.asarray(response / response.max()) if response.max() > 0 else np.ones(len(response)),
        spectrum=plan.light.spectrum,
        regions=[_shifted(region, x, y) for region in plan.scene.regions(whole)],
        settings=describe(plan),
    )


def ideal_picture(plan: Plan, allocate: Allocate = _empty) -> Picture:
    """`Truth.ideal` of `plan`."""
    x, y, width, height = plan.region
    whole = plan.sensor.output_size(plan.mode, plan.size)
    pixels = allocate("ideal", (height, width, 3), np.float32)
    table = linear_srgb_table(plan)
    for top in range(0, height, STRIP):
        view = View(whole, x, y + top, width, min(STRIP, height - top))
        pixels[top : top + STRIP] = plan.scene.planes(view, table).transpose(1, 2, 0)
    origin = Origin(f"ideal picture of {plan.scene.name}", seed=plan.seed)
    return Picture(pixels, "srgb", "linear", "scene", origin=origin)


class TruthFiles:
    """A truth on its way into a folder; made by `truth_files`."""

    def __init__(self, folder: Path, overwrite: bool, stack: ExitStack) -> None:
        self.folder, self.overwrite = folder, overwrite
        self.written = False
        self._stack = stack
        self._arrays: dict[str, Any] = {}
        self._made: list[tuple[Path, os.stat_result]] = []
        # entered first, left last: the other files are in place when this one appears
        self._summary = self._part("truth.json")

    def allocate(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array to fill: on disk for a part of the truth (`electrons` under the name `signal` too), else in memory.

        Raises
        ------
        OutputError
            The disk is too full for it.
        """
        name = "electrons" if name == "signal" else name
        if name not in ARRAYS:
            return np.empty(shape, dtype)
        file = self._part(f"{name}.npy")
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        start = file.tell()
        _reserve(file, start + int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)
        self._arrays[name] = np.memmap(file, dtype, "r+", start, shape)
        return self._arrays[name]  # type: ignore[no-any-return]

    def write(self, truth: Truth) -> None:
        """Write everything but the arrays that `allocate` gave, which are complete already."""
        given = {"electrons": truth.electrons, "ideal": truth.ideal.pixels, "defects": truth.defects}
        if truth.depth is not None:
            given["depth"] = truth.depth
        for name, array in given.items():
            if name not in self._arrays:
                self.allocate(name, array.shape, array.dtype)[...] = array
            self._arrays[name].flush()
        if self.overwrite:
            # from here on what is left of an older truth is no longer complete
            for name in ("truth.json", *(f"{name}.npy" for name in ARRAYS if name not in given)):
                with suppress(FileNotFoundError):
                    (self.folder / name).unlink()
        picture = self.folder / "ideal.png"
        truth.srgb.save(picture, overwrite=self.overwrite)
        self._made.append((picture, picture.stat()))
        self._summary.write(json.dumps(_summary(truth), indent=2, allow_nan=False).encode() + b"\n")
        self.written = True

    def remove(self) -> None:
        """Take away what is in place already of a truth that cannot be completed."""
        for path, made in self._made:
            with suppress(OSError):
                if os.path.samestat(path.stat(), made):
                    path.unlink()

    def _part(self, name: str) -> BinaryIO:
        path = self.folder / name
        file = self._stack.enter_context(atomic_write(path, self.overwrite))
        self._made.append((path, os.fstat(file.fileno())))
        return file


@contextmanager
def truth_files(folder: Path, overwrite: bool = False) -> Iterator[TruthFiles]:
    """Write a truth whose arrays are files from the start, so that memory need not hold them.

    Use as ``with truth_files(folder) as files:``, compute with `files.allocate` and call `files.write`. The files
    appear when the block ends, `truth.json` last. If it ends with an exception, none does; with `overwrite` a folder
    that held an older truth may then lack its `truth.json`, which marks it as incomplete.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is False, or cannot be written.
    """
    for name in FILES:
        check_writable(folder / name, overwrite)
    files: TruthFiles | None = None
    done = False
    try:
        with ExitStack() as stack:
            files = TruthFiles(folder, overwrite, stack)
            yield files
            if not files.written:
                raise RuntimeError("truth_files: the block ended without a write")
        done = True
    finally:
        if files is not None and not done:
            files.remove()


def save_truth(truth: Truth, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write a truth into `folder`, one file for each part, `truth.json` last.

    `electrons.npy`, `ideal.npy` (linear sRGB), `defects.npy`, `depth.npy` where there is one, `ideal.png` (sRGB, 8 bit)
    and `truth.json`: settings, seed, light, neutral and regions.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is False, or cannot be written.
    """
    with truth_files(folder, overwrite) as files:
        files.write(truth)
    return [folder / name for name in FILES if truth.depth is not None or name != "depth.npy"]


def _reserve(file: BinaryIO, size: int) -> None:
    """Give the file its full size now: a disk that fills up under a mapped file ends the process without a word."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        os.ftruncate(file.fileno(), size)


def linear_srgb_table(plan: Plan) -> Float32:
    """(K, 3) linear sRGB of each material; the light's own white becomes D65 and a perfect diffuser 1.

    Without light on the scene (0 lux) the brightest material is 1.
    """
    xyz = to_xyz(plan.scene.radiance(plan.light))
    luminance = plan.light.lux / np.pi if plan.light.lux > 0 else max(float(xyz[:, 1].max()), 1e-9)
    matrix = np.linalg.solve(rgb_to_xyz("srgb"), adaptation(plan.light.xy, D65))
    return np.asarray(xyz / luminance @ matrix.T, np.float32)


def _summary(truth: Truth) -> dict[str, Any]:
    return {
        "settings": truth.settings,
        "neutral": truth.neutral.tolist(),
        "light": {"wavelength_nm": WAVELENGTHS.tolist(), "irradiance_w_m2_nm": truth.spectrum.tolist()},
        "regions": truth.regions,
    }


def _shifted(region: dict[str, Any], x: int, y: int) -> dict[str, Any]:
    def moved(value: Any) -> Any:
        return [[float(px - x), float(py - y)] for px, py in value]

    return {k: moved(v) if k in ("corners", "inner") else v for k, v in region.items()}


def _encode(linear: Float32) -> NDArray[np.uint8]:
    return np.asarray(srgb_encoded(linear) * 255 + 0.5, np.uint8)
