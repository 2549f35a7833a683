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


DATASHEET = ((0, 0), (512, 2048), (1408, 16384), (2432, 262144), (4095, 16777215))
"""A 12-bit curve for 24 linear bits, as a datasheet gives it: pieces of growing slope, the last one not whole."""


def companded(linear, points):
    """What the sensor sends for linear values: the lower end of the step that holds it, in whole numbers."""
    code, level = np.array(points, np.int64).T
    piece = np.clip(np.searchsorted(level, linear, "right") - 1, 0, len(code) - 2)
    rise, run = np.diff(level)[piece], np.diff(code)[piece]
    return code[piece] + (linear - level[piece]) * run // rise


@pytest.mark.parametrize(
    "points",
    [
        DATASHEET,
        ((0, 0), (1024, 1024), (2048, 17408), (3072, 279552), (4095, 16777215)),  # 12 bits, slopes 1, 16, 256, ...
        ((0, 0), (4096, 4096), (8192, 69632), (12288, 1118208), (16383, 16777215)),  # 14 bits
        ((0, 0), (16384, 16384), (32768, 278528), (65535, 16777215)),  # 16 bits
    ],
)
def test_a_24_bit_ramp_comes_back_to_the_step_of_each_piece(points):
    linear = np.unique(np.concatenate([
        np.arange(4096), np.geomspace(4096, 2**24 - 1, 60000).astype(np.int64), np.array(points)[:, 1],
    ]))
    linear = np.resize(linear, (256, 256))
    codes = companded(linear, points).astype(np.uint16)
    found = run_stage("linearize", codes, around(codes), "raw", points=points).astype(np.float64)
    code, level = np.array(points, float).T
    step = (np.diff(level) / np.diff(code))[np.clip(np.searchsorted(level, linear, "right") - 1, 0, len(code) - 2)]
    lost = linear - found
    exact = step == np.round(step)
    assert exact.sum() > 1000
    # whole slopes: exactly the lower end of the step
    assert ((lost >= 0) & (lost < step) & (lost % 1 == 0))[exact].all()
    # others: the sensor's own rounding, and float32's at 2^24
    assert ((lost > -2) & (lost < step + 2)).all()
    assert found.max() == 2**24 - 1


def test_companded_24_bits_as_a_dump_are_linear_from_black_to_white(tmp_path):
    from isp import Pipeline, read_raw
    from isp.io import parse_dump
    from isp.profile import Profile

    signal = np.resize(np.geomspace(1, 2**24 - 300, 40 * 50), (40, 50)).astype(np.int64)
    black = 256  # linear DN, added before companding: code 64
    companded(signal + black, DATASHEET).astype("<u2").tofile(tmp_path / "a.raw")
    frame = read_raw(tmp_path / "a.raw", dump=parse_dump("width=50,height=40,bits=12,black=64"))
    pipeline = Pipeline(Profile.from_stages([("linearize", {"points": DATASHEET}), "black_level"]))
    found = pipeline.run(frame, tap="black_level").value.data * (2**24 - 1 - black)
    assert np.abs(found / signal - 1)[signal > 2000].max() < 0.06
    linear = pipeline.run(frame, tap="linearize").value
    assert linear.data.dtype == np.uint32
    assert linear.white == 2**24 - 1
    assert (linear.black == black).all()
    # what comes out is a raw frame of its own: its levels and pixels agree
    again = Pipeline(Profile.from_stages(["black_level"])).run(linear, tap="black_level").value
    np.testing.assert_allclose(again.data * (2**24 - 1 - black), found, atol=1)


def test_a_linearized_frame_is_not_linearized_again():
    from isp import apply

    table = np.arange(1024, dtype=np.float32) * 4
    codes = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    frame = RawFrame.from_array(codes, black=0, white=4092, linearization=table)
    once = apply("linearize", frame)
    assert once.info.linearization is None
    np.testing.assert_array_equal(apply("linearize", once).data, codes * 4)


def test_a_linear_dump_of_24_bits(tmp_path):
    from isp import apply, read_raw
    from isp.io import parse_dump

    values = np.resize(np.arange(2**24 - 5000, 2**24), (40, 50))
    for endian, kind in (("little", "<u4"), ("big", ">u4")):
        values.astype(kind).tofile(tmp_path / "a.raw")
        frame = read_raw(tmp_path / "a.raw", dump=parse_dump(f"width=50,height=40,bits=24,black=1000,endian={endian}"))
        np.testing.assert_array_equal(frame.data, values)
        expected = (values - 1000) / (2**24 - 1 - 1000)
        np.testing.assert_allclose(apply("black_level", frame).data, expected, rtol=1.2e-7)
