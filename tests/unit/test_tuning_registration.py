"""References come onto the raw's pixels, and other scenes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from isp.errors import NumericError, UsageError
from isp.values import Picture, RawFrame, oriented
from tuning.fitting.pairs import Pair, target_of
from tuning.fitting.registration import register


def scene(seed=0, shape=(200, 260)):
    rng = np.random.Generator(np.random.Philox(seed))
    coarse, fine = (gaussian_filter(rng.standard_normal((3, *shape)), (0, s, s)) * s for s in (12, 2))
    return np.clip(0.5 + 0.25 * coarse + 0.12 * fine, 0.02, 0.98).astype(np.float32)


def moved(planes, field):
    return np.stack([map_coordinates(p, field, order=3, mode="nearest") for p in planes]).astype(np.float32)


def grid(shape=(200, 260)):
    return np.indices(shape).astype(np.float64)


def test_a_reference_on_the_same_grid_is_left_as_it_is():
    here = scene()
    # another exposure and tone are no displacement
    there = np.sqrt(here * np.float32(0.7))
    found = register(there, here, "it")
    assert found.planes is there or np.array_equal(found.planes, there)
    assert found.displacement == 0
    assert found.likeness > 0.9


@pytest.mark.parametrize("shift", [(3.0, -2.0), (0.4, 0.7), (-8.3, 5.6)])
def test_shifts_are_undone(shift):
    here = scene()
    there = moved(here, grid() + np.array(shift)[:, None, None])
    found = register(there, here, "it")
    inner = (slice(None), slice(20, -20), slice(20, -20))
    assert np.abs(found.planes - here)[inner].mean() < 0.25 * np.abs(there - here)[inner].mean()
    assert found.displacement == pytest.approx(max(abs(s) for s in shift), abs=0.15)


def test_scale_and_warp_are_undone():
    here = scene()
    y, x = grid()
    v, u = (y - 100) / 100, (x - 130) / 130
    there = moved(here, np.stack([y + 1.5 + 2 * v - 0.8 * u * u, x - 1 + 2 * u + 0.6 * u * v]))
    found = register(there, here, "it")
    inner = (slice(None), slice(20, -20), slice(20, -20))
    assert np.abs(found.planes - here)[inner].mean() < 0.3 * np.abs(there - here)[inner].mean()


def test_a_reference_of_twice_the_size():
    here = scene()
    y, x = np.indices((400, 520)).astype(np.float64)
    found = register(moved(here, np.stack([(y - 0.5) / 2, (x - 0.5) / 2])), here, "it")
    assert found.planes.shape == here.shape
    assert np.abs(found.planes - here)[:, 8:-8, 8:-8].mean() < 0.01


def test_another_scene_is_refused():
    with pytest.raises(NumericError, match="it shows another scene than its raw"):
        register(scene(5), scene(0), "it")


def test_another_shape_is_refused():
    with pytest.raises(NumericError, match="it is 260 x 120, its raw develops to 260 x 200"):
        register(scene(0, (120, 260)), scene(0), "it")


def pair(reference, orientation=1):
    raw = RawFrame.from_array(np.zeros((200, 260), np.uint16), white=1023, orientation=orientation)
    return Pair(raw, reference, "it.dng")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_upright_reference_is_turned_as_the_raw_lies(orientation):
    here = scene()
    upright = Picture.from_array(np.ascontiguousarray(oriented(here.transpose(1, 2, 0), orientation)))
    target, found = target_of(pair(upright, orientation), here, ("srgb", "srgb"))
    assert np.array_equal(target.picture, here)
    assert found.displacement == 0


def test_clipped_pixels_do_not_count():
    here = scene()
    there = here.copy()
    there[1, 50:60, 70:90] = 1.0
    there[0, 5, 5] = 0.0
    target, _ = target_of(pair(Picture.from_array(there.transpose(1, 2, 0))), here, ("srgb", "srgb"))
    assert target.weight.sum() == 200 * 260 - 10 * 20 - 1


def test_a_reference_in_other_primaries_is_converted():
    from isp.color.spaces import conversion
    from isp.color.transfer import decoded, encoded

    here = scene() * np.float32(0.5) + np.float32(0.25)
    light = decoded(here.transpose(1, 2, 0), "srgb", "srgb") @ conversion("srgb", "display_p3").T
    there = Picture.from_array(encoded(light, "srgb", "display_p3"), "display_p3")
    target, _ = target_of(pair(there), here, ("srgb", "srgb"))
    assert np.abs(target.picture - here).max() < 1e-5


def test_a_reference_of_which_nothing_counts_is_refused():
    here = scene()
    white = np.where(np.arange(260) < 257, np.float32(1), here).astype(np.float32)
    with pytest.raises(NumericError, match=r"it\.dng"):
        target_of(pair(Picture.from_array(white.transpose(1, 2, 0))), here, ("srgb", "srgb"))
    with pytest.raises(UsageError, match="no reference"):
        target_of(pair(None), here, ("srgb", "srgb"))
