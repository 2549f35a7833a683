"""Noise reduction against scikit-image's non-local means (and BM3D, where the `bm3d` package is there), in one run.

    python benchmarks/noise_reduction.py --pictures FOLDER [--every 4] [--rounds 3]

Quality: peak signal-to-noise ratio [dB] of linear values, clipped to 0..1, mean over the pictures of FOLDER (PNG; of
the 24 of Kodak every fourth from the first), decoded by x^2.2; in brackets the same of values encoded by x^(1/2.2).
Noise is that of an IMX586 (calibration of MegEngine/PMRID) at ISO 400, 1600 and 6400, seeded by the picture's number.
First the Rec. 709 luminance as a monochrome mosaic; then an RGGB mosaic, whose four planes the others see one by one.
All work on the generalised Anscombe transform, sigma 1, and go through the same exact unbiased inverse; non-local means
with patches of 5 px, distances to 6 px and h = 0.8, its recommendation for a known sigma.

Speed: wall time on 4 x 4 copies of one picture (ours), or one (others), in turns, and processor time per pixel.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from common import costs_in_turns
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.stages.noise_reduction import NoiseReduction
from isp.stages.noise_reduction.stabilised import corrections
from isp.values import Mosaic, NoiseModel

Pixels = NDArray[np.float64]
Noise = tuple[float, float]
Method = Callable[[Pixels, Noise, str], Pixels]
ISOS = (400, 1600, 6400)
LUMA = np.array([0.2126, 0.7152, 0.0722])


def main() -> None:
    """Print a table for each CFA."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of PNG files")
    parser.add_argument("--every", type=int, default=4, help="take every so many pictures")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    files = sorted(asked.pictures.glob("*.png"))[:: asked.every]
    methods: dict[str, Method] = {"noisy": lambda data, noise, cfa: data}
    methods |= {str(m): ours(str(m)) for m in NoiseReduction.parameter("method").choices}
    methods |= {name: in_planes(f) for name, f in others().items()}
    for cfa in ("Y", "RGGB"):
        print(f"{cfa:12s}" + "".join(f"{f'ISO {iso}':>18s}" for iso in ISOS) + "    MP/s  ns/px cpu")
        speed = speeds({n: m for n, m in methods.items() if n != "noisy"}, files[0], cfa, asked.rounds)
        for name, method in methods.items():
            cells = [quality(method, files, cfa, iso) for iso in ISOS]
            words = "".join(f"{linear:9.2f} ({encoded:6.2f})" for linear, encoded in cells)
            rate, cpu = speed.get(name, (float("nan"), float("nan")))
            print(f"{name:12s}{words}{rate:8.2f}{cpu:11.0f}", flush=True)


def sensor(iso: float) -> Noise:
    """S and O of an IMX586, binned 2x2, at an ISO."""
    return (5.995267e-4 * iso + 8.68861e-3) / 959, (7.11772e-7 * iso**2 + 6.514934e-4 * iso + 0.11492713) / 959**2


def mosaic(file: Path, cfa: str) -> Pixels:
    """The picture as a noiseless mosaic."""
    from PIL import Image

    rgb = (np.asarray(Image.open(file).convert("RGB"), np.float64) / 255) ** 2.2
    if cfa == "Y":
        return np.asarray(rgb @ LUMA)
    result = rgb[..., 1].copy()
    result[::2, ::2], result[1::2, 1::2] = rgb[::2, ::2, 0], rgb[1::2, 1::2, 2]
    return result


def noisy(true: Pixels, noise: Noise, seed: int) -> Pixels:
    """With Poisson and Gaussian noise."""
    rng = np.random.default_rng(seed)
    return rng.poisson(true / noise[0]) * noise[0] + rng.normal(0, np.sqrt(noise[1]), true.shape)


def quality(method: Method, files: list[Path], cfa: str, iso: float) -> tuple[float, float]:
    """Mean decibels of linear and of encoded values."""
    decibels = []
    for file in files:
        true, noise = mosaic(file, cfa), sensor(iso)
        found = np.clip(method(noisy(true, noise, int("".join(filter(str.isdigit, file.stem)) or 0)), noise, cfa), 0, 1)
        pairs = ((found, true), (found ** (1 / 2.2), true ** (1 / 2.2)))
        decibels.append([-10 * np.log10(np.mean((a - b) ** 2)) for a, b in pairs])
    linear, encoded = np.mean(decibels, axis=0)
    return float(linear), float(encoded)


def ours(method: str) -> Method:
    """The stage by one of its methods."""
    pipeline = Pipeline(Profile.from_stages([("noise_reduction", {"method": method})], start="mosaic"))

    def run(data: Pixels, noise: Noise, cfa: str) -> Pixels:
        model = NoiseModel((noise[0],) * 4, (noise[1],) * 4)
        result = pipeline.run(Mosaic(data.astype(np.float32), Cfa(cfa), model), tap="noise_reduction").value
        return np.asarray(result.data, np.float64)

    return run


def others() -> Mapping[str, Callable[[Pixels], Pixels]]:
    """Filters for noise of unit variance."""
    from skimage.restoration import denoise_nl_means

    found: dict[str, Callable[[Pixels], Pixels]] = {
        "skimage NLM": lambda d: denoise_nl_means(d, patch_size=5, patch_distance=6, h=0.8, sigma=1, fast_mode=True)
    }
    try:
        import bm3d
    except ImportError:
        return found
    return {**found, "bm3d": lambda d: np.asarray(bm3d.bm3d(d, 1.0))}


def in_planes(denoise: Callable[[Pixels], Pixels]) -> Method:
    """A filter for unit variance, on the stable values of each plane of a mosaic."""

    def run(data: Pixels, noise: Noise, cfa: str) -> Pixels:
        result, side = np.empty_like(data), 1 if cfa == "Y" else 2
        for place in np.ndindex(side, side):
            plane = np.s_[place[0] :: side, place[1] :: side]
            result[plane] = _linear(denoise(_stable(data[plane], *noise)), *noise)
        return result

    return run


def _stable(x: Pixels, shot: float, read: float) -> Pixels:
    c = read + 0.375 * shot**2
    return np.asarray(2 / shot * np.sqrt(shot * np.maximum(x, 0) + c) + np.minimum(x, 0) / np.sqrt(c))


def _linear(d: Pixels, shot: float, read: float) -> Pixels:
    c = read + 0.375 * shot**2
    place = d - 2 / shot * np.sqrt(c)
    table = corrections(np.array([shot]), np.array([read]))[0]
    algebraic = np.where(place > 0, shot / 4 * d**2 - c / shot, place * np.sqrt(c))
    return np.asarray(algebraic + np.interp(place, -6 + 0.5 * np.arange(table.size), table))


def speeds(methods: Mapping[str, Method], file: Path, cfa: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Megapixels per second and processor time [ns/px] of each method."""
    noise = sensor(1600)
    one = noisy(mosaic(file, cfa), noise, 1)
    fast = NoiseReduction.parameter("method").choices
    data = {name: np.tile(one, (4, 4)) if name in fast else one for name in methods}
    costs = costs_in_turns({n: partial(m, data[n], noise, cfa) for n, m in methods.items()}, rounds)
    return {n: (data[n].size / 1e6 / wall, cpu / data[n].size * 1e9) for n, (wall, cpu) in costs.items()}


if __name__ == "__main__":
    main()
