"""Which parameters differ between runs, and what stages look like as taps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isp import Pipeline
from isp.demo import demo_frame
from isp.pipeline import Resolved, Run
from isp.profile import Profile
from isp.values import Mosaic, Picture, oriented
from reports.compare.parameters import profile_diff, short
from reports.compare.stages import _stored, stages_of, visible


def run(*stages: Resolved) -> Run:
    return Run(None, {}, stages, (), 0, None, ())  # type: ignore[arg-type]


def resolved(name: str, origin: str = "profile", **values: object) -> Resolved:
    return Resolved(name, values, dict.fromkeys(values, origin))


def test_equal_runs_have_no_rows() -> None:
    one = run(resolved("sharpen", amount=0.5, mask=np.eye(4)))
    two = run(resolved("sharpen", "table at ISO 100", amount=0.5, mask=np.eye(4)))
    assert profile_diff([one, two]) == ()


def test_values_that_differ_have_a_row_with_unit_and_origin() -> None:
    one = run(resolved("exposure", compensation=0.5))
    two = run(resolved("exposure", "table at ISO 100", compensation=1.0))
    (row,) = profile_diff([one, None, two])
    assert (row.stage, row.parameter) == ("exposure", "compensation")
    assert row.values[1] is None
    assert row.values[0] == "0.5"
    assert row.values[2] == "1  (table at ISO 100)"


def test_a_stage_in_one_run_only_is_named_in_its_place() -> None:
    one = run(resolved("demosaic"), resolved("sharpen", amount=1.0), resolved("encode"))
    two = run(resolved("demosaic"), resolved("encode"))
    (row,) = profile_diff([one, two])
    assert (row.stage, row.parameter, row.values) == ("sharpen", "", ("runs", None))


def test_rows_follow_the_pipeline() -> None:
    one = run(resolved("exposure", compensation=0), resolved("sharpen", amount=1))
    two = run(resolved("exposure", compensation=1), resolved("saturation", amount=1), resolved("sharpen", amount=2))
    assert [row.stage for row in profile_diff([one, two])] == ["exposure", "saturation", "sharpen"]


def test_large_arrays_are_summarised() -> None:
    assert short(np.linspace(1, 2, 300).reshape(30, 10)) == "30 x 10 numbers, 1 to 2"
    assert len(short("x" * 500)) <= 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_point_of_the_upright_picture_is_found_in_the_stored_one(orientation: int) -> None:
    stored = np.arange(6 * 4).reshape(6, 4)
    upright = oriented(stored, orientation)
    for (y, x), value in np.ndenumerate(upright):
        column, row = _stored((x, y), stored.shape, orientation)  # type: ignore[arg-type]
        assert stored[row, column] == value


def test_taps_are_made_visible() -> None:
    frame = demo_frame(64, 48, seed=1, iso=100)
    mosaic = Mosaic(np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64), frame.cfa)
    codes, note = visible(mosaic)
    assert codes.shape == (48, 64, 3)
    assert codes.dtype == np.uint8
    assert note == "mosaic as grey, scaled"
    assert (np.diff(codes[:, :, 0].ravel().astype(int)) >= 0).all()
    # sRGB mid grey as encoded stays what it is
    grey, note = visible(Picture(np.full((4, 4, 3), 128, np.uint8).astype(np.float32) / 255, "srgb", "srgb", "display"))
    assert (grey == 128).all()
    assert note == "as encoded"
    turned, _ = visible(replace(Picture(np.zeros((4, 6, 3), np.float32), "camera"), orientation=6))
    assert turned.shape == (6, 4, 3)


def test_stages_of_a_run_have_taps_times_and_memory() -> None:
    frame = demo_frame(640, 480, seed=1, iso=200)
    pipeline = Pipeline(Profile.from_stages(
        ["black_level", "white_balance", ("demosaic", {"method": "bilinear"}), "ccm", "encode"]
    ))  # fmt: skip
    found = stages_of(1, pipeline, frame, (600, 20), 0.01)
    assert found.input == 1
    assert [t.stage for t in found.taps] == ["black_level", "white_balance", "demosaic", "ccm", "encode"]
    for tap in found.taps:
        assert tap.image is not None
        assert tap.image.size == (320, 240)
        assert tap.milliseconds > 0
        assert tap.milliseconds.unit == "ms/MP"
        assert tap.bytes_per_pixel > 0
    assert "compiled on its own" in found.about
