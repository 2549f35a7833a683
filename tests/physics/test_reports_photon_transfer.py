"""Photon transfer of simulated flats: what `reports` finds against what the sensor was told to be."""

from __future__ import annotations

from typing import Any

import pytest

from reports.metrics import cfa_planes, photon_transfer
from reports.metrics.emva import PhotonTransfer
from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_noise import photograph

SHARES = (0.03, 0.06, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97, 1.0, 1.04)


def flats(part: Sensor, size: tuple[int, int], shares: tuple[float, ...] = SHARES, **settings: Any) -> Any:
    """Pairs at shares of saturation, and a dark pair; every frame has a seed of its own."""

    def frame(seed: int, **light: float) -> Any:
        return photograph(part, size=size, seed=seed, **light, **settings)

    pairs = []
    for i, share in enumerate(shares):
        light = {"target": min(share, 1.0), "iso": 100.0}
        a, b = frame(2 * i + 1, **light), frame(2 * i + 2, **light)
        if share > 1:
            seconds = float(a.info.exposure) * share
            a, b = (frame(s, exposure=seconds, iso=100.0) for s in (2 * i + 1, 2 * i + 2))
        pairs.append((a, b, share))
    dark = frame(901, exposure=0.0), frame(902, exposure=0.0)
    return pairs, dark


def data(pairs: Any, dark: Any) -> PhotonTransfer:
    return photon_transfer([(a.data, b.data, share) for a, b, share in pairs], tuple(d.data for d in dark))


@pytest.mark.parametrize(
    ("bits", "pedestal", "gain", "read", "full"), [(12, 64.0, 0.16, 5.0, 24000.0), (10, 64.0, 0.1, 6.0, 9000.0)]
)
def test_a_known_sensor(bits: int, pedestal: float, gain: float, read: float, full: float) -> None:
    part = sensor(gain=gain, pre_e=read, prnu=0.01, dsnu_e=3.0, full_well_e=full, bits=bits, pedestal=pedestal)
    found = data(*flats(part, (1024, 1024)))
    assert found.gain_dn_per_e == pytest.approx(gain, rel=2e-3)
    assert found.read_noise_e == pytest.approx(read, rel=1e-2)
    assert found.full_well_e == pytest.approx(full, rel=0.06)
    assert found.prnu == pytest.approx(0.01, rel=0.02)
    assert found.dsnu_e == pytest.approx(3.0, rel=0.05)
    truth = {"gain_dn_per_e": gain, "read_noise_e": read, "full_well_e": full, "prnu": 0.01, "dsnu_e": 3.0}
    for name, value in truth.items():
        low, high = getattr(found, f"{name}_interval")
        # five intervals of 95 %: none may be off by more than twice its width
        middle, half = (low + high) / 2, (high - low) / 2
        assert abs(value - middle) < 2 * half, (name, value, (low, high))
    assert found.linearity_error < 0.1


def test_every_colour_of_a_mosaic_has_the_gain_of_its_sensor() -> None:
    part = sensor(gain=0.2, pre_e=4.0, full_well_e=15000.0, cfa="RGGB")
    pairs, dark = flats(part, (384, 384), SHARES[1:8])
    for name in ("R", "Gr", "Gb", "B"):
        planes = [
            tuple(cfa_planes(frame.data, frame.cfa)[name] for frame in frames) for frames in [p[:2] for p in pairs]
        ]
        found = photon_transfer(planes, tuple(cfa_planes(d.data, d.cfa)[name] for d in dark))
        assert found.gain_dn_per_e == pytest.approx(0.2, rel=0.02)
        assert found.read_noise_e == pytest.approx(4.0, rel=0.02)
        assert found.full_well_e.reason == "no level is saturated"
