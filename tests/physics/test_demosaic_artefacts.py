"""What demosaicing can add that is not there: colour on grey, zipper along edges, mazes and tints in noise.

The default is held against `menon2007`, the usual strong method, with plain NumPy measures.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tests.unit.stage_runner import around, mosaic_of, noisy, run_stage

SIDE, OVER = 160, 4
BENDS = (0.0, 30.0)


def sampled(function):
    """A function of x and y [px from the middle] as area means over pixels."""
    places = (np.arange(SIDE * OVER) + 0.5) / OVER - SIDE / 2 - 0.2
    y, x = np.meshgrid(places, places, indexing="ij")
    return function(x, y).reshape(SIDE, OVER, SIDE, OVER).mean((1, 3))


def edge(degrees):
    angle = np.radians(degrees)
    return gaussian_filter(sampled(lambda x, y: 1.0 * (x * np.cos(angle) + y * np.sin(angle) > 0)), 0.35)


def zone_plate(x, y):
    """Rings whose frequency grows to the limit of the green sites, |fx| + |fy| = 1/2, at 72 px along the diagonal."""
    return 0.5 + 0.45 * np.cos(np.pi * 0.5 * (x**2 + y**2) / (72 * np.sqrt(2)))


def star(x, y):
    return 1.0 * (np.sin(36 * np.arctan2(y, x)) > 0)


CHARTS = {f"edge {a}": edge(a) for a in (0, 5, 15, 30, 45, 60, 80)}
CHARTS["zone plate"] = np.where(np.hypot(*np.mgrid[-80:80, -80:80]) < 72, sampled(zone_plate), 0.5)
CHARTS["star"] = gaussian_filter(sampled(star), 0.4)


def demosaiced(method, picture, bend=0.0, clean=True):
    data = mosaic_of(picture) if clean else picture
    return run_stage("demosaic", data, around(data), method=method, bend=bend)


def inner(picture):
    return picture[12:-12, 12:-12]


def false_color(method, chart, bend):
    grey = np.repeat((0.05 + 0.85 * chart)[..., None], 3, 2).astype(np.float32)
    result = inner(demosaiced(method, grey, bend))
    return float(np.sqrt(np.mean((result - result.mean(-1, keepdims=True)) ** 2)))


@pytest.mark.parametrize("bend", BENDS)
def test_grey_charts_stay_as_grey_as_the_usual_method_leaves_them(bend):
    found = {m: np.array([false_color(m, c, bend) for c in CHARTS.values()]) for m in ("menon2007", "adaptive")}
    assert (found["adaptive"] < 1.15 * found["menon2007"] + 4e-4).all()
    assert found["adaptive"].mean() < 0.85 * found["menon2007"].mean()


@pytest.mark.parametrize("bend", BENDS)
def test_edges_between_colours(bend):
    pairs = [((0.8, 0.1, 0.1), (0.1, 0.2, 0.7)), ((0.9, 0.8, 0.1), (0.1, 0.1, 0.1)), ((0.1, 0.6, 0.2), (0.7, 0.7, 0.7))]
    error = {"menon2007": [], "adaptive": []}
    for one, two in pairs:
        for degrees in (0, 15, 45, 70):
            part = edge(degrees)[..., None]
            truth = (part * np.array(one) + (1 - part) * np.array(two)).astype(np.float32)
            for method, found in error.items():
                found.append(np.sqrt(np.mean((inner(demosaiced(method, truth, bend)) - inner(truth)) ** 2)))
    ratio = np.array(error["adaptive"]) / np.array(error["menon2007"])
    assert ratio.max() < 1.1
    assert ratio.mean() < 0.8


def lab(picture):
    """CIELAB of display-encoded sRGB."""
    linear = np.where(picture <= 0.04045, picture / 12.92, ((np.maximum(picture, 0) + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ (matrix / matrix.sum(1, keepdims=True)).T
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def zipper_ratio(result, truth):
    """Part of pixels whose difference to the neighbour most like them (in the original) changed by over 2.3 units.

    W. Lu, Y.-P. Tan, "Color filter array demosaicking: new method and performance measures", IEEE Transactions on
    Image Processing 12(10), 2003, section IV.
    """
    offsets = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]

    def differences(picture):
        values = lab(np.clip(picture, 0, 1))
        return np.stack([np.linalg.norm(values - np.roll(values, o, (0, 1)), axis=-1) for o in offsets])

    true = differences(truth)
    nearest = true.argmin(0)[None]
    change = np.take_along_axis(differences(result), nearest, 0) - np.take_along_axis(true, nearest, 0)
    return float(np.mean(inner(np.abs(change[0]) > 2.3)))


def test_less_zipper_than_the_usual_method(shared_data):
    found = {"menon2007": [], "adaptive": []}
    for number in (1, 8, 19, 23):
        path = shared_data / "rgb_kodak" / f"kodim{number:02d}.png"
        if not path.is_file():
            pytest.skip("the Kodak pictures are not here")
        picture = (np.asarray(Image.open(path).convert("RGB"), np.float32) / np.float32(255))[100:400, 200:500]
        for method, ratios in found.items():
            ratios.append(zipper_ratio(demosaiced(method, picture), picture))
    ratio = np.array(found["adaptive"]) / np.array(found["menon2007"])
    assert ratio.max() < 1.05
    assert ratio.mean() < 0.95


def test_noise_becomes_neither_mazes_nor_tints():
    y, x = np.mgrid[:SIDE, :SIDE]
    level = np.where(x < 80, 0.01, np.where(y < 80, 0.06, 0.3))
    truth = np.repeat(level[..., None], 3, 2)
    data = noisy(mosaic_of(truth), 6e-3, 1e-4)
    parts = [(slice(12, -12), slice(12, 68)), (slice(12, 68), slice(92, -12)), (slice(92, -12), slice(92, -12))]
    found = {m: demosaiced(m, data, b, clean=False) for m, b in (("menon2007", 0.0), ("adaptive", 30.0))}
    for part in parts:
        spread = {m: (r - truth)[part].std() for m, r in found.items()}
        assert spread["adaptive"] < spread["menon2007"]
        # the mean of the mosaic's own sites is what no demosaicing can know better
        own = [data[part][i::2, j::2].mean() for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))]
        shift = found["adaptive"][part].mean((0, 1)) - (own[0], (own[1] + own[2]) / 2, own[3])
        assert np.abs(shift).max() < 0.03 * spread["adaptive"] + 2e-4
