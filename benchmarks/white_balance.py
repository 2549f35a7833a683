"""Automatic white balance on simulated frames: photographs as scenes, under lights that the picture does not tell.

    python benchmarks/white_balance.py --pictures FOLDER [--sensors imx586 isocell_hp1] [--lights A D65 ...] [--every 1]

Each picture of FOLDER (PNG; for example the 24 of Kodak) is photographed by each sensor under each light, small and
noisy, and the neutral that every method of `white_balance` finds is compared with the sensor's response to the
light. Error in degrees: reproduction, the angle between a white surface after balance and grey (G. D. Finlayson,
R. Zakizadeh, "Reproduction angular error: an improved performance metric for illuminant estimation", BMVC 2014), and
recovery, the angle between the two neutrals; mean, median and mean of the worst quarter. The pictures carry casts of
their own, so the error cannot become 0. The last column is processor time per frame behind the statistics.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isp.color.auto_white import estimate
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.stage import Context
from isp.stages.white_balance import WhiteBalance
from isp.values import RawFrame
from sensors.catalog import load_camera
from sensors.photograph import capture
from sensors.truth import Truth

Array = NDArray[np.float64]
LIGHTS = ("A", "2500K", "3500K", "daylight:4500", "D50", "D65", "D75", "FL2", "FL11", "LED-B3")


def main() -> None:
    """Print one table per sensor and one over all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of PNG files")
    parser.add_argument("--sensors", nargs="+", default=["imx586", "imx363"])
    parser.add_argument("--lights", nargs="+", default=list(LIGHTS))
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    asked = parser.parse_args()
    pictures = sorted(asked.pictures.glob("*.png"))[:: asked.every]
    if not pictures:
        parser.error(f"no PNG files in {asked.pictures}")
    methods = [str(name) for name in WhiteBalance.parameter("method").choices]
    found = np.array(
        [[[_errors(p, sensor, light, methods) for p in pictures] for light in asked.lights] for sensor in asked.sensors]
    )
    for sensor, errors in (*zip(asked.sensors, found, strict=True), ("all", found)):
        print(f"{sensor:20s} {'reproduction [deg]':>24s} {'recovery [deg]':>24s} {'ms':>6s}")
        for i, method in enumerate(methods):
            one = errors[..., i, :].reshape(-1, 3)
            print(f"  {method:18s} {_summary(one[:, 0])} {_summary(one[:, 1])} {one[:, 2].mean() * 1e3:6.1f}")


def _errors(picture: Path, sensor: str, light: str, methods: list[str]) -> Array:
    """(methods, 3): reproduction and recovery error [degrees] and processor time [s]."""
    mode, size = ("full", (512, 384)) if load_camera(sensor).sensor.block == 1 else ("bin2", (1024, 768))
    if load_camera(sensor).sensor.block == 4:
        mode, size = "bin4", (2048, 1536)
    taken = capture(f"photo:{picture}", sensor, mode=mode, size=size, illuminant=light, truth=True)
    frame, truth = taken if isinstance(taken, tuple) else (taken, None)
    if not isinstance(frame, RawFrame) or not isinstance(truth, Truth):
        raise TypeError("one frame and its truth were asked for")
    profile = Profile.from_stages(["linearize", "black_level", ("white_balance", {"mode": "auto"})], start="raw")
    statistics = Pipeline(profile).run(frame, tap="white_balance").statistics
    rows = []
    for method in methods:
        # a copy remembers nothing, so that each method is timed from the start
        context = Context(frame.cfa, frame.shape, frame.info, statistics=statistics and replace(statistics))
        start = time.process_time()
        neutral, _ = estimate({"method": method, "norm": 6.0}, context)
        spent = time.process_time() - start
        rows.append((_angle(truth.neutral / neutral, np.ones(3)), _angle(truth.neutral, neutral), spent))
    return np.array(rows)


def _angle(a: Array, b: Array) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def _summary(errors: Array) -> str:
    worst = np.sort(errors)[-max(len(errors) // 4, 1) :]
    return f"{errors.mean():8.2f}{np.median(errors):8.2f}{worst.mean():8.2f}"


if __name__ == "__main__":
    main()
