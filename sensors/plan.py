"""Everything that is decided before a photosite is computed: exposure, light on the sensor, gains, sizes.

Irradiance in the image of a scene of radiance L is pi T L / (4 N^2) (distant object, on axis); a photosite of area A
collects the integral over wavelength of irradiance x A x t x lambda / (h c) x QE [e-].
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.errors import UsageError
from isp.values import Float32, Float64
from sensors.optics import Lens, Warp, glare_terms, kernels, shading_mesh, warp_of
from sensors.scenes import Scene, View
from sensors.sensitivity import Sensitivity
from sensors.sensor import Camera, Mode, Sensor
from sensors.spectrum import STEP, Light, photon_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 3600.0
"""Longest exposure [s]."""
DARK_EXPOSURE = 0.01
"""Automatic exposure of a scene without light [s]."""
AUTOMATIC_RANGE = (1e-6, 30.0)
"""Range of automatic exposure [s]."""
_PREVIEW = 256
"""Longer side of the small view from which automatic exposure and veiling glare are measured [px]."""


@dataclass(frozen=True)
class Reading:
    """One frame of a capture: exposure time [s], ISO, and which exposure and which readout of it this is."""

    exposure: float
    iso: float
    number: int = 0
    readout: int = 0


@dataclass(frozen=True)
class Plan:
    """A capture, ready to be computed.

    `size` photosites of the sensor (width, height); `region` (x, y, width, height) output pixels to compute;
    `readings` the frames; `temperature` [C]; `unit` which specimen of the sensor (its fixed pattern); `seed` of
    everything that differs from one capture to the next.
    """

    scene: Scene
    camera: Camera
    lens: Lens
    sensitivity: Sensitivity
    light: Light
    mode: Mode
    size: tuple[int, int]
    region: tuple[int, int, int, int]
    readings: tuple[Reading, ...]
    temperature: float
    unit: int
    seed: int

    @property
    def sensor(self) -> Sensor:
        """The sensor of the camera."""
        return self.camera.sensor

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """The colours of the planes, in the order of the sensitivity's curves."""
        return self.sensitivity.letters

    @cached_property
    def rates(self) -> Float64:
        """(K, C): electrons per second that each of K materials gives a photosite of each of C colours [e-/s]."""
        return electron_rates(self.scene, self.light, self.lens, self.sensitivity, self.sensor.pitch_um)

    @cached_property
    def warp(self) -> Warp | None:
        """Distortion and lateral colour, None where there is neither."""
        return warp_of(self.lens, self.letters, self.size)

    @cached_property
    def kernels(self) -> Float32:
        """(NY, NX, C, K, K) images of a point, at nodes over the sensor."""
        return kernels(self.lens, self.sensitivity, self.light, self.sensor.pitch_um, self.size)

    @cached_property
    def shading(self) -> Float32:
        """(rows, columns, C) relative illumination over the sensor."""
        return shading_mesh(self.lens, self.letters, self.sensor.pitch_um, self.size)

    @cached_property
    def veil(self) -> tuple[float, Float64]:
        """What veiling glare leaves of the light, and (C,) what it adds everywhere [e-/s]."""
        if self.lens.glare == 0:
            return 1.0, np.zeros(len(self.letters))
        scale, offset = glare_terms(self.lens, mean_rates(self.scene, self.rates, self.size, self.shading))
        return float(scale), np.asarray(offset, np.float64)

    @property
    def temporal_key(self) -> tuple[int, int]:
        """Key of what differs from capture to capture."""
        return self.seed & 0xFFFFFFFF, self.seed >> 32

    @cached_property
    def fixed_key(self) -> tuple[int, int]:
        """Key of the fixed pattern of this specimen of the sensor."""
        digest = hashlib.sha256(f"{self.sensor.name} unit {self.unit}".encode()).digest()
        return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")

    def saturation_e(self, reading: Reading) -> float:
        """Electrons of one photosite that reach the white level [e-]."""
        return self.sensor.saturation_e(reading.iso, "full")

    @cached_property
    def site_planes(self) -> tuple[int, ...]:
        """The plane that each of the four sites of the filter pattern sees."""
        letters = self.sensor.cfa if len(self.sensor.cfa) == 4 else self.sensor.cfa * 4
        return tuple(self.letters.index(letter) for letter in letters)

    @cached_property
    def effective(self) -> Sensitivity:
        """What the frame's colours respond to: the curves behind crosstalk and the mean of the site gains."""
        return effective_sensitivity(self.sensor, self.sensitivity, self.site_gains)

    @cached_property
    def site_gains(self) -> Float32:
        """What each photosite sees relative to its neighbours of the same colour: green imbalance, phase detection."""
        return site_gains(self.sensor)


def electron_rates(scene: Scene, light: Light, lens: Lens, sensitivity: Sensitivity, pitch_um: float) -> Float64:
    """Electrons per second from each material in each colour, (K, C) float64 [e-/s]; see the top of this file."""
    irradiance = scene.radiance(light) * lens.irradiance_factor()
    photons = photon_rate(irradiance) * (pitch_um * 1e-6) ** 2
    return np.asarray(photons @ sensitivity.curves.T * STEP)


def mean_rates(
    scene: Scene, rates: Float64, size: tuple[int, int], shading: Float32 | None = None
) -> Float64:
    """(C,) mean over the frame of what each colour sees, behind the lens's `shading` if it is given [e-/s]."""
    scale = min(_PREVIEW / max(size), 1.0)
    small = (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1))
    planes: NDArray[Any] = scene.planes(View(small, 0, 0, *small), np.ascontiguousarray(rates, dtype=np.float32))
    if shading is not None:
        planes = planes * sampled(shading, small).transpose(2, 0, 1)
    return np.asarray(planes.reshape(planes.shape[0], -1).mean(axis=1, dtype=np.float64))


