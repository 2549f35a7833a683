"""Sharpness of slanted edges: those a simulated scene knows of, and those found in the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from isp.values import Float64
from reports.charts.draw import draw_found
from reports.charts.edges import ZONES, Edge, edge_in, find_edges, measured
from reports.compare.subject import Asked, Chapter, Subject
from reports.estimate import Estimate, bootstrap
from reports.figures.sharpness import edge_spreads, mtf_curves
from reports.metrics.cpiq import acutance
from reports.model import Figure, Quantity, Section

GROUP, TITLE = "sharpness", "Sharpness"
_FIGURES: tuple[tuple[Asked, Callable[[Edge], Estimate]], ...] = (
    (Asked("sharpness.mtf50", "MTF50", "higher", 0.005, "median of the edges"), lambda e: e.result.mtf50),
    (Asked("sharpness.mtf50p", "MTF50P", "higher", 0.005, "of the peak"), lambda e: e.result.mtf50p),
    (Asked("sharpness.mtf10", "MTF10", "higher", 0.01), lambda e: e.result.mtf10),
    (Asked("sharpness.nyquist", "Response at Nyquist", "", 0.01), lambda e: e.result.mtf_nyquist),
    (Asked("sharpness.edge_width", "Edge width 10-90 %", "lower", 0.05), lambda e: e.result.edge_width),
    (Asked("sharpness.overshoot", "Overshoot", "lower", 1.0), lambda e: e.result.overshoot),
    (Asked("sharpness.undershoot", "Undershoot", "lower", 1.0), lambda e: e.result.undershoot),
)
_ACUTANCE = Asked("sharpness.acutance", "Acutance", "higher", 0.01, "CPIQ, a screen of 34 cm seen from 60 cm")


def sharpness(subject: Subject) -> Chapter:
    """MTF50 and its kin over the edges that all pictures of one size have, or each picture's own."""
    edges = _edges(subject)
    if not any(edges):
        return Chapter(Section(GROUP, TITLE, ("no straight slanted edge of enough contrast was found",)))
    height = subject.sources[0].shape[0]
    asked = (*_FIGURES, (_ACUTANCE, lambda e: acutance(e.result.frequency, e.result.sfr, height)))
    quantities = [what.of(GROUP, [_median([pick(e) for e in each]) for each in edges]) for what, pick in asked]
    quantities += _by_zone(edges) + _by_direction(edges)
    counts = ", ".join(f"{label} {len(each)}" for label, each in zip(subject.labels, edges, strict=True))
    notes = [
        f"Edges measured: {counts}. Frequencies are along the normal of each edge, of luminance, after the transfer "
        "that the file states is undone; a tone curve is not undone and biases them."
    ]
    shown = {label: _middle(each).result for label, each in zip(subject.labels, edges, strict=True) if each}
    figures = [mtf_curves(shown), edge_spreads(shown)]
    first = next(i for i, each in enumerate(edges) if each)
    image = draw_found(subject.sources[first], edges[first])
    caption = "Regions measured, with their MTF50 [cycles/pixel]."
    figures.append(Figure(image, f"Edges in {subject.labels[first]}", caption, "The picture with its edges marked"))
    return Chapter(Section(GROUP, TITLE, tuple(notes), tuple(figures)), tuple(quantities))


def _edges(subject: Subject) -> list[list[Edge]]:
    known = [r["corners"] for r in subject.regions or [] if r["kind"] == "edge"]
    if not subject.alike:
        return [find_edges(source) for source in subject.sources]
    if known:
        places = [[edge_in(source, corners) for source in subject.sources] for corners in known]
        if any(all(e is not None for e in row) for row in places):
            return _columns(places, len(subject.sources))
    # what one picture shows is measured in all of them; the order of the inputs decides nothing
    centres: list[tuple[Float64, bool]] = []
    for i in subject.agreed:
        for edge in find_edges(subject.sources[i]):
            middle = edge.corners.mean(0)
            if all(np.hypot(*(middle - other)) > 60 for other, _ in centres):
                centres.append((middle, edge.vertical))
    places = [
        [measured(source, (float(x), float(y)), vertical) for source in subject.sources] for (x, y), vertical in centres
    ]
    return _columns(places, len(subject.sources))


def _columns(places: Sequence[Sequence[Edge | None]], count: int) -> list[list[Edge]]:
    """Edges by picture, of the places where every picture has one."""
    full = [row for row in places if all(e is not None for e in row)]
    return [[row[i] for row in full] for i in range(count)]  # type: ignore[misc]


def _median(estimates: Sequence[Estimate]) -> Estimate:
    """Of several edges, with the scatter between them; of one, its own."""
    known = [e for e in estimates if e.known]
    if not known:
        return estimates[0] if estimates else Estimate.missing("no edge")
    if len(known) < 3:
        return known[0] if len(known) == 1 else Estimate(
            float(np.mean([float(e) for e in known])),
            (float(np.mean([e.interval[0] for e in known])), float(np.mean([e.interval[1] for e in known]))),
            known[0].unit,
        )  # fmt: skip
    values = np.array([float(e) for e in known])
    found = bootstrap(values, lambda v: float(np.median(v)), known[0].unit)
    # which edges there are is the same for all pictures of one size: items let them be compared edge by edge
    items = values if len(known) == len(estimates) else None
    return Estimate(found, found.interval, found.unit, found.reason, items)


def _middle(edges: Sequence[Edge]) -> Edge:
    return sorted(edges, key=lambda e: float(e.result.mtf50))[len(edges) // 2]


def _by_zone(edges: Sequence[Sequence[Edge]]) -> list[Quantity]:
    found = []
    for zone in ZONES:
        parts = [[e.result.mtf50 for e in each if e.zone == zone] for each in edges]
        if any(parts) and len({e.zone for each in edges for e in each}) > 1:
            asked = Asked(f"sharpness.mtf50.{zone}", f"MTF50, {zone}", "higher", 0.005)
            found.append(asked.of(GROUP, [_median(p) if p else Estimate.missing("no edge there") for p in parts]))
    return found


def _by_direction(edges: Sequence[Sequence[Edge]]) -> list[Quantity]:
    if len({e.vertical for each in edges for e in each}) < 2:
        return []
    found = []
    for vertical, name in ((True, "vertical"), (False, "horizontal")):
        parts = [[e.result.mtf50 for e in each if e.vertical == vertical] for each in edges]
        asked = Asked(f"sharpness.mtf50.{name}", f"MTF50, {name} edges", "higher", 0.005)
        found.append(asked.of(GROUP, [_median(p) if p else Estimate.missing("no edge there") for p in parts]))
    return found
