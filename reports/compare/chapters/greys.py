"""Noise and tone on neutral patches: grey steps, or the grey row of a 24-patch chart."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from reports.charts.color_chart import ColorChart
from reports.charts.even_areas import flat_regions
from reports.charts.steps import GreySteps, find_grey_steps, grey_row_of, patches_of
from reports.compare.chapters.colour import charts_of
from reports.compare.subject import Asked, Chapter, Subject
from reports.estimate import Estimate
from reports.light import linear, luminance
from reports.metrics.noise import Snr, dynamic_range, snr
from reports.metrics.nps import noise_spectrum
from reports.metrics.tone import tone_response
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
    rows: dict[str, list[Estimate]] = {}
    ranges, spectra = {}, {}
    asked = {
        "snr": Asked("noise.snr", "SNR near middle grey", "higher", 0.5),
        "visual": Asked("noise.visual", "Visual noise", "lower", 0.1, "ISO 15739:2013, 67 pixels per degree"),
        "grain": Asked("noise.grain", "Grain", "", 0.2),
        "chroma": Asked("noise.chroma_ratio", "Chroma by luma noise", "lower", 0.1),
        "range": Asked("noise.dynamic_range", "Dynamic range at SNR 1", "higher", 0.2, "of the patches, ISO 15739"),
        "range20": Asked("noise.dynamic_range_20", "Dynamic range at 20 dB", "higher", 0.2),
    }
    for label, source, steps in zip(subject.labels, subject.sources, every, strict=True):
        found = _noise(source, steps) if steps is not None else {}
        for key in asked:
            rows.setdefault(key, []).append(found.get(key, Estimate.missing(_NONE)))
        if steps is not None:
            ranges[label], spectra[label] = found["dynamic"], found["spectrum"]
    from reports.figures.noise import noise_spectra, snr_curve

    notes.append("Noise is that of one picture, uneven light taken out: what noise reduction left, and fixed pattern.")
    figures = (snr_curve(ranges), noise_spectra(spectra))
    quantities = tuple(what.of(NOISE, rows[key]) for key, what in asked.items())
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


def _noise(source: Source, steps: GreySteps) -> dict[str, Any]:
    patches = patches_of(source, steps.patches)
    how: dict[str, Any] = {"encoding": source.transfer, "space": source.space}
    found: list[Snr] = [snr(p, **how) for p in patches]
    levels = [float(f.mean) if f.mean.known else -1.0 for f in found]
    middle = int(np.argmin([abs(v - 0.18) if v > 0 else np.inf for v in levels]))
    known = np.isfinite(steps.densities).all()
    # exposures that are known keep glare from counting as signal
    dynamic = dynamic_range(found, 10.0**-steps.densities) if known else dynamic_range(found)
    spectrum = noise_spectrum(patches[middle], **how)
    return {
        "snr": found[middle].db, "visual": visual_noise(patches[middle], **how).value, "grain": spectrum.grain,
        "chroma": spectrum.chroma_ratio, "range": dynamic.stops, "range20": dynamic.stops_20db,
        "dynamic": dynamic, "spectrum": spectrum,
    }  # fmt: skip


def tone(subject: Subject) -> Chapter:
    """The tone curve against the transfer that the file states, and the exposure error."""
    every = _steps(subject)
    known = [s if s is not None and np.isfinite(s.densities).all() else None for s in every]
    if not any(known):
        reason = _NONE if not any(every) else "grey steps of unknown density"
        return Chapter(Section(TONE, "Tone curve", (reason,)))
    asked = {
        "exposure_error": Asked("tone.exposure_error", "Exposure error", "zero", 0.1, "of the grey patches"),
        "rms": Asked("tone.rms", "Deviation from sRGB, rms", "", 2.0),
        "rms_exposed": Asked("tone.rms_exposed", "Deviation of the curve's shape, rms", "", 2.0, "exposure taken out"),
        "contrast": Asked("tone.contrast", "Largest contrast", "", 0.05),
        "range_stops": Asked("tone.range", "Range told apart", "higher", 0.2),
    }
    results = {}
    for label, source, steps in zip(subject.labels, subject.sources, known, strict=True):
        if steps is None:
            continue
        light = [luminance(linear(p, source.transfer, source.space), source.space).mean()
                 for p in patches_of(source, steps.patches)]  # fmt: skip
        from isp.color.spaces import srgb_encoded

        results[label] = tone_response(10.0**-steps.densities, srgb_encoded(np.array(light)), "srgb")
    quantities = []
    for name, what in asked.items():
        missing = Estimate.missing("no grey patches of known density")
        each = [getattr(results[label], name) if label in results else missing for label in subject.labels]
        quantities.append(what.of(TONE, each))
    from reports.figures.tone import tone_curve

    note = "Against a picture that shows each patch at its own reflectance; a pleasing rendering differs on purpose."
    return Chapter(Section(TONE, "Tone curve", (note,), (tone_curve(results),)), tuple(quantities))


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
