"""Hidden parameters come back: 25 numbers of 6 stages, from three pictures, judged on a fourth."""

from __future__ import annotations

import numpy as np
import pytest

import tuning
from isp.pipeline import Pipeline
from isp.profile import Profile, read_profile
from tests.tuning_frames import colourful

HIDDEN = {
    "ccm.matrix": ((1.75, -0.55, -0.2), (-0.3, 1.55, -0.25), (0.02, -0.5, 1.48)),
    "exposure.ev": -0.6,
    "vignette.amount": 0.5, "vignette.roundness": 0.7,
    "tone_curve.contrast": 1.55, "tone_curve.toe": 2.5, "tone_curve.black": 0.003, "tone_curve.white": 2.4,
    "tone_curve.shoulder": 1.8, "tone_curve.grey": 0.2, "tone_curve.hue": 0.3,
    "saturation.amount": 1.15, "saturation.vibrance": 0.1,
    "sharpen.amount": 0.9, "sharpen.radius": 1.2, "sharpen.coring": 0.012, "sharpen.overshoot": 0.05,
}  # fmt: skip


def start():
    """`natural` with the stage vignette, which changes nothing by default."""
    natural = read_profile("natural").with_settings(["white_balance.mode=as_shot"])
    vignette = Profile.from_stages(["vignette"], start="scene").stages[0]
    at = [e.name for e in natural.stages].index("exposure")
    return natural.with_stages([*natural.stages[:at], vignette, *natural.stages[at:]])


def recovered(shape):
    profile = start()
    hidden = profile.with_settings([f"{k}={np.asarray(v).tolist()}" for k, v in HIDDEN.items()])
    frames = [colourful(seed, shape) for seed in range(4)]
    pairs = [(frame, Pipeline(hidden)(frame)) for frame in frames]
    params = "ccm,exposure,vignette,tone_curve,saturation,sharpen"
    return tuning.fit(profile, pairs[:3], params=params, validate=pairs[3:], register=False)


def wanted(label):
    name, _, place = label.partition("[")
    return float(np.asarray(HIDDEN[name])[tuple(int(i) for i in place.rstrip("]").split(",")) if place else ()])


def check(result, most):
    assert result.converged, result.reason
    assert len(result.parameters) == 25
    assert result.pictures[-1].held_back
    assert result.pictures[-1].after > 50
    for each in result.parameters:
        if each.identified:
            assert float(each.value) == pytest.approx(wanted(each.label), rel=0.02), each.label
    # the matrix and the exposure do the same up to one factor, and that is said
    assert "exposure.ev" in result.unidentified
    found = {p.label: float(p.value) for p in result.parameters}
    matrix = np.array([[found[f"ccm.matrix[{i},{j}]"] for j in range(3)] for i in range(3)])
    true = np.array(HIDDEN["ccm.matrix"])
    ratio = float(np.sum(matrix * true) / np.sum(true * true))
    assert matrix / ratio == pytest.approx(true, abs=most * np.abs(true).max())
    others = [label for label in found if not label.startswith(("ccm", "exposure"))]
    errors = {label: abs(found[label] / wanted(label) - 1) for label in others}
    assert max(errors.values()) < 5 * most, errors
    assert float(np.median(list(errors.values()))) < most, errors


def test_from_small_pictures():
    check(recovered((160, 208)), 0.02)


@pytest.mark.full
def test_from_pictures_of_a_megapixel():
    check(recovered((832, 1216)), 0.01)
