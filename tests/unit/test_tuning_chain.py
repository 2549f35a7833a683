"""A frame through a profile forwards and backwards: the pipeline's pixels, and slopes that equal differences."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import NumericError, UsageError
from isp.pipeline import Pipeline
from isp.profile import Profile, read_profile
from tests.tuning_frames import colourful
from tuning.fitting.chain import Chain
from tuning.fitting.parameters import asked, parameters_at
from tuning.fitting.walk import Walk

STAGES = (
    "black_level", ("white_balance", {"mode": "as_shot"}), ("demosaic", {"method": "bilinear"}), "ccm",
    ("exposure", {"ev": "auto"}), ("tone_curve", {"perceptual": 0.0}), "saturation", ("encode", {"gamut": "clip"}),
)  # fmt: skip


def quick(*changes):
    """A profile whose derivatives compile in a second."""
    return Profile.from_stages(STAGES).with_settings(changes)


def chain_of(profile, names, frame=None, extra=0):
    frame = frame or colourful()
    wanted = asked(profile, names)
    walk = Walk(profile, frame, wanted.stages)
    parameters = parameters_at(profile, wanted.gradient, walk.stops({})[-1])
    start = np.concatenate([parameters.start, np.zeros(extra)])
    return Chain(walk, parameters, start, 1), start


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_the_picture_is_the_pipelines_to_the_bit(cfa):
    profile = quick()
    frame = colourful(cfa=cfa)
    chain, start = chain_of(profile, ["ccm", "saturation"], frame)
    expected = Pipeline(profile).run(frame, tap="encode").value.data
    assert np.array_equal(chain.render(start).picture, expected.transpose(2, 0, 1))


def test_slopes_equal_differences_through_the_automatic_exposure():
    chain, start = chain_of(quick(), ["black_level.level", "ccm.matrix", "tone_curve", "saturation"], extra=1)
    rendered = chain.render(start)
    # mostly of one sign: where terms cancel, what is left is the kinks of clipping
    weights = np.random.Generator(np.random.Philox(3)).uniform(0.2, 1, rendered.picture.shape).astype(np.float32)
    weights[1:] -= np.float32(0.4)
    found = chain.gradient(rendered, weights)
    labels = [*chain.parameters.labels, "offset"]
    scale = np.append(chain.parameters.scale, 1.0)

    def total(vector):
        return float(np.sum(chain.render(vector).picture.astype(np.float64) * weights))

    for index, label in enumerate(labels):
        slopes = []
        for width in (2e-3 * scale[index], 4e-3 * scale[index]):
            move = np.zeros(len(start))
            move[index] = width
            slopes.append((total(start + move) - total(start - move)) / (2 * width))
        expected = (4 * slopes[0] - slopes[1]) / 3
        size = 1e-3 * float(np.abs(found * scale).max()) / scale[index]
        if label != "tone_curve.black":  # begins at its bound
            assert found[index] == pytest.approx(expected, rel=0.02, abs=size), label


def test_stages_in_front_of_the_first_free_one_run_once():
    chain, start = chain_of(quick(), ["saturation.amount"])
    assert [p.step.stage.name for p in chain.walk.stops({})[-1].steps[: chain.first]][-1] == "tone_curve"
    first = chain.render(start)
    second = chain.render(start * 1.1)
    assert second.inputs[0] is first.inputs[0]
    assert not np.array_equal(first.picture, second.picture)


def test_a_stage_that_changes_nothing_yet_can_be_fitted():
    profile = Profile.from_stages([*STAGES[:4], "vignette", *STAGES[4:]])
    chain, start = chain_of(profile, ["vignette"])
    found = chain.gradient(chain.render(start), np.ones((3, 96, 128), np.float32))
    # more loss of light in the corners makes the picture darker
    assert found[0] < 0


def test_a_start_outside_its_bounds_is_refused():
    profile = read_profile("natural")
    walk = Walk(profile, colourful())
    last = walk.stops({("sharpen", "amount"): 7.0})[-1]
    with pytest.raises(NumericError, match=r"sharpen\.amount begins at 7, outside its bounds 0\.\.5"):
        parameters_at(profile, [("sharpen", "amount")], last)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["tone_curv"], "did you mean 'tone_curve'"),
        (["tone_curve.contras"], "did you mean 'contrast'"),
        (["ccm.fallback"], "not for tuners"),
        (["binning"], "disabled"),
        ([], "no parameter is free"),
    ],
)
def test_names_that_cannot_be_free(names, words):
    profile = read_profile("natural")
    with pytest.raises(UsageError, match=words):
        asked(profile, names)


def test_a_stage_stands_for_what_moves_by_gradient():
    natural = read_profile("natural")
    found = asked(natural, ["tone_curve", "green_equalization", "demosaic.method"], ["tone_curve.hue"])
    assert ("tone_curve", "contrast") in found.gradient
    assert ("tone_curve", "perceptual") not in (*found.gradient, *found.search)
    assert ("tone_curve", "hue") not in found.gradient
    assert found.search == (("green_equalization", "threshold"), ("demosaic", "method"))


def test_vectors_become_values_and_back():
    chain, start = chain_of(quick("tone_curve.points=[[0,0],[0.2,0.3],[1,1]]"), ["ccm", "tone_curve.points"])
    vector = start.copy()
    vector[-2] = -0.5  # a display value that would fall is held
    values = chain.parameters.values(vector)
    assert values["ccm", "matrix"][1][2] == start[5]
    assert values["tone_curve", "points"][1] == (0.2, 0.0)
    assert chain.parameters.owner(0) == "ccm"
    assert chain.parameters.owner(len(start) - 1) == "tone_curve"
    assert chain.parameters.owner(len(start)) == "exposure"
