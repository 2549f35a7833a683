"""The full 16384 x 12288 capture of a photo with optics and all noise, to a DNG; and the noise generator against NumPy.

    python benchmarks/simulate.py [--photo FILE]

The goals: under 20 s on two cores after compiling and under 3 GB; cost linear in pixels; noise at least 10 x as fast as
NumPy's `Generator.poisson` and `normal` on the same count. Without --photo, a picture of noise is photographed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import in_turns, median, whole_process

SIZES = ((4096, 3072), (8192, 6144), (16384, 12288))
LEVELS = (0.5, 5.0, 100.0, 2000.0)


def a_photo(folder: Path) -> Path:
    """A 12 MP sRGB picture with structure at every scale."""
    from isp.values import Picture

    generator = np.random.default_rng(1)
    picture = np.zeros((3000, 4000, 3))
    for step in (8, 40, 200):
        coarse = generator.random((3000 // step + 1, 4000 // step + 1, 3))
        picture += np.kron(coarse, np.ones((step, step, 1)))[:3000, :4000]
    return Picture((picture / 3 * 255).astype(np.uint8), "srgb", "srgb", "display").save(folder / "photo.png")


def capture_times(photo: Path, folder: Path, sensor: str) -> None:
    """Whole-process seconds and memory of `isp simulate` at three sizes, warm."""
    isp = str(Path(sys.executable).with_name("isp"))
    for width, height in ((256, 192), *SIZES):
        target = folder / "frame.dng"
        command = [isp, "simulate", "--sensor", sensor, "--scene", f"photo:{photo}", "--size", f"{width}x{height}"]
        best = min(
            (whole_process([*command, "-o", str(target), "--overwrite"]) for _ in range(1 if width < 1000 else 2)),
            key=lambda run: run.wall,
        )
        if width < 1000:
            continue
        pixels = width * height / 1e6
        print(
            f"{sensor} {width} x {height}: {best.wall:.1f} s, {best.wall / pixels * 1000:.0f} ns per photosite, "
            f"{best.peak:.0f} MB"
        )


def noise_rates() -> None:
    """Photon and read noise of a grey frame: the pixel program's generator against NumPy."""
    from isp.engine.build import host_target
    from isp.engine.programs import obtain
    from isp.engine.runtime import buffer_of
    from sensors.pixel import random

    def build() -> tuple[object, list[object]]:
        import halide as hl

        mean, key = hl.ImageParam(hl.Float(32), 2, "mean"), hl.ImageParam(hl.UInt(32), 1, "key")
        x, y, yo, yi = hl.Var("x"), hl.Var("y"), hl.Var("yo"), hl.Var("yi")
        zero = hl.cast(hl.UInt(32), 0)
        words = random.philox((hl.cast(hl.UInt(32), x), hl.cast(hl.UInt(32), y), zero, zero), (key[0], key[1]))
        out = hl.Func("out")
        out[x, y] = random.poisson(mean[x, y], words[0]) + random.normal(words[1])
        out.split(y, yo, yi, 16).parallel(yo).vectorize(x, host_target().natural_vector_size(hl.Float(32)))
        return out, [mean, key]

    program = obtain(f"benchmark noise {Path(random.__file__).read_text()}", 3, "noise", build)
    shape = (2048, 4096)
    key, out = np.array([1, 2], np.uint32), np.empty(shape, np.float32)
    generator = np.random.Generator(np.random.PCG64(1))
    for level in LEVELS:
        mean = np.full(shape, level, np.float32)
        found = in_turns(
            {
                "ours": lambda mean=mean: program(buffer_of(mean), buffer_of(key), buffer_of(out)),
                "NumPy": lambda mean=mean: generator.poisson(mean) + generator.normal(size=shape),
            },
            rounds=3,
        )
        ours, theirs = (median(found[name]) / mean.size * 1e9 for name in ("ours", "NumPy"))
        print(f"noise at {level:g} e-: {ours:.1f} ns, NumPy {theirs:.1f} ns: {theirs / ours:.1f} x")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--sensor", default="quad_200mp")
    options = parser.parse_args()
    noise_rates()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        photo = options.photo or a_photo(Path(folder))
        capture_times(photo.resolve(), Path(folder), options.sensor)


if __name__ == "__main__":
    main()
