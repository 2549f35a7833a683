"""Fits of the lens look: aperture and focus are found again by search, from a picture and its depth."""

from __future__ import annotations

import pytest

from isp import Pipeline, read_profile
from isp.errors import InputError
from isp.values import Companions
from sensors import capture
from tuning import fit
from tuning.fitting.pairs import Pair

FREE = "lens_look.f_number,lens_look.focus"
START = ["lens_look.mode=depth", "lens_look.f_number=1.6", "lens_look.focus=1.2", "exposure.ev=0.3"]


@pytest.fixture(scope="module")
def pair():
    frame, truth = capture(
        "portrait", sensor="imx586", mode="bin4", size=(640, 480), iso=100, lux=800, target=0.12, truth=True
    )
    beside = Companions({"depth": truth.depth_seen})
    other = read_profile("portrait_50mm").with_settings([*START, "lens_look.f_number=2.3", "lens_look.focus=1.5"])
    return Pair(frame, Pipeline(other).run(frame, companions=beside).value, "portrait", companions=beside)


def found(pair, trials):
    start = read_profile("portrait_50mm").with_settings(START)
    return fit(start, [pair], params=FREE, trials=trials, register=False)


def test_a_search_goes_through_the_lens_with_the_depth_of_the_pair(pair):
    result = found(pair, 3)
    assert result.loss <= result.loss_before
    assert set(result.settings) == set(FREE.split(","))


def test_without_its_depth_a_fit_says_so(pair):
    with pytest.raises(InputError, match="stage 'lens_look' needs 'depth', which was not given"):
        found(Pair(pair.raw, pair.reference), 2)


@pytest.mark.full
def test_aperture_and_focus_are_found(pair):
    result = found(pair, 60)
    assert result.settings["lens_look.f_number"] == pytest.approx(2.3, rel=0.08)
    assert result.settings["lens_look.focus"] == pytest.approx(1.5, rel=0.05)
    assert result.loss < 0.02 * result.loss_before
