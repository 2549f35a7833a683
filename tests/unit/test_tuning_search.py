"""Searches find minima, and goals mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from isp.errors import NumericError, UsageError
from reports.estimate import Estimate
from reports.model import Quantity
from tuning.fitting.goal import Bound, Goal, parse_goal
from tuning.fitting.search import Axis, search

PLANE = (Axis("a", 0.8, (), -1, 1), Axis("b", -0.8, (), -1, 1))


def bowl(values):
    return (values["a"] - 0.2) ** 2 + 2 * (values["b"] - 0.4) ** 2


@pytest.mark.parametrize(("sampler", "near"), [("cmaes", 1e-3), ("tpe", 0.05), ("random", 0.1)])
def test_the_minimum_of_a_bowl(sampler, near):
    values, loss = search(PLANE, bowl, seed=3, trials=120, sampler=sampler)
    assert loss == bowl(values) < near


def test_choices_are_tried_and_the_start_comes_first():
    seen = []

    def objective(values):
        seen.append(dict(values))
        return {"slow": 3.0, "fast": 1.0, "best": 0.5}[values["method"]]

    values, loss = search([Axis("method", "slow", ("slow", "fast", "best"))], objective, seed=0, trials=12)
    assert seen[0] == {"method": "slow"}
    assert (values, loss) == ({"method": "best"}, 0.5)


def test_the_same_seed_asks_for_the_same_trials():
    runs = []
    for _ in range(2):
        seen = []
        search(PLANE, lambda v, seen=seen: seen.append(dict(v)) or bowl(v), seed=9, trials=30)
        runs.append(seen)
    assert runs[0] == runs[1]


def test_values_that_give_none_are_passed_over():
    def objective(values):
        if values["a"] > 0:
            raise NumericError("no edge found")
        return bowl(values)

    assert search(PLANE, objective, seed=1, trials=40)[0]["a"] <= 0
    with pytest.raises(NumericError, match="no trial of 3 gave a value: no edge found"):
        search(PLANE, lambda _: objective({"a": 1}), seed=1, trials=3)


def test_a_goal_in_words():
    goal = parse_goal("maximise acutance subject to visual_noise<1.5 and delta_e.mean <= 3")
    assert goal.maximise
    assert goal.keys == ("sharpness.acutance", "noise.visual", "delta_e.mean")
    assert goal.bounds[1] == Bound("delta_e.mean", True, 3.0)
    assert not parse_goal("minimize delta_e").maximise


@pytest.mark.parametrize(
    "text",
    ["acutance", "maximise", "maximise acutance subject to", "maximise acutance subject to noise=3", "max acutance"],
)
def test_goals_that_say_nothing(text):
    with pytest.raises(UsageError, match="--objective"):
        parse_goal(text)


@pytest.mark.parametrize(
    ("below", "limit", "value", "excess"),
    [(True, 2.0, 1.9, 0.0), (True, 2.0, 3.0, 0.5), (False, 40.0, 30.0, 0.25), (False, 40.0, 41.0, 0.0)],
)
def test_how_far_a_condition_is_broken(below, limit, value, excess):
    assert Bound("x", below, limit).excess(value) == pytest.approx(excess)


class Measured(Goal):
    """A goal whose pictures are their measurements."""

    def _measured(self, picture, reference):
        return {k: Quantity(k, k, "", (Estimate(v),)) for k, v in picture.items()}


def test_a_broken_condition_outweighs_what_is_gained_by_it():
    goal = Measured(**vars(parse_goal("maximise acutance subject to visual_noise<1.5")))
    tame = {"sharpness.acutance": 0.8, "noise.visual": 1.4}
    wild = {"sharpness.acutance": 0.95, "noise.visual": 1.8}
    assert goal.value([tame], [None]) == -0.8
    assert goal.value([wild], [None]) > goal.value([tame], [None])


def test_a_goal_that_cannot_be_measured_says_why():
    goal = Measured(**vars(parse_goal("maximise acutance")))
    with pytest.raises(NumericError, match=r"sharpness\.acutance is n\.a\. in every picture"):
        goal.value([{"sharpness.acutance": np.nan}], [None])
