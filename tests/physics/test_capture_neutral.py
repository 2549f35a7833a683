"""What a frame says of its own white is what its greys show: crosstalk and phase-detect sites count."""

from __future__ import annotations

import numpy as np
import pytest

from isp.values import RawFrame
from sensors import capture


@pytest.mark.parametrize(
    ("sensor", "mode"), [("imx586", "bin2"), ("isocell_hp1", "full"), ("imx363", "full"), ("imx700_ryyb", "bin2")]
)
def test_neutral_is_the_mean_of_a_grey(sensor: str, mode: str) -> None:
    frame, truth = capture("uniform", sensor, mode=mode, size=(512, 512), truth=True)
    assert isinstance(frame, RawFrame)
    assert frame.info.neutral is not None
    period, electrons = frame.cfa.period, truth.electrons
    seen: dict[str, list[float]] = {}
    for y in range(period):
        for x in range(period):
            seen.setdefault(frame.cfa.at(x, y), []).append(float(electrons[y::period, x::period].mean()))
    order = "RYB" if "Y" in seen else "RGB"
    means = np.array([np.mean(seen[letter]) for letter in order])
    assert np.asarray(frame.info.neutral) == pytest.approx(means / means.max(), rel=1e-3)
    assert truth.neutral == pytest.approx(means / means.max(), rel=1e-3)


@pytest.mark.parametrize("crop", [(0, 0, 4, 4), (196, 146, 4, 4), (97, 33, 5, 7)])
def test_the_narrowest_crops_equal_the_whole(crop: tuple[int, int, int, int]) -> None:
    x, y, width, height = crop
    whole = capture("siemens", "imx586", mode="bin2", size=(400, 300), seed=3)
    part = capture("siemens", "imx586", mode="bin2", size=(400, 300), seed=3, crop=crop)
    assert np.array_equal(part.data, whole.data[y : y + height, x : x + width])
