"""The chapters of measurements, in the order of the page: each makes of a `Subject` a section with its quantities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from reports.compare.chapters.colour import colour
from reports.compare.chapters.greys import noise, tone
from reports.compare.chapters.likeness import likeness
from reports.compare.chapters.optics import evenness, geometry
from reports.compare.chapters.sharpness import sharpness
from reports.compare.chapters.texture import texture
from reports.compare.chapters.tonality import tonality
from reports.compare.subject import Chapter, Subject

CHAPTERS: Mapping[str, Callable[[Subject], Chapter]] = MappingProxyType(
    {
        "tone and colour of the whole": tonality,
        "likeness to the reference": likeness,
        "colour": colour,
        "tone curve": tone,
        "sharpness": sharpness,
        "texture": texture,
        "noise": noise,
        "evenness": evenness,
        "geometry": geometry,
    }
)
"""By what is said while they are made."""
