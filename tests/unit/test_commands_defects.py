"""`isp run --defects`: a mask beside the frame."""

from __future__ import annotations

import numpy as np
import pytest
from tifffile import imread

from isp.commands import main
from isp.io import read_raw
from isp.pipeline import Pipeline
from isp.profile import read_profile


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    path = tmp_path_factory.mktemp("defects") / "a.dng"
    words = ["simulate", "--sensor", "imx363", "--scene", "uniform", "--size", "320x240", "-o", str(path)]
    assert main(words) == 0
    return path


def test_the_mask_reaches_the_stage(frame, tmp_path):
    mask = np.zeros((240, 320), np.uint8)
    mask[50:54, 60:64] = 1
    np.save(tmp_path / "mask.npy", mask)
    out = tmp_path / "a.tif"
    words = ["run", "natural", str(frame), "-o", str(out), "--tap", "defect_correction"]
    assert main([*words, "--defects", str(tmp_path / "mask.npy")]) == 0
    plain = Pipeline(read_profile("natural")).run(read_raw(frame), tap="defect_correction").value.data
    changed = imread(out) != plain
    assert changed[50:54, 60:64].mean() > 0.9
    assert not changed[mask == 0].any()


def test_a_mask_of_another_size_is_refused(frame, tmp_path, capsys):
    np.save(tmp_path / "mask.npy", np.zeros((240, 319), np.uint8))
    words = ["run", "natural", str(frame), "-o", str(tmp_path / "a.png"), "--defects", str(tmp_path / "mask.npy")]
    assert main(words) == 4
    assert "companion 'defects' is 319x240 pixels; it must be as large as the frame, 320x240" in capsys.readouterr().err
