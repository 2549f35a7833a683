"""What the camera should have seen: the answer sheet that goes with a simulated frame."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def make_truth(plan: Plan, electrons: Float32, defects: NDArray[np.uint8], allocate: Allocate = _empty) -> Truth:
    """The truth of `plan`; `electrons` and `defects` are those that `sensors.render.render` gave."""
    x, y, width, height = plan.region
    whole = plan.sensor.output_size(plan.mode, plan.size)
    ideal = allocate("ideal", (height, width, 3), np.float32)
    table = linear_srgb_table(plan)
    depth: Float32 | None = None
    for top in range(0, height, STRIP):
        rows = min(STRIP, height - top)
        view = View(whole, x, y + top, width, rows)
        ideal[top : top + rows] = plan.scene.planes(view, table).transpose(1, 2, 0)
        part = plan.scene.depth(view)
        if part is not None:
            depth = allocate("depth", (height, width), np.float32) if depth is None else depth
            depth[top : top + rows] = part
    origin = Origin(f"ideal picture of {plan.scene.name}", seed=plan.seed)
    response = plan.sensitivity.curves @ photon_rate(plan.light.spectrum)
    return Truth(
        electrons=electrons,
        ideal=Picture(ideal, "srgb", "linear", "scene", origin=origin),
        defects=defects,
        depth=depth,
        neutral=np.asarray(response / response.max()) if response.max() > 0 else np.ones(len(response)),
        spectrum=plan.light.spectrum,
        regions=[_shifted(region, x, y) for region in plan.scene.regions(whole)],
        settings=describe(plan),
    )


def save_truth(truth: Truth, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write a truth into `folder`, one file for each part, `truth.json` last.

    `electrons.npy`, `ideal.npy` (linear sRGB), `defects.npy`, `depth.npy` where there is one, `ideal.png` (sRGB, 8 bit)
    and `truth.json`: settings, seed, light, neutral and regions.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is False, or cannot be written.
    """
    arrays = {"electrons": truth.electrons, "ideal": truth.ideal.pixels, "defects": truth.defects}
    if truth.depth is not None:
        arrays["depth"] = truth.depth
    names = [*(f"{name}.npy" for name in arrays), "ideal.png", "truth.json"]
    for name in names:
        check_writable(folder / name, overwrite)
    for name, array in arrays.items():
        with atomic_write(folder / f"{name}.npy", overwrite) as file:
            np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    truth.srgb.save(folder / "ideal.png", overwrite=overwrite)
    with atomic_write(folder / "truth.json", overwrite) as file:
        file.write(json.dumps(_summary(truth), indent=2, allow_nan=False).encode() + b"\n")
    return [folder / name for name in names]


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
