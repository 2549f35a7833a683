"""The fixed-point datapath against integer arithmetic: rounding, saturation, every place a value passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isp import Mosaic, Picture, Pipeline, RawFrame, read_profile
from isp.engine.segment import Datapath
from isp.errors import ProfileError
from isp.profile import Profile
from isp.stage import Stage
from isp.stages import find_stage
from isp.values import ColorCalibration

MODES = ("nearest", "nearest_even", "truncate")


def integers(values, bits, headroom, rounding):
    """The codes as a machine of whole numbers has them, from exact fractions; int64."""
    fine = 40  # fractional bits at which a float32 in the range used here is whole
    whole = np.array([int(float(v) * 2**fine) for v in np.ravel(values)], object)
    shift = fine - (bits - 1 - headroom)
    if rounding == "truncate":
        codes = [v >> shift for v in whole]
    elif rounding == "nearest":
        codes = [(v + (1 << (shift - 1))) >> shift for v in whole]
    else:
        half, low = 1 << (shift - 1), [v >> shift for v in whole]
        rest = [v - (c << shift) for v, c in zip(whole, low, strict=True)]
        codes = [c + (r > half or (r == half and c % 2)) for c, r in zip(low, rest, strict=True)]
    top = 2 ** (bits - 1)
    return np.clip(np.array(codes, np.int64), -top, top - 1).reshape(np.shape(values))


def awkward():
    """Values on codes, on halves and just beside them, below 0 and beyond the range."""
    rng = np.random.Generator(np.random.Philox(3))
    steps = np.concatenate([rng.integers(-600, 600, 500) / 2.0**n for n in (8, 9, 10, 11)])
    near = np.nextafter(steps.astype(np.float32), np.float32(9))
    under = np.nextafter(steps.astype(np.float32), np.float32(-9))
    wild = rng.uniform(-6, 6, 300)
    values = np.concatenate([steps, near, under, wild, [-4, 4, 5, -5, 0, -0.0, 1e-7, -1e-7]]).astype(np.float32)
    values[np.abs(values) < 2.0**-16] = 0
    return np.resize(values, (80, 80))


def with_datapath(profile, bits, headroom=2, rounding="nearest"):
    return profile.with_settings(
        [f"datapath.bits={bits}", f"datapath.headroom={headroom}", f"datapath.rounding={rounding}"]
    )


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize(("bits", "headroom"), [(8, 2), (12, 2), (10, 0), (24, 2)])
def test_rounding_is_that_of_whole_numbers(bits, headroom, rounding):
    values = awkward()
    profile = with_datapath(Profile.from_stages([("white_balance", {"mode": "manual"})], start="mosaic"),
                            bits, headroom, rounding)
    result = Pipeline(profile).run(Mosaic(values, _cfa()), tap="white_balance").value.data
    expected = integers(values, bits, headroom, rounding) / 2.0 ** (bits - 1 - headroom)
    np.testing.assert_array_equal(result, expected.astype(np.float32))
    np.testing.assert_array_equal(Datapath(bits, headroom, rounding).rounded(values), expected.astype(np.float32))


def _cfa():
    from isp.cfa import Cfa

    return Cfa("RGGB")


@pytest.mark.parametrize("rounding", MODES)
def test_a_chain_of_stages_rounds_behind_each_of_them(rounding):
    """black_level and white_balance, in whole numbers: v = round((dn - 64) / 959), then round(v g)."""
    codes = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    frame = RawFrame.from_array(codes, "RGGB", 64, 1023)
    stages = ["black_level", ("white_balance", {"mode": "manual", "gains": [1.5, 1.0, 1.75]})]
    run = Pipeline(with_datapath(Profile.from_stages(stages), 10, 2, rounding)).run(frame, tap="white_balance")
    scale = np.float32(1.0 / 959)
    linear = integers((codes.astype(np.float32) - 64) * scale, 10, 2, rounding)
    gain = np.tile([[1.5, 1.0], [1.0, 1.75]], (16, 16))
    expected = integers(linear / 128.0 * gain, 10, 2, rounding)
    np.testing.assert_array_equal(run.value.data * 128, expected)


class Doubled(Stage):
    """Twice the values and a bit, on the host."""

    name, takes, kind = "doubled", ("mosaic",), "numpy"

    def apply(self, value, values, context):
        return replace(value, data=value.data * np.float32(2) + np.float32(0.3))


class DoubledInStrips(Doubled):
    """The same on strips."""

    name, halo = "doubled_in_strips", 1


@pytest.fixture
def host_stages(monkeypatch):
    from importlib.metadata import EntryPoint

    from isp import stages as registry

    points = [EntryPoint(c.name, f"tests.unit.test_datapath:{c.__name__}", "isp.stages")
              for c in (Doubled, DoubledInStrips)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    find_stage.cache_clear()
    yield
    find_stage.cache_clear()


@pytest.mark.usefixtures("host_stages")
@pytest.mark.parametrize("name", ["doubled", "doubled_in_strips"])
def test_host_stages_and_what_enters_them_are_rounded(name):
    values = np.linspace(-0.3, 1.2, 100 * 90, dtype=np.float32).reshape(100, 90)
    profile = with_datapath(Profile.from_stages([name], start="mosaic"), 8)
    result = Pipeline(profile).run(Mosaic(values, _cfa()), tap=name).value.data
    path = Datapath(8)
    np.testing.assert_array_equal(result, path.rounded(path.rounded(values) * np.float32(2) + np.float32(0.3)))


def test_stages_in_digital_numbers_are_not_touched():
    codes = np.arange(400, dtype=np.uint16).reshape(20, 20)
    frame = RawFrame.from_array(codes, "RGGB", 0, 399)
    profile = with_datapath(Profile.from_stages([("linearize", {"points": [[0, 0], [100, 100], [399, 60000]]})]), 8)
    result = Pipeline(profile).run(frame, tap="linearize").value
    np.testing.assert_allclose(result.data, np.interp(codes, [0, 100, 399], [0, 100, 60000]), atol=0.51)


def test_the_statistics_see_rounded_values():
    values = np.full((64, 64), 0.1, np.float32)
    frame = RawFrame.from_array((values * 1000).astype(np.uint16), "RGGB", 0, 1000)
    profile = with_datapath(Profile.from_stages(["black_level", ("white_balance", {"mode": "auto"})]), 8)
    seen = Pipeline(profile).run(frame, tap="white_balance").statistics
    np.testing.assert_array_equal(np.unique(seen.thumbnail), [np.float32(round(0.1 * 32) / 32)])


def test_segment_borders_are_rounded_as_the_inside_is():
    """Stencils of more than 16 px in all are cut into two programs; a value on the way is a code either way."""
    values = np.random.default_rng(1).uniform(0, 1, (90, 100)).astype(np.float32)
    stages = [("white_balance", {"mode": "manual"}), "green_equalization", "highlights", "noise_reduction",
              ("demosaic", {"method": "menon2007"})]
    profile = with_datapath(Profile.from_stages(stages, start="mosaic"), 12)
    run = Pipeline(profile).run(Mosaic(values, _cfa()), tap="demosaic")
    codes = run.value.data * 2.0**9
    np.testing.assert_array_equal(codes, np.rint(codes))


def raw_frame(shape=(96, 128)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    rng = np.random.Generator(np.random.Philox(2))
    data = 0.3 + 0.25 * np.sin(x / 9 + y / 17) + 0.01 * rng.standard_normal(shape)
    calibration = ColorCalibration(6504, np.array([[0.72, -0.21, -0.08], [-0.45, 1.25, 0.22], [-0.06, 0.17, 0.62]]))
    return RawFrame.from_array(
        np.clip(data * 16000 + 512, 0, 16383).astype(np.uint16), "RGGB", 512, 16383, neutral=(0.5, 1.0, 0.62),
        calibrations=(calibration,), iso=100.0, self_describing=True,
    )


def test_24_bits_give_the_picture_of_floats_to_one_code():
    profile = read_profile("natural").with_settings(["demosaic.method=malvar2004"])
    plain = Pipeline(profile)(raw_frame()).pixels.astype(int)
    fixed = Pipeline(with_datapath(profile, 24))(raw_frame()).pixels.astype(int)
    assert np.abs(plain - fixed).max() <= 1
    assert (plain != fixed).mean() < 0.01


def test_18_bits_hold_a_ramp_to_90_db():
    codes = np.broadcast_to(np.linspace(512, 16383, 512).astype(np.uint16), (64, 512))
    frame = RawFrame(codes, _cfa(), np.array([[512.0]]), 16383.0, raw_frame().info)
    profile = read_profile("reference")
    plain, fixed = (
        Pipeline(p).run(frame, tap="ccm").value.data.astype(np.float64)
        for p in (profile, with_datapath(profile, 18))
    )
    held = plain < 3.9
    assert 10 * np.log10(1 / np.mean((plain - fixed)[held] ** 2)) > 90


def test_10_bits_make_bands_in_a_smooth_sky():
    """A gradient over one stop, 36 codes of 8 bits wide: as many levels remain as the datapath has steps."""
    light = np.broadcast_to(np.linspace(0.1, 0.2, 1024), (16, 1024))
    picture = Picture.from_array(np.repeat(light[..., None], 3, 2).astype(np.float32), "rec2020")
    profile = Profile.from_stages([("exposure", {"ev": 0.0}), "encode"], start="scene")
    levels, widest = {}, {}
    for bits in (0, 10, 18):
        chosen = with_datapath(profile, bits) if bits else profile
        row = np.rint(Pipeline(chosen).run(picture, tap="encode").value.data[8, :, 1] * 255)
        levels[bits] = len(np.unique(row))
        widest[bits] = np.diff(np.flatnonzero(np.diff(row, prepend=-1, append=-1))).max()
    assert levels[18] == levels[0] > 30
    assert widest[18] <= widest[0] + 1
    # 7 fractional bits: 13 steps between 0.1 and 0.2
    assert levels[10] <= 14
    assert widest[10] > 1.7 * widest[0]


def test_other_ways_of_rounding_are_refused():
    with pytest.raises(ProfileError, match=r"allowed: nearest .ties up., nearest_even or truncate .down."):
        with_datapath(read_profile("natural"), 12, 2, "up")
