"""Where colours saturate, measured: pile-ups are found, also under lens shading; bright areas are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.stages import find_stage
from isp.values import FrameInfo, GainMesh, Mosaic, NoiseModel
from tests.unit.stage_runner import mosaic_of, noisy

SHOT, READ = 2e-4, 1e-6
LEVELS = (0.98, 0.95, 0.92)


def _knee(data, cfa="RGGB", mesh=None, noise=True):
    model = NoiseModel((SHOT,) * 4, (READ,) * 4) if noise else None
    info = FrameInfo(lens_shading=mesh, self_describing=True)
    before = ["lens_shading"] if mesh is not None else []
    profile = Profile.from_stages(
        [*before, ("white_balance", {"mode": "manual", "gains": [2, 1, 1.5]}), "highlights"], start="mosaic"
    )
    run = Pipeline(profile).run(Mosaic(data, Cfa(cfa), model, info), tap="highlights")
    return run.stages[-1].values["knee"]


def _sky(light, cfa="RGGB", shape=(320, 480), levels=LEVELS):
    """A level that differs by colour, 0.1 % of spread at it, and noise below."""
    rng = np.random.default_rng(4)
    seen = noisy(mosaic_of(light * np.ones((*shape, 3)), cfa), SHOT, READ)
    level = mosaic_of(np.broadcast_to(levels, (*shape, 3)), cfa)
    return np.minimum(seen, level * (1 + 0.0005 * rng.standard_normal(shape))).astype(np.float32)


def _ramp(top, shape=(320, 480)):
    return np.linspace(0.2, top, shape[1])[None, :, None]


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG", "RRGG/RRGG/GGBB/GGBB"])
def test_levels_are_those_at_which_noise_ends(cfa):
    assert _knee(_sky(_ramp(2.0), cfa), cfa) == pytest.approx(0.92 * np.array(LEVELS), rel=3e-3)


def test_levels_are_found_under_lens_shading():
    mesh = np.ones((2, 3, 4), np.float32)
    mesh[:, 2] = (1.8, 1.6, 1.6, 1.5)
    found = _knee(_sky(_ramp(2.0)), mesh=GainMesh(mesh, (0.0, 0.0), (1.0, 0.5)))
    assert found == pytest.approx(0.92 * np.array(LEVELS), rel=0.01)


def test_a_colour_that_does_not_saturate_keeps_the_cautious_knee():
    knee = _knee(_sky(_ramp(2.0) * [0.3, 1.0, 0.3]))
    assert knee == pytest.approx([0.87, 0.92 * LEVELS[1], 0.87], rel=3e-3)


def test_a_bright_even_area_is_not_taken_for_saturation():
    assert _knee(_sky(0.9)) == (0.87, 0.87, 0.87)


def test_a_frame_without_noise_shows_no_level_whatever_its_noise_model_says():
    steps = np.repeat(np.linspace(0.1, 0.95, 8), 60)[None, :, None]
    assert _knee(mosaic_of(steps * np.ones((320, 480, 3)))) == (0.87, 0.87, 0.87)


def test_nothing_is_claimed_without_noise_model_or_in_small_frames():
    assert _knee(_sky(_ramp(2.0)), noise=False) == (0.87, 0.87, 0.87)
    assert _knee(_sky(_ramp(2.0, (12, 16)), shape=(12, 16))) == (0.87, 0.87, 0.87)
    assert _knee(np.ones((64, 64), np.float32)) == pytest.approx((0.92,) * 3)


def test_the_knee_may_be_given():
    param = find_stage("highlights").parameter("knee")
    assert param.check([0.9, 0.95, 0.9]) == (0.9, 0.95, 0.9)
    assert param.check(0.9) == 0.9
