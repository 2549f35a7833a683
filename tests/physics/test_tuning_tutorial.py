"""The tutorial at reduced size: calibrated from its files alone, a profile renders unseen scenes like a colorimeter."""

import json

import pytest

from isp.io import read_raw
from tuning.tutorial import walk_through
from tuning.tutorial.walk import GOAL

UNSEEN = (("composed?seed=21", "D65"), ("dead-leaves?colored=1&seed=5", "daylight:5400"))


def _check(walked, folder):
    for name in ("profile.yaml", "calibration.json", "report.html"):
        assert (walked.folder / "result" / name).is_file()
    assert walked.mean <= GOAL
    for judged in walked.judged:
        assert judged.mean <= GOAL
        assert judged.compared > 90
    told = json.loads((folder / "summary.json").read_text())["sensors"][walked.sensor]
    assert told["mean_delta_e_2000"]["value"] == pytest.approx(float(walked.mean))


@pytest.mark.parametrize("sensor", ["imx586", pytest.param("quad_200mp", marks=pytest.mark.full)])
def test_the_tutorial_at_reduced_size(tmp_path, sensor):
    folder = tmp_path / "demo"
    (walked,) = walk_through(folder, sensors=[sensor], size=(1024, 768), scenes=UNSEEN, lean=True)
    _check(walked, folder)
    # nothing that the calibration finds was in the files
    info = read_raw(next((walked.folder / "captures").glob("chart-A-1.dng"))).info
    assert info.neutral is None
    assert info.calibrations == ()
    assert info.noise is None
    assert info.lens_shading is None
    assert info.warp is None


@pytest.mark.full
def test_the_whole_tutorial(tmp_path):
    folder = tmp_path / "demo"
    for walked in walk_through(folder):
        _check(walked, folder)
        assert walked.mean < 1.3
        told = json.loads((walked.folder / "result" / "calibration.json").read_text())["calibrations"]
        missing = {name for name, each in told.items() if each["state"] != "done"}
        assert missing == {"tone_curve"}
