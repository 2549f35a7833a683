"""From nothing to a judged profile: photograph, calibrate, develop scenes that the calibration has not seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.errors import OutputError
from reports.estimate import Estimate, mean_of
from tuning.tutorial.judging import Judged, judge
from tuning.tutorial.shooting import ISOS, LIGHTS, SENSORS, SIZE, UNSEEN_LIGHT, bare, lens_for, shoot

SCENES = (
    ("composed?seed=11", LIGHTS[0]), ("composed?seed=12", LIGHTS[2]), ("composed?seed=13", UNSEEN_LIGHT),
    ("dead-leaves?colored=1&seed=5", LIGHTS[2]), ("dead-leaves?colored=1&seed=6", UNSEEN_LIGHT),
)  # fmt: skip
"""Unseen: (scene, light)."""
GOAL = 2.0
"""Mean CIEDE2000 that a calibrated profile reaches on scenes it has not seen."""
SUMMARY = "summary.json"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Walked:
    """One sensor's way through the tutorial.

    Parameters
    ----------
    sensor : str
    folder : Path
        With SESSION.yaml, ``captures`` and ``result``.
    judged : tuple of Judged, one for each unseen scene
    mean : Estimate
        CIEDE2000 over the scenes.
    """

    sensor: str
    folder: Path
    judged: tuple[Judged, ...]
    mean: Estimate


def walk_through(
    folder: str | Path, *, sensors: Sequence[str] = SENSORS, size: tuple[int, int] | None = SIZE, seed: int = 0,
    scenes: Sequence[tuple[str, str]] = SCENES, lean: bool = False, overwrite: bool = False,
    tell: Tell = lambda what: None,
) -> tuple[Walked, ...]:  # fmt: skip
    """Run the tutorial.

    Parameters
    ----------
    folder : made if it is missing; each sensor gets a folder in it
    sensors : names of the catalogue
    size : (width, height) of the sensors [photosites]; None for their own
    seed : of all captures
    scenes : (scene, light) of what the profile is judged on
    lean : True to photograph and calibrate only what the comparison with truth needs: colour, shading, geometry
    overwrite : True if files may be replaced
    tell : called with what is being done

    Returns
    -------
    tuple of Walked

    Raises
    ------
    UsageError, OutputError, NumericError
        As the simulator, the calibration and the files do.
    """
    from isp.io import atomic_write, check_writable

    target = Path(folder)
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target}: cannot be made: {error.strerror}") from error
    check_writable(target / SUMMARY, overwrite)
    done = tuple(
        _one(target / name, name, size, seed, scenes, lean=lean, overwrite=overwrite, tell=tell) for name in sensors
    )
    with atomic_write(target / SUMMARY, overwrite) as file:
        file.write(json.dumps(summary(done), indent=1).encode())
    return done


def summary(done: Sequence[Walked]) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "goal": GOAL,
        "sensors": {
            each.sensor: {
                "mean_delta_e_2000": each.mean.as_json(),
                "scenes": {
                    j.scene: {"mean": j.mean.as_json(), "p95": float(j.p95), "compared_percent": float(j.compared)}
                    for j in each.judged
                },
            }
            for each in done
        },
    }


def _one(
    folder: Path, name: str, size: tuple[int, int] | None, seed: int, scenes: Sequence[tuple[str, str]], *,
    lean: bool, overwrite: bool, tell: Tell,
) -> Walked:  # fmt: skip
    from isp.profile import read_profile
    from sensors import capture, load_sensor
    from sensors.spectrum import make_light
    from tuning.session import run_session, write_results

    part = load_sensor(name)
    photosites = (part.width, part.height) if size is None else size
    folder.mkdir(exist_ok=True)
    session = shoot(name, folder, size=photosites, seed=seed, lean=lean, overwrite=overwrite, tell=tell)
    calibrated = run_session(session, tell=lambda what: tell(f"{name}: {what.lower()}"))
    written = write_results(calibrated, folder / "result", overwrite=overwrite)
    profile = read_profile(written[0])
    lens = lens_for(part.pitch_um, photosites)
    judged = []
    for number, (scene, light) in enumerate(scenes):
        tell(f"{name}: {scene} under {light}")
        shot: Any = capture(
            scene, part, mode=part.default_mode, size=photosites, lens=lens, illuminant=light, iso=ISOS[0],
            seed=seed + 1000 + number, truth=True,
        )  # fmt: skip
        frame, truth = shot
        judged.append(judge(profile, bare(frame), truth.ideal, make_light(light, 1.0).cct, f"{scene}, {light}"))
    return Walked(name, folder, tuple(judged), mean_of([float(j.mean) for j in judged]))
