"""Steps of a session on simulated captures that the tutorial does not take: a tone curve, blocks of one colour."""

import numpy as np
import pytest

from isp.color.spaces import srgb_encoded
from isp.errors import NumericError
from isp.io import write_dng
from isp.stages.tone_curve import filmic
from sensors import capture
from tuning.session import run_session

CURVE = {"contrast": 1.3, "toe": 3.0, "black": 0.001, "white": 2.6, "shoulder": 1.6, "grey": 0.2}


def _session(folder, lines, *frames):
    names = []
    for n, frame in enumerate(frames):
        names.append(f"{n}.dng")
        write_dng(frame, folder / names[-1])
    path = folder / "SESSION.yaml"
    path.write_text("version: 1\nname: x\n" + lines.format(files=", ".join(names)) + "\n")
    return path


def test_a_tone_curve_from_grey_steps(tmp_path):
    reflectance = 10 ** -(0.05 + 0.1 * np.arange(20))
    codes = np.round(255 * srgb_encoded(filmic(reflectance, CURVE)), 2)
    frame = capture("grey-steps", "imx586", mode="bin2", size=(1600, 1200), seed=1)
    path = _session(
        tmp_path, "captures:\n  - {{kind: gray_steps, files: [{files}]}}\n"
        f"targets: {{{{tone_codes: {codes.tolist()}}}}}", frame
    )  # fmt: skip
    found = run_session(path, only=["tone_curve"])
    result = found.outcome("tone_curve").found.result
    assert result.residual < 1.5
    exposed = srgb_encoded(filmic(result.scene[::-1], found.profile.entry("tone_curve").values))
    assert np.abs(255 * exposed - codes).max() < 4


def test_steps_and_codes_must_be_as_many(tmp_path):
    frame = capture("grey-steps", "imx586", mode="bin2", size=(1600, 1200), seed=1)
    lines = "captures:\n  - {{kind: gray_steps, files: [{files}]}}\ntargets: {{tone_codes: [9, 8, 7, 6, 5, 4, 3, 2]}}"
    with pytest.raises(NumericError, match="20 steps found, 8 codes given"):
        run_session(_session(tmp_path, lines, frame), only=["tone_curve"])


def test_charts_on_blocks_of_one_colour(tmp_path):
    frames = [
        capture("chart", "imx586", mode="full", size=(1200, 900), seed=n, illuminant=light)
        for n, light in enumerate(("A", "D65"))
    ]
    lines = (
        "captures:\n  - {{kind: chart, chart: iso, illuminant: A, files: [0.dng]}}\n"
        "  - {{kind: chart, chart: iso, illuminant: D65, files: [1.dng]}}"
    )
    found = run_session(_session(tmp_path, lines, *frames), only=["white_balance", "ccm"])
    table = found.outcome("ccm").found.result.table
    assert max(float(e) for e in table.own.values()) < 1.2
    curve = found.outcome("white_balance").found.result
    for frame, cct in zip(frames, curve.neutrals, strict=True):
        truth = np.array(frame.info.neutral) / frame.info.neutral[1]
        assert curve.neutrals[cct] == pytest.approx(truth, rel=0.01)
