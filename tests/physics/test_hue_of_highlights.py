"""Saturated colours from shadow to four stops above mid-grey keep their hue on the way to the display."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from isp.color.spaces import conversion, luma
from tests.unit.stage_runner import around, run_stage
from tests.unit.test_stage_encode import oklab, turn

EV = np.arange(-3, 4.01, 0.25)


def linear(code):
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("space", ["srgb", "display_p3"])
@pytest.mark.parametrize("saturation", [0.6, 0.95])
def test_a_wheel_of_hues(saturation, space):
    wheel = np.array([colorsys.hsv_to_rgb(h, saturation, 1) for h in np.arange(72) / 72])
    wheel = wheel @ conversion("srgb", "rec2020").T
    scene = 0.18 * 2.0 ** EV[:, None, None] * (wheel / (wheel @ luma("rec2020"))[:, None])
    value = scene.astype(np.float32)
    for name, domain, params in (
        ("tone_curve", "scene", {"grey": 0.22, "contrast": 1.4, "white": 2.8}),
        ("saturation", "display", {"amount": 1.1}),
        ("encode", "display", {"space": space}),
    ):
        value = run_stage(name, value, around(value), domain, **params)
    shown = linear(value.astype(np.float64)) @ conversion(space, "rec2020").T
    chroma = np.hypot(*np.moveaxis(oklab(shown)[..., 1:], -1, 0))
    assert np.abs(turn(scene, shown))[chroma > 0.02].max() < 2.6
    # and roll off to white without a step
    assert np.abs(np.diff(chroma, axis=0)).max() < 0.1
    assert (chroma[-1] < 0.5 * chroma.max(axis=0)).all()
