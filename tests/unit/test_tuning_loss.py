"""The loss: closed forms, derivatives, and nothing where the reference says nothing."""

from __future__ import annotations

import colour
import numpy as np
import pytest

from isp.color.spaces import rgb_to_xyz
from isp.color.transfer import decoded
from tuning.fitting.loss import KNEE, Loss, Target
from tuning.fitting.perceptual import Oklab

SHAPE = (3, 48, 64)


def picture(seed, spread=0.1):
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]] / 17
    smooth = 0.5 + 0.3 * np.sin(x + seed) * np.cos(y)
    return (smooth + spread * rng.standard_normal(SHAPE)).clip(0.02, 0.98).astype(np.float32)


def rho(r):
    return KNEE**2 * (np.sqrt(1 + (r / KNEE) ** 2) - 1)


def loss_of(target, **more):
    weight = np.ones(SHAPE[1:], np.float32)
    return Loss(Target(target, weight, **more))


@pytest.mark.parametrize("gap", [0.001, 0.03, 0.2])
def test_an_even_difference_costs_rho_of_it_on_every_scale(gap):
    there = np.full(SHAPE, 0.4, np.float32)
    assert loss_of(there)(there + np.float32(gap)) == pytest.approx(rho(gap), rel=1e-4)


def test_fine_noise_costs_only_where_it_is_seen():
    there = np.full(SHAPE, 0.5, np.float32)
    sign = np.where(np.indices(SHAPE[1:]).sum(0) % 2, 1, -1).astype(np.float32)
    # the means over 4 x 4 and 16 x 16 pixels of a chessboard are zero
    assert loss_of(there)(there + np.float32(0.01) * sign) == pytest.approx(rho(0.01) / 3, rel=1e-4)


@pytest.mark.parametrize("space", ["encoded", "oklab"])
def test_the_derivative_equals_differences(space):
    here, there = picture(1), picture(2)
    loss = loss_of(there, oklab=Oklab("srgb", "srgb") if space == "oklab" else None)
    value, slopes = loss.derivative(here)
    assert value == loss(here)
    direction = np.random.Generator(np.random.Philox(5)).standard_normal(SHAPE).astype(np.float32)
    width = 2e-3
    ends = [loss(here + np.float32(sign * width) * direction) for sign in (1, -1)]
    found = float(np.sum(slopes.astype(np.float64) * direction))
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * width), rel=0.01)


def test_the_curvature_equals_second_differences_near_the_reference():
    there = picture(1)
    here = there + np.float32(1e-4)
    loss = loss_of(there)
    columns = np.stack([picture(3, 0.3), picture(4, 0.3)]) - np.float32(0.5)
    found = loss.curvature(here, loss_rows(loss, columns))
    width = 2e-3

    def at(a, b):
        return loss(here + np.float32(width) * (a * columns[0] + b * columns[1]))

    second = (at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / width**2
    mixed = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * width**2)
    assert found[0, 0] == pytest.approx(second, rel=0.02)
    assert found[0, 1] == found[1, 0] == pytest.approx(mixed, rel=0.05, abs=1e-3 * found[0, 0])


def loss_rows(loss, columns):
    return np.stack([loss.rows(c) for c in columns])


def test_what_does_not_count_has_no_pull():
    here, there = picture(1), picture(2)
    weight = np.ones(SHAPE[1:], np.float32)
    weight[10:20, 5:40] = 0
    spoilt = there.copy()
    spoilt[:, 10:20, 5:40] = 0.9
    one, two = (Loss(Target(t, weight)).derivative(here) for t in (there, spoilt))
    assert one[0] == two[0]
    assert not two[1][:, 10:20, 5:40].any()


def test_sizes_that_squares_do_not_divide():
    there = np.full((3, 37, 41), 0.4, np.float32)
    value, slopes = Loss(Target(there, np.ones((37, 41), np.float32))).derivative(there + np.float32(0.01))
    assert slopes.shape == there.shape
    assert 0.7 * rho(0.01) < value <= rho(0.01) * 1.001


def test_the_number_of_threads_changes_no_bit():
    here, there = picture(1), picture(2)
    target = Target(there, np.ones(SHAPE[1:], np.float32))
    (one, slopes_one), (two, slopes_two) = (Loss(target, n).derivative(here) for n in (1, 3))
    assert one == two
    assert np.array_equal(slopes_one, slopes_two)


def test_residuals_are_root_mean_squares_of_codes():
    there = picture(1)
    assert loss_of(there).residual(there + np.float32(0.02)) == pytest.approx(0.02, rel=1e-3)


def test_oklab_is_that_of_colour_science():
    here = np.float32(0.3) + np.float32(0.7) * picture(3)  # above the floor that holds black's slope
    light = decoded(np.moveaxis(here.astype(np.float64), 0, -1), "srgb", "srgb")
    expected = np.moveaxis(colour.XYZ_to_Oklab(light @ rgb_to_xyz("srgb").T), -1, 0)
    # ours is scaled so that greys are exactly grey
    assert np.abs(Oklab("srgb", "srgb")(here) - expected).max() < 2e-3
