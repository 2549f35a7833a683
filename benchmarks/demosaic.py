"""Demosaic methods against colour-demosaicing's: quality on pictures with known colours, and speed, in one run.

    python benchmarks/demosaic.py [--pictures FOLDER] [--width 4000 --height 3000] [--rounds 3]

Quality: colour peak signal-to-noise ratio [dB] over the three channels of 8-bit display-encoded values after rounding,
RGGB, a border of 10 px left out, mean over the pictures of FOLDER (PNG; for example the 24 of Kodak). The second
column is the same pictures blurred (sigma 0.58 px) and their saturation raised 2.9 times in linear light, which takes
them about as far from grey as the McMaster set is. Speed: wall time in turns, all cores, after a warm-up; processor
time per pixel; and the time to compile.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from os import environ
from pathlib import Path

import numpy as np
from common import big_frame, in_turns, median
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.pipeline import Pipeline, Run
from isp.profile import Profile
from isp.stages.demosaic import Demosaic
from isp.values import Mosaic

Pixels = NDArray[np.float32]
BORDER = 10
GREY = np.array([0.2126, 0.7152, 0.0722])


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="folder of PNG files with full colour at every pixel")
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        environ["MOBILE_ISP_CACHE"] = cache
        _report(asked)


def _report(asked: argparse.Namespace) -> None:
    frame = big_frame(asked.width, asked.height)
    data = ((frame.data - np.float32(frame.black.mean())) / np.float32(frame.white)).astype(np.float32)
    ours = {str(name): _runner(str(name)) for name in Demosaic.parameter("method").choices}
    compiles = {name: run(data[:512, :512]).seconds["compile"] for name, run in ours.items()}
    candidates: dict[str, Callable[[Pixels], object]] = {**ours, **_others()}
    spent: dict[str, list[float]] = {name: [] for name in candidates}

    def timed(name: str) -> Callable[[], object]:
        def run() -> None:
            start = time.process_time()
            candidates[name](data)
            spent[name].append(time.process_time() - start)

        return run

    seconds = in_turns({name: timed(name) for name in candidates}, asked.rounds)
    sets = list(_sets(asked.pictures)) if asked.pictures else []
    menon = median(seconds["colour-demosaicing Menon2007"])
    print(f"{'':30s} {'dB':>6s} {'dB sat.':>8s} {'MP/s':>7s} {'x Menon':>8s} {'ns/px cpu':>10s} {'compile s':>10s}")
    for name, run in candidates.items():
        quality = [np.mean([_decibel(_rgb(run(_mosaic(p))), p) for p in kind]) for kind in zip(*sets, strict=True)]
        cells = " ".join(f"{q:7.2f}" for q in quality) or f"{'n.a.':>7s} {'n.a.':>7s}"
        rate, cpu = data.size / 1e6 / median(seconds[name]), median(spent[name][1:]) / data.size * 1e9
        compiled = f"{compiles[name]:10.2f}" if name in compiles else ""
        print(f"{name:30s} {cells} {rate:7.1f} {menon / median(seconds[name]):8.1f} {cpu:10.1f} {compiled}")


def _runner(method: str) -> Callable[[Pixels], Run]:
    pipeline = Pipeline(Profile.from_stages([("demosaic", {"method": method})], start="mosaic"))
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


def _sets(folder: Path) -> Iterator[tuple[Pixels, Pixels]]:
    """Each picture as it is, and blurred and saturated."""
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    for path in sorted(folder.glob("*.png")):
        picture = np.asarray(Image.open(path).convert("RGB"), np.float32) / np.float32(255)
        linear = np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
        linear = gaussian_filter(linear, (0.58, 0.58, 0))
        grey = (linear @ GREY)[..., None]
        vivid = np.clip(grey + 2.9 * (linear - grey), 0, 1)
        encoded = np.where(vivid <= 0.0031308, vivid * 12.92, 1.055 * vivid ** (1 / 2.4) - 0.055)
        yield picture.astype(np.float32), (np.rint(encoded * 255) / 255).astype(np.float32)


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
