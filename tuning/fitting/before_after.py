"""The report of a fit: the pictures held back (or, without any, those fitted to), before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.values import Picture
from reports.compare.build import Options, build
from reports.compare.inputs import Taken, Wanted
from reports.model import Report, Section
from reports.source import Source
from tuning.fitting.pairs import Pair
from tuning.fitting.result import FitResult


def before_after(before: Profile, result: FitResult, pair: Pair) -> Report:
    """`isp report` of one raw, developed with the profile before (A) and after the fit (B), against its reference."""
    taken = []
    for label, profile in (("A", before), ("B", replace(result.profile, name=f"{result.profile.name}, fitted"))):
        pipeline = Pipeline(profile)
        run = pipeline.run(pair.raw, companions=pair.companions)
        if not isinstance(run.value, Picture):
            raise RuntimeError("a whole profile ends in a picture")
        name = pair.paths[0] if pair.paths else Path(pair.name)
        wanted = Wanted(name, profile.name)
        taken.append(Taken(label, wanted, Source(run.value), pair.raw, pipeline, replace(run, value=pair.raw),
                           pair.raw.origin.sha256))
    reference = None
    if pair.reference is not None:
        path = pair.paths[1] if pair.paths and pair.paths[1] else Path("reference")
        reference = Taken("reference", Wanted(path), Source(pair.reference), sha256=pair.reference.origin.sha256)
    made = build(taken, Options(title=f"{before.name}, before and after the fit", stages=False), reference)
    return replace(made, sections=(_about(result), *made.sections))


def _about(result: FitResult) -> Section:
    """The fit in words, first of all sections."""
    lines = [
        f"Loss {result.loss_before:.4g} before, {result.loss:.4g} after {len(result.history)} evaluations; "
        + ("converged: " if result.converged else "not converged: ") + result.reason + "."
    ]
    lines += [
        f"{p.name}{' (held back)' if p.held_back else ''}: {p.before:.2f} dB before, {p.after:.2f} dB after; "
        f"{100 * p.counted:.0f} % of its reference counts."
        for p in result.pictures
    ]
    lines += [f"{p.label}: {p.before:.5g} before, {p.value} after." for p in result.parameters]
    lines += [f"{label}: {value}." for label, value in result.settings.items()]
    return Section("fit", "The fit", tuple([*lines, *result.notes]))


def write_report(before: Profile, result: FitResult, pairs: Sequence[Pair], path: Path, overwrite: bool) -> None:
    """The report as one HTML page: of the first pair held back, or the first of all."""
    from isp.io import atomic_write
    from reports.page import render

    held = [pair for pair, seen in zip([p for p in pairs if p.reference is not None], result.pictures, strict=False)
            if seen.held_back]
    page = render(before_after(before, result, (held or list(pairs))[0])).encode()
    with atomic_write(path, overwrite) as file:
        file.write(page)
