"""Noise of simulated flats: what `reports` finds against the sensor's own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isp.values import Float64
from reports.metrics import dynamic_range, noise_spectrum, snr
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_noise import photograph

READ, FULL, GAIN = 4.0, 18000.0, 0.2


def light(share: float, seed: int) -> Float64:
    """A flat as light relative to saturation."""
    part = sensor(gain=GAIN, pre_e=READ, full_well_e=FULL)
    frame = photograph(part, size=(256, 256), seed=seed, target=share)
    return (np.asarray(frame.data, np.float64) - 64) / (float(frame.white) - 64)


def ratio(electrons: float) -> float:
    return electrons / math.sqrt(electrons + READ**2 + 1 / 12 / GAIN**2)


@pytest.mark.parametrize("share", [0.8, 0.2, 0.05, 0.0125])
def test_snr_is_that_of_photons_and_readout(share: float) -> None:
    found = snr(light(share, 3))
    wanted = ratio(share * FULL)
    assert found.ratio == pytest.approx(wanted, rel=0.01)
    low, high = found.ratio_interval
    assert abs(wanted - (low + high) / 2) < 0.75 * (high - low)


def test_four_times_the_light_doubles_snr() -> None:
    dim, bright = (snr(light(share, seed)).ratio for share, seed in ((0.2, 5), (0.8, 6)))
    assert bright / dim == pytest.approx(2, rel=0.02)


def test_dynamic_range_is_that_of_the_sensor() -> None:
    exposures = 0.9 / 2.0 ** np.arange(0, 14)
    found = dynamic_range([light(share, 20 + i) for i, share in enumerate(exposures)], exposures)
    # the electrons of which SNR is 1, and 10
    for estimate, wanted in ((found.stops, 1.0), (found.stops_20db, 10.0)):
        dark = READ**2 + 1 / 12 / GAIN**2
        electrons = (wanted**2 + math.sqrt(wanted**4 + 4 * wanted**2 * dark)) / 2
        truth = math.log2(0.9 * FULL / electrons)
        assert estimate == pytest.approx(truth, abs=0.1)
        low, high = estimate.interval
        # between patches the curve is taken for straight
        assert low - 0.05 < truth < high + 0.05


def test_the_noise_of_photosites_is_white() -> None:
    found = noise_spectrum(light(0.5, 9))
    assert found.grain == pytest.approx(1, abs=0.05)
    assert found.luma[2:] == pytest.approx(float(found.luma_variance), rel=0.25)
