"""What the lens does: distortion on dots, lateral colour, texture, evenness. Each needs its own kind of picture."""

from __future__ import annotations

import numpy as np

from reports.charts.dots import DotGrid, find_dots
from reports.charts.draw import draw_found
from reports.compare.subject import Asked, Chapter, Subject
from reports.estimate import Estimate
from reports.metrics.cpiq import acutance
from reports.metrics.geometry import distortion
from reports.metrics.lateral import lateral_color
from reports.metrics.leaves import TextureMtf, texture_mtf
from reports.metrics.uniformity import shading
from reports.model import Figure, Section
from reports.source import Source

_EVEN_DETAIL, _EVEN_RANGE = 3.0, 60.0
"""Root mean square of L* within a cell, and range of L* over the cells, of what may be an even field."""
_TEXTURE = 512
"""Most of a texture's side that is measured [px]."""
_OVERVIEW_CELLS = 1024
"""Longest side of the reduced picture in which shading is measured [px]."""


def geometry(subject: Subject) -> Chapter:
    """Distortion of a dot grid, and lateral colour on its dots."""
    group, title = "geometry", "Geometry"
    grids = [find_dots(source) for source in subject.sources]
    if not any(g is not None for g in grids):
        return Chapter(Section(group, title, ("no grid of dots was found",)))
    bends = [None if g is None else distortion(g.centres, g.indices, g.size) for g in grids]
    fringes = [lateral_color(s) if g is not None else None for s, g in zip(subject.sources, grids, strict=True)]
    missing = Estimate.missing("no dots in this picture")
    rows = (
        (Asked("geometry.distortion", "Distortion, largest", "zero", 0.1, "local, ISO 17850"), bends, "worst"),
        (Asked("geometry.tv", "TV distortion, SMIA", "zero", 0.1), bends, "tv"),
        (Asked("geometry.lateral", "Lateral colour, largest", "lower", 0.05, "against green"), fringes, "worst"),
        (Asked("geometry.lateral_red", "Red at the corner", "zero", 0.05), fringes, "red_corner"),
        (Asked("geometry.lateral_blue", "Blue at the corner", "zero", 0.05), fringes, "blue_corner"),
    )
    quantities = tuple(
        asked.of(group, [missing if r is None else getattr(r, name) for r in results]) for asked, results, name in rows
    )
    first = next(i for i, g in enumerate(grids) if g is not None)
    image = draw_found(subject.sources[first], [("", outline) for _, outline in _outlines(grids[first])])
    figure = Figure(image, f"Dots in {subject.labels[first]}", "Dots that were measured.", "The picture with its dots")
    from reports.figures.geometry import distortion_curve, distortion_grid, lateral_curves

    bent = {n: b for n, b in zip(subject.labels, bends, strict=True) if b is not None}
    fringed = {n: f for n, f in zip(subject.labels, fringes, strict=True) if f is not None}
    drawn = (distortion_grid(bent), distortion_curve(bent), lateral_curves(fringed))
    return Chapter(Section(group, title, (), (figure, *(d for d in drawn if d is not None))), quantities)


def _outlines(grid: DotGrid | None) -> list[tuple[str, np.ndarray]]:
    return [] if grid is None else grid.outlines()


def texture(subject: Subject) -> Chapter:
    """Texture MTF of dead leaves that a simulated scene knows of."""
    group, title = "texture", "Texture"
    known = [r for r in subject.regions or [] if r["kind"] == "texture" and "leaves" in str(r["name"])]
    if not known:
        return Chapter(Section(group, title, ("dead leaves are measured where a truth says they are (--truth DIR)",)))
    results = [_texture(source, known[0], subject) for source in subject.sources]
    rows = (
        (Asked("texture.mtf50", "Texture MTF50", "higher", 0.005), [r.mtf50 for r in results]),
        (
            Asked("texture.acutance", "Texture acutance", "higher", 0.01, "a screen of 34 cm seen from 60 cm"),
            [
                r.estimate(lambda f, m, height=s.shape[0]: float(acutance(f, m, height)))  # type: ignore[misc]
                for r, s in zip(results, subject.sources, strict=True)
            ],
        ),
    )
    from reports.figures.texture import texture_curves

    note = (
        "Against the power law of dead leaves, without taking noise away: noise and sharpening count as texture here. "
        "A reference of the same size (the ideal picture) is used where there is one, and noise does not count then."
    )
    shown = {label: r for label, r in zip(subject.labels, results, strict=True) if len(r.frequency)}
    drawn = texture_curves(shown) if shown else None
    figures = (drawn,) if drawn is not None else ()
    return Chapter(Section(group, title, (note,), figures), tuple(a.of(group, e) for a, e in rows))


def _texture(source: Source, region: dict[str, object], subject: Subject) -> TextureMtf:
    box = np.asarray(region.get("inner", region["corners"]), np.float64)
    (x0, y0), (x1, y1) = np.ceil(box.min(0)), np.floor(box.max(0))
    w, h = int(min(x1 - x0, _TEXTURE)), int(min(y1 - y0, _TEXTURE))
    place = (int((y0 + y1 - h) / 2), int((x0 + x1 - w) / 2), h, w)
    reference = subject.reference
    if reference is not None and reference.shape == source.shape:
        return texture_mtf(source.light(*place), reference=reference.light(*place), space=source.space)
    return texture_mtf(source.light(*place), space=source.space)


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
    rows = (
        (Asked("evenness.corner", "Luminance of the corners", "higher", 1.0, "of the centre"), "corner"),
        (Asked("evenness.nonuniformity", "Luminance range", "lower", 1.0), "nonuniformity"),
        (Asked("evenness.color", "Colour shading, dC*ab", "lower", 0.5), "color"),
        (Asked("evenness.red", "R/G, largest change", "zero", 0.5), "red"),
        (Asked("evenness.blue", "B/G, largest change", "zero", 0.5), "blue"),
    )
    missing = Estimate.missing("not a picture of an even field")
    quantities = tuple(
        asked.of(group, [getattr(results[n], name) if n in results else missing for n in subject.labels])
        for asked, name in rows
    )
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
