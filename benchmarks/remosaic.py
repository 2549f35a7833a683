"""Remosaic methods on quad, nona and hexadeca mosaics: quality on pictures with known colours, and speed, in one run.

    python benchmarks/remosaic.py [--pictures FOLDER] [--width 4096 --height 3072] [--rounds 3]

Quality: colour peak signal-to-noise ratio [dB] as in `demosaic.py` (border of 10 px left out, mean over the PNG files
of FOLDER, cut to whole blocks: multiples of 16 or 12 px), of three of its sets of pictures: `as is`, `painted` (most
like the McMaster pictures), and `light` (linear light, as in a camera). "picture" is what the default demosaic makes of
the Bayer mosaic, "direct" is `demosaic` straight from the block mosaic. Speed: wall time in turns, all cores, after a
warm-up; processor time per pixel; the time to compile.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from os import environ
from typing import Any

import numpy as np
from common import costs_in_turns, frame_arguments, linear_frame
from demosaic import Pixels, _decibel, _decoded, _encoded, _sets

from isp.cfa import Cfa
from isp.pipeline import Pipeline, Run
from isp.profile import Profile
from isp.stages.demosaic.bend import BEND
from isp.stages.remosaic import Remosaic
from isp.values import Mosaic

BLOCKS = {"quad": 2, "nona": 3, "hexadeca": 4}
SETS = ("as is", "painted", "light")


def main() -> None:
    """Print one line per CFA and method."""
    asked = frame_arguments(__doc__, 4096, 3072)
    with tempfile.TemporaryDirectory() as cache:
        environ["MOBILE_ISP_CACHE"] = cache
        _report(asked)


def _report(asked: argparse.Namespace) -> None:
    data = linear_frame(asked.width, asked.height)
    runs = {
        f"{family} {method}": (k, _runner("remosaic", k, method=str(method)))
        for family, k in BLOCKS.items()
        for method in Remosaic.parameter("method").choices
    }
    runs |= {f"{family} binning": (k, _runner("binning", k)) for family, k in BLOCKS.items()}
    runs["Bayer demosaic malvar2004"] = (1, _runner("demosaic", 1, method="malvar2004"))
    compiles = {name: run(data[:528, :528]).seconds["compile"] for name, (_, run) in runs.items()}
    costs = costs_in_turns({name: partial(run, data) for name, (_, run) in runs.items()}, asked.rounds)
    sets = _sets(asked.pictures) if asked.pictures else {}
    print(f"{'':26s}" + "".join(f"{name:^16s}" for name in SETS))
    head = "".join(f"{word:>8s}" for word in ("picture", "direct") * len(SETS))
    print(f"{'':26s}{head} {'MP/s':>8s} {'ns/px cpu':>10s} {'compile s':>10s}")
    for name, (k, _) in runs.items():
        cells = 2 * len(SETS) * [np.nan]
        if sets and "binning" not in name and k > 1:
            method = name.split()[1]
            cells = [
                float(v) for kind in SETS
                for v in np.mean([_quality(truth, k, method, kind == "light") for _, truth in sets[kind]], axis=0)
            ]
        words = "".join(f"{c:8.2f}" if np.isfinite(c) else f"{'':8s}" for c in cells)
        wall, cpu = costs[name]
        rates = f"{data.size / 1e6 / wall:8.1f} {cpu / data.size * 1e9:10.2f}"
        print(f"{name:26s}{words} {rates} {compiles[name]:10.2f}", flush=True)


def _runner(stage: str, k: int, **parameters: Any) -> Callable[[Pixels], Run]:
    pipeline = Pipeline(Profile.from_stages([(stage, parameters)], start="mosaic"))
    cfa = Cfa("/".join("".join(c * k for c in row) for row in ("RG", "GB") for _ in range(k)))
    return lambda data: pipeline.run(Mosaic(data, cfa), tap=stage)


def _quality(picture: Pixels, k: int, method: str, light: bool) -> tuple[float, float]:
    """[dB] of the picture by way of a Bayer mosaic, and of the direct one."""
    side = 12 if k == 3 else 16
    rows, columns = (n // side * side for n in picture.shape[:2])
    true = picture[:rows, :columns]
    # the blocks of a mosaic whose pixel (x, y) has the colour of (x // k, y // k) in a Bayer mosaic
    blocks = np.array([0, 1, 1, 2])[(np.arange(rows) // k % 2 * 2)[:, None] + np.arange(columns) // k % 2]
    seen = _decoded(true) if light else true
    mosaic = np.take_along_axis(seen, blocks[..., None], 2)[..., 0]
    bend = {"bend": BEND if light else 0.0}
    bayer = _runner("remosaic", k, method=method, **bend)(mosaic).value.data
    results = _runner("demosaic", 1, **bend)(bayer), _runner("demosaic", k, **bend)(mosaic)
    pictures = [_encoded(r.value.data) if light else r.value.data for r in results]
    return _decibel(pictures[0], true), _decibel(pictures[1], true)


if __name__ == "__main__":
    main()
