"""A simulated lens's distortion and lateral colour, undone by what its frame states; and a catalogue's phase pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import shift as moved

from isp.pipeline import Pipeline
from isp.profile import Profile
from sensors import capture

SIZE = (1000, 750)
BENT = {"f_number": 1.8, "distortion": [0.06, -0.01], "lateral": {"R": 1.004, "B": 0.997}}
TILES = [(y, x) for y in range(30, 600, 110) for x in range(30, 850, 120)]


def developed(raw, *stages):
    front = ["linearize", "black_level", "white_balance"]
    profile = Profile.from_stages([*front, *stages])
    return Pipeline(profile).run(raw, tap=stages[-1]).value.data.astype(np.float64)


def offset(one, two):
    """By how much the detail of `two` lies from that of `one` (y, x) [px]; least squares on the slopes."""
    slopes = np.gradient(one)
    design = np.stack([s[4:-4, 4:-4].ravel() for s in slopes], axis=1)
    found = np.zeros(2)
    for _ in range(8):
        rest = (moved(two, -found, order=3, mode="nearest") - one)[4:-4, 4:-4].ravel()
        found -= np.linalg.lstsq(design, rest, rcond=None)[0]
    return found


def distances(one, two):
    return np.array([
        np.hypot(*offset(one[y : y + 110, x : x + 120], two[y : y + 110, x : x + 120])) for y, x in TILES
    ])


@pytest.fixture(scope="module")
def frames():
    scene = "dead-leaves?smallest=0.006"
    return [capture(scene, "imx363", size=SIZE, lens=lens, iso=100) for lens in (BENT, {"f_number": 1.8})]


def test_straight_again_and_in_register(frames):
    bent, straight = frames
    ideal = developed(straight, "demosaic")[..., 1]
    crooked = developed(bent, "demosaic")
    done = developed(bent, "chromatic_aberration", "demosaic", "distortion")
    assert distances(ideal, done[..., 1]).max() < 0.15
    for c in (0, 2):
        before, after = (distances(picture[..., 1], picture[..., c]) for picture in (crooked, done))
        assert before.max() > 0.4
        assert after.max() < 0.1
        assert after.mean() < before.mean() / 5


def test_phase_pixels_of_a_catalogue_sensor_are_evened_out():
    raw = capture("uniform", "imx586", mode="bin2", size=(1600, 1200), lens={"f_number": 1.8}, iso=100)
    profile = replace(Profile.from_stages(["linearize", "black_level", "defect_correction"]), sensor="imx586")
    ratios = []
    for tap in ("black_level", "defect_correction"):
        data = Pipeline(profile).run(raw, tap=tap).value.data.astype(np.float64)
        # the site of the catalogue at (6, 4) and (7, 4) of 16 x 16 photosites, and the same colour 2 px beside it
        ratios.append(data[2::8, 3::8].mean() / data[2::8, 1::8].mean())
    assert ratios[0] == pytest.approx(0.96, abs=0.004)
    assert ratios[1] == pytest.approx(1.0, abs=0.004)
