"""What the lens does: distortion and lateral colour on dots, evenness. Each needs its own kind of picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reports.charts.dots import find_dots
from reports.charts.draw import draw_found
from reports.compare.subject import Asked, Chapter, Subject, asked_of
from reports.estimate import Estimate
from reports.metrics.geometry import Distortion, distortion
from reports.metrics.lateral import LateralColor, lateral_color
from reports.metrics.uniformity import Shading, shading
from reports.model import Figure, Section

_EVEN_DETAIL, _EVEN_RANGE = 3.0, 60.0
"""Root mean square of L* within a cell, and range of L* over the cells, of what may be an even field."""

_BENDS: tuple[tuple[Asked, Callable[[Distortion], Estimate]], ...] = (
    (Asked("geometry.distortion", "Distortion, largest", "zero", 0.1, "local, ISO 17850"), lambda d: d.worst),
    (Asked("geometry.tv", "TV distortion, SMIA", "zero", 0.1), lambda d: d.tv),
)
_FRINGES: tuple[tuple[Asked, Callable[[LateralColor], Estimate]], ...] = (
    (Asked("geometry.lateral", "Lateral colour, largest", "lower", 0.05, "against green"), lambda c: c.worst),
    (Asked("geometry.lateral_red", "Red at the corner", "zero", 0.05), lambda c: c.red_corner),
    (Asked("geometry.lateral_blue", "Blue at the corner", "zero", 0.05), lambda c: c.blue_corner),
)
_EVENNESS: tuple[tuple[Asked, Callable[[Shading], Estimate]], ...] = (
    (Asked("evenness.corner", "Luminance of the corners", "higher", 1.0, "of the centre"), lambda s: s.corner),
    (Asked("evenness.nonuniformity", "Luminance range", "lower", 1.0), lambda s: s.nonuniformity),
    (Asked("evenness.color", "Colour shading, dC*ab", "lower", 0.5), lambda s: s.color),
    (Asked("evenness.red", "R/G, largest change", "zero", 0.5), lambda s: s.red),
    (Asked("evenness.blue", "B/G, largest change", "zero", 0.5), lambda s: s.blue),
)


def geometry(subject: Subject) -> Chapter:
    """Distortion of a dot grid, and lateral colour on its dots."""
    group, title = "geometry", "Geometry"
    grids = [find_dots(source) for source in subject.sources]
    if not any(g is not None for g in grids):
        return Chapter(Section(group, title, ("no grid of dots was found",)))
    bends = [None if g is None else distortion(g.centres, g.indices, g.size) for g in grids]
    fringes = [lateral_color(s) if g is not None else None for s, g in zip(subject.sources, grids, strict=True)]
    why = "no dots in this picture"
    quantities = (*asked_of(group, _BENDS, bends, why), *asked_of(group, _FRINGES, fringes, why))
    first, grid = next((i, g) for i, g in enumerate(grids) if g is not None)
    image = draw_found(subject.sources[first], [("", outline) for _, outline in grid.outlines()])
    figure = Figure(image, f"Dots in {subject.labels[first]}", "Dots that were measured.", "The picture with its dots")
    from reports.figures.geometry import distortion_curve, distortion_grid, lateral_curves

    bent = {n: b for n, b in zip(subject.labels, bends, strict=True) if b is not None}
    fringed = {n: f for n, f in zip(subject.labels, fringes, strict=True) if f is not None}
    drawn = (distortion_grid(bent), distortion_curve(bent), lateral_curves(fringed))
    return Chapter(Section(group, title, (), (figure, *(d for d in drawn if d is not None))), quantities)


def evenness(subject: Subject) -> Chapter:
    """Shading of a picture of an even field."""
    group, title = "evenness", "Evenness"
    even = [_is_even(subject, i) for i in range(len(subject.sources))]
    if not any(even):
        return Chapter(Section(group, title, ("no picture of an even field",)))
    results = {}
    for label, source, yes in zip(subject.labels, subject.sources, even, strict=True):
        if yes:
            light, _step = source.overview
            results[label] = shading(light, space=source.space)
    quantities = asked_of(group, _EVENNESS, map(results.get, subject.labels), "not a picture of an even field")
    from reports.figures.uniformity import shading_maps, shading_profile

    return Chapter(Section(group, title, (), (shading_maps(results), shading_profile(results))), quantities)


def _is_even(subject: Subject, index: int) -> bool:
    cells = subject.cells[index]
    lightness, detail = cells.lab[..., 0], np.sqrt(np.maximum(cells.detail, 0))
    steps = np.abs(np.diff(lightness, axis=1))
    return bool(
        lightness.mean() > 5 and np.quantile(detail, 0.99) < _EVEN_DETAIL and np.ptp(lightness) < _EVEN_RANGE
        and np.quantile(steps, 0.999) < _EVEN_DETAIL
    )  # fmt: skip
