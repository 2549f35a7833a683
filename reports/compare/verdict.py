"""Which is better, where, by how much, and is that more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from reports.estimate import CONFIDENCE, NORMAL, Estimate, difference
from reports.model import Finding, Input, Quantity, Verdict

SURE = 1 - CONFIDENCE
"""Probability below which a difference is more than chance, after correction for how many are asked."""
_NOTHING = 1e-12


def judged(inputs: Sequence[Input], quantities: Sequence[Quantity], same: Sequence[tuple[int, int]] = ()) -> Verdict:
    """The findings among all pairs of inputs.

    Parameters
    ----------
    inputs : two or more; fewer give a verdict without comparison
    quantities : every one with an estimate for each input
    same : pairs of inputs that are equal pixel for pixel

    Notes
    -----
    A difference counts if its probability by chance, corrected for all differences that were asked (Holm 1979), is
    below 5 %, and if it is at least `Quantity.noticeable`. The order of the inputs changes signs only.
    """
    if len(inputs) < 2:
        known = sum(q.estimates[0].known for q in quantities) if inputs else 0
        return Verdict(f"{known} quantities measured; nothing to compare with." if inputs else "")
    if len(same) == math.comb(len(inputs), 2):
        labels = " and ".join(i.label for i in inputs) if len(inputs) == 2 else "all inputs"
        return Verdict(f"No difference: {labels} are the same, pixel for pixel.")
    asked = []
    for quantity in quantities:
        for pair in combinations(range(len(inputs)), 2):
            gap = difference(quantity.estimates[pair[0]], quantity.estimates[pair[1]])
            if gap.known and gap.sure:
                asked.append((probability(gap), quantity, pair, gap))
    asked.sort(key=lambda each: each[0])
    findings, largest, slight = [], 0.0, 0
    for rank, (p, quantity, pair, gap) in enumerate(asked):
        # Holm: the smallest probability is multiplied by the number of questions, the next by one less, ...
        largest = max(largest, min(1.0, p * (len(asked) - rank)))
        if largest >= SURE or abs(gap) < _NOTHING:
            continue
        if abs(gap) < quantity.noticeable:
            slight += 1
        else:
            findings.append(Finding(quantity, pair, gap, largest, better_of(quantity, pair)))
    findings.sort(key=lambda f: -effect(f))
    return Verdict(_sentence(inputs, findings, slight, len(asked), same), tuple(findings), len(asked))


def probability(gap: Estimate) -> float:
    """Two-sided probability of a difference this far from 0 if there were none, by its interval."""
    side = float(gap) - gap.interval[0] if gap > 0 else gap.interval[1] - float(gap)
    if abs(gap) < _NOTHING:
        return 1.0
    if side <= 0:
        return 0.0
    return math.erfc(abs(gap) * NORMAL / side / math.sqrt(2))


def effect(finding: Finding) -> float:
    """Size of a finding: its difference in units of what is noticeable, or of the larger of the two values."""
    scale = finding.quantity.noticeable or max(abs(finding.quantity.estimates[i]) for i in finding.pair) or 1.0
    return abs(finding.difference) / scale


def better_of(quantity: Quantity, pair: tuple[int, int]) -> int | None:
    """Index of the better of two inputs, by `Quantity.better`."""
    if not quantity.better:
        return None
    goal = {"higher": math.inf, "lower": -math.inf, "zero": 0.0, "one": 1.0}[quantity.better]
    first, second = (float(quantity.estimates[i]) for i in pair)
    if math.isinf(goal):
        return pair[0] if (first > second) == (goal > 0) else pair[1]
    return pair[0] if abs(first - goal) < abs(second - goal) else pair[1]


def _sentence(
    inputs: Sequence[Input], findings: Sequence[Finding], slight: int, asked: int, same: Sequence[tuple[int, int]]
) -> str:
    twins = "".join(f" {inputs[a].label} and {inputs[b].label} are the same, pixel for pixel." for a, b in same)
    if not asked:
        return f"Nothing could be compared with a known uncertainty.{twins} The notes say what was not found."
    if not findings and slight:
        more = "one differs" if slight == 1 else f"{slight} differ"
        return f"No difference that matters in {asked} comparisons: {more} by more than chance, but hardly.{twins}"
    if not findings:
        return f"No difference beyond chance in {asked} comparisons.{twins}"
    if len(inputs) == 2:
        return _of_two(inputs, findings, asked) + twins
    wins = [sum(f.better == i for f in findings) for i in range(len(inputs))]
    order = sorted(range(len(inputs)), key=lambda i: (-wins[i], inputs[i].label))
    tally = ", ".join(f"{inputs[i].label} {wins[i]}" for i in order)
    differ = f"{len(findings)} of {asked} comparisons differ noticeably and by more than chance"
    return f"{differ}. Better in so many: {tally}.{twins}"


def _of_two(inputs: Sequence[Input], findings: Sequence[Finding], asked: int) -> str:
    parts = []
    for index in sorted((0, 1), key=lambda i: -sum(f.better == i for f in findings)):
        labels = list(dict.fromkeys(f.quantity.label for f in findings if f.better == index))
        if labels:
            parts.append(f"{inputs[index].label} is better in {_listed(labels)}")
    taste = list(dict.fromkeys(f.quantity.label for f in findings if f.better is None))
    if taste:
        parts.append(f"they differ in {_listed(taste)}")
    text = "; ".join(parts)
    differ = f"{len(findings)} of {asked} quantities differ noticeably and by more than chance"
    return f"{text[0].upper()}{text[1:]}: {differ}."


def _listed(labels: Sequence[str]) -> str:
    """The first three, with what stands behind a comma in brackets."""
    shown = [f"{head} ({tail})" if tail else head for head, _, tail in (label.partition(", ") for label in labels[:3])]
    return ", ".join(shown) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
