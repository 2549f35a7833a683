"""The verdict: what counts as more than chance, who is better, and the words."""

import numpy as np
import pytest

from isp.errors import UsageError
from reports.compare.conditions import failures, parse
from reports.compare.verdict import judged, probability
from reports.estimate import Estimate, mean_of
from reports.model import Image, Input, Quantity, Report

VIEW = Image(b"", "image/png", (4, 4))


def inputs(number):
    return tuple(Input("ABC"[i], f"{i}.png", "picture", (4, 4), str(i), (), VIEW) for i in range(number))


def quantity(*estimates, better="lower", noticeable=0.0, key="delta_e.mean"):
    return Quantity(key, "CIEDE2000, mean", "colour", estimates, better, noticeable)


def test_probability_is_that_of_the_normal_distribution():
    assert probability(Estimate.normal(1.96, 1.0)) == pytest.approx(0.05, abs=1e-3)
    assert probability(Estimate.normal(-3.29, 1.0)) == pytest.approx(0.001, abs=1e-4)
    assert probability(Estimate(0.0, (0.0, 0.0))) == 1
    assert probability(Estimate(0.5, (0.5, 0.5))) == 0


def test_a_sure_difference_is_found_with_its_sign_and_winner():
    found = judged(inputs(2), [quantity(Estimate.normal(2, 0.1), Estimate.normal(3, 0.1))])
    (finding,) = found.findings
    assert (float(finding.difference), finding.better, found.compared) == (1, 0, 1)
    differ = "1 of 1 quantities differ noticeably and by more than chance"
    assert found.sentence == f"A is better in CIEDE2000 (mean): {differ}."


def test_what_is_sure_but_too_small_is_no_finding_and_said():
    found = judged(inputs(2), [quantity(Estimate.normal(2, 0.01), Estimate.normal(2.1, 0.01), noticeable=0.5)])
    assert not found.findings
    assert found.sentence == "No difference that matters in 1 comparisons: one differs by more than chance, but hardly."
    found = judged(inputs(2), [quantity(Estimate.normal(2, 0.1), Estimate.normal(2.1, 0.1))])
    assert found.sentence == "No difference beyond chance in 1 comparisons."


def test_the_order_of_inputs_changes_labels_and_signs_only():
    a, b = Estimate.normal(2, 0.1), Estimate.normal(3, 0.1)
    one, other = judged(inputs(2), [quantity(a, b)]), judged(inputs(2), [quantity(b, a)])
    assert float(one.findings[0].difference) == -float(other.findings[0].difference)
    assert one.findings[0].p == other.findings[0].p
    assert (one.findings[0].better, other.findings[0].better) == (0, 1)


def test_many_questions_make_chance_findings_rare():
    """1000 reports of 20 quantities without any difference: at most 5 % may find one (Holm)."""
    random = np.random.Generator(np.random.Philox(7))
    false = 0
    for _ in range(1000):
        pairs = random.normal(0, 1, (20, 2))
        asked = [quantity(*(Estimate.normal(v, 1.0) for v in pair)) for pair in pairs]
        false += bool(judged(inputs(2), asked).findings)
    assert false <= 65  # 5 % of 1000 and two standard deviations
    assert false >= 20  # and the correction does not throw everything away


def test_a_shift_that_all_items_share_is_seen():
    errors = np.random.Generator(np.random.Philox(1)).gamma(2, 1, 24)
    found = judged(inputs(2), [quantity(mean_of(errors), mean_of(errors + 0.05))])
    assert len(found.findings) == 1
    assert not judged(inputs(2), [quantity(mean_of(errors), mean_of(errors + 0.05), noticeable=0.5)]).findings


def test_a_picture_against_itself_has_no_difference():
    found = judged(inputs(2), [quantity(Estimate.normal(2, 0.1), Estimate.normal(2, 0.1))], same=[(0, 1)])
    assert found.sentence == "No difference: A and B are the same, pixel for pixel."


def test_what_cannot_be_had_is_not_compared():
    missing = Estimate.missing("no chart found")
    found = judged(inputs(2), [quantity(missing, Estimate.normal(1, 0.1))])
    assert found.compared == 0
    assert "Nothing could be compared" in found.sentence


@pytest.mark.parametrize(
    ("better", "values", "winner"),
    [("higher", (1, 2), 1), ("lower", (1, 2), 0), ("zero", (-1, 3), 0), ("one", (0.5, 1.1), 1), ("", (1, 2), None)],
)
def test_better_means_what_it_says(better, values, winner):
    found = judged(inputs(2), [quantity(*(Estimate.normal(v, 0.01) for v in values), better=better)])
    assert found.findings[0].better == winner


def test_three_inputs_are_compared_in_pairs():
    found = judged(inputs(3), [quantity(*(Estimate.normal(v, 0.1) for v in (1, 2, 2)))])
    assert [f.pair for f in found.findings] == [(0, 1), (0, 2)]
    assert "A 2" in found.sentence


def report(*estimates):
    given = inputs(len(estimates))
    return Report("t", given, judged(given, []), (quantity(*estimates),))


def test_conditions_hold_for_any_input_or_for_one():
    made = report(Estimate.normal(1, 0.1), Estimate.normal(3, 0.1))
    assert failures([parse("delta_e.mean>2")], made) == ["delta_e.mean>2: B has 3 [2.804, 3.196]"]
    assert failures([parse("A:delta_e.mean>2")], made) == []
    assert failures([parse("delta_e.mean <= 0.5")], made) == []


def test_a_condition_on_what_is_not_there_fails_or_is_refused():
    made = report(Estimate.missing("no chart found"))
    assert failures([parse("delta_e.mean>2")], made) == ["delta_e.mean>2: A is n.a.: no chart found"]
    with pytest.raises(UsageError, match=r"did you mean 'delta_e\.mean'"):
        failures([parse("delta_e.man>2")], made)
    with pytest.raises(UsageError, match="no input C; inputs: A"):
        failures([parse("C:delta_e.mean>2")], made)
    for text in ("delta_e.mean", "delta_e.mean>", "delta_e.mean>two", "delta_e.mean>1.2.3", "__import__('os')>1"):
        with pytest.raises(UsageError, match="must be"):
            parse(text)


def test_conditions_on_a_report_without_inputs():
    made = Report("a datasheet", (), judged((), []), (quantity(Estimate.normal(3, 0.1)),))
    assert failures([parse("delta_e.mean>2")], made) == ["delta_e.mean>2: a datasheet has 3 [2.804, 3.196]"]
    with pytest.raises(UsageError, match="no input A"):
        failures([parse("A:delta_e.mean>2")], made)
