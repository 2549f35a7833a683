"""Stages apart: each gives what it gives in the fused pipeline, and the clock belongs to the right one."""

import numpy as np
import pytest

from isp import Pipeline, RawFrame
from isp.demo import demo_frame
from isp.errors import UsageError
from isp.profile import Profile
from isp.values import Mosaic, Picture

STAGES = ["black_level", "white_balance", ("demosaic", {"method": "bilinear"}), "ccm", "encode"]


@pytest.fixture(scope="module")
def frame() -> RawFrame:
    return demo_frame(640, 480, seed=1, iso=200)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(Profile.from_stages(STAGES))


def test_a_crop_of_every_stage_equals_the_tap_of_the_whole_frame(frame, pipeline):
    left, top, width, height = 101, 57, 200, 120
    costs = pipeline.costs(frame, (left, top, width, height), repeats=1)
    assert [c.name for c in costs] == ["black_level", "white_balance", "demosaic", "ccm", "encode"]
    for cost in costs[:-1]:
        whole = pipeline.run(frame, tap=cost.name).value
        assert np.array_equal(cost.value.data, whole.data[top : top + height, left : left + width]), cost.name
        if isinstance(whole, Mosaic):
            assert cost.value.cfa == whole.cfa.shifted(left, top)
    picture = pipeline(frame)
    assert isinstance(costs[-1].value, Picture)
    np.testing.assert_array_equal(
        np.rint(costs[-1].value.data * 255), picture.pixels[top : top + height, left : left + width]
    )
    assert (costs[-1].value.space, costs[-1].value.transfer) == (picture.space, picture.transfer)


def test_time_and_memory_are_counted(frame, pipeline):
    costs = pipeline.costs(frame, repeats=3)
    assert all(len(c.seconds) == 3 and min(c.seconds) > 0 for c in costs)
    assert costs[0].pixels == 640 * 480
    demosaic = costs[2]
    # the window of demosaic: at least a strip of float32 rows, at most the frame and its borders
    assert 256 * 640 * 4 <= demosaic.held <= 4 * 1.5 * 640 * 480


@pytest.mark.parametrize("place", [(-2, 0, 100, 100), (600, 0, 100, 100), (0, 0, 1, 100), (0, 400, 64, 100)])
def test_a_crop_outside_the_frame_is_refused(frame, pipeline, place):
    with pytest.raises(UsageError, match="must lie inside the frame of 640 x 480"):
        pipeline.costs(frame, place)
