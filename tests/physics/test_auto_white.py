"""Automatic white balance on simulated frames, against the sensor's own response to the light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isp.color.auto_white import estimate
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.stage import Context
from sensors import capture

PROFILE = Profile.from_stages(["linearize", "black_level", ("white_balance", {"mode": "auto"})], start="raw")


def _errors(scene, light, methods, sensor="imx586"):
    """Reproduction error of each method [degrees] (Finlayson & Zakizadeh 2014)."""
    frame, truth = capture(scene, sensor, mode="bin2", size=(512, 384), illuminant=light, truth=True)
    statistics = Pipeline(PROFILE).run(frame, tap="white_balance").statistics
    found = []
    for method in methods:
        context = Context(frame.cfa, frame.shape, frame.info, statistics=replace(statistics))
        ratio = truth.neutral / estimate({"method": method, "norm": 6.0}, context)[0]
        found.append(np.degrees(np.arccos(ratio.sum() / np.sqrt(3) / np.linalg.norm(ratio))))
    return found


@pytest.mark.parametrize("light", ["A", "FL11", "D65", "LED-B5"])
@pytest.mark.parametrize("scene", ["chart", "composed"])
def test_charts_and_still_lifes_come_out_neutral(scene, light):
    """Half of these scenes is grey; ordinary lights within 4.5 degrees."""
    assert _errors(scene, light, ["correlation"])[0] < 4.5


def test_a_yellow_filtered_sensor_works_too():
    assert _errors("composed", "D50", ["correlation"], "imx700_ryyb")[0] < 5


def test_photographs_beat_grey_world(shared_data):
    """Four photographs that grey world gets wrong in different ways, under warm, spiky and cold light."""
    pictures = [shared_data / "rgb_kodak" / f"kodim{n:02d}.png" for n in (3, 7, 14, 23)]
    errors = np.array([
        _errors(f"photo:{picture}", light, ["correlation", "grey_world", "shades_of_grey"])
        for picture in pictures for light in ("A", "FL11", "D75")
    ])
    ours, grey_world, shades = errors.mean(axis=0)
    assert ours < 5
    assert ours < 0.7 * grey_world
    assert ours < shades
