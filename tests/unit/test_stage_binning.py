"""binning: the means of whole blocks, and a context that says where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.pipeline import Pipeline, apply
from isp.profile import Profile
from isp.rectilinear import RectilinearWarp
from isp.stages.binning import Binning
from isp.stages.mesh import sampled
from isp.values import FrameInfo, GainMesh, Mosaic, NoiseModel, RawFrame
from tests.unit.stage_runner import around, mosaic_of

SIDES = (2, 3, 4)


def pattern(k, letters="RGGB"):
    return "/".join("".join(c * k for c in row) for row in (letters[:2], letters[2:]) for _ in range(k))


def whole_blocks(data, k, cfa):
    """(top, left) of the first whole block, and the means of all."""
    left, top = ((-p) % k for p in cfa.phase)
    h, w = (data.shape[0] - top) // k, (data.shape[1] - left) // k
    return (top, left), data[top : top + h * k, left : left + w * k].reshape(h, k, w, k).mean(axis=(1, 3))


@pytest.mark.parametrize("k", SIDES)
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (5, 2)])
def test_means_of_whole_blocks(k, shift):
    data = np.random.Generator(np.random.Philox(1)).random((67, 91), np.float32)
    cfa = Cfa(pattern(k)).shifted(*shift)
    result = apply("binning", Mosaic(data, cfa, NoiseModel((4e-3,) * 4, (1e-4,) * 4)))
    (top, left), means = whole_blocks(data, k, cfa)
    np.testing.assert_allclose(result.data, means, atol=1e-6)
    # the small mosaic's colours are those of the blocks
    for y, x in np.ndindex(2, 2):
        assert result.cfa.at(x, y) == cfa.at(left + k * x, top + k * y)
    assert result.noise.shot == pytest.approx((4e-3 / k**2,) * 4)
    assert result.noise.read == pytest.approx((1e-4 / k**2,) * 4)


def test_it_takes_what_has_no_blocks_as_it_is():
    data = np.random.Generator(np.random.Philox(1)).random((20, 24), np.float32)
    for cfa in ("GBRG", "RYYB", "Y"):
        result = apply("binning", Mosaic(data, Cfa(cfa)))
        assert np.array_equal(result.data, data)


def test_yellow_stays_yellow():
    result = apply("binning", Mosaic(np.ones((16, 16), np.float32), Cfa(pattern(2, "RYYB"))))
    assert result.cfa == Cfa("RYYB")


def gains_at(mesh, place):
    return sampled(mesh, place[:1], place[1:])


@pytest.mark.parametrize(("k", "shift"), [(2, (1, 0)), (3, (1, 2)), (4, (3, 1))])
def test_gain_map_and_warp_stay_where_they_were(k, shift):
    """A map bilinear in position: its value at a block's centre. A warp: where a block's centre is found."""
    rng = np.random.Generator(np.random.Philox(2))
    mesh = GainMesh(1 + rng.random((5, 7, 4), np.float32), (0.05, 0.1), (0.2, 0.15))
    warp = RectilinearWarp(((1.01, 0.03, -0.02, 0.01, 1e-3, -2e-3),), (0.48, 0.53))
    data = np.zeros((75, 101), np.float32)
    before = around(data, str(Cfa(pattern(k)).shifted(*shift)), info=FrameInfo(lens_shading=mesh, warp=warp))
    before = before.but(shading=mesh)
    after = Binning().advance({}, before)
    (top, left), means = whole_blocks(data, k, before.cfa)
    assert after.shape == means.shape
    for y, x in ((0, 0), (7, 11), (means.shape[0] - 1, means.shape[1] - 1)):
        there = (top + k * y + (k - 1) / 2, left + k * x + (k - 1) / 2)
        place = tuple((v + 0.5) / n for v, n in zip(there, data.shape, strict=True))
        small = tuple((v + 0.5) / n for v, n in zip((y, x), means.shape, strict=True))
        for moved in (after.shading, after.info.lens_shading):
            np.testing.assert_allclose(gains_at(moved, small), gains_at(mesh, place), rtol=1e-5)
        found = after.info.warp.find(means.shape, 0, x, y)
        expected = warp.find(data.shape, 0, there[1], there[0])
        assert left + k * found[0] + (k - 1) / 2 == pytest.approx(float(expected[0]), abs=1e-6)
        assert top + k * found[1] + (k - 1) / 2 == pytest.approx(float(expected[1]), abs=1e-6)


@pytest.mark.parametrize("k", SIDES)
def test_a_chain_of_one_profile_bins_or_works_at_full_size(k):
    colors = np.full((24 * k, 20 * k, 3), (0.2, 0.4, 0.1), np.float32)
    codes = np.rint(100 + 900 * mosaic_of(colors, pattern(k))).astype(np.uint16)
    frame = RawFrame.from_array(codes, pattern(k), 100, 1000)
    for enabled, shape in ((True, (24, 20)), (False, (24 * k, 20 * k))):
        stages = [
            "linearize", "black_level", ("binning", {"enabled": enabled}), "remosaic",
            ("demosaic", {"method": "malvar2004"}),
        ]
        result = Pipeline(Profile.from_stages(stages)).run(frame, tap="demosaic").value
        assert result.data.shape == (*shape, 3)
        np.testing.assert_allclose(result.data, np.broadcast_to(colors[0, 0], result.data.shape), atol=1e-5)
