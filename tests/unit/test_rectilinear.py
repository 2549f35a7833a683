"""The warp: its formula by hand, its inverse, its way through a DNG, and what the simulator writes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from isp.errors import InputError
from isp.io import read_raw, write_dng
from isp.rectilinear import RectilinearWarp, inverse_radial, polynomial
from isp.values import RawFrame
from tests.dng import UNDEFINED, dng_bytes, mosaic, opcode_list

ROW = (0.98, 0.03, -0.01, 0.002, 0.003, -0.004)


def test_the_formula_by_hand():
    warp = RectilinearWarp((ROW,), (0.6, 0.4))
    # 41 x 31 px: centre at (24, 12), farthest corner (0, 30)
    cx, cy, m = warp.frame((31, 41))
    assert (cx, cy, m) == (24.0, 12.0, pytest.approx(30.0))
    u, v = (34 - 24) / 30, (27 - 12) / 30
    r2 = u * u + v * v
    f = 0.98 + 0.03 * r2 - 0.01 * r2**2 + 0.002 * r2**3
    x, y = warp.find((31, 41), 0, 34, 27)
    assert float(x) == pytest.approx(24 + 30 * (u * f + 2 * 0.003 * u * v - 0.004 * (r2 + 2 * u * u)))
    assert float(y) == pytest.approx(12 + 30 * (v * f - 2 * 0.004 * u * v + 0.003 * (r2 + 2 * v * v)))


@pytest.mark.parametrize("k", [(0.05,), (-0.04, 0.01), (0.1, 0.02, -0.01), (0.0,)])
@pytest.mark.parametrize(("terms", "error"), [(4, 2e-5), (8, 1e-7)])
def test_the_inverse_finds_the_radius(k, terms, error):
    radius = np.linspace(0, 1.1, 400)
    other = radius * polynomial((1.0, *k), radius**2)
    inside = other <= 1
    back = other * polynomial(inverse_radial(k, terms), other**2)
    np.testing.assert_allclose(back[inside], radius[inside], atol=error)


def test_a_polynomial_that_turns_back_has_none():
    with pytest.raises(ValueError, match="folds the picture over"):
        inverse_radial((-0.5,))


@pytest.mark.parametrize(
    ("planes", "centre", "words"),
    [
        ((), (0.5, 0.5), "0 planes must be 1..4"), (((1, 0, 0),), (0.5, 0.5), "planes of 6 numbers"),
        (((np.nan, 0, 0, 0, 0, 0),), (0.5, 0.5), "not finite"), ((ROW,), (np.inf, 0), "not finite"),
        (((-1, 0, 0, 0, 0, 0),), (0.5, 0.5), "kr0 must be above 0"),
    ],
)  # fmt: skip
def test_wrong_warps(planes, centre, words):
    with pytest.raises(InputError, match=words):
        RectilinearWarp(planes, centre)


@pytest.mark.parametrize("planes", [(ROW,), (ROW, (1, 0, 0, 0, 0, 0), (1.001, 0, 0, 0, 0, 0))])
def test_a_dng_brings_it_back(tmp_path, planes):
    warp = RectilinearWarp(planes, (0.25, 0.75))
    frame = RawFrame.from_array(mosaic(40, 30), black=64, white=1023).with_info(warp=warp)
    again = read_raw(write_dng(frame, tmp_path / "a.dng"))
    assert again.info.warp == warp
    assert again.info.warnings == ()


def test_a_centre_outside_the_frame_is_not_written(tmp_path):
    frame = RawFrame.from_array(mosaic(40, 30), black=64, white=1023).with_info(warp=RectilinearWarp((ROW,), (2, 0.5)))
    assert read_raw(write_dng(frame, tmp_path / "a.dng")).info.warp is None


def body(planes, *numbers):
    return struct.pack(f">I{len(numbers)}d", planes, *numbers)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 planes in 0 bytes"), (body(0, 0.5, 0.5), "0 planes in 20 bytes"),
        (body(1, *ROW), "1 planes in 52 bytes"), (body(2**31, *ROW, 0.5, 0.5), "1..4 planes need 68, 116, 164, 212"),
        (body(1, *(0,) * 6, 0.5, 0.5), "kr0 must be above 0"), (body(1, np.nan, *ROW[1:], 0.5, 0.5), "not finite"),
    ],
)  # fmt: skip
def test_damaged_opcodes(tmp_path, data, words):
    path = tmp_path / "a.dng"
    path.write_bytes(dng_bytes(mosaic(48, 32), tags={51022: opcode_list((1, 1, data))}))
    with pytest.raises(InputError) as caught:
        read_raw(path)
    assert words in str(caught.value)


def test_one_warp_is_taken_and_the_others_named(tmp_path):
    path = tmp_path / "a.dng"
    good, two = body(1, *ROW, 0.5, 0.5), body(2, *ROW, *ROW, 0.5, 0.5)
    path.write_bytes(dng_bytes(mosaic(48, 32), tags={51022: opcode_list((1, 1, two), (1, 1, good), (1, 1, good))}))
    info = read_raw(path).info
    assert info.warp == RectilinearWarp((ROW,))
    assert info.warnings == ("OpcodeList3: WarpRectilinear of 2 planes is not applied",
                             "OpcodeList3: opcode WarpRectilinear is not applied")  # fmt: skip
    assert opcode_list((1, 1, good))[0] == UNDEFINED


@pytest.mark.parametrize("crop", [None, (300, 40, 120, 200), (10, 20, 60, 80)])
@pytest.mark.parametrize("mode", ["full", "bin2"])
def test_the_simulator_writes_the_inverse_of_its_lens(crop, mode):
    from sensors.metadata import rectilinear
    from sensors.photograph import plan_capture

    size, n = (960, 640), 1 if mode == "full" else 2
    lens = {"distortion": [0.06, -0.01, 0], "lateral": {"R": 1.0008, "B": 0.9994}}
    crop = None if crop is None else tuple(v // n for v in crop)
    plan = plan_capture("uniform", "imx586", size=size, crop=crop, lens=lens, mode=mode)
    warp = rectilinear(plan)
    x0, y0, width, height = plan.region
    x, y = np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 7)
    for channel in range(3):
        # a pixel of the corrected frame, where it is found, and the scene that the lens shows there
        u, v = np.meshgrid(x, y)
        found = warp.find((height, width), channel, u, v)
        for i in range(u.size):
            photosite = [((f.flat[i] + o) + 0.5) * n for f, o in zip(found, (x0, y0), strict=True)]
            scene = plan.warp.positions(
                channel, np.array([[photosite[0]]]), np.array([[photosite[1]]]), size
            )
            assert float(scene[0][0, 0]) == pytest.approx((u.flat[i] + x0 + 0.5) * n, abs=0.01)
            assert float(scene[1][0, 0]) == pytest.approx((v.flat[i] + y0 + 0.5) * n, abs=0.01)
