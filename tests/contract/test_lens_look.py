"""What every stage keeps to, of the lens look: it takes whole frames and so is not among the fused ones."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.stage import Context
from isp.stages import find_stage
from isp.values import Companions, Picture

VARIANTS = (
    {"lens": "50mm_f1.4_1971"},
    {"lens": "58mm_f1.4_1927", "f_number": 2.8, "blades": 5, "edge_refine": 2, "onion": [0.1, 12]},
    {"lens": "ideal", "f_number": 2.8, "edge_refine": 0, "distortion": 0.0, "phone": [7, 1.8, 8]},
)
FOCUS = 1.5


def run(light, depth, threads=2, **given):
    profile = Profile.from_stages([("lens_look", given)], start="scene")
    companions = Companions({} if depth is None else {"depth": depth}, FOCUS)
    picture = Picture.from_array(light, "rec2020", "linear", "scene")
    return Pipeline(profile, threads=threads).run(picture, tap="lens_look", companions=companions)


def scene(height, width):
    """A busy picture, and a depth of steps beside a slope."""
    random = np.random.Generator(np.random.Philox(8))
    light = random.uniform(0, 1.2, (height, width, 3)).astype(np.float32)
    blocks = random.choice([0.75, 1.1, 1.5, 2.0, 6.0], (-(-height // 40), -(-width // 40)))
    depth = np.kron(blocks, np.ones((40, 40)))[:height, :width].astype(np.float32)
    slope = width * 6 // 10
    depth[:, slope:] = 6.0 - np.arange(width - slope, dtype=np.float32) / (width - slope)
    return light, depth


@pytest.mark.parametrize("given", VARIANTS, ids=["wide", "stopped", "ideal"])
def test_the_same_bits_for_any_thread_count_and_no_mutation(given):
    light, depth = scene(200, 560)
    before = light.copy(), depth.copy()
    results = [run(light, depth, threads, **given).value.data for threads in (1, 3)]
    assert all(np.array_equal(results[0], other) for other in results[1:])
    assert np.array_equal(light, before[0])
    assert np.array_equal(depth, before[1])


@pytest.mark.parametrize(
    "given", [VARIANTS[0], *(pytest.param(given, marks=pytest.mark.full) for given in VARIANTS[1:])],
    ids=["wide", "stopped", "ideal"],
)  # fmt: skip
def test_a_crop_equals_the_whole_away_from_its_border(given):
    light, depth = scene(800, 1200)
    left, top, width, height = 221, 9, 880, 779
    whole = run(light, depth, **given)
    values, stage = dict(whole.stages[0].values), find_stage("lens_look")
    companions = Companions({"depth": depth}, FOCUS)
    margin = stage.margin(values, Context(Cfa("RGGB"), depth.shape, companions=companions))
    assert margin < 350
    box = np.s_[top : top + height, left : left + width]
    part = run(light[box], np.ascontiguousarray(depth[box]), **(given | {"window": [left, top, 1200, 800]}))
    inner = np.s_[margin : height - margin, margin : width - margin]
    assert np.abs(part.value.data - whole.value.data[box])[inner].max() < 1e-4


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (4, 131), (67, 6), (129, 257)])
@pytest.mark.parametrize("given", [{}, {"mode": "flat", "glare": 0.05}], ids=["depth", "flat"])
def test_small_and_odd_sizes(shape, given):
    depth = np.where(np.arange(shape[1]) % 3 == 0, 0.8, 4.0)[None].repeat(shape[0], 0).astype(np.float32)
    out = run(np.full((*shape, 3), 0.5, np.float32), depth, **given).value.data
    assert out.shape == (*shape, 3)
    assert np.isfinite(out).all()


def test_finite_in_gives_finite_out_even_far_out_of_range():
    light, depth = scene(96, 160)
    for factor in (-1e3, 1e5):
        assert np.isfinite(run(light * np.float32(factor), depth).value.data).all()


def test_aperture_focus_and_strength_are_for_searches():
    stage = find_stage("lens_look")
    tunable = {p.name for p in stage.parameters if p.tune == "search"}
    assert {"f_number", "focus", "strength"} <= tunable
