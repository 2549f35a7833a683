"""What the camera should have seen: the answer sheet that goes with a simulated frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import D65, adaptation, rgb_to_xyz, srgb_encoded
from isp.values import Float32, Float64, Origin, Picture
from sensors.plan import Plan, describe
from sensors.render import Allocate
from sensors.scenes import View
from sensors.spectrum import photon_rate, to_xyz

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
    depth_seen : (H, W) float32 or None
        The same where the lens draws it: of what the frame's pixels show, as a depth camera registered to it has it.
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
    depth_seen: Float32 | None
    neutral: Float64
    spectrum: Float64
    regions: list[dict[str, Any]]
    settings: Mapping[str, Any]

    @property
    def srgb(self) -> Picture:
        """`ideal` as an 8-bit sRGB picture, clipped."""
        return srgb_picture(self.ideal)

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> list[Path]:
        """Write the truth into an existing `folder`; see `sensors.truth_files.save_truth`."""
        from sensors.truth_files import save_truth

        return save_truth(self, Path(folder), overwrite)


def make_truth(plan: Plan, electrons: Float32, defects: NDArray[np.uint8], allocate: Allocate = _empty) -> Truth:
    """The truth of `plan`; `electrons` and `defects` are those that `sensors.render.render` gave."""
    x, y = plan.region[:2]
    whole = plan.sensor.output_size(plan.mode, plan.size)
    ideal = ideal_picture(plan, allocate)
    response = plan.effective.curves @ photon_rate(plan.light.spectrum)
    return Truth(
        electrons=electrons,
        ideal=ideal,
        defects=defects,
        depth=depth_map(plan, allocate),
        depth_seen=depth_map(plan, allocate, seen=True),
        neutral=np.asarray(response / response.max()) if response.max() > 0 else np.ones(len(response)),
        spectrum=plan.light.spectrum,
        regions=[_shifted(region, x, y) for region in plan.scene.regions(whole)],
        settings=describe(plan),
    )


def depth_map(plan: Plan, allocate: Allocate = _empty, *, seen: bool = False) -> Float32 | None:
    """`Truth.depth` of `plan`, or its `Truth.depth_seen`, which is that of green."""
    x, y, width, height = plan.region
    whole = plan.sensor.output_size(plan.mode, plan.size)
    warp = plan.warp if seen else None
    channel = min(1, len(warp.scales) - 1) if warp is not None else 0
    name = "depth_seen" if seen else "depth"
    depth: Float32 | None = None
    for top in range(0, height, STRIP):
        part = plan.scene.depth(View(whole, x, y + top, width, min(STRIP, height - top), warp), channel)
        if part is None:
            return None
        depth = allocate(name, (height, width), np.float32) if depth is None else depth
        depth[top : top + STRIP] = part
    return depth


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


def srgb_picture(ideal: Picture) -> Picture:
    """A linear picture as 8-bit sRGB, clipped."""
    codes = np.empty(ideal.pixels.shape, np.uint8)
    for y in range(0, len(codes), STRIP):
        codes[y : y + STRIP] = _encode(ideal.pixels[y : y + STRIP])
    return Picture(codes, "srgb", "srgb", "display", origin=ideal.origin)


def linear_srgb_table(plan: Plan) -> Float32:
    """(K, 3) linear sRGB of each material; the light's own white becomes D65 and a perfect diffuser 1.

    Without light on the scene (0 lux) the brightest material is 1.
    """
    xyz = to_xyz(plan.scene.radiance(plan.light))
    luminance = plan.light.lux / np.pi if plan.light.lux > 0 else max(float(xyz[:, 1].max()), 1e-9)
    matrix = np.linalg.solve(rgb_to_xyz("srgb"), adaptation(plan.light.xy, D65))
    return np.asarray(xyz / luminance @ matrix.T, np.float32)


def _shifted(region: dict[str, Any], x: int, y: int) -> dict[str, Any]:
    def moved(value: Any) -> Any:
        return [[float(px - x), float(py - y)] for px, py in value]

    return {k: moved(v) if k in ("corners", "inner") else v for k, v in region.items()}


def _encode(linear: Float32) -> NDArray[np.uint8]:
    return np.asarray(srgb_encoded(linear) * 255 + 0.5, np.uint8)
