"""`capture`: a scene, photographed by a sensor of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import LimitError, UsageError
from isp.values import Origin, RawFrame, RawSet

if TYPE_CHECKING:
    from sensors.optics import Lens
    from sensors.plan import Plan, Reading
    from sensors.render import Allocate, Progress
    from sensors.scenes import Scene
    from sensors.sensor import Camera, Sensor
    from sensors.truth import Truth

HDR = ("staggered", "dual_gain")
TARGET = 0.18
"""Mean of the brightest colour that automatic exposure aims at, as a share of saturation."""
LARGEST = 2_000_000_000
"""Most pixels of a frame: a DNG holds 4 GB."""
TEMPERATURES = (-40.0, 125.0)
"""Range of sensor temperature [C]."""


def plan_capture(
    scene: str | Scene,
    sensor: str | Sensor | Camera = "imx586",
    *,
    mode: str = "full",
    iso: float | None = None,
    exposure: float | None = None,
    lux: float = 200.0,
    illuminant: str = "D65",
    size: tuple[int, int] | None = None,
    crop: Sequence[int] | None = None,
    seed: int = 0,
    f_number: float | None = None,
    hdr: str | None = None,
    lens: Lens | Mapping[str, Any] | None = None,
    sensitivity: str | None = None,
    temperature: float = 25.0,
    unit: int = 0,
    target: float = TARGET,
) -> Plan:
    """Check and resolve the settings of `capture` (see there) without computing a pixel."""
    from sensors.catalog import load_camera
    from sensors.optics import Lens
    from sensors.plan import Plan, Reading, automatic_exposure, check_exposure, check_region, electron_rates
    from sensors.scenes import make_scene
    from sensors.sensitivity import load_sensitivity
    from sensors.sensor import Camera, Sensor
    from sensors.spectrum import make_light

    if isinstance(sensor, Camera):
        camera = sensor
    else:
        camera = Camera(sensor.name, sensor) if isinstance(sensor, Sensor) else load_camera(sensor)
    part = camera.sensor
    used = part.mode(mode)
    gain = part.check_iso(part.iso_base if iso is None else iso)
    place = _size(size, part)
    region = check_region(crop, part.output_size(used, place), mode)
    if region[2] * region[3] > LARGEST:
        raise LimitError(
            f"a frame of {region[2]}x{region[3]} has {region[2] * region[3] / 1e6:.0f} megapixels; a DNG holds "
            f"{LARGEST / 1e6:.0f}: take a smaller size, or a crop"
        )
    chosen = lens if lens is not None else camera.lens
    optics = Lens.from_mapping(chosen) if isinstance(chosen, Mapping) else chosen or Lens()
    if f_number is not None:
        optics = optics.with_f_number(f_number)
    _check(seed, unit, temperature, target, hdr)
    light = make_light(illuminant, lux)
    curves = part.sensitivity() if sensitivity is None else load_sensitivity(sensitivity)
    missing = sorted(set(part.cfa) - set(curves.letters))
    if missing:
        raise UsageError(
            f"sensitivity {curves.name} has no curve for {', '.join(missing)} of {part.name}; it has: "
            f"{', '.join(curves.letters)}"
        )
    what = make_scene(scene)
    if exposure is None:
        rates = electron_rates(what, light, optics, curves, part.pitch_um)
        seconds = automatic_exposure(what, rates, place, part.saturation_e(gain), target)
    else:
        seconds = check_exposure(exposure)
    return Plan(
        scene=what,
        camera=camera,
        lens=optics,
        sensitivity=curves,
        light=light,
        mode=used,
        size=place,
        region=region,
        readings=_readings(part, Reading(seconds, gain), hdr),
        temperature=float(temperature),
        unit=unit,
        seed=seed,
    )


def capture(
    scene: str | Scene,
    sensor: str | Sensor | Camera = "imx586",
    *,
    truth: bool = False,
    progress: Progress | None = None,
    threads: int | None = None,
    **settings: Any,
) -> RawFrame | RawSet | tuple[RawFrame | RawSet, Truth]:
    """Photograph a scene.

    Parameters
    ----------
    scene : str or Scene
        `uniform`, `dark`, `chart`, `grey-steps`, `slanted-edge`, `siemens`, `dead-leaves`, `dots`, `composed`,
        `photo:FILE`, `hdr:FILE`, `spectral:FILE`, `rgbd:FILE,DEPTH`, options after `?` (see
        `sensors.scenes.make_scene`).
    sensor : str, Sensor or Camera
        A name of the catalogue (`isp sensors` lists them), a phone's camera (`leitz_phone_1/main`) or a `.yaml` file.
        A sensor alone has an ideal f/1.8 lens: limited by diffraction only.
    mode : str
        `full`, `bin2`, `bin4`: what the sensor reads out.
    iso : float
        Analogue gain; the sensor's lowest by default.
    exposure : float
        [s], 0..3600; by default automatic: the frame's mean in its brightest colour becomes `target` of saturation.
    lux : float
        Illuminance on the scene [lx].
    illuminant : str
        A CIE illuminant (`D65`, `A`, `FL11`), a black body (`2856K`) or CIE daylight (`daylight:5200`).
    size : (width, height)
        A smaller sensor of the same photosites, filled by the scene [photosites].
    crop : (x, y, width, height)
        Compute this region of the full frame only [output pixels]; equal to the same part of the whole.
    seed : int
        Of photon and read noise, 0..2^64 - 1; the fixed pattern belongs to `unit`.
    f_number, lens, sensitivity
        Replace those of the camera: a number, a `Lens` (or its mapping), a spectral sensitivity (a file in the
        rawtoaces JSON format or `camera:NAME`).
    hdr : `staggered` (exposures of falling length) or `dual_gain` (two gains of one exposure)
        Gives a `RawSet`; the sensor must offer it.
    temperature : float
        Of the sensor [C], -40..125.
    unit : int
        Which specimen of the sensor, 0 or more: its PRNU, DSNU and defects.
    truth : bool
        Return `(frame, truth)`.
    threads : int
        Threads to use; changes nothing else.

    Returns
    -------
    RawFrame, RawSet with `hdr`, or (that, Truth) with `truth`
        uint16 [DN], with noise model, colour matrices, neutral and exposure filled in.

    Raises
    ------
    UsageError
        An unknown name, an impossible mode or a value out of range.
    InputError
        A file of the scene or the sensitivity is missing or damaged.
    ProfileError
        A sensor file is wrong.
    LimitError
        The frame has more than 2000 megapixels.

    Notes
    -----
    The same settings and seed give the same bytes for any number of threads. Channels see the lens's blur of a
    spectrally neutral object; defocus is not simulated.
    """
    plan = plan_capture(scene, sensor, **settings)
    return expose(plan, truth=truth, progress=progress, threads=threads)


def expose(
    plan: Plan,
    *,
    truth: bool = False,
    progress: Progress | None = None,
    threads: int | None = None,
    allocate: Allocate | None = None,
) -> RawFrame | RawSet | tuple[RawFrame | RawSet, Truth]:
    """Compute a planned capture; `allocate(name, shape, dtype)` provides the arrays (`numpy.empty` by default)."""
    from isp.engine.runtime import set_threads
    from sensors.render import render

    if threads is not None:
        if threads < 1:
            raise UsageError(f"threads {threads}; allowed: 1 or more")
        set_threads(threads)
    arrays = allocate or _empty
    results = ("codes", "signal", "defects") if truth else ("codes",)
    computed = render(plan, results, arrays, progress)
    frames = tuple(
        _frame(plan, reading, codes) for reading, codes in zip(plan.readings, computed["codes"], strict=True)
    )
    result: RawFrame | RawSet = frames[0] if len(frames) == 1 else RawSet(frames)
    if not truth:
        return result
    from sensors.truth import make_truth

    return result, make_truth(plan, computed["signal"][0], computed["defects"][0], arrays)


def _frame(plan: Plan, reading: Reading, codes: NDArray[np.uint16]) -> RawFrame:
    from sensors.metadata import frame_info

    x, y, _, _ = plan.region
    return RawFrame(
        codes,
        plan.sensor.output_cfa(plan.mode).shifted(x, y),
        np.array([[plan.sensor.pedestal]]),
        float(plan.sensor.white_level(reading.iso, plan.mode)),
        frame_info(plan, reading),
        Origin(f"simulated {plan.scene.name} on {plan.camera.name}, {plan.mode.name}", seed=plan.seed),
    )


def _readings(sensor: Sensor, first: Reading, hdr: str | None) -> tuple[Reading, ...]:
    from sensors.plan import Reading

    if hdr is None:
        return (first,)
    if hdr == "dual_gain":
        return tuple(Reading(first.exposure, g, 0, i) for i, g in enumerate(sensor.dual_gain_isos(first.iso)))
    if sensor.staggered is None:
        raise UsageError(f"{sensor.name} has no staggered exposures (staggered in its file)")
    count, ratio = sensor.staggered.exposures, sensor.staggered.ratio
    return tuple(Reading(first.exposure / ratio**i, first.iso, i) for i in range(count))


def _size(size: tuple[int, int] | None, sensor: Sensor) -> tuple[int, int]:
    width, height = (sensor.width, sensor.height) if size is None else (int(v) for v in size)
    if not (4 <= width <= 65536 and 4 <= height <= 65536):
        raise UsageError(f"size {width}x{height} is not possible; allowed: 4x4..65536x65536 photosites")
    return width, height


def _check(seed: int, unit: int, temperature: float, target: float, hdr: str | None) -> None:
    if not 0 <= seed < 2**64:
        raise UsageError(f"seed {seed} is not possible; allowed: 0..2^64 - 1")
    if unit < 0:
        raise UsageError(f"unit {unit} is not possible; allowed: 0 or more")
    if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:
        raise UsageError(f"temperature {temperature:g} C is not possible; allowed: -40..125 C")
    if not 0 < target <= 1:
        raise UsageError(f"target {target:g} is not possible; allowed: above 0, up to 1")
    if hdr is not None and hdr not in HDR:
        raise UsageError(f"hdr {hdr!r} is not known; allowed: {', '.join(HDR)}")


def _empty(_name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    return np.empty(shape, dtype)
