"""How much fine texture is left: texture MTF of dead leaves, found in the picture or where a truth says they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isp.values import Float64
from reports.charts.draw import draw_found
from reports.charts.texture import find_dead_leaves
from reports.compare.subject import Asked, Chapter, Subject, asked_of
from reports.estimate import Estimate
from reports.metrics.cpiq import acutance
from reports.metrics.leaves import TextureMtf, texture_mtf
from reports.model import Figure, Section
from reports.source import Source

GROUP, TITLE = "texture", "Texture"
MOST = 512
"""Most of a texture's side that is measured [px]."""
_MTF50 = Asked("texture.mtf50", "Texture MTF50", "higher", 0.005)
_ACUTANCE = Asked("texture.acutance", "Texture acutance", "higher", 0.01, "a screen of 34 cm seen from 60 cm")
Measured = tuple[TextureMtf, int]
"""The curve, and the height of the picture [px]."""
_ROWS: tuple[tuple[Asked, Callable[[Measured], Estimate]], ...] = (
    (_MTF50, lambda m: m[0].mtf50),
    (_ACUTANCE, lambda m: m[0].estimate(lambda frequency, mtf: float(acutance(frequency, mtf, m[1])))),
)


def texture(subject: Subject) -> Chapter:
    """Texture MTF of dead leaves."""
    areas = _areas(subject)
    if all(area is None for area in areas):
        return Chapter(Section(GROUP, TITLE, ("no dead leaves were found",)))
    found = [
        None if area is None else (_measured(source, area, subject.reference), source.shape[0])
        for source, area in zip(subject.sources, areas, strict=True)
    ]
    quantities = asked_of(GROUP, _ROWS, found, "no dead leaves in this picture")
    note = (
        "Against the power law of dead leaves, without taking noise away: noise and sharpening count as texture here. "
        "A reference of the same size (the ideal picture) is used where there is one, and noise does not count then."
    )
    first, corners = next((i, area) for i, area in enumerate(areas) if area is not None)
    image = draw_found(subject.sources[first], [("dead leaves", corners)])
    where = Figure(image, f"Dead leaves in {subject.labels[first]}", "The area measured.", "The picture with the area")
    from reports.figures.texture import texture_curves

    drawn = texture_curves({name: f[0] for name, f in zip(subject.labels, found, strict=True) if f is not None})
    return Chapter(Section(GROUP, TITLE, (note,), (where,) if drawn is None else (where, drawn)), quantities)


def _areas(subject: Subject) -> list[Float64 | None]:
    """Corners (4, 2) of each picture's texture [px]; one found in one picture serves all of its size."""
    for region in subject.regions or []:
        if region["kind"] == "texture" and "leaves" in str(region["name"]):
            return [np.asarray(region.get("inner", region["corners"]), np.float64)] * len(subject.sources)
    found = [next((area.outlines()[0][1] for area in find_dead_leaves(s)), None) for s in subject.sources]
    if subject.alike:
        best = next((found[i] for i in subject.agreed if found[i] is not None), None)
        return [best] * len(found)
    return found


def _measured(source: Source, corners: Float64, reference: Source | None) -> TextureMtf:
    (x0, y0), (x1, y1) = np.ceil(corners.min(0)), np.floor(corners.max(0))
    w, h = int(min(x1 - x0, MOST)), int(min(y1 - y0, MOST))
    place = (int((y0 + y1 - h) / 2), int((x0 + x1 - w) / 2), h, w)
    if reference is not None and reference.shape == source.shape:
        return texture_mtf(source.light(*place), reference=reference.light(*place), space=source.space)
    return texture_mtf(source.light(*place), space=source.space)
