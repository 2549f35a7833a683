"""From inputs to a report: view, compare, measure, judge."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from isp.fingerprint import installed
from isp.values import Float64
from reports.compare.chapters import CHAPTERS
from reports.compare.differences import Difference, cells, compared, crops, interesting, maps, shift_note
from reports.compare.inputs import Taken
from reports.compare.subject import Chapter, Subject
from reports.compare.verdict import judged
from reports.compare.views import view_of
from reports.model import Crop, Figure, Input, ParameterRow, Report, Section, Stages
from reports.source import STRIP, Source

_PACKAGES = ("mobile-isp", "numpy", "scipy", "halide", "scikit-image", "colour-science", "matplotlib")
_PAIRS = 3
"""Pairs of inputs whose difference maps are drawn; the others are left to the viewer."""


@dataclass(frozen=True)
class Options:
    """What the user said about the pictures.

    Parameters
    ----------
    title : of the page; made of the inputs' names if empty
    regions, corners, chart : as in `Subject`
    stages : False to leave out the stages of developed inputs
    command : how it was asked for, for the last section
    """

    title: str = ""
    regions: Sequence[dict[str, Any]] | None = None
    corners: Float64 | None = None
    chart: str | None = None
    stages: bool = True
    command: str = ""


def build(
    taken: Sequence[Taken],
    options: Options | None = None,
    reference: Taken | None = None,
    tell: Callable[[str], None] = lambda _what: None,
) -> Report:
    """The report of inputs that `reports.compare.inputs.take` gave."""
    asked = options or Options()
    tell("comparing")
    sources = tuple(t.source for t in taken)
    every = tuple(cells(s) for s in sources)
    subject = Subject(
        tuple(t.label for t in taken), sources, every, asked.regions, asked.corners, asked.chart,
        reference.source if reference is not None else None,
    )
    notes = [*_size_notes(taken, reference), *_black_notes(subject)]
    figures, places, same = _differences(subject, notes)
    inputs = tuple(_input(t) for t in taken)
    chapters = []
    for name, chapter in CHAPTERS.items():
        tell(name)
        chapters.append(chapter(subject))
    quantities = tuple(q for c in chapters for q in c.quantities)
    stages, parameters = _developed(taken, places, asked, tell)
    return Report(
        title=asked.title or " against ".join(dict.fromkeys(i.name for i in inputs)),
        inputs=inputs,
        verdict=judged(inputs, quantities, same),
        quantities=quantities,
        maps=tuple(figures),
        crops=tuple(crops(subject.sources, places)) if subject.alike else _own_crops(subject),
        sections=_sections(chapters),
        stages=stages,
        parameters=parameters,
        repeat=_repeat(taken, asked, reference),
        notes=tuple(notes),
        reference=_input(reference) if reference is not None else None,
    )


def _sections(chapters: Sequence[Chapter]) -> tuple[Section, ...]:
    """Chapters with something to show; the reasons of the others in one section at the end."""
    full = [c.section for c in chapters if c.quantities or c.section.figures]
    reasons = tuple(f"{c.section.title}: {note}" for c in chapters if c.section not in full for note in c.section.notes)
    return (*full, Section("not-measured", "Not measured", reasons)) if reasons else tuple(full)


def _input(taken: Taken) -> Input:
    source = taken.source
    view, step = view_of(source)
    height, width = source.shape
    about: list[tuple[str, str]] = []
    if taken.run is None:
        about.append(("Values", f"{source.dtype} {source.space}, {source.transfer}"))
    else:
        frame = taken.frame
        seconds = sum(taken.run.seconds.values())
        about.append(("Raw", f"{frame.cfa}, {frame.shape[1]} x {frame.shape[0]}" if frame is not None else ""))
        if frame is not None and frame.info.iso is not None:
            about.append(("ISO", f"{frame.info.iso:g}"))
        about.append(("Developed in", f"{seconds:.2f} s, {width * height / 1e6 / max(seconds, 1e-9):.0f} MP/s"))
        about.append(("Fused into", f"{len(taken.run.segments)} programs"))
    kind = "picture" if taken.run is None else "developed"
    return Input(
        taken.label, taken.wanted.name, kind, (width, height), taken.sha256, tuple(about), view, step,
    )  # fmt: skip


def _size_notes(taken: Sequence[Taken], reference: Taken | None) -> list[str]:
    notes = []
    sizes = {t.label: t.source.shape for t in taken}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{label} {shape[1]} x {shape[0]}" for label, shape in sizes.items())
        notes.append(
            f"The pictures differ in size ({listed}): each is measured on its own, none is compared pixel by pixel."
        )
    if reference is not None and any(shape != reference.source.shape for shape in sizes.values()):
        height, width = reference.source.shape
        notes.append(f"The reference is {width} x {height}: only pictures of its size are compared with it.")
    return notes


def _black_notes(subject: Subject) -> list[str]:
    notes = []
    for label, each in zip(subject.labels, subject.cells, strict=True):
        lightness = each.lab[..., 0]
        if lightness.max() < 1.0:
            notes.append(f"{label} is black: nothing in it is lighter than L* 1.")
        elif np.ptp(lightness) < 0.01 and each.detail.max() < 1e-4:
            notes.append(f"{label} is one even tone of L* {lightness.mean():.1f}.")
    return notes


def _differences(
    subject: Subject, notes: list[str]
) -> tuple[list[Figure], list[tuple[tuple[int, int, int, int], str]], list[tuple[int, int]]]:
    """Maps, places for crops, and the pairs that are equal pixel for pixel."""
    if len(subject.sources) < 2 or not subject.alike:
        places = [_middle(subject.sources[0])] if subject.alike else []
        return [], places, []
    figures: list[Figure] = []
    found: list[Difference] = []
    same = []
    for a, b in combinations(range(len(subject.sources)), 2):
        if equal(subject.sources[a], subject.sources[b]):
            same.append((a, b))
            continue
        difference = compared(subject.cells[a], subject.cells[b])
        found.append(difference)
        note = shift_note(difference, subject.labels[a], subject.labels[b])
        if note:
            notes.append(note)
        if len(found) <= _PAIRS:
            figures += maps(difference, subject.labels[a], subject.labels[b])
    places = interesting(subject.sources, found) if found else []
    return figures, places or [_middle(subject.sources[0])], same


def equal(a: Source, b: Source) -> bool:
    """True if two pictures have the same pixels and meaning."""
    if (a.shape, a.space, a.transfer, a.dtype) != (b.shape, b.space, b.transfer, b.dtype):
        return False
    height, width = a.shape
    strips = [(top, 0, min(STRIP, height - top), width) for top in range(0, height, STRIP)]
    return all(np.array_equal(a.codes(*strip), b.codes(*strip)) for strip in strips)


def _middle(source: Source) -> tuple[tuple[int, int, int, int], str]:
    from reports.compare.differences import CROP

    height, width = source.shape
    wide, high = min(CROP[0], width), min(CROP[1], height)
    return ((width - wide) // 2, (height - high) // 2, wide, high), "the middle"


def _own_crops(subject: Subject) -> tuple[Crop, ...]:
    """The middle of each picture, where sizes differ."""
    result = []
    for label, source in zip(subject.labels, subject.sources, strict=True):
        place, why = _middle(source)
        (crop,) = crops([source], [(place, f"{why} of {label}")])
        result.append(replace(crop, labels=(label,)))
    return tuple(result)


def _developed(
    taken: Sequence[Taken], places: Sequence[tuple[tuple[int, int, int, int], str]], asked: Options,
    tell: Callable[[str], None],
) -> tuple[tuple[Stages, ...], tuple[ParameterRow, ...]]:
    """Stages and parameters of the developed inputs."""
    runs = [t.run for t in taken]
    if all(run is None for run in runs):
        return (), ()
    from reports.compare.parameters import profile_diff
    from reports.compare.stages import stages_of

    stages = []
    if asked.stages:
        for index, each in enumerate(taken):
            if each.run is None or each.pipeline is None or each.frame is None:
                continue
            tell(f"stages of {each.label}")
            seconds = each.run.seconds.get("render", 0.0)
            stages.append(stages_of(index, each.pipeline, each.frame, _centre(places), seconds))
    return tuple(stages), profile_diff(runs)


def _centre(places: Sequence[tuple[tuple[int, int, int, int], str]]) -> tuple[int, int] | None:
    if not places:
        return None
    x, y, width, height = places[0][0]
    return x + width // 2, y + height // 2


def _repeat(taken: Sequence[Taken], asked: Options, reference: Taken | None) -> tuple[tuple[str, str], ...]:
    rows = [("command", asked.command)] if asked.command else []
    for each in (*taken, *([reference] if reference is not None else [])):
        rows.append((f"input {each.label}", each.wanted.name))
        if each.frame is not None and each.frame.origin.seed is not None:
            rows.append((f"seed of {each.label}", str(each.frame.origin.seed)))
    rows.append(("seeds", "resampling 0; every other number is a function of the inputs"))
    rows.append(("Python", f"{platform.python_version()}, {sys.platform}, {platform.machine()}"))
    return (*rows, *installed(_PACKAGES).items())

