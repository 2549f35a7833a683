"""How near pictures with known colours come back from mosaics of same-colour blocks, against measured baselines."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.physics.test_demosaic_quality import vivid
from tests.unit.stage_runner import around, mosaic_of, run_stage

BLOCKS = {"quad": 2, "nona": 3, "hexadeca": 4}
BARS = {
    # [dB]: pictures as they are, and vivid ones; about 0.2 below what is measured on these six
    "quad": (33.9, 30.5),
    "nona": (34.3, 29.5),
    "hexadeca": (32.9, 27.6),
}


def cut(picture, k):
    side = 12 if k == 3 else 16
    rows, columns = (n // side * side for n in picture.shape[:2])
    return picture[:rows, :columns]


def quality(found, picture):
    """Colour peak signal-to-noise ratio [dB] of 8-bit display-encoded values, 10 px of border left out."""
    error = (np.rint(np.clip(found, 0, 1) * 255) - np.rint(picture * 255))[10:-10, 10:-10]
    return 10 * np.log10(255**2 / np.mean(error.astype(np.float64) ** 2))


def pattern(k):
    return "/".join("".join(c * k for c in row) for row in ("RG", "GB") for _ in range(k))


def developed(picture, k, method):
    data = mosaic_of(picture, pattern(k))
    bayer = run_stage("remosaic", data, around(data, pattern(k)), method=method)
    return run_stage("demosaic", bayer, around(bayer))


@pytest.fixture(scope="module")
def pictures(shared_data):
    files = sorted((shared_data / "rgb_kodak").glob("kodim*.png"))
    if len(files) != 24:
        pytest.skip("the 24 Kodak pictures are not here")
    kodak = [np.asarray(Image.open(f).convert("RGB"), np.float32) / np.float32(255) for f in files[1::4]]
    return kodak, [vivid(p) for p in kodak]


@pytest.mark.parametrize("family", BLOCKS)
def test_the_default_keeps_its_distance(pictures, family):
    k = BLOCKS[family]
    for kind, bar in zip(pictures, BARS[family], strict=True):
        found = {
            method: float(np.mean([quality(developed(cut(p, k), k, method), cut(p, k)) for p in kind]))
            for method in ("directional", "guided", "nearest")
        }
        assert found["directional"] > bar
        assert found["directional"] > found["guided"]
        assert found["guided"] > found["nearest"] + 1


@pytest.mark.parametrize("family", ["quad", "hexadeca"])  # for nona, where half is measured, both come out alike
def test_direct_demosaic_is_worth_having(pictures, family):
    k = BLOCKS[family]
    kodak = [cut(p, k) for p in pictures[0]]
    direct = []
    for picture in kodak:
        data = mosaic_of(picture, pattern(k))
        direct.append(quality(run_stage("demosaic", data, around(data, pattern(k))), picture))
    two_steps = [quality(developed(p, k, "directional"), p) for p in kodak]
    assert np.mean(direct) > np.mean(two_steps) + 0.1
