"""black_level against the formula by hand."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import ProfileError
from isp.values import FrameInfo, NoiseModel
from tests.unit.stage_runner import PHASES, around, resolved, run_stage, site_of

LEVELS = (60.0, 64.0, 66.0, 70.0)


@pytest.mark.parametrize("cfa", PHASES)
def test_each_site_loses_its_own_level_and_all_share_one_scale(cfa):
    rng = np.random.Generator(np.random.Philox(4))
    codes = rng.integers(0, 1024, (33, 47)).astype(np.uint16)
    context = around(codes, cfa, black=LEVELS, white=1023.0)
    result = run_stage("black_level", codes, context, "raw")
    expected = (codes - np.array(LEVELS)[site_of(codes.shape, cfa)]) / (1023 - 65)
    assert np.allclose(result, expected, atol=1e-7)
    assert result.min() < 0  # below black stays below black


def test_values_given_in_the_profile_win():
    codes = np.full((8, 8), 544, np.uint16)
    context = around(codes, black=LEVELS, white=1023.0)
    assert np.array_equal(run_stage("black_level", codes, context, "raw", level=64, white=1024), np.full((8, 8), 0.5))


def test_noise_model_and_clip_level_start_here():
    noise = NoiseModel((1e-3,) * 4, (1e-6,) * 4)
    context = around(np.zeros((4, 4)), info=FrameInfo(noise=noise), white=1023.0)
    stage, values = resolved("black_level", context, "raw")
    after = stage.advance(values, context)
    assert after.noise == noise
    assert after.clip == (1.0, 1.0, 1.0)


def test_black_at_or_above_white_is_refused():
    with pytest.raises(ProfileError, match="level 1023 must be below white 1023 DN"):
        resolved("black_level", around(np.zeros((4, 4))), "raw", level=1023, white=1023)


def test_a_measured_noise_model_wins_over_that_of_the_file():
    stated, measured = NoiseModel((1e-3,) * 4, (1e-6,) * 4), [[2e-4, 3e-4, 3e-4, 4e-4], [1e-6] * 4]
    context = around(np.zeros((4, 4)), info=FrameInfo(noise=stated), white=1023.0)
    stage, values = resolved("black_level", context, "raw", noise=measured)
    assert stage.advance(values, context).noise == NoiseModel(*measured)
    stage, values = resolved("black_level", context, "raw", noise=[])
    assert stage.advance(values, context).noise is None


def test_a_noise_model_follows_iso():
    low, high = [[1e-4] * 4, [1e-6] * 4], [[4e-4] * 4, [9e-6] * 4]
    context = around(np.zeros((4, 4)), info=FrameInfo(iso=200.0), white=1023.0)
    stage, values = resolved("black_level", context, "raw", noise={"iso": {100: low, 400: high}})
    assert stage.advance(values, context).noise.shot == pytest.approx((2.5e-4,) * 4)
