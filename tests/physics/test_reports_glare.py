"""Veiling glare of simulated lenses: what `reports` finds against what the lens was told to have."""

from __future__ import annotations

import numpy as np
import pytest

from reports.metrics import glare
from sensors import Lens
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_noise import photograph

CONTRAST = 1000.0
"""White to black of the scene, half of the frame each."""


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1])
def test_the_veil_of_a_lens_is_found(share: float) -> None:
    part = sensor(gain=0.2, pre_e=2.0, full_well_e=19000.0)
    frame = photograph(
        part, f"slanted-edge?angle=0&contrast={CONTRAST:g}&light=0.9", size=(384, 384), target=0.4, seed=1,
        lens=Lens(diffraction=False, glare=share),
    )  # fmt: skip
    light = (np.asarray(frame.data, np.float64) - 64) / (float(frame.white) - 64)
    left, right = light[100:284, 20:170], light[100:284, 214:364]
    black, white = sorted((left, right), key=lambda patch: float(patch.mean()))
    # the veil is the lens's share of the mean light, half of white here
    printed = 1 / CONTRAST
    veil = share * (1 + printed) / 2
    wanted = 100 * (veil + (1 - share) * printed) / (veil + (1 - share))
    found = glare(black, white)
    assert found == pytest.approx(wanted, rel=0.01)
    middle, half = sum(found.interval) / 2, (found.interval[1] - found.interval[0]) / 2
    assert abs(wanted - middle) < 1.5 * half
    # what the target itself sends back is not glare
    assert glare(black, white, offset=printed) == pytest.approx(wanted - 100 * printed, abs=0.01 * wanted)
