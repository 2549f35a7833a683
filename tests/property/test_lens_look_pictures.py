"""The lens look on any picture: however small, and cut out of whatever, with slopes as steep as they come."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isp.lens_look import fans, sheets
from isp.lens_look.guess import FELT
from isp.lens_look.renderer import Place, Renderer
from isp.lens_look.spots import Optics

COLOUR = np.array([0.2, 0.5, 0.9], np.float32)
LAYERS = [-20, -6, 0, 3, 12]


def renderer(shape, place, frame, f_number=1.4):
    """An ideal lens, in focus at 1.5 m, before a picture (H, W) at a place (left, top) of a frame (H, W) 36 mm wide."""
    light = fans.ideal(50.0, f_number, fans.widest_tangent(50.0, (36.0, 24.0)))
    return Renderer(Optics(light, f_number, 1500.0, 36.0 / max(frame)), Place(shape, *place, frame), vignetting=0.0)


@given(
    st.tuples(st.integers(1, 8), st.integers(1, 8)), st.sampled_from([1, 2, 4, 8, 16]),
    st.tuples(st.integers(0, 15), st.integers(0, 15)), st.integers(1, 24), st.integers(0, 2**32),
)  # fmt: skip
@settings(max_examples=150, deadline=None, derandomize=True)
def test_in_a_tiny_picture_of_one_colour_this_is_hidden(shape, cell, offset, steps, seed):
    layer = np.random.Generator(np.random.Philox(seed)).choice(LAYERS, shape).astype(np.int16)
    light = np.broadcast_to(COLOUR, (*shape, 3)).copy()
    jumps = any((np.abs(np.diff(layer, axis=axis)) >= 3).any() for axis in (0, 1))
    found = sheets.uncover(light, layer, (offset[0] % cell, offset[1] % cell), cell, steps)
    assert (found is not None) == jumps
    shown = found and found.at(layer, *(np.arange(n) for n in shape))
    if shown:
        _, hidden, behind = shown
        hides = hidden > sheets.NOTHING
        assert (hidden[hides] >= layer[hides] + 3).all()
        assert hidden.max() <= layer.max()
        np.testing.assert_allclose(behind[:, hides], np.broadcast_to(COLOUR[:, None], (3, hides.sum())), rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 8), (8, 1), (3, 5), (8, 8)])
@pytest.mark.parametrize("frame", [None, (600, 800), (4000, 6000)], ids=["pixels", "cells of 2", "cells of 16"])
def test_a_tiny_picture_of_one_colour_stays_as_it_is(shape, frame):
    random = np.random.Generator(np.random.Philox(5))
    layer = random.choice(LAYERS, shape).astype(np.int16)
    lens = renderer(shape, (301, 205) if frame else (0, 0), frame or shape)
    assert (lens.continuation[0] > 1) == (frame is not None)
    out = lens.render(np.broadcast_to(COLOUR, (*shape, 3)).copy(), layer, 1)
    np.testing.assert_allclose(out / COLOUR, 1, atol=2e-6)


def waves(shape, slope, angle, high=24):
    """(H, W) int16: layers that rise and fall by `slope` with each pixel in a direction, from -high to high."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    along = slope * (x * math.cos(angle) + y * math.sin(angle))
    return np.rint(np.abs((along % (4 * high)) - 2 * high) - high).astype(np.int16)


@pytest.mark.parametrize("cell", [1, 4, 8])
@pytest.mark.parametrize("slope", [0.3, 0.75, 1.4, 1.9])
@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 4])
def test_a_steep_slope_hides_nothing_whatever_else_is_in_the_picture(cell, slope, angle):
    layer = waves((260, 500), slope, angle)
    light = np.random.Generator(np.random.Philox(1)).random((260, 500, 3)).astype(np.float32)
    assert sheets.uncover(light, layer, (0, 0), cell, 12) is None
    jump = layer.copy()
    jump[:, 400:440] = -60
    found = sheets.uncover(light, jump, (0, 0), cell, 12)
    reach, hidden, _ = found.at(jump, np.arange(260), np.arange(500))
    assert (hidden[:, 400 : min(400 + 8 * cell, 440)] > sheets.NOTHING).all()
    inner = np.s_[:, 12 * cell : 400 - 14 * cell]
    assert (hidden[inner] == sheets.NOTHING).all()
    # as far as the slope rises to one side, over as many cells as are looked through
    rise = 11 * cell * slope * math.cos(angle)
    assert (reach[inner] >= np.minimum(layer[inner] + rise - 1, 22)).all()


@given(
    st.sampled_from([1, 2, 4]), st.floats(0.2, 2.0), st.floats(0.0, math.pi), st.integers(0, 2**32),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
)  # fmt: skip
@settings(max_examples=25, deadline=None, derandomize=True)
def test_what_a_cut_out_part_hides_is_what_the_whole_hides_there(cell, slope, angle, seed, corner):
    random, steps, (height, width) = np.random.Generator(np.random.Philox(seed)), 4, (180, 260)
    light, layer = random.random((height, width, 3)).astype(np.float32), waves((height, width), slope, angle)
    for _ in range(4):
        top, left = random.integers(0, (height, width))
        layer[top : top + 20, left : left + 15] = random.choice(LAYERS)
    top, left = corner
    margin = cell * (steps + FELT + 2)
    rows, columns = np.arange(top + margin, height), np.arange(left + margin, width)
    shown = np.ascontiguousarray(layer[rows[0] :, columns[0] :])
    whole = sheets.uncover(light, layer, (0, 0), cell, steps)
    part = sheets.uncover(
        np.ascontiguousarray(light[top:, left:]), np.ascontiguousarray(layer[top:, left:]), (top % cell, left % cell),
        cell, steps,
    )
    nothing = None, np.full(shown.shape, sheets.NOTHING, np.int16), None
    one = (whole and whole.at(shown, rows, columns)) or nothing
    other = (part and part.at(shown, rows - top, columns - left)) or nothing
    hides = one[1] > sheets.NOTHING
    np.testing.assert_array_equal(one[1], other[1])
    if hides.any():
        np.testing.assert_array_equal(one[0][hides], other[0][hides])
        np.testing.assert_allclose(one[2][:, hides], other[2][:, hides], atol=1e-4)


@pytest.mark.parametrize("slope", [1.0, 1.9])
def test_a_steep_slope_is_rendered_alike_with_and_without_a_jump_far_away(slope):
    height, width, left, frame = 100, 560, 300, (2000, 3000)
    light = np.random.Generator(np.random.Philox(2)).random((height, width, 3)).astype(np.float32)
    layer = waves((height, width), slope, 0.3, 6)
    layer[:, -30:] = -15
    whole, part = (renderer((height, n), (1000, 800), frame, 8.0) for n in (width, left))
    assert whole.continuation[0] == 2
    seen = left - whole.reach(range(-15, 7))
    assert seen > 30
    one = whole.render(light, layer, 2)
    other = part.render(np.ascontiguousarray(light[:, :left]), np.ascontiguousarray(layer[:, :left]), 2)
    assert np.abs(one[:, :seen] - other[:, :seen]).max() < 1e-4
