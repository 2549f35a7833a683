"""Demosaic methods against colour-demosaicing's: quality on pictures with known colours, and speed, in one run.

    python benchmarks/demosaic.py [--pictures FOLDER] [--width 4000 --height 3000] [--rounds 3]

Quality: colour peak signal-to-noise ratio [dB] over the three channels of 8-bit display-encoded values after rounding,
RGGB, a border of 10 px left out, mean over the pictures of FOLDER (PNG; for example the 24 of Kodak):

- `as is`: the display-encoded values are the mosaic, as the literature measures (`adaptive` with `bend` 0)
- `vivid`: blurred (sigma 0.58 px), saturation raised 2.9 times in linear light
- `painted`: blurred (0.4 px), each channel given its own contrast and brightness, drifting over some 20 px (seeded).
  Of these sets the one whose order and distances of methods are most like those published for the McMaster pictures
- `small`: area means of 1.5 px and saturation doubled, both in linear light: detail up to the sampling limit
- `light`: what a camera does: area means of 1.5 px, mosaic and demosaic in linear light, encoded behind (`bend` 30)

Speed: wall time in turns, all cores, after a warm-up; processor time per pixel; and the time to compile.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from os import environ
from pathlib import Path

import numpy as np
from common import costs_in_turns, frame_arguments, linear_frame
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.pipeline import Pipeline, Run
from isp.profile import Profile
from isp.stages.demosaic import Demosaic
from isp.stages.demosaic.bend import BEND
from isp.values import Mosaic

Pixels = NDArray[np.float32]
BORDER = 10
GREY = np.array([0.2126, 0.7152, 0.0722])


def main() -> None:
    """Print one line per method."""
    asked = frame_arguments(__doc__, 4000, 3000)
    with tempfile.TemporaryDirectory() as cache:
        environ["MOBILE_ISP_CACHE"] = cache
        _report(asked)


def _report(asked: argparse.Namespace) -> None:
    data = linear_frame(asked.width, asked.height)
    ours = {str(name): _runner(str(name)) for name in Demosaic.parameter("method").choices}
    compiles = {name: run(data[:512, :512]).seconds["compile"] for name, run in ours.items()}
    candidates: dict[str, Callable[[Pixels], object]] = {**ours, **_others()}
    costs = costs_in_turns({name: partial(run, data) for name, run in candidates.items()}, asked.rounds)
    encoded = {**candidates, **{name: _runner(name, 0.0) for name in ours}}
    sets = _sets(asked.pictures) if asked.pictures else {}
    menon, _ = costs["colour-demosaicing Menon2007"]
    heads = "".join(f"{name:>8s}" for name in sets)
    print(f"{'':30s}{heads} {'MP/s':>7s} {'x Menon':>8s} {'ns/px cpu':>10s} {'compile s':>10s}")
    for name, run in candidates.items():
        cells = ""
        for kind, pictures in sets.items():
            light = kind == "light"
            found = [_decibel(_shown(_rgb((run if light else encoded[name])(m)), light), p) for m, p in pictures]
            cells += f"{np.mean(found):8.2f}"
        wall, cpu = costs[name]
        compiled = f"{compiles[name]:10.2f}" if name in compiles else ""
        print(f"{name:30s}{cells} {data.size / 1e6 / wall:7.1f} {menon / wall:8.1f} {cpu / data.size * 1e9:10.1f} "
              f"{compiled}", flush=True)


def _runner(method: str, bend: float = BEND) -> Callable[[Pixels], Run]:
    pipeline = Pipeline(Profile.from_stages([("demosaic", {"method": method, "bend": bend})], start="mosaic"))
    return lambda data: pipeline.run(Mosaic(data, Cfa("RGGB")), tap="demosaic")


def _others() -> dict[str, Callable[[Pixels], object]]:
    with warnings.catch_warnings():
        # it imports SciPy by names that SciPy has moved
        warnings.simplefilter("ignore", DeprecationWarning)
        import colour_demosaicing as other

    return {
        "colour-demosaicing bilinear": other.demosaicing_CFA_Bayer_bilinear,
        "colour-demosaicing Malvar2004": other.demosaicing_CFA_Bayer_Malvar2004,
        "colour-demosaicing Menon2007": other.demosaicing_CFA_Bayer_Menon2007,
    }


def _rgb(result: object) -> Pixels:
    return np.asarray(result.value.data if isinstance(result, Run) else result, np.float32)


def _sets(folder: Path) -> dict[str, list[tuple[Pixels, Pixels]]]:
    """(mosaic, display-encoded truth) of every picture, by kind of set."""
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    sets: dict[str, list[tuple[Pixels, Pixels]]] = {k: [] for k in ("as is", "vivid", "painted", "small", "light")}

    def add(kind: str, truth: Pixels) -> None:
        sets[kind].append((_mosaic(_decoded(truth) if kind == "light" else truth), truth))

    for number, path in enumerate(sorted(folder.glob("*.png"))):
        picture = np.asarray(Image.open(path).convert("RGB"), np.float32) / np.float32(255)
        linear = _decoded(picture)
        add("as is", picture)
        add("vivid", _encoded(_saturated(gaussian_filter(linear, (0.58, 0.58, 0)), 2.9)))
        rng = np.random.Generator(np.random.Philox(number))
        fields = [gaussian_filter(rng.standard_normal(linear.shape), (20, 20, 0)) for _ in "ab"]
        tint, contrast = (0.7 * f / f.std() for f in fields)
        tint = np.exp(tint - tint.max(-1, keepdims=True))
        soft = np.maximum(gaussian_filter(linear, (0.4, 0.4, 0)), 0)
        add("painted", _encoded(soft ** np.exp(contrast) * tint))
        small = _smaller(_smaller(linear, 1.5).swapaxes(0, 1), 1.5).swapaxes(0, 1)
        add("small", _encoded(_saturated(small, 2.0)))
        add("light", _encoded(small))
    return sets


def _decoded(picture: Pixels) -> Pixels:
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(linear: NDArray[np.floating]) -> Pixels:
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (np.rint(encoded * 255) / 255).astype(np.float32)


def _saturated(linear: Pixels, times: float) -> NDArray[np.floating]:
    grey = (linear @ GREY)[..., None]
    return grey + times * (linear - grey)


def _smaller(linear: Pixels, factor: float) -> Pixels:
    """Means over `factor` rows: differences of the interpolated running sum."""
    total = np.concatenate([np.zeros_like(linear[:1]), np.cumsum(linear, 0, np.float64)])
    places = np.arange(int(linear.shape[0] / factor) + 1) * factor
    low = np.minimum(places.astype(int), linear.shape[0] - 1)
    sums = total[low] + (total[low + 1] - total[low]) * (places - low)[:, None, None]
    return (np.diff(sums, axis=0) / factor).astype(np.float32)


def _shown(result: Pixels, light: bool) -> Pixels:
    return _encoded(result) if light else result


def _mosaic(picture: Pixels) -> Pixels:
    mosaic = picture[..., 1].copy()
    mosaic[::2, ::2] = picture[::2, ::2, 0]
    mosaic[1::2, 1::2] = picture[1::2, 1::2, 2]
    return mosaic


def _decibel(found: Pixels, true: Pixels) -> float:
    inner = slice(BORDER, -BORDER)
    error = (np.rint(np.clip(found, 0, 1) * 255) - np.rint(true * 255))[inner, inner]
    return float(10 * np.log10(255**2 / np.mean(error.astype(np.float64) ** 2)))


if __name__ == "__main__":
    main()
