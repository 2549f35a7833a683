"""Every sensor of the catalogue, all its photosites and binned, developed: the chart keeps the colours it has.

The oracle is the ideal picture: what an observer's camera sees of the scene.
"""

from __future__ import annotations

from typing import Any

import colour
import numpy as np
import pytest

from isp import Pipeline, read_profile
from isp.values import Picture
from sensors import Sensor, capture
from sensors.catalog import load, shipped_names
from sensors.optics import Lens

SIZE = (1200, 816)
SENSORS = [name for name in shipped_names() if isinstance(load(name), Sensor)]


def lab(linear_srgb: Any) -> Any:
    return colour.XYZ_to_Lab(colour.RGB_to_XYZ(linear_srgb, "sRGB", apply_cctf_decoding=False))


@pytest.mark.parametrize("binned", [False, True])
@pytest.mark.parametrize("name", SENSORS)
def test_patches_of_a_chart(name: str, binned: bool, record_property: Any) -> None:
    frame, truth = capture("chart", name, truth=True, size=SIZE, lens=Lens(diffraction=False), lux=1000.0)
    profile = read_profile("reference").with_settings([f"binning.enabled={str(binned).lower()}"])
    picture = Pipeline(profile).run(frame, tap="ccm").value
    assert isinstance(picture, Picture)
    side = frame.cfa.block if binned else 1
    assert picture.shape == (SIZE[1] // side, SIZE[0] // side)
    ideal = truth.ideal.pixels.astype(np.float64)
    to_srgb = colour.matrix_RGB_to_RGB("ITU-R BT.2020", "sRGB")
    found, wanted = [], []
    for region in truth.regions:
        (left, top), _, (right, bottom), _ = np.rint(np.array(region["inner"]) / side).astype(int)
        found.append(to_srgb @ picture.data[top:bottom, left:right].mean(axis=(0, 1), dtype=np.float64))
        wanted.append(ideal[top * side : bottom * side, left * side : right * side].mean(axis=(0, 1)))
    found, wanted = np.array(found), np.array(wanted)
    exposure = np.sum(found * wanted) / np.sum(found**2)
    errors = colour.delta_E(lab(found * exposure), lab(wanted), method="CIE 2000")
    record_property("mean", float(errors.mean()))
    assert errors.mean() < 2.5
    assert errors.max() < 8
