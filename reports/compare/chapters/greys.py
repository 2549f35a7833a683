"""Noise and tone on neutral patches: grey steps, or the grey row of a 24-patch chart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from isp.color.spaces import srgb_encoded
from reports.charts.color_chart import ColorChart
from reports.charts.even_areas import flat_regions
from reports.charts.steps import GreySteps, find_grey_steps, grey_row_of, patches_of
from reports.compare.chapters.colour import charts_of
from reports.compare.subject import Asked, Chapter, Subject, asked_of
from reports.estimate import Estimate
from reports.light import linear, luminance
from reports.metrics.noise import DynamicRange, Snr, dynamic_range, snr
from reports.metrics.nps import NoiseSpectrum, noise_spectrum
from reports.metrics.tone import ToneResponse, tone_response
from reports.metrics.visual import visual_noise
from reports.model import Section
from reports.source import Source

NOISE, TONE = "noise", "tone"
_NONE = "no grey steps and no 24-patch chart"


def noise(subject: Subject) -> Chapter:
    """SNR, dynamic range, visual noise, grain and chroma ratio."""
    every = _steps(subject)
    notes: list[str] = []
    if not any(every):
        every = _even(subject, notes)
    if not any(every):
        return Chapter(Section(NOISE, "Noise", (f"{_NONE}, and no even area",)))
    measured = {
        label: _noise(source, steps)
        for label, source, steps in zip(subject.labels, subject.sources, every, strict=True)
        if steps is not None
    }
    from reports.figures.noise import noise_spectra, snr_curve

    notes.append("Noise is that of one picture, uneven light taken out: what noise reduction left, and fixed pattern.")
    figures = (
        snr_curve({label: m.dynamic for label, m in measured.items()}),
        noise_spectra({label: m.spectrum for label, m in measured.items()}),
    )
    quantities = asked_of(NOISE, _NOISE, map(measured.get, subject.labels), _NONE)
    return Chapter(Section(NOISE, "Noise", tuple(notes), figures), quantities)


def _even(subject: Subject, notes: list[str]) -> list[GreySteps | None]:
    """Areas without texture, where there is no chart: those of one picture serve all of its size."""
    found = [flat_regions(source) for source in subject.sources]
    if subject.alike:
        best = max(subject.agreed, key=lambda i: len(found[i].places))
        found = [found[best] for _ in found]
    notes += dict.fromkeys(f"{areas.note[:1].upper()}{areas.note[1:]}." for areas in found if areas.note)
    result: list[GreySteps | None] = []
    for areas in found:
        quads = np.array([quad for _, quad in areas.outlines()]) if len(areas.places) else np.zeros((0, 4, 2))
        result.append(GreySteps(quads, areas.light, np.full(len(quads), np.nan)) if len(quads) else None)
    return result


@dataclass(frozen=True)
class _Noise:
    """What the patches of one picture say; `middle` is the one nearest to middle grey."""

    middle: Snr
    visual: Estimate
    spectrum: NoiseSpectrum
    dynamic: DynamicRange


_NOISE: tuple[tuple[Asked, Callable[[_Noise], Estimate]], ...] = (
    (Asked("noise.snr", "SNR near middle grey", "higher", 0.5), lambda n: n.middle.db),
    (Asked("noise.visual", "Visual noise", "lower", 0.1, "ISO 15739:2013, 67 pixels per degree"), lambda n: n.visual),
    (Asked("noise.grain", "Grain", "", 0.2), lambda n: n.spectrum.grain),
    (Asked("noise.chroma_ratio", "Chroma by luma noise", "lower", 0.1), lambda n: n.spectrum.chroma_ratio),
    (
        Asked("noise.dynamic_range", "Dynamic range at SNR 1", "higher", 0.2, "of the patches, ISO 15739"),
        lambda n: n.dynamic.stops,
    ),
    (Asked("noise.dynamic_range_20", "Dynamic range at 20 dB", "higher", 0.2), lambda n: n.dynamic.stops_20db),
)
_TONE: tuple[tuple[Asked, Callable[[ToneResponse], Estimate]], ...] = (
    (Asked("tone.exposure_error", "Exposure error", "zero", 0.1, "of the grey patches"), lambda t: t.exposure_error),
    (Asked("tone.rms", "Deviation from sRGB, rms", "", 2.0), lambda t: t.rms),
    (Asked("tone.rms_exposed", "Deviation of the curve's shape, rms", "", 2.0, "exposure taken out"),
     lambda t: t.rms_exposed),
    (Asked("tone.contrast", "Largest contrast", "", 0.05), lambda t: t.contrast),
    (Asked("tone.range", "Range told apart", "higher", 0.2), lambda t: t.range_stops),
)  # fmt: skip


def _noise(source: Source, steps: GreySteps) -> _Noise:
    patches = patches_of(source, steps.patches)
    how: dict[str, Any] = {"encoding": source.transfer, "space": source.space}
    found: list[Snr] = [snr(p, **how) for p in patches]
    levels = [float(f.mean) if f.mean.known else -1.0 for f in found]
    middle = int(np.argmin([abs(v - 0.18) if v > 0 else np.inf for v in levels]))
    known = np.isfinite(steps.densities).all()
    # exposures that are known keep glare from counting as signal
    dynamic = dynamic_range(found, 10.0**-steps.densities) if known else dynamic_range(found)
    visual = visual_noise(patches[middle], **how).value
    return _Noise(found[middle], visual, noise_spectrum(patches[middle], **how), dynamic)


def tone(subject: Subject) -> Chapter:
    """The tone curve against the transfer that the file states, and the exposure error."""
    every = _steps(subject)
    known = [s if s is not None and np.isfinite(s.densities).all() else None for s in every]
    if not any(known):
        reason = _NONE if not any(every) else "grey steps of unknown density"
        return Chapter(Section(TONE, "Tone curve", (reason,)))
    results = {}
    for label, source, steps in zip(subject.labels, subject.sources, known, strict=True):
        if steps is None:
            continue
        light = [luminance(linear(p, source.transfer, source.space), source.space).mean()
                 for p in patches_of(source, steps.patches)]  # fmt: skip
        results[label] = tone_response(10.0**-steps.densities, srgb_encoded(np.array(light)), "srgb")
    quantities = asked_of(TONE, _TONE, map(results.get, subject.labels), "no grey patches of known density")
    from reports.figures.tone import tone_curve

    note = "Against a picture that shows each patch at its own reflectance; a pleasing rendering differs on purpose."
    return Chapter(Section(TONE, "Tone curve", (note,), (tone_curve(results),)), quantities)


def _steps(subject: Subject) -> list[GreySteps | None]:
    """Grey patches of each picture: steps that the scene knows of, a chart's grey row, or steps that are found."""
    truth = [r for r in subject.regions or [] if r["kind"] == "patch" and str(r["name"]).startswith("step ")]
    if truth:
        quads = np.array([r["inner"] for r in truth], np.float64)
        densities = np.array([float(str(r["name"]).rpartition("=")[2]) for r in truth])
        given = GreySteps(quads, np.full(len(quads), np.nan), densities, "given")
        return [given for _ in subject.sources]
    charts = charts_of(subject, [])
    result: list[GreySteps | None] = []
    for source, chart in zip(subject.sources, charts, strict=True):
        if isinstance(chart, ColorChart):
            result.append(grey_row_of(chart.patches))
            continue
        found = subject.once(f"steps {id(source)}", partial(find_grey_steps, source))
        result.append(found if isinstance(found, GreySteps) else None)
    return result
