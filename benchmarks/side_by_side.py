"""Pictures side by side: the same simulated frames developed here, by darktable and by RawTherapee, all by default.

    python benchmarks/side_by_side.py [-o docs/images] [--only day]

Simulates a day, an indoor and a night scene with three phone sensors and develops every frame with `isp run` (`night`
for the night, `natural` otherwise), darktable-cli and rawtherapee-cli as they come. Enlarged crops lie beside the ideal
picture in one JPEG a scene. A program that is missing (both are Debian packages) leaves its column out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from isp.io import write_dng, write_picture
from sensors import capture
from sensors.scenes.image import ImageScene
from sensors.scenes.materials import primaries
from sensors.truth import srgb_picture

CROP = 160
"""Side of a crop [px of the frame]."""
ENLARGED = 2


class Take(NamedTuple):
    """A scene photographed: profile, camera, settings, and the centres of crops relative to the frame."""

    profile: str
    camera: str
    settings: dict[str, Any]
    crops: tuple[tuple[float, float], ...]


TAKES = {
    "day": Take(
        "natural", "imx586",
        {"scene": "composed", "mode": "bin2", "iso": 100, "lux": 20000.0, "illuminant": "daylight:5500"},
        ((0.82, 0.16), (0.635, 0.41), (0.85, 0.41), (0.59, 0.9)),
    ),
    "indoor": Take(
        "natural", "xiaomi_12t_pro/main",
        {"scene": "composed", "mode": "bin4", "iso": 800, "lux": 100.0, "illuminant": "3000K"},
        ((0.635, 0.41), (0.2, 0.3), (0.36, 0.72), (0.25, 0.9)),
    ),
    "night": Take(
        "night", "xiaomi_12s_ultra/main",
        {"scene": "street", "mode": "bin2", "iso": 3200, "lux": 2.0, "illuminant": "2700K", "exposure": 1 / 15},
        ((0.3, 0.35), (0.6, 0.6), (0.75, 0.3), (0.15, 0.8)),
    ),
}  # fmt: skip
SIZES = {"bin2": (3200, 2400), "bin4": (6400, 4800), "full": (1600, 1200)}


def main() -> None:
    """Write one picture a scene."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--keep", type=Path, help="keep the whole pictures in this folder")
    parser.add_argument("--only", choices=tuple(TAKES), help="one scene")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for scene, take in TAKES.items():
            if asked.only in (None, scene):
                _sheet(scene, take, folder).save(asked.output / f"{scene}.jpg", quality=88)
                print(asked.output / f"{scene}.jpg")


def _sheet(name: str, take: Take, folder: Path) -> Image.Image:
    settings = dict(take.settings)
    scene = settings.pop("scene")
    frame, truth = capture(
        street() if scene == "street" else scene, take.camera, truth=True, size=SIZES[settings["mode"]], **settings
    )
    raw = folder / f"{name}.dng"
    write_dng(frame, raw, overwrite=True)
    write_picture(srgb_picture(truth.ideal), folder / f"{name}-ideal.png", overwrite=True)
    columns = {"what a perfect camera sees": folder / f"{name}-ideal.png", **dict(_developed(raw, take.profile))}
    side = CROP * ENLARGED
    sheet = Image.new("RGB", (len(columns) * (side + 8) - 8, len(take.crops) * (side + 8) + 24), "white")
    pen = ImageDraw.Draw(sheet)
    for column, (label, path) in enumerate(columns.items()):
        picture = Image.open(path).convert("RGB")
        pen.text((column * (side + 8) + 4, 4), label, "black", ImageFont.load_default(14))
        for row, (x, y) in enumerate(take.crops):
            left, top = (round(n * at - CROP / 2) for n, at in zip(picture.size, (x, y), strict=True))
            part = picture.crop((left, top, left + CROP, top + CROP)).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(part, (column * (side + 8), 24 + row * (side + 8)))
    return sheet


def _developed(raw: Path, profile: str) -> Iterator[tuple[str, Path]]:
    isp = Path(sys.executable).parent / "isp"
    tools = {
        f"isp run {profile}": (isp, "run", profile, raw, "-o", "{out}", "--overwrite"),
        "darktable": ("darktable-cli", raw, "{out}", "--core", "--configdir", raw.parent / "dt", "--library",
                      ":memory:"),
        "RawTherapee": ("rawtherapee-cli", "-o", "{out}", "-Y", "-d", "-n", "-c", raw),
    }  # fmt: skip
    for label, command in tools.items():
        if not shutil.which(command[0]):
            print(f"{command[0]} is not installed: left out")
            continue
        out = raw.with_name(f"{raw.stem}-{label.split()[0].lower()}.png")
        out.unlink(missing_ok=True)
        words = [os.fspath(word).replace("{out}", os.fspath(out)) for word in command]
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, "HOME": os.fspath(raw.parent)})
        yield label, out


def street() -> ImageScene:
    """A street at night: façades with lit windows, lamps, coloured signs, fine railings, and darkness between them."""
    height, width = 1200, 1600
    rng = np.random.Generator(np.random.Philox(11))
    light = np.full((height, width, 3), 0.004)
    y, x = np.mgrid[:height, :width]
    light[: height // 3] *= np.array([0.5, 0.7, 1.2])
    for left in range(0, width, 200):
        top, tone = int(rng.uniform(120, 420)), rng.uniform(0.05, 0.35, 3)
        wall = tone * (0.6 + 0.4 * rng.random((height - top, 180, 1)))
        light[top:, left : left + 180] = wall * 0.3
        for row in range(top + 40, height - 260, 90):
            for column in range(left + 20, left + 160, 50):
                if rng.random() < 0.4:
                    light[row : row + 50, column : column + 30] = rng.uniform(0.3, 2.5) * np.array([1.0, 0.75, 0.4])
    light[height - 200 :] = 0.05 + 0.03 * rng.random((200, width, 1))
    for at in range(0, width, 9):
        light[height - 260 : height - 200, at : at + 3] = 0.01
    lamps = [((480, 420), 1.0), ((960, 720), 0.8), ((1200, 360), 1.2), ((240, 960), 0.7)]
    for (cx, cy), warmth in lamps:
        distance = np.hypot(x - cx, y - cy)[..., None]
        colour = np.array([1.0, 0.8 * warmth, 0.55 * warmth**2])
        light += np.where(distance < 14, 60.0, 0.0) * colour + 0.8 * colour / (1 + (distance / 40) ** 2)
    for k, colour in enumerate(((1, 0.03, 0.05), (0.03, 1, 0.2), (0.05, 0.15, 1), (1, 0.4, 0.02))):
        light[640 + 8 * k : 646 + 8 * k, 200 + 330 * k : 330 + 330 * k] = 3.0 * np.array(colour)
    planes: NDArray[np.float32] = np.ascontiguousarray(light.transpose(2, 0, 1), np.float32)
    return ImageScene("street", planes, primaries())


if __name__ == "__main__":
    main()
