"""What the tables of the page say, worked out: cells, marks, footnotes and the bars of the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.model import Finding, Quantity, Report
from reports.page.numbers import Rounded, chance, rounded, stars

FIRST = 8
"""Findings shown at once; the others unfold."""
MARGIN = 1.08
"""Of a bar's scale over its longest end."""


@dataclass(frozen=True)
class Cell:
    """A value of one input: `note` is the number of its footnote, 0 for none; `best` if it is surely better."""

    number: Rounded
    known: bool
    reason: str = ""
    note: int = 0
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A quantity of every input; `taste` if it surely differs and neither is better."""

    quantity: Quantity
    cells: tuple[Cell, ...]
    taste: bool = False


@dataclass(frozen=True)
class Table:
    """Rows and the footnotes that their cells point to, counted from 1."""

    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]


def table_of(quantities: Sequence[Quantity], findings: Sequence[Finding] = ()) -> Table:
    """The table of a section.

    An input is marked better if a finding says so and none says that it is worse than another.
    """
    reasons: list[str] = []
    rows = []
    for quantity in quantities:
        said = [f for f in findings if f.quantity.key == quantity.key and not negligible(f)]
        wins = {f.better for f in said if f.better is not None}
        losses = {i for f in said if f.better is not None for i in f.pair if i != f.better}
        cells = []
        for index, estimate in enumerate(quantity.estimates):
            reason = estimate.reason or ("" if estimate.known else "no reason given")
            if reason and reason not in reasons:
                reasons.append(reason)
            note = reasons.index(reason) + 1 if reason else 0
            best = index in wins - losses
            cells.append(Cell(rounded(estimate), estimate.known, reason, note, best))
        rows.append(Row(quantity, tuple(cells), any(f.better is None for f in said)))
    return Table(tuple(rows), tuple(reasons))


@dataclass(frozen=True)
class Bar:
    """The interval of a difference drawn on a scale of its own: per cent of the width, 50 is no difference.

    Towards 100 the second input is better, or where it is a matter of taste, has the larger value.
    """

    low: float
    middle: float
    high: float
    band: float


@dataclass(frozen=True)
class Line:
    """A finding as a row of the verdict."""

    finding: Finding
    values: tuple[Rounded, Rounded]
    difference: Rounded
    bar: Bar
    better: str
    negligible: bool
    stars: int
    chance: str


@dataclass(frozen=True)
class Pair:
    """The findings on two inputs: how many speak for either, for none, and how many are too small to matter."""

    labels: tuple[str, str]
    indices: tuple[int, int]
    lines: tuple[Line, ...]
    first: int
    second: int
    taste: int
    small: int


def negligible(finding: Finding) -> bool:
    """A difference that is sure and too small to matter."""
    return abs(finding.difference) < finding.quantity.noticeable


def pairs(report: Report) -> tuple[Pair, ...]:
    """The findings of the verdict, by the two inputs that they compare, negligible ones last."""
    grouped: dict[tuple[int, int], list[Finding]] = {}
    for finding in report.verdict.findings:
        grouped.setdefault(finding.pair, []).append(finding)
    return tuple(_pair(report, indices, found) for indices, found in sorted(grouped.items()))


def _pair(report: Report, indices: tuple[int, int], findings: list[Finding]) -> Pair:
    lines = sorted((_line(report, finding) for finding in findings), key=lambda line: line.negligible)
    counted = [line.finding.better for line in lines if not line.negligible]
    return Pair(
        (report.inputs[indices[0]].label, report.inputs[indices[1]].label),
        indices,
        tuple(lines),
        counted.count(indices[0]),
        counted.count(indices[1]),
        counted.count(None),
        len(lines) - len(counted),
    )


def _line(report: Report, finding: Finding) -> Line:
    first, second = finding.pair
    estimates = finding.quantity.estimates
    return Line(
        finding,
        (rounded(estimates[first]), rounded(estimates[second])),
        rounded(finding.difference, signed=True),
        _bar(finding),
        "" if finding.better is None else report.inputs[finding.better].label,
        negligible(finding),
        stars(finding.p),
        chance(finding.p),
    )


def _bar(finding: Finding) -> Bar:
    gap, noticeable = finding.difference, finding.quantity.noticeable
    low, high = gap.interval if gap.sure else (float(gap), float(gap))
    reach = MARGIN * max(abs(low), abs(high), abs(gap), noticeable) or 1.0
    sign = 1.0 if finding.better is None or (finding.better == finding.pair[1]) == (gap > 0) else -1.0
    low, high = sorted((sign * low, sign * high))
    place = [50 + 50 * v / reach for v in (low, sign * float(gap), high)]
    return Bar(place[0], place[1], place[2], 50 * noticeable / reach)
