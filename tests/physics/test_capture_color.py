"""A chart photographed by measured cameras, written as DNG, read again and developed: colours against the chart's own.

The oracle is colour-science: XYZ of the chart's reflectances under the light.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import colour
import numpy as np
import pytest

from isp import Pipeline, read_profile, read_raw
from isp.io import write_dng
from sensors import capture
from sensors.optics import Lens
from tests.physics.sensor_fakes import sensor

D65 = np.array([0.3127, 0.3290])
CMFS = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
SHAPE = colour.SpectralShape(380, 780, 5)
CHARTS = {"iso": "ISO 17321-1", "babel": "BabelColor Average"}
FEW = ("Canon_EOS_5D_Mark_II", "Nikon_Z_f", "Sony_ILCE-7M4")
SIZE = (300, 204)


@cache
def wanted(chart: str, light: str) -> np.ndarray:
    """(24, 3) XYZ with Y = 1 for white, adapted to D65 by Bradford."""
    illuminant = colour.SDS_ILLUMINANTS[light].copy().align(SHAPE)
    observer = CMFS.copy().align(SHAPE)

    def xyz(sd: Any) -> np.ndarray:
        return np.asarray(colour.sd_to_XYZ(sd, observer, illuminant, method="Integration")) / 100

    patches = np.array([xyz(sd.copy().align(SHAPE)) for sd in colour.SDS_COLOURCHECKERS[CHARTS[chart]].values()])
    return np.asarray(
        colour.chromatic_adaptation(
            patches, xyz(colour.sd_ones(SHAPE)), colour.xy_to_XYZ(D65), method="Von Kries", transform="Bradford"
        )
    )


def developed(frame: Any, folder: Path) -> np.ndarray:
    """(H, W, 3) XYZ of the frame, by way of a file and the reference profile."""
    path = folder / "chart.dng"
    write_dng(frame, path, overwrite=True)
    picture = Pipeline(read_profile("reference")).run(read_raw(path), tap="ccm").value
    assert (picture.space, picture.transfer) == ("rec2020", "linear")
    return np.asarray(colour.RGB_to_XYZ(picture.data.astype(np.float64), "ITU-R BT.2020", apply_cctf_decoding=False))


def differences(
    sensitivity: str, chart: str, light: str, folder: Path, cfa: str = "RGGB", block: int = 1
) -> np.ndarray:
    """(24,) CIEDE2000 of the patches."""
    # deep photosites and fine codes: what is left is colour
    part = sensor(cfa=cfa, block=block, bits=16, gain=0.06, full_well_e=1e6, pedestal=512.0, pre_e=1.0)
    settings = {
        "size": SIZE, "lens": Lens(diffraction=False), "illuminant": light, "sensitivity": sensitivity, "lux": 500.0
    }
    # white fills the sensor to about 0.8 in its strongest colour
    _, white = capture("uniform?reflectance=1", part, exposure=0.01, truth=True, **settings)
    exposure = 0.8 * 1e6 / float(white.electrons.max()) * 0.01
    frame, truth = capture(f"chart?spectra={chart}", part, exposure=exposure, truth=True, **settings)
    assert frame.data.max() < frame.white
    diffuser = developed(capture("uniform?reflectance=1", part, exposure=exposure, **settings), folder)
    xyz = developed(frame, folder) / diffuser[20:-20, 20:-20, 1].mean()
    found = []
    for region in truth.regions:
        (left, top), _, (right, bottom), _ = np.rint(region["inner"]).astype(int)
        found.append(xyz[top:bottom, left:right].mean(axis=(0, 1)))
    labs = [colour.XYZ_to_Lab(v, D65) for v in (np.array(found), wanted(chart, light))]
    return np.asarray(colour.delta_E(*labs, method="CIE 2000"))


@pytest.mark.parametrize("light", ["D65", "A"])
@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("camera", FEW)
def test_measured_cameras(
    camera: str, chart: str, light: str, shared_data: Path, tmp_path: Path, record_property: Any
) -> None:
    path = shared_data / "spectral" / "camera" / f"{camera}_380_780_5.json"
    if not path.is_file():
        pytest.skip("no measured sensitivities here")
    found = differences(str(path), chart, light, tmp_path)
    record_property("mean", float(found.mean()))
    assert found.mean() <= 1.5


@pytest.mark.full
@pytest.mark.parametrize("light", ["D65", "A"])
def test_every_measured_camera(light: str, shared_data: Path, tmp_path: Path, record_property: Any) -> None:
    paths = sorted((shared_data / "spectral" / "camera").glob("*_380_780_5.json"))
    if not paths:
        pytest.skip("no measured sensitivities here")
    means = {p.stem: float(differences(str(p), "babel", light, tmp_path).mean()) for p in paths}
    record_property("means", means)
    assert {name: mean for name, mean in means.items() if mean > 1.5} == {}


@pytest.mark.parametrize("light", ["D65", "A"])
@pytest.mark.parametrize("chart", CHARTS)
def test_a_bundled_camera(chart: str, light: str, tmp_path: Path, record_property: Any) -> None:
    found = differences("camera:Nikon 5100 (NPL)", chart, light, tmp_path)
    record_property("mean", float(found.mean()))
    assert found.mean() <= 1.5


@pytest.mark.parametrize("light", ["D65", "A"])
@pytest.mark.parametrize("block", [1, 2])
def test_a_yellow_sensor_is_as_good_as_a_green_one(
    block: int, light: str, tmp_path: Path, record_property: Any
) -> None:
    found = {
        letters: differences(f"phone-{letters.lower()}", "babel", light, tmp_path, letters, block).mean()
        for letters in ("RGGB", "RYYB")
    }
    record_property("means", {name: float(mean) for name, mean in found.items()})
    assert found["RYYB"] <= 1.5
    assert found["RYYB"] <= found["RGGB"] + 0.5


def test_the_ideal_picture_is_the_chart_itself() -> None:
    part = sensor(cfa="RGGB")
    settings = {"size": SIZE, "lens": Lens(diffraction=False), "exposure": 0.001, "truth": True}
    for light in ("D65", "A"):
        _, truth = capture("chart", part, illuminant=light, **settings)
        xyz = colour.RGB_to_XYZ(truth.ideal.pixels.astype(np.float64), "sRGB", apply_cctf_decoding=False)
        for region, expected in zip(truth.regions, wanted("iso", light), strict=True):
            (left, top), _, (right, bottom), _ = np.rint(region["inner"]).astype(int)
            assert xyz[top:bottom, left:right].mean(axis=(0, 1)) == pytest.approx(expected, abs=1e-3)