def sampled(mesh: Float32, size: tuple[int, int]) -> Float64:
    """(height, width, C) values of a mesh that spans the frame edge to edge, at the centres of `size` pixels."""
    from scipy.ndimage import map_coordinates

    v, u = ((np.arange(n) + 0.5) / n * (m - 1) for n, m in zip(size[::-1], mesh.shape, strict=False))
    places = np.meshgrid(v, u, indexing="ij")
    return np.stack([map_coordinates(mesh[..., c], places, order=1) for c in range(mesh.shape[2])], axis=-1)


def automatic_exposure(
    scene: Scene, rates: Float64, size: tuple[int, int], saturation_e: float, target: float
) -> float:
    """Exposure [s] at which the frame's mean in its brightest colour is `target` of saturation.

    At least a millionth of a second and at most 30 s; 10 ms for a scene without light.
    """
    brightest = float(mean_rates(scene, rates, size).max())
    if brightest <= 0:
        return DARK_EXPOSURE
    low, high = AUTOMATIC_RANGE
    return min(max(target * saturation_e / brightest, low), high)


def check_exposure(seconds: float) -> float:
    """`seconds`, or UsageError if that exposure cannot be."""
    if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST):
        raise UsageError(f"exposure {seconds:g} s is not possible; allowed: 0..{LONGEST:g} s")
    return float(seconds)


def check_region(
    crop: Sequence[int] | None, whole: tuple[int, int], mode: str
) -> tuple[int, int, int, int]:
    """`crop` (x, y, width, height) inside the `whole` output frame; all of it by default."""
    x, y, width, height = (0, 0, *whole) if crop is None else (int(v) for v in crop)
    if min(x, y) < 0 or min(width, height) < 4 or x + width > whole[0] or y + height > whole[1]:
        raise UsageError(
            f"crop {width}x{height} at ({x}, {y}) does not fit; allowed: at least 4x4 within the {whole[0]}x{whole[1]} "
            f"pixels of mode {mode}"
        )
    return x, y, width, height


def site_gains(sensor: Sensor) -> Float32:
    """(rows, columns) float32, a pattern that repeats from the first photosite."""
    green = "Y" if "Y" in sensor.cfa and len(sensor.cfa) == 4 else "G"
    side = 2 * sensor.block
    cfa = sensor.output_cfa("full")
    detect = sensor.phase_detect
    sites = detect.sites if detect is not None else ()
    down = math.lcm(side, detect.period_y) if detect is not None and sites else side
    across = math.lcm(side, detect.period_x) if detect is not None and sites else side
    gains: NDArray[np.float32] = np.ones((down, across), np.float32)
    for y in range(down):
        row = {cfa.at(x, y) for x in range(side)}
        for x in range(across):
            if not sensor.mono and cfa.at(x, y) == green:
                gains[y, x] += sensor.green_imbalance / 2 * (1 if "R" in row else -1)
    if detect is not None:
        for x, y, response in sites:
            gains[y :: detect.period_y, x :: detect.period_x] *= response
    return gains


def effective_sensitivity(sensor: Sensor, sensitivity: Sensitivity, gains: Float32) -> Sensitivity:
    """The curves of a flat field's colours: each exchanges light with the others at the borders of its blocks.

    Of the four neighbours of a photosite 4 / block are of another colour in the mean over a block: greens for red and
    blue; red and blue, half each, for green.
    """
    if sensor.mono:
        return sensitivity
    cfa = sensor.output_cfa("full")
    seen = {letter: [] for letter in sensitivity.letters}  # type: dict[str, list[float]]
    for (y, x), gain in np.ndenumerate(gains):
        seen[cfa.at(x, y)].append(float(gain))
    curves = {letter: sensitivity.curve(letter) * np.mean(seen[letter] or [1.0]) for letter in sensitivity.letters}
    green = next(letter for letter in sensor.cfa if sensor.cfa.count(letter) == 2)
    others = [letter for letter in sensor.cfa if letter != green]
    share = 4 * sensor.crosstalk / sensor.block
    mixed = {letter: curves[letter] + share * (curves[green] - curves[letter]) for letter in others}
    mixed[green] = curves[green] + share * ((curves[others[0]] + curves[others[1]]) / 2 - curves[green])
    return replace(sensitivity, curves=np.stack([mixed.get(c, curves[c]) for c in sensitivity.letters]))


def describe(plan: Plan) -> dict[str, Any]:
    """Every setting of the capture as plain data: repeat the capture with these."""
    first = plan.readings[0]
    return {
        "scene": plan.scene.name,
        "sensor": plan.camera.name,
        "mode": plan.mode.name if plan.mode.method == "none" else f"{plan.mode.name}-{plan.mode.method}",
        "size": list(plan.size),
        "crop": list(plan.region),
        "iso": first.iso,
        "exposure_s": first.exposure,
        "readings": [{"exposure_s": r.exposure, "iso": r.iso} for r in plan.readings],
        "lux": plan.light.lux,
        "illuminant": plan.light.name,
        "illuminant_cct_k": plan.light.cct,
        "illuminant_xy": list(plan.light.xy),
        "f_number": plan.lens.f_number,
        "temperature_c": plan.temperature,
        "unit": plan.unit,
        "seed": plan.seed,
        "sensitivity": plan.sensitivity.name,
        "frame_time_s": plan.sensor.frame_time(plan.mode, plan.size, len(plan.readings)),
        "row_time_s": plan.sensor.row_time(plan.mode),
        "gain_dn_per_e": [plan.sensor.output_gain(r.iso, plan.mode) for r in plan.readings],
    }
