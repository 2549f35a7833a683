"""Estimates and their intervals against closed forms."""

import math
import pickle

import numpy as np
import pytest

from reports.estimate import Estimate, bootstrap, difference, mean_of


def test_an_estimate_is_a_float_that_remembers():
    found = Estimate(0.25, (0.2, 0.3), "cycles/pixel")
    assert found * 2 == 0.5
    assert str(found) == "0.25 cycles/pixel [0.2, 0.3]"
    again = pickle.loads(pickle.dumps(found))
    assert (again, again.interval, again.unit) == (0.25, (0.2, 0.3), "cycles/pixel")


def test_what_cannot_be_had_says_why():
    missing = Estimate.missing("no edge found", "cycles/pixel")
    assert not missing.known
    assert str(missing) == "n.a.: no edge found"
    assert missing.as_json() == {"value": None, "interval": None, "unit": "cycles/pixel", "reason": "no edge found"}
    assert difference(missing, Estimate(1.0)).reason == "no edge found"


def test_bootstrap_interval_of_a_mean_is_the_normal_one():
    items = np.random.Generator(np.random.Philox(3)).normal(5, 2, 400)
    found = mean_of(items, "dB")
    half = 1.96 * items.std(ddof=1) / 20
    assert found == pytest.approx(items.mean())
    assert found.interval == pytest.approx((found - half, found + half), abs=0.1 * half)
    assert bootstrap(items, np.median).interval[0] < np.median(items)
    assert mean_of(items[:2]).reason == "no interval from 2 items"


def test_independent_differences_add_in_quadrature():
    a, b = Estimate.normal(1, 0.3), Estimate.normal(2, 0.4)
    gap = difference(a, b)
    assert gap == 1
    assert gap.interval == pytest.approx((1 - 1.96 * 0.5, 1 + 1.96 * 0.5), abs=1e-3)
    back = difference(b, a)
    assert back.interval == pytest.approx((-gap.interval[1], -gap.interval[0]))


def test_paired_differences_see_what_independent_ones_do_not():
    errors = np.random.Generator(np.random.Philox(4)).gamma(2, 2, 24)
    a, b = mean_of(errors), mean_of(errors + 0.1)
    assert difference(a, b).interval == pytest.approx((0.1, 0.1))
    assert difference(a, a).interval == (0, 0)
    assert math.isnan(Estimate.missing("x"))
