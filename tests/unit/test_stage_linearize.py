"""linearize against NumPy's indexing and interpolation, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import ProfileError
from isp.stage import Context
from isp.values import FrameInfo, RawFrame
from tests.unit.stage_runner import around, resolved, run_stage, step_of

KNEES = ((0, 0), (512, 512), (1024, 2560), (3000, 65792), (4095, 1048575))


def test_a_table_gives_each_code_its_value_and_holds_its_last_one():
    codes = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)
    table = np.arange(1000.0) ** 2
    result = run_stage("linearize", codes, around(codes), "raw", table=table.tolist())
    assert np.array_equal(result, table[np.minimum(codes, 999)].astype(np.float32))


def test_the_files_own_table_is_used_and_without_one_nothing_happens():
    codes = np.arange(256, dtype=np.uint16).reshape(16, 16)
    info = FrameInfo(linearization=np.arange(256, dtype=np.float32) * 3)
    assert np.array_equal(run_stage("linearize", codes, around(codes, info=info), "raw"), codes * np.float32(3))
    stage, values = resolved("linearize", around(codes), "raw")
    assert stage.identity(values, around(codes))


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_points_equal_linear_interpolation_to_20_bits(dtype):
    codes = np.arange(0, 4160, dtype=dtype).reshape(64, 65)
    result = run_stage("linearize", codes, around(codes), "raw", points=KNEES)
    expected = np.interp(codes, *np.transpose(KNEES))
    assert np.allclose(result, expected, rtol=2e-7, atol=0)
    assert result.max() == 1048575
    # whole-number slopes stay exact
    assert np.array_equal(result[codes <= 1024], expected[codes <= 1024])


def test_more_points_than_one_program_holds():
    rng = np.random.Generator(np.random.Philox(3))
    x = np.cumsum(rng.integers(1, 400, 30))
    y = np.cumsum(rng.integers(0, 9000, 30))
    codes = rng.integers(0, 8000, (40, 50)).astype(np.uint16)
    result = run_stage("linearize", codes, around(codes), "raw", points=np.stack([x, y], 1).tolist())
    assert np.allclose(result, np.interp(codes, x, y), rtol=1e-6)


def test_levels_of_a_dump_go_through_the_points_and_those_of_a_dng_do_not():
    frame = np.zeros((4, 4), np.uint16)
    context = Context(around(frame).cfa, frame.shape, black=(64.0, 64.0, 64.0, 600.0), white=4095.0)
    stage, values = resolved("linearize", context, "raw", points=KNEES)
    after = stage.advance(values, context)
    assert after.white == 1048575
    assert after.black == (64.0, 64.0, 64.0, pytest.approx(512 + 88 * 4))
    described = context.but(info=FrameInfo(self_describing=True))
    assert stage.advance(values, described) is described


def test_a_companded_dump_becomes_a_mosaic_of_zero_to_one():
    from isp import apply

    frame = RawFrame.from_array(np.full((8, 8), 4095, np.uint16), black=0, white=4095)
    from isp.pipeline import Pipeline
    from isp.profile import Profile

    profile = Profile.from_stages([("linearize", {"points": KNEES}), "black_level"])
    assert np.allclose(Pipeline(profile).run(frame, tap="black_level").value.data, 1)
    assert np.array_equal(apply("linearize", frame).data, frame.data)


def test_the_gradient_of_the_points_values_is_their_share_of_each_code():
    from isp.engine.adjoint import Adjoint, chain_prepare

    rng = np.random.Generator(np.random.Philox(5))
    codes = rng.integers(0, 4400, (60, 70)).astype(np.uint16)
    weights = rng.standard_normal(codes.shape).astype(np.float32)
    step, context = step_of("linearize", around(codes), "raw", points=KNEES)
    gradient = Adjoint([step], (1, 1))(codes, weights)
    points = np.array(KNEES, np.float64)

    def prepare(values):
        moved = np.stack([points[:, 0], values], 1)
        return [step.stage.prepare({"points": moved, "table": ()}, context)]

    found = chain_prepare(prepare, points[:, 1] + 1e-9, gradient)
    # linear interpolation: point i counts with the hat function around its code
    expected = [np.sum(weights * np.interp(codes, points[:, 0], np.eye(len(points))[i])) for i in range(len(points))]
    assert np.allclose(found, expected, rtol=1e-3, atol=0.05)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"points": [[0, 0], [5, 10], [5, 20]]}, "point 3 has code 5 after 5; codes must increase"),
        ({"points": [[0, 0], [5, 10], [6, 9]]}, "point 3 has value 9 after 10 DN; values must not decrease"),
        ({"points": [[0, 0]]}, "1 points; allowed: 2..65"),
        ({"points": [[0, 0], [5, 10]], "table": [0, 1, 2]}, "table and points are both given"),
        ({"points": [[0, -1], [5, 10]]}, "-1 is out of bounds; allowed: 0..4.29497e+09 DN"),
    ],
)
def test_what_is_refused(params, words):
    with pytest.raises(ProfileError) as refused:
        resolved("linearize", around(np.zeros((4, 4), np.uint16)), "raw", **params)
    assert words in str(refused.value)
