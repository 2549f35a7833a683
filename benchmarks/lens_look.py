"""Speed and memory of the lens look at 12 MP, its growth with the blur, and a plain gather of the same work.

    python -m benchmarks.lens_look [--threads 2] [--size 4000x3000] [--blur 100]

The picture has a figure in focus, a floor that leaves the focus, a far background, and a pole in front, blurred half as
much. Prints seconds of wall and of processor: the second pass, programs compiled and the lens prepared, its spots
made anew; and the third, which finds the spots of the second. The plain gather is NumPy: every pixel adds up the
pixels within the largest blur, one by one shifted, each where its own blur circle reaches so far (no occlusion, no
colour, even discs: less work than the stage does); it runs on a crop and is scaled by the number of pixels.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from isp.lens_look.renderer import kept
from isp.lens_look.thin_lens import blur_diameter
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.values import Companions, Picture

LENS, FOCAL, FOCUS, WIDTH = "50mm_f1.4_1971", 50.0, 1.5, 36.0
CROP = 160
"""Side of the crop that the plain gather works on [px]."""


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Light (H, W, 3) and distance (H, W) [m]."""
    light, depth = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    x = np.arange(width, dtype=np.float32)[None] / height
    # in strips, so that making it takes no memory to speak of
    for top in range(0, height, 100):
        y = np.arange(top, min(top + 100, height), dtype=np.float32)[:, None] / height
        rows = slice(top, top + 100)
        light[rows] = (0.2 + 0.15 * np.sin(60 * x + 3 * np.sin(20 * y)) * np.sin(50 * y))[..., None] * [1, 0.9, 0.8]
        depth[rows] = np.where(y > 0.6, 0.44 / np.maximum(y - 0.55, 0.03) + 0.6, 30.0)
        figure, pole = ((x - 0.66) / 0.25) ** 2 + ((y - 0.6) / 0.4) ** 2 < 1, np.abs(x - 0.15 - 0.1 * y) < 0.02
        for inside, away, factor in ((figure, FOCUS, 1.5), (pole, 0.95, 0.3)):
            depth[rows][inside] = away
            light[rows][inside] *= factor
    random = np.random.Generator(np.random.Philox(1))
    for row, column in zip(random.integers(0, height - 4, 60), random.integers(0, width - 4, 60), strict=True):
        light[row : row + 4, column : column + 4] = 4.0
    return light, depth


def f_number(blur: float, width: int) -> float:
    """At which an infinitely far point has a blur circle of `blur` px."""
    return float(blur_diameter(FOCAL, 1.0, np.inf, FOCUS)) / WIDTH * width / blur


def rendered(light: np.ndarray, depth: np.ndarray, blur: float, threads: int) -> list[tuple[float, float]]:
    """Seconds of wall and of processor: spots made anew, and kept from the picture before."""
    profile = Profile.from_stages(
        [("lens_look", {"lens": LENS, "f_number": f_number(blur, light.shape[1])})], start="scene"
    )
    pipeline, picture = Pipeline(profile, threads=threads), Picture.from_array(light, "rec2020", "linear", "scene")
    spent = []
    for again in (False, False, True):
        if not again:
            kept.cache_clear()
        wall, cpu = time.perf_counter(), time.process_time()
        pipeline.run(picture, tap="lens_look", companions=Companions({"depth": depth}, FOCUS))
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    return spent[1:]


def gathered(light: np.ndarray, radius: np.ndarray, largest: int) -> np.ndarray:
    """The plain gather: (h, w, 3) of a crop with `largest` pixels around it."""
    h, w = (n - 2 * largest for n in radius.shape)
    total, weight = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.float32)
    share = (1 / np.maximum(np.pi * radius**2, 1)).astype(np.float32)
    for dy in range(-largest, largest + 1):
        for dx in range(-largest, largest + 1):
            place = np.s_[largest + dy : largest + dy + h, largest + dx : largest + dx + w]
            part = np.where(radius[place] >= np.hypot(dx, dy), share[place], 0)
            weight += part
            total += part[..., None] * light[place]
    return total / np.maximum(weight, 1e-6)[..., None]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", default="4000x3000")
    parser.add_argument("--blur", type=float, default=100.0)
    parser.add_argument("--growth", action="store_true", help="also with a quarter and a half of the blur")
    given = parser.parse_args()
    width, height = (int(n) for n in given.size.split("x"))
    light, depth = scene(height, width)
    before = _memory()
    for blur in [given.blur / 4, given.blur / 2] * given.growth + [given.blur]:
        (wall, cpu), (next_wall, next_cpu) = rendered(light, depth, blur, given.threads)
        print(
            f"blur {blur:5.1f} px: {wall:6.2f} s, processor {cpu:6.2f} s; the next picture by the same lens at work "
            f"{next_wall:6.2f} s, processor {next_cpu:6.2f} s", flush=True,
        )
    print(f"most memory held: {_memory():.2f} GB, {before:.2f} GB of it before")
    reach = int(np.ceil(given.blur / 2))
    top, left = height // 2, width // 3
    crop = np.s_[top : top + CROP + 2 * reach, left : left + CROP + 2 * reach]
    radius = np.abs(blur_diameter(FOCAL, f_number(given.blur, width), depth[crop], FOCUS)) / WIDTH * width / 2
    began = time.process_time()
    gathered(light[crop], radius.astype(np.float32), reach)
    plain = (time.process_time() - began) * height * width / CROP**2
    print(f"plain gather, from {CROP}x{CROP} px: {plain:.0f} s of processor, {plain / cpu:.0f} times as much")


def _memory() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e9 if sys.platform == "darwin" else most * 1024 / 1e9


if __name__ == "__main__":
    main()
