"""Colour accuracy and white on a 24-patch chart: by hand, from a truth, or found in the pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isp.values import Float64
from reports.charts.color_chart import ColorChart, chart_from_corners, chart_from_truth
from reports.charts.color_chart_finder import find_color_chart
from reports.charts.draw import draw_found
from reports.charts.patch_reading import read_patches
from reports.charts.references import DEFAULT, PATCHES, reference_lab
from reports.compare.subject import Asked, Chapter, Subject
from reports.estimate import Estimate
from reports.light import to_lab
from reports.metrics.patch_colors import PatchErrors, patch_errors
from reports.model import Figure, Section

GROUP = "color"
TITLE = "Colour"
_PATCHES = len(PATCHES)

_ASKED: tuple[tuple[Asked, Callable[[PatchErrors], Estimate]], ...] = (
    (Asked("delta_e.mean", "CIEDE2000, mean", "lower", 0.3, "exposure-normalised"), lambda e: e.mean),
    (Asked("delta_e.median", "CIEDE2000, median", "lower", 0.3), lambda e: e.median),
    (Asked("delta_e.p95", "CIEDE2000, 95 %", "lower", 0.5), lambda e: e.p95),
    (Asked("delta_e.max", "CIEDE2000, worst", "lower", 0.5), lambda e: e.maximum),
    (Asked("delta_e.mean_76", "dE*ab, mean", "lower", 0.5), lambda e: e.mean_76),
    (Asked("delta_e.corrected", "CIEDE2000, chroma matched", "lower", 0.3, "hue, lightness"), lambda e: e.corrected),
    (Asked("chroma.ratio", "Chroma", "", 2.0, "of the reference's"), lambda e: e.chroma),
    (Asked("exposure.factor", "Light to reach the reference", "", 0.05, "factor"), lambda e: e.exposure),
    (Asked("white.reproduction", "White, reproduction angle", "lower", 0.3), lambda e: e.white.reproduction),
    (Asked("white.recovery", "White, recovery angle", "lower", 0.3), lambda e: e.white.recovery),
    (Asked("white.delta_uv", "White, du'v'", "lower", 0.002), lambda e: e.white.delta_uv),
    (Asked("white.delta_c", "White, dC*ab", "lower", 0.5), lambda e: e.white.delta_c),
    (Asked("white.duv", "White, Duv", "zero", 0.001, "positive is greener"), lambda e: e.white.duv),
    (Asked("white.cct", "White, colour temperature", "zero", 100.0, "positive is bluer"), lambda e: e.white.cct),
)


def colour(subject: Subject) -> Chapter:
    """CIEDE2000 and its kin, chroma and white."""
    notes: list[str] = []
    charts = charts_of(subject, notes)
    if not any(charts):
        return Chapter(Section(GROUP, TITLE, tuple(notes)))
    wanted, whose = _wanted(subject, charts)
    notes.append(f"The patches should have the values of {whose}; each picture's exposure is matched first.")
    errors: dict[str, PatchErrors] = {}
    for label, source, chart in zip(subject.labels, subject.sources, charts, strict=True):
        if chart is None:
            continue
        patches = read_patches(source, chart)
        errors[label] = patch_errors(
            patches.rgb, wanted, space=source.space, names=PATCHES, exclude=patches.unusable
        )  # fmt: skip
        notes += [f"{label}: {note}." for note in errors[label].notes]
        worst = ", ".join(f"{name} {value:.1f}" for name, value in errors[label].worst())
        notes.append(f"{label}: the worst patches are {worst}." if worst else f"{label}: no patch could be judged.")
    missing = Estimate.missing("no chart in this picture")
    quantities = tuple(
        asked.of(GROUP, [pick(errors[label]) if label in errors else missing for label in subject.labels])
        for asked, pick in _ASKED
    )
    return Chapter(Section(GROUP, TITLE, tuple(notes), _figures(subject, charts, errors)), quantities)


def charts_of(subject: Subject, notes: list[str]) -> list[ColorChart | None]:
    """The chart of each picture; one that is known for one holds for all of that size."""
    given: ColorChart | None = None
    if subject.corners is not None:
        given = chart_from_corners(subject.corners)
    elif subject.regions is not None:
        patches = [r for r in subject.regions if r["kind"] == "patch" and r["name"] in PATCHES]
        given = chart_from_truth(subject.regions) if len(patches) == _PATCHES else None
    if given is not None:
        return [given for _ in subject.sources]
    found: list[ColorChart | None] = []
    reasons = {}
    looked = subject.once("charts", lambda: [find_color_chart(source) for source in subject.sources])
    for label, chart in zip(subject.labels, looked, strict=True):
        found.append(chart if isinstance(chart, ColorChart) else None)
        if not isinstance(chart, ColorChart):
            reasons[label] = chart.reason
    sure = [(found[i].confidence, i) for i in subject.agreed if found[i] is not None]  # type: ignore[union-attr]
    if subject.alike and sure:
        best = found[max(sure, key=lambda each: each[0])[1]]
        if reasons:
            notes.append(f"The chart was not found in {', '.join(reasons)}; its place in the others is used.")
        return [best for _ in found]
    for reason in dict.fromkeys(reasons.values()):
        notes.append(f"No 24-patch chart in {', '.join(k for k, v in reasons.items() if v == reason)}: {reason}.")
    return found


def _wanted(subject: Subject, charts: list[ColorChart | None]) -> tuple[Float64, str]:
    """(24, 3) L*a*b* that the patches should have, and whose they are."""
    if subject.chart is not None:
        return reference_lab(subject.chart), f"the reference {subject.chart!r}"
    reference, chart = subject.reference, next(c for c in charts if c is not None)
    if reference is not None and subject.alike and reference.shape == subject.sources[0].shape:
        patches = read_patches(reference, chart)
        if not np.any(patches.unusable):
            return to_lab(patches.rgb, reference.space), "the reference picture"
    name = "iso" if chart.how == "truth" else DEFAULT
    return reference_lab(name), f"the reference {name!r} (--chart names another)"


def _figures(
    subject: Subject, charts: list[ColorChart | None], errors: dict[str, PatchErrors]
) -> tuple[Figure, ...]:
    from reports.figures.color import ab_errors, chart_map, patch_bars, white_points

    figures = [chart_map(errors), ab_errors(errors), patch_bars(errors), white_points(errors)]
    for label, source, chart in zip(subject.labels, subject.sources, charts, strict=True):
        if chart is not None:
            image = draw_found(source, [chart])
            caption = f"{'Found' if chart.how == 'found' else 'Given'}: the patches that are averaged."
            figures.append(Figure(image, f"The chart in {label}", caption, f"Picture {label} with its chart marked"))
            break
    return tuple(figures)
