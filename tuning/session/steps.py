"""The calibrations of a session, in their order: what each needs, does and gives the profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.errors import NumericError
from isp.values import RawFrame
from tuning.session.captures import Frames, Shots, names

if TYPE_CHECKING:
    from isp.profile import Profile

SATURATED = 0.9
"""Level of the brightest colour of a flat [of white] from which it is too bright for shading and defects."""
DIM = 0.1


@dataclass(frozen=True)
class Found:
    """What a calibration gives.

    Parameters
    ----------
    result : of the calibration's function
    values : mapping of stage to parameters, as the profile has them
    arrays : mapping of (stage, parameter) to an array that goes into a file beside the profile
    notes : sentences
    """

    result: Any
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    arrays: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Lacking(Exception):
    """The session has no captures of the kind, or no target, that a calibration needs."""


@dataclass
class Work:
    """A session at work: its frames, what was found so far, and the profile as it stands."""

    frames: Frames
    profile: Profile
    found: dict[str, Found] = field(default_factory=dict)
    read: dict[str, Any] = field(default_factory=dict)
    """What several calibrations read from the same captures."""

    def result(self, name: str) -> Any:
        """Of an earlier calibration, or None."""
        return self.found[name].result if name in self.found else None

    def need(self, *kinds: str) -> None:
        """`Lacking` if the session has no captures of these kinds."""
        if not self.frames.captures(*kinds):
            raise Lacking(f"the session has no captures of kind {' or '.join(kinds)}")


@dataclass(frozen=True)
class Step:
    """One calibration: its name, title, captures it reads, calibrations that go before it, and what it does."""

    name: str
    title: str
    kinds: tuple[str, ...]
    after: tuple[str, ...]
    run: Callable[[Work], Found]


def _black(work: Work) -> Found:
    from tuning.calibrate.darks import black_level

    work.need("dark")
    groups: dict[float | None, list[RawFrame]] = {}
    degrees: dict[float | None, list[float | None]] = {}
    for shots in work.frames.shots("dark"):
        groups.setdefault(shots.iso, []).extend(shots.frames)
        degrees.setdefault(shots.iso, []).extend([shots.capture.temperature] * len(shots.frames))
    # the lowest ISO has the least noise, and one level serves all
    iso = min(groups, key=lambda key: (-len(groups[key]), key or 0))
    given = degrees[iso]
    result = black_level(groups[iso], temperatures=None if None in given else given)  # type: ignore[arg-type]
    work.frames.black = result.values
    notes = list(result.warnings)
    for other, frames in groups.items():
        if other != iso:
            gap = max(abs(a - b) for a, b in zip(black_level(frames).values, result.values, strict=True))
            notes.append(f"At ISO {other:g} the level is up to {gap:.2f} DN away.")
    # the white level is what the files state; with it the profile stands without them
    white = float(groups[iso][0].white)
    values = {"level": [round(v, 4) for v in result.values], "white": white}
    return Found(result, {"black_level": values}, notes=tuple(notes))


def _noise(work: Work) -> Found:
    from tuning.calibrate.noise_model import noise

    kinds = ("dark", "flat", "gray_steps", "chart", "edge", "dots", "scene")
    scenes: list[Any] = [shots.frames for shots in work.frames.shots(*kinds) if shots.iso is not None]
    if not scenes:
        raise Lacking("no capture says its ISO")
    result = noise(scenes)
    return Found(result, {"black_level": {"noise": result.stage_value()}})


def _photon_transfer(work: Work) -> Found:
    from reports.metrics.emva import cfa_planes, photon_transfer

    work.need("flat")
    work.need("dark")
    darks: dict[float | None, tuple[RawFrame, ...]] = {}
    # of several exposures the shortest: with the least dark current
    for shots in sorted(work.frames.shots("dark"), key=lambda s: -(s.frames[0].info.exposure or 0.0)):
        if len(shots.frames) > 1:
            darks[shots.iso] = shots.frames
    flats: dict[float | None, list[Shots]] = {}
    for shots in work.frames.shots("flat"):
        if len(shots.frames) > 1:
            flats.setdefault(shots.iso, []).append(shots)

    def middle(frame: RawFrame) -> Any:
        plane = cfa_planes(frame.data, frame.cfa)
        data = plane["Gr"] if "Gr" in plane else plane["Y"]
        height, width = data.shape
        # shading would mix levels
        return data[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]

    result, why = {}, ["no ISO has pairs of darks and pairs of flats"]
    for iso in sorted((k for k in flats if k is not None and k in darks), key=float):
        pairs = [(*(middle(f) for f in s.frames[:2]), s.frames[0].info.exposure or 0.0) for s in flats[iso]]
        found = photon_transfer(pairs, tuple(middle(f) for f in darks[iso][:2]))
        if found.gain_dn_per_e.known:
            result[float(iso)] = found
        why.append(f"ISO {iso:g}: {found.gain_dn_per_e.reason}")
    if not result:
        raise Lacking("; ".join(why[1:] or why))
    return Found(result)


def _defects(work: Work) -> Found:
    from tuning.calibrate.defect_search import defects

    work.need("dark", "flat")
    darks = max(work.frames.shots("dark"), key=lambda s: (s.frames[0].info.exposure or 0, len(s.frames)), default=None)
    lit = [(len(s.frames), _level(s), s) for s in work.frames.shots("flat") if DIM < _level(s) < SATURATED]
    flats = max(lit, key=lambda item: item[:2])[2] if lit else None
    if darks is None and flats is None:
        raise NumericError(f"no dark frames, and no flat between {100 * DIM:g} and {100 * SATURATED:g} % of white")
    result = defects(darks.frames if darks else (), flats.frames if flats else ())
    arrays = {("defect_correction", "map"): result.positions.astype(np.int32)} if len(result.positions) else {}
    return Found(result, arrays=arrays, notes=result.warnings)


def _shading(work: Work) -> Found:
    from tuning.calibrate.shading_mesh import lens_shading

    work.need("flat")
    groups: dict[float, list[RawFrame]] = {}
    best: dict[float, tuple[float, int, float]] = {}
    unnamed = 0
    for shots in work.frames.shots("flat"):
        level = _level(shots)
        if not DIM < level < SATURATED:
            continue
        cct = shots.capture.cct
        unnamed += cct is None
        key = cct or 5000.0
        # of several captures of a light the calmest: lowest ISO, most frames, most light that is safe
        worth = -(shots.iso or 0.0), len(shots.frames), level
        if key not in best or worth > best[key]:
            groups[key], best[key] = list(shots.frames), worth
    if not groups:
        raise NumericError(f"no flat lies between {100 * DIM:g} and {100 * SATURATED:g} % of white")
    if unnamed and len(groups) > 1:
        raise NumericError("flats of several lights need the cct of each")
    rows, columns = work.frames.session.options.mesh
    result = lens_shading(groups, rows=rows, columns=columns)
    return Found(result, {"lens_shading": result.stage_values()})


def _green(work: Work) -> Found:
    from tuning.calibrate.greens import green_imbalance

    work.need("flat")
    groups = [s for s in work.frames.shots("flat") if DIM < _level(s) < SATURATED]
    if not groups:
        raise NumericError(f"no flat lies between {100 * DIM:g} and {100 * SATURATED:g} % of white")
    # the calmest: most frames, lowest ISO, most light
    best = max(groups, key=lambda s: (len(s.frames), -(s.iso or 0.0), _level(s)))
    result = green_imbalance(best.frames)
    return Found(result, {"green_equalization": {"threshold": round(result.threshold, 4)}})


def _white(work: Work) -> Found:
    from tuning.calibrate.white_points import white_balance
    from tuning.session.color_steps import chart_colors

    work.need("chart")
    fits = chart_colors(work).table.fits
    if len(fits) < 2:
        raise NumericError("charts under 1 light; a curve needs 2 or more")
    result = white_balance(fits)
    return Found(result, {"white_balance": {"curve": result.stage_value()}}, notes=result.warnings)


def _matrices(work: Work) -> Found:
    from tuning.session.color_steps import chart_colors

    work.need("chart")
    result = chart_colors(work)
    return Found(result, {"ccm": {"matrix": result.table.stage_value()}}, notes=result.notes)


def _distortion(work: Work) -> Found:
    from tuning.calibrate.geometry import distortion

    work.need("dots")
    result = distortion(first_frames(work, "dots"))
    return Found(result, {"distortion": result.stage_values()})


def _lateral(work: Work) -> Found:
    from tuning.calibrate.geometry import lateral_color

    work.need("dots")
    result = lateral_color(first_frames(work, "dots"))
    return Found(result, {"chromatic_aberration": result.stage_values()})


def _tone(work: Work) -> Found:
    from tuning.session.tone_step import tone_of

    work.need("gray_steps")
    if work.frames.session.targets.tone_codes is None:
        raise Lacking("the session has no targets.tone_codes")
    result = tone_of(work)
    return Found(result, {"tone_curve": {k: _rounded(v) for k, v in result.values.items()}}, notes=result.warnings)


def _sharpening(work: Work) -> Found:
    from tuning.calibrate.strength_search import sharpening

    work.need("edge")
    target = work.frames.session.targets.mtf50
    if target is None:
        raise Lacking("the session has no targets.mtf50")
    frames = _by_iso(work, "edge")
    result = sharpening(frames, target, profile=developing(work, frames))
    return Found(result, {"sharpen": {"amount": result.table()}}, notes=result.warnings)


def _reduction(work: Work) -> Found:
    from tuning.calibrate.strength_search import noise_reduction

    work.need("flat")
    target = work.frames.session.targets.snr_db
    if target is None:
        raise Lacking("the session has no targets.snr_db")
    frames = _by_iso(work, "flat")
    result = noise_reduction(frames, target, profile=developing(work, frames))
    return Found(result, {"noise_reduction": {"strength": result.table()}}, notes=result.warnings)


STEPS: tuple[Step, ...] = (
    Step("black_level", "Black level", ("dark",), (), _black),
    Step("noise", "Noise model", ("dark", "flat", "gray_steps", "chart", "scene"), ("black_level",), _noise),
    Step("photon_transfer", "Photon transfer", ("dark", "flat"), (), _photon_transfer),
    Step("defects", "Defects", ("dark", "flat"), ("black_level",), _defects),
    Step("lens_shading", "Lens shading", ("flat",), ("black_level",), _shading),
    Step("green_imbalance", "Green imbalance", ("flat",), ("black_level",), _green),
    Step("white_balance", "White balance", ("chart",), ("black_level", "lens_shading"), _white),
    Step("ccm", "Colour matrices", ("chart",), ("black_level", "lens_shading", "white_balance"), _matrices),
    Step("distortion", "Distortion", ("dots",), ("black_level",), _distortion),
    Step("lateral_color", "Lateral colour", ("dots",), ("black_level",), _lateral),
    Step("tone_curve", "Tone curve", ("gray_steps",), ("black_level", "white_balance", "ccm"), _tone),
    Step("noise_reduction", "Noise reduction", ("flat",), ("black_level", "white_balance", "ccm"), _reduction),
    Step("sharpening", "Sharpening", ("edge",), ("black_level", "white_balance", "ccm"), _sharpening),
)
"""In the order in which they build on each other."""


def files_of(step: Step, work: Work) -> tuple[str, ...]:
    """Names of the files that a step may read."""
    return names(work.frames.captures(*step.kinds))


def _level(shots: Shots) -> float:
    """Level of the brightest colour, its 98th percentile [of white]."""
    from tuning.calibrate.planes import linear_planes

    return max(float(np.quantile(plane[::4, ::4], 0.98)) for plane in linear_planes(shots.frames[0]).values())


def first_frames(work: Work, kind: str) -> tuple[RawFrame, ...]:
    """The frames of the first capture of a kind, at the exposure that most of them have."""
    capture = work.frames.captures(kind)[0]
    return max((s for s in work.frames.shots(kind) if s.capture is capture), key=lambda s: len(s.frames)).frames


def _by_iso(work: Work, kind: str) -> dict[float, RawFrame]:
    """One frame at each ISO: the one best exposed."""
    best: dict[float, tuple[float, RawFrame]] = {}
    for shots in work.frames.shots(kind):
        level = _level(shots)
        if shots.iso is not None and DIM < level < SATURATED and level > best.get(shots.iso, (0.0,))[0]:
            best[shots.iso] = level, shots.frames[0]
    if not best:
        raise NumericError(f"no {kind} capture lies between {100 * DIM:g} and {100 * SATURATED:g} % of white")
    return {iso: frame for iso, (_, frame) in best.items()}


def developing(work: Work, frames: Mapping[float, RawFrame]) -> Profile:
    """The profile as it stands, for frames that may say no neutral."""
    if all(frame.info.neutral is not None for frame in frames.values()):
        return work.profile
    return work.profile.with_settings(["white_balance.mode=auto"])


def _rounded(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value

