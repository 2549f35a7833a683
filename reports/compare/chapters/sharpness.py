"""Sharpness of slanted edges: those a simulated scene knows of, and those found in the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.charts.draw import draw_found
from reports.charts.edge_sharpness import MeasuredEdge, measure_edge, summarize
from reports.charts.edges import ZONES, Edge, edge_in, find_edges
from reports.compare.subject import Asked, Chapter, Subject
from reports.estimate import Estimate
from reports.figures.sharpness import channel_curves, edge_spreads, mtf_curves, sharpness_map
from reports.metrics.cpiq import acutance
from reports.model import Figure, Quantity, Section

GROUP, TITLE = "sharpness", "Sharpness"
MOST = 20
"""Edges measured in each picture: more narrow the interval of their median by little."""
CHANNELS = ("red", "green", "blue")
Pick = Callable[[MeasuredEdge], Estimate]
_FIGURES: tuple[tuple[Asked, Pick], ...] = (
    (Asked("sharpness.mtf50", "MTF50", "higher", 0.005, "median of the edges"), lambda e: e.luminance.mtf50),
    (Asked("sharpness.mtf50p", "MTF50P", "higher", 0.005, "of the peak"), lambda e: e.luminance.mtf50p),
    (Asked("sharpness.mtf10", "MTF10", "higher", 0.01), lambda e: e.luminance.mtf10),
    (Asked("sharpness.nyquist", "Response at Nyquist", "", 0.01), lambda e: e.luminance.mtf_nyquist),
    (Asked("sharpness.edge_width", "Edge width 10-90 %", "lower", 0.05), lambda e: e.luminance.edge_width),
    (Asked("sharpness.overshoot", "Overshoot", "lower", 1.0), lambda e: e.luminance.overshoot),
    (Asked("sharpness.undershoot", "Undershoot", "lower", 1.0), lambda e: e.luminance.undershoot),
)
_ACUTANCE = Asked("sharpness.acutance", "Acutance", "higher", 0.01, "CPIQ, a screen of 34 cm seen from 60 cm")


def sharpness(subject: Subject) -> Chapter:
    """MTF50 and its kin over the edges that all pictures of one size have, or each picture's own."""
    edges = _edges(subject)
    if not any(edges):
        return Chapter(Section(GROUP, TITLE, ("no straight slanted edge of enough contrast was found",)))
    height = subject.sources[0].shape[0]
    asked = (*_FIGURES, (_ACUTANCE, lambda e: acutance(e.luminance.frequency, e.luminance.sfr, height)))
    quantities = [what.of(GROUP, [summarize(each, pick) for each in edges]) for what, pick in asked]
    quantities += [*_by_channel(edges), *_by_zone(edges), *_by_direction(edges)]
    counts = ", ".join(f"{label} {len(each)}" for label, each in zip(subject.labels, edges, strict=True))
    note = (
        f"Edges measured: {counts}. Frequencies are along the normal of each edge, of luminance, after the transfer "
        "that the file states is undone; a tone curve is not undone and biases them."
    )
    return Chapter(Section(GROUP, TITLE, (note,), _figures(subject, edges)), tuple(quantities))


def _figures(subject: Subject, edges: Sequence[Sequence[MeasuredEdge]]) -> tuple[Figure, ...]:
    full = {label: each for label, each in zip(subject.labels, edges, strict=True) if each}
    middle = {label: _middle(each) for label, each in full.items()}
    whole = {label: each.luminance for label, each in middle.items()}
    figures = [mtf_curves(whole), edge_spreads(whole)]
    colours = {
        label: dict(zip(CHANNELS, each.channels, strict=True)) for label, each in middle.items() if each.channels
    }
    if colours:
        figures.append(channel_curves(colours))
    if len({e.edge.zone for each in edges for e in each}) > 1:
        shapes = dict(zip(subject.labels, (s.shape for s in subject.sources), strict=True))
        figures.append(sharpness_map({label: (each, shapes[label]) for label, each in full.items()}))
    first = next(i for i, each in enumerate(edges) if each)
    marks = [(f"{float(e.luminance.mtf50):.2f}", e.edge.corners) for e in edges[first]]
    caption = "Regions measured, with their MTF50 [cycles/pixel]."
    image = draw_found(subject.sources[first], marks)
    return (*figures, Figure(image, f"Edges in {subject.labels[first]}", caption, "The picture with its edges marked"))


def _edges(subject: Subject) -> list[list[MeasuredEdge]]:
    if not subject.alike:
        return [
            [found for found in (measure_edge(source, edge) for edge in find_edges(source, MOST))
             if found.luminance.mtf50.known]
            for source in subject.sources
        ]  # fmt: skip
    known = [r["corners"] for r in subject.regions or [] if r["kind"] == "edge"]
    placed = [next((e for e in (edge_in(s, corners) for s in subject.sources) if e is not None), None)
              for corners in known]  # fmt: skip
    found = _in_all(subject, [e for e in placed if e is not None])
    if any(found):
        return found
    # what one picture shows is measured in all of them; the order of the inputs decides nothing
    places: list[Edge] = []
    for i in subject.agreed:
        places += [e for e in find_edges(subject.sources[i], MOST) if not any(e.overlaps(other) for other in places)]
    return _in_all(subject, places)


def _in_all(subject: Subject, places: Sequence[Edge]) -> list[list[MeasuredEdge]]:
    """Edges by picture, of the first `MOST` places where every picture has one."""
    full: list[list[MeasuredEdge]] = []
    for place in places:
        if len(full) == MOST:
            break
        row = [measure_edge(source, place) for source in subject.sources]
        if all(e.luminance.mtf50.known for e in row):
            full.append(row)
    return [[row[i] for row in full] for i in range(len(subject.sources))]


def _middle(edges: Sequence[MeasuredEdge]) -> MeasuredEdge:
    """The edge of median MTF50, of those whose channels are known if there are."""
    able = [e for e in edges if e.channels and all(c.mtf50.known for c in e.channels)] or edges
    return sorted(able, key=lambda e: float(e.luminance.mtf50))[len(able) // 2]


def _by_channel(edges: Sequence[Sequence[MeasuredEdge]]) -> list[Quantity]:
    if not any(e.channels for each in edges for e in each):
        return []

    def channel(number: int) -> Pick:
        # a grey picture has one response
        return lambda e: (e.channels[number] if e.channels else e.luminance).mtf50

    return [
        Asked(f"sharpness.mtf50.{name}", f"MTF50, {name}", "higher", 0.005).of(
            GROUP, [summarize(each, channel(i)) for each in edges]
        )
        for i, name in enumerate(CHANNELS)
    ]


def _by_zone(edges: Sequence[Sequence[MeasuredEdge]]) -> list[Quantity]:
    there = {e.edge.zone for each in edges for e in each}
    return [
        Asked(f"sharpness.mtf50.{zone}", f"MTF50, {zone}", "higher", 0.005).of(
            GROUP, [summarize(each, zone=zone) for each in edges]
        )
        for zone in ZONES if zone in there and len(there) > 1
    ]  # fmt: skip


def _by_direction(edges: Sequence[Sequence[MeasuredEdge]]) -> list[Quantity]:
    if len({e.edge.direction for each in edges for e in each}) < 2:
        return []
    return [
        Asked(f"sharpness.mtf50.{name}", f"MTF50, {name} edges", "higher", 0.005).of(
            GROUP, [summarize(each, direction=name) for each in edges]
        )
        for name in ("vertical", "horizontal")
    ]
