"""The captures of the tutorial: what a laboratory would photograph, by a simulated phone, and their SESSION.yaml.

The files say nothing of the camera beyond exposure, ISO, mosaic and the two levels: no noise model, colour matrices,
neutral, lens shading or distortion. All of that must come from the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.errors import InputError
from isp.values import RawFrame

SENSORS = ("imx586", "quad_200mp")
SIZE = (2048, 1536)
"""Photosites of the reduced sensors: four to a pixel of the mode that phones take photos in."""
LIGHTS = ("A", "daylight:4500", "D65")
"""Of charts and flats: tungsten, morning and noon."""
UNSEEN_LIGHT = "daylight:5400"
"""Of a scene: the profile must find its way between the lights it knows."""
ISOS = (200.0, 800.0, 3200.0)
LEVELS = (0.02, 0.05, 0.12, 0.25, 0.45)
"""Mean levels of the flats for the noise model."""
FIELD = 38.0
"""Half of the lens's field of view, corner to middle [degrees]: a phone's main camera."""
SNR_DB, MTF50 = 34.0, 0.45
"""Targets of the session."""


@dataclass(frozen=True)
class Shot:
    """Repeats of one capture: what the session calls it, and the simulator's settings."""

    name: str
    kind: str
    scene: str
    repeats: int
    settings: dict[str, Any]
    about: dict[str, Any]


def lens_for(pitch_um: float, size: tuple[int, int]) -> dict[str, Any]:
    """A phone's plastic lens for a sensor of `size` photosites, as `sensors.Lens` takes it.

    Falloff, colour shading, distortion and lateral colour are those of the phones in the catalogue.
    """
    half = math.hypot(*size) * pitch_um * 1e-3 / 2
    return {
        "f_number": 1.8, "focal_mm": min(max(half / math.tan(math.radians(FIELD)), 0.5), 1000.0),
        "falloff": {"exponent": 3.5}, "shading": {"R": 0.06, "B": 0.03}, "distortion": [0.03],
        "lateral": {"R": 1.00015, "B": 0.9999},
    }  # fmt: skip


def shots(*, lean: bool = False) -> Iterator[Shot]:
    """Everything that is photographed, in order; `lean` is what the comparison with truth needs."""
    low = ISOS[0]
    yield Shot("dark", "dark", "dark", 4, {"iso": low, "exposure": 0.01}, {"temperature": 25})
    for light in LIGHTS:
        plain = light.replace(":", "-")
        about = {"illuminant": light}
        yield Shot(f"flat-{plain}", "flat", "uniform?reflectance=0.5", 4, {"illuminant": light, "target": 0.4}, about)
        yield Shot(f"chart-{plain}", "chart", "chart", 3, {"illuminant": light}, {**about, "chart": "iso"})
    yield Shot("dots", "dots", "dots?pitch=0.07", 2, {"iso": low, "target": 0.35}, {"illuminant": "D65"})
    if lean:
        return
    yield Shot("dark-long", "dark", "dark", 4, {"iso": low, "exposure": 2.0}, {"temperature": 25})
    for iso in ISOS[1:]:
        yield Shot(f"dark-{iso:.0f}", "dark", "dark", 2, {"iso": iso, "exposure": 0.01}, {})
    for iso in ISOS:
        for level in LEVELS:
            name = f"flat-{iso:.0f}-{100 * level:02.0f}"
            given = {"iso": iso, "target": level, "illuminant": "D65"}
            yield Shot(name, "flat", "uniform?reflectance=0.5", 2, given, {"illuminant": "D65"})
        yield Shot(f"edge-{iso:.0f}", "edge", "slanted-edge", 1, {"iso": iso}, {"illuminant": "D65"})
    yield Shot("steps", "gray_steps", "grey-steps", 2, {"iso": low}, {"illuminant": "D65"})


def shoot(
    sensor: str, folder: Path, *, size: tuple[int, int] = SIZE, seed: int = 0, lean: bool = False,
    overwrite: bool = False, tell: Callable[[str], None] = lambda what: None,
) -> Path:  # fmt: skip
    """Photograph everything and write SESSION.yaml beside the files.

    Parameters
    ----------
    sensor : a name of the catalogue
    folder : exists; the frames go into its ``captures``
    size : (width, height) of the sensor [photosites]
    seed : of the first frame; every frame has its own
    lean : True for darks, flats, charts and dots alone

    Returns
    -------
    Path
        Of SESSION.yaml.

    Raises
    ------
    UsageError, OutputError
        An unknown sensor or size; files that exist.
    """
    from isp.io import atomic_write, write_dng
    from sensors import capture, load_sensor

    part = load_sensor(sensor)
    lens = lens_for(part.pitch_um, size)
    (folder / "captures").mkdir(exist_ok=True)
    lines = [
        f"# What was photographed with a simulated {sensor}; calibrate it with: isp tune calibrate SESSION.yaml -o OUT",
        "version: 1", f"name: {sensor}", "base: natural", "captures:",
    ]  # fmt: skip
    number = 0
    for shot in shots(lean=lean):
        tell(f"{sensor}: {shot.name}")
        files = []
        for repeat in range(shot.repeats):
            given = {"iso": ISOS[0], **shot.settings}
            frame = capture(
                shot.scene, part, mode=part.default_mode, size=size, lens=lens, seed=seed + number, **given
            )
            name = f"captures/{shot.name}-{repeat + 1}.dng"
            write_dng(bare(frame), folder / name, overwrite=overwrite)
            files.append(name)
            number += 1
        about = "".join(f", {key}: {_scalar(value)}" for key, value in shot.about.items())
        lines.append(f"  - {{kind: {shot.kind}{about}, files: [{', '.join(files)}]}}")
    if not lean:
        lines += ["targets:", f"  snr_db: {SNR_DB:g}", f"  mtf50: {MTF50:g}"]
    path = folder / "SESSION.yaml"
    with atomic_write(path, overwrite) as file:
        file.write(("\n".join(lines) + "\n").encode())
    return path


def bare(frame: Any) -> RawFrame:
    """A frame without what a calibration is to find."""
    if not isinstance(frame, RawFrame):
        raise InputError("the tutorial's captures are single frames")
    return frame.with_info(neutral=None, calibrations=(), noise=None, lens_shading=None, warp=None)


def _scalar(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) and ":" in value else str(value)
