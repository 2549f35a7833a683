"""The datasheet of a catalogued sensor: what is measured blind against what its file says."""

import numpy as np
import pytest

from reports.datasheet import datasheet, sensitivity_metamerism
from reports.page import render
from sensors import load_sensor
from sensors.spectrum import WAVELENGTHS, photon_rate

SENSOR, MODE = "imx586", "full"


@pytest.fixture(scope="module")
def sheet():
    return datasheet(SENSOR, MODE)


def test_measured_values_are_those_of_the_file(sheet):
    found = {q.key: q.estimates[0] for q in sheet.quantities}
    sensor = load_sensor(SENSOR)
    assert found["emva.gain_dn_per_e"] == pytest.approx(sensor.output_gain(sensor.iso_base, MODE), rel=0.02)
    assert found["emva.black_dn"] == pytest.approx(sensor.pedestal, abs=0.5)
    assert found["emva.linearity_error"] < 0.5
    assert 0.1 < found["mtf.mtf50"] < 0.6
    assert all(e.known or e.reason for e in found.values())


def test_the_page_holds_every_section(sheet):
    text = render(sheet)
    for title in ("Photon transfer", "Dynamic range", "Spectral sensitivity", "Sharpness", "Colour accuracy"):
        assert title in text


def test_an_observer_has_an_index_of_100():
    """Curves that are a linear mix of the observer's (Luther's condition) see colours without error."""
    import colour

    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy()
    cmfs = observer.align(colour.SpectralShape(380, 780, 5)).values
    assert len(cmfs) == len(WAVELENGTHS)
    per_photon = cmfs.T / np.asarray(photon_rate(np.ones(len(WAVELENGTHS))))
    smi, de00 = sensitivity_metamerism(per_photon / per_photon.max(), "D65")
    assert smi == pytest.approx(100, abs=0.5)
    assert de00 < 0.1
