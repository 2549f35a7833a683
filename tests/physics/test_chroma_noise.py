"""Colour noise of a photographed chart at ISO 3200, in CIELAB, from single pixels to blotches."""

from __future__ import annotations

from functools import cache

import colour
import numpy as np
import pytest

from isp import Pipeline
from isp.color.spaces import rgb_to_xyz
from isp.profile import Profile
from sensors import capture

WHITE = np.array([0.3127, 0.3290])
SEEDS = (1, 2)


@cache
def chart(seed):
    """The 24 patches are 72 px a side."""
    return capture("chart", "imx586", mode="bin2", iso=3200, size=(1200, 800), lux=30.0, seed=seed, truth=True)


@cache
def developed(seed, calm):
    """(H, W, 3) XYZ."""
    stages = [
        "linearize", "black_level", ("white_balance", {"mode": "as_shot"}), ("noise_reduction", {"method": "bisquare"}),
        ("demosaic", {"method": "menon2007"}), ("chroma_noise_reduction", {"strength": float(calm)}), "ccm",
    ]
    value = Pipeline(Profile.from_stages(stages, start="raw")).run(chart(seed)[0], tap="ccm").value
    return value.data.astype(np.float64) @ rgb_to_xyz("rec2020").T


def lab(xyz):
    return colour.XYZ_to_Lab(xyz, WHITE)


def patches(picture):
    for region in chart(1)[1].regions:
        (left, top), _, (right, bottom), _ = np.rint(region["corners"]).astype(int)
        yield picture[top + 4 : bottom - 4, left + 4 : right - 4]


def boxes(patch, size):
    h, w = (n // size for n in patch.shape[:2])
    return patch[: h * size, : w * size].reshape(h, size, w, size, 3).mean((1, 3))


def noise(calm, size):
    """Standard deviation of a*, b* over all patches; of two frames the difference, which shading does not enter."""
    pairs = zip(*(patches(developed(seed, calm)) for seed in SEEDS), strict=True)
    return np.sqrt(np.mean([np.mean((lab(boxes(p, size)) - lab(boxes(q, size)))[..., 1:] ** 2) / 2 for p, q in pairs]))


@pytest.mark.parametrize(("size", "least"), [(1, 4.0), (8, 4.0), (32, 1.7)])
def test_noise_falls_at_every_scale(size, least):
    assert noise(False, size) > least * noise(True, size)


def test_the_patches_keep_their_colours():
    means = [
        lab(np.array([np.mean([a, b], axis=(0, 1, 2)) for a, b in
                      zip(*(patches(developed(s, calm)) for s in SEEDS), strict=True)]))
        for calm in (False, True)
    ]
    changes = colour.delta_E(*means, method="CIE 2000")
    assert changes.mean() < 0.2
    assert changes.max() < 0.6
