"""Simulated flats judged by the EMVA's own reference implementation of its standard 1288 (the package emva1288)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.metrics import photon_transfer
from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_noise import photograph

pytest.importorskip("emva1288", reason="the EMVA's package is not installed")

SIZE = (192, 192)
SHARES = (0.0, *np.linspace(0.025, 0.925, 37), 0.95, 0.96, 0.97, 0.98, 0.99, 1.0)
"""Levels of the pairs [share of saturation]."""
BRIGHT, STACK = 0.5, 64
"""Level of the stack for the fixed pattern [share of saturation], and its frames."""


@pytest.fixture(scope="module")
def camera() -> Sensor:
    return sensor(gain=0.2, pre_e=6.0, prnu=0.01, dsnu_e=4.0, full_well_e=18000.0)


@pytest.fixture(scope="module")
def frames() -> dict[str, np.ndarray]:
    """Raw frames by name, filled as they are taken."""
    return {}


@pytest.fixture(scope="module")
def results(
    camera: Sensor, frames: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """What the package makes of 44 pairs of flats and of two stacks."""
    folder = tmp_path_factory.mktemp("emva")
    with pytest.MonkeyPatch.context() as patch:
        # version 1.0.2 calls a function that NumPy 2 removed
        patch.setattr(np, "asfarray", lambda a: np.asarray(a, np.float64), raising=False)
        from emva1288.process.data import Data1288
        from emva1288.process.loader import LoadImageData
        from emva1288.process.results import Results1288

        def add(share: float, count: int) -> list[str]:
            first = len(frames)
            names = [str(i) for i in range(first, first + count)]
            light = {"target": share} if share > 0 else {"exposure": 0.0}
            for name in names:
                frames[name] = photograph(camera, "uniform", size=SIZE, seed=int(name), **light).data
                # the package looks whether the file is there before it asks for its pixels
                (folder / name).touch()
            return names

        # the abscissa is photons of a photosite; here every one of them gives an electron
        full = 18000.0
        images = {
            "width": SIZE[0],
            "height": SIZE[1],
            "bits": 12,
            "version": "4.0",
            "temporal": {1.0: {share * full: add(share, 2) for share in SHARES}},
            "spatial": {1.0: {share * full: add(share, STACK) for share in (0.0, BRIGHT)}},
        }
        loaded = LoadImageData(
            images, path=str(folder), fload=lambda path, *_, **__: frames[Path(path).name], loglevel=50
        )
        yield Results1288(Data1288(loaded.data, loglevel=50).data, loglevel=50)


def test_system_gain(results: Any) -> None:
    assert pytest.approx(0.2, rel=0.01) == results.K


def test_temporal_dark_noise(results: Any) -> None:
    # sigma_d leaves the quantisation noise out
    assert results.sigma_d == pytest.approx(6.0, rel=0.02)


def test_responsivity_is_that_of_the_truth(results: Any) -> None:
    assert pytest.approx(0.2, rel=2e-3) == results.R
    assert pytest.approx(100, rel=0.01) == results.QE


def test_saturation_capacity(results: Any) -> None:
    # where the temporal variance is largest: PRNU and shot noise of 1.2 % let it fall a little before the full well
    assert 0.95 * 18000 <= results.u_e_sat <= 18000


def test_linearity_error(results: Any) -> None:
    assert abs(results.LE_max) < 0.2
    assert abs(results.LE_min) < 0.2


def test_fixed_pattern(results: Any) -> None:
    assert pytest.approx(4.0, rel=0.03) == results.DSNU1288
    assert pytest.approx(1.0, rel=0.03) == results.PRNU1288
    # all of it belongs to single photosites: nothing in rows and columns beyond what chance leaves
    assert results.DSNU1288_pixel == pytest.approx(4.0, rel=0.03)
    assert results.PRNU1288_pixel == pytest.approx(1.0, rel=0.03)


def test_dynamic_range(camera: Sensor, results: Any) -> None:
    assert results.DR_dB() / 6.0206 == pytest.approx(camera.dynamic_range_ev(100.0), abs=0.2)


def test_our_photon_transfer_agrees(results: Any, frames: dict[str, np.ndarray]) -> None:
    temporal = [frames[str(i)] for i in range(2 * len(SHARES))]
    pairs = [(a, b, share) for a, b, share in zip(temporal[::2], temporal[1::2], SHARES, strict=True)]
    found = photon_transfer(pairs[1:], pairs[0])
    # the package weighs all levels alike, which scatters more
    assert pytest.approx(results.K, rel=0.01) == found.gain_dn_per_e
    assert found.read_noise_e == pytest.approx(results.sigma_d, rel=0.01)
    assert found.full_well_e == pytest.approx(results.u_e_sat, rel=0.01)
    assert found.dynamic_range_db == pytest.approx(results.DR_dB(), abs=0.1)
    assert found.snr_max_db == pytest.approx(results.SNR_max_dB(), abs=0.1)
    assert found.dsnu_e == pytest.approx(results.DSNU1288, rel=0.06)
    assert 100 * found.prnu == pytest.approx(results.PRNU1288, rel=0.03)
