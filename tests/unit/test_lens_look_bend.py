"""The distortion of the lens look: against SciPy's splines, and beside bright lights."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter, map_coordinates

from isp.lens_look.bend import Bend

SHAPE = (150, 200)
AXIS, CORNER = (99.5, 74.5), float(np.hypot(100, 75))
HEIGHTS = np.linspace(0, 1.2 * CORNER, 16)


def bend(share, axis=AXIS):
    """A lens that moves the corner by a share, as the square of the distance."""
    found = Bend.of(HEIGHTS, 1 + share * (HEIGHTS / CORNER) ** 2, axis, CORNER)
    assert found is not None
    return found


def source(share, r):
    """Distance from the axis of what is seen at r, from the definition, and with which magnification."""
    fine = np.linspace(0, 1.2 * CORNER, 20_001)
    image = fine * (1 + share * (fine / CORNER) ** 2)
    zoom = max(1.0, 1 / (1 + share))
    return CubicSpline(image, fine)(r / zoom)


@pytest.mark.parametrize("share", [-0.08, -0.01, 0.03])
def test_light_comes_from_where_the_lens_has_it_from(share):
    random = np.random.Generator(np.random.Philox(1))
    light = gaussian_filter(random.random((*SHAPE, 3)), (6, 6, 0)).astype(np.float32)
    found = bend(share).light(light)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    r = np.hypot(x - AXIS[0], y - AXIS[1])
    factor = source(share, r) / r
    for c in range(3):
        at = [AXIS[1] + (y - AXIS[1]) * factor, AXIS[0] + (x - AXIS[0]) * factor]
        wanted = map_coordinates(light[..., c].astype(float), at, order=5, mode="nearest")
        inner = np.s_[6:-6, 6:-6]
        np.testing.assert_allclose(found[inner][..., c], wanted[inner], atol=2e-4)


def test_what_is_shifted_comes_from_beyond_the_edge_mirrored():
    light = np.random.Generator(np.random.Philox(4)).random((*SHAPE, 3)).astype(np.float32)
    # three pixels towards the axis everywhere but close to it: nothing is magnified for it
    shift = np.minimum(HEIGHTS / HEIGHTS[1], 1) * -3.0
    found = Bend.of(HEIGHTS, np.ones_like(HEIGHTS), (99.0, 74.0), CORNER, shift)
    assert found is not None
    beyond = light[74, [195, 196, 197, 198, 199, 198, 197, 196]]
    np.testing.assert_allclose(found.light(light)[74, -8:], beyond, atol=0.02)


def test_beside_a_bright_light_it_is_no_darker_than_before():
    light = np.full((*SHAPE, 3), 0.2, np.float32)
    light[20:24, 30:34] = 50.0
    found = bend(-0.03).light(light)
    assert found.min() == pytest.approx(0.2, abs=1e-6)
    assert found.max() <= 50.0


def test_a_part_of_the_picture_is_bent_as_in_the_whole():
    random = np.random.Generator(np.random.Philox(2))
    light = random.random((*SHAPE, 3)).astype(np.float32)
    whole = bend(-0.05)
    part = bend(-0.05, (AXIS[0] - 40, AXIS[1] - 30))
    margin = int(np.ceil(whole.moved)) + 2
    cut = part.light(np.ascontiguousarray(light[30:, 40:]))[margin:, margin:]
    np.testing.assert_array_equal(cut, whole.light(light)[30 + margin :, 40 + margin :])


def test_planes_go_along_at_their_own_size():
    plane = np.arange(75 * 100, dtype=np.float32).reshape(75, 100)
    light = np.repeat(np.repeat(plane, 2, 0), 2, 1)[..., None].repeat(3, 2)
    lens = bend(-0.05)
    moved = lens.plane(plane, SHAPE)
    y, x = np.mgrid[:75, :100]
    r = np.hypot(2 * x + 0.5 - AXIS[0], 2 * y + 0.5 - AXIS[1])
    factor = source(-0.05, r) / r
    row = (AXIS[1] + (2 * y + 0.5 - AXIS[1]) * factor - 0.5) / 2
    column = (AXIS[0] + (2 * x + 0.5 - AXIS[0]) * factor - 0.5) / 2
    found = np.divmod(moved, 100)
    assert np.abs(found[0] - row).max() < 0.51
    assert np.abs(found[1] - column).max() < 0.51
    assert lens.light(light.astype(np.float32)).shape == (*SHAPE, 3)


def test_a_lens_that_moves_nothing_is_none():
    assert Bend.of(HEIGHTS, np.ones(16), AXIS, CORNER) is None


def test_a_lens_that_folds_back_is_followed_as_far_as_it_goes():
    lens = Bend.of(HEIGHTS, 1 - 0.6 * (HEIGHTS / CORNER) ** 2, AXIS, CORNER)
    assert lens is not None
    assert np.isfinite(lens.factor).all()
    assert lens.factor.max() <= 1 + 1e-6
