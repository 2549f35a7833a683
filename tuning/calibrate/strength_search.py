"""Sharpening and noise reduction over ISO: the strength at which a picture measures what it should."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from isp.errors import NumericError, UsageError
from isp.profile import Profile, read_profile
from isp.values import FrameInfo, Picture, RawFrame
from reports.estimate import Estimate, Measured
from reports.source import Source

TOLERANCE = 0.005
"""Of a strength found, relative to the range searched."""
NEAR = 0.02
"""How near to the target the measured value must come, relative to it."""
SIDE = {"sharpen": 128, "noise_reduction": 256}
"""Of the part of a frame that is developed again and again [px]; an edge says enough in few."""
MARGIN = 20
"""Of it, left out of the measurement: borders are developed from mirrored pixels [px]."""

Measure = Callable[[Picture], Estimate]


@dataclass(frozen=True)
class StrengthTable(Measured):
    """A strength over ISO.

    Parameters
    ----------
    parameter : ``sharpen.amount``
    target : float, in the unit of `reached`
    values : mapping of ISO to Estimate
        The strength; n.a. where no strength within the bounds reaches the target. Its interval is that of the measured
        value, divided by its slope.
    reached : mapping of ISO to Estimate
        What the picture measures with it, or with the strength that comes nearest.
    warnings : sentences
    """

    parameter: str
    target: float
    values: Mapping[float, Estimate]
    reached: Mapping[float, Estimate]
    warnings: tuple[str, ...] = field(default=())

    def table(self, digits: int = 3) -> dict[str, dict[float, float]]:
        """``{iso: {...}}`` as the profile takes it.

        Raises
        ------
        NumericError
            No ISO reached the target.
        """
        known = {iso: round(float(v), digits) for iso, v in self.values.items() if v.known}
        if not known:
            raise NumericError(f"{self.parameter}: no ISO reaches the target of {self.target:g}: "
                               + "; ".join(dict.fromkeys(v.reason for v in self.values.values())))  # fmt: skip
        return {"iso": known}


def sharpening(
    edges: Mapping[float, RawFrame], target: float, *, profile: Profile | str = "natural"
) -> StrengthTable:
    """`sharpen.amount` at each ISO at which a slanted edge has the wanted MTF50.

    Parameters
    ----------
    edges : mapping of ISO to RawFrame
        Pictures with a slanted edge (ISO 12233).
    target : float
        MTF50 [cycles/pixel] of the picture the profile makes, in light of the display.
    profile : Profile or name
        What develops them; its other stages stay as they are.

    Raises
    ------
    UsageError
        No frames, a target that is not in 0..1, or a profile without `sharpen`.
    NumericError
        No usable edge in a frame.
    """
    if not 0 < target < 1:
        raise UsageError(f"sharpening: MTF50 of {target:g} must be in 0..1 cycles/pixel")
    made = _prepared(profile, "sharpen")

    def place(frame: RawFrame) -> tuple[int, int]:
        from reports.charts.edges import find_edges

        edges = find_edges(Source(_developed(made, frame)), most=1)
        for edge in edges:
            return int(edge.center[0]), int(edge.center[1])
        raise NumericError(f"sharpening: no usable slanted edge in the frame at ISO {_iso(frame)}: {edges.reason}")

    def measure(picture: Picture) -> Estimate:
        from reports.metrics import slanted_edge

        return slanted_edge(_inner(picture), space=picture.space).mtf50

    return _table(made, "sharpen.amount", edges, place, measure, target)


def noise_reduction(
    flats: Mapping[float, RawFrame], target: float, *, profile: Profile | str = "natural"
) -> StrengthTable:
    """`noise_reduction.strength` at each ISO at which an even grey has the wanted signal-to-noise ratio.

    Parameters
    ----------
    flats : mapping of ISO to RawFrame
        Pictures whose middle is an even grey.
    target : float
        SNR of the luminance of the picture the profile makes [dB], in light of the display.
    profile : Profile or name
        What develops them; its other stages stay as they are.

    Raises
    ------
    UsageError
        No frames, a target that is not finite, or a profile without `noise_reduction`.
    """
    if not math.isfinite(target):
        raise UsageError(f"noise reduction: SNR of {target:g} dB must be finite")
    made = _prepared(profile, "noise_reduction")

    def measure(picture: Picture) -> Estimate:
        from reports.metrics import snr

        return snr(_inner(picture), space=picture.space).db

    def place(frame: RawFrame) -> tuple[int, int]:
        return frame.shape[1] // 2, frame.shape[0] // 2

    return _table(made, "noise_reduction.strength", flats, place, measure, target)


def _table(
    profile: Profile, parameter: str, frames: Mapping[float, RawFrame], place: Callable[[RawFrame], tuple[int, int]],
    measure: Measure, target: float,
) -> StrengthTable:  # fmt: skip
    if not frames:
        raise UsageError(f"{parameter}: no frames given")
    stage, _, name = parameter.partition(".")
    bounds = profile.entry(stage).stage.parameter(name)
    values, reached, notes = {}, {}, []
    for iso, frame in sorted(frames.items()):
        part = _cut(frame, place(frame), SIDE[stage])

        def at(strength: float, part: RawFrame = part) -> Estimate:
            return measure(_developed(profile.with_settings([f"{parameter}={strength:.6f}"]), part))

        values[iso], reached[iso] = _search(at, target, bounds.lower, bounds.upper)
        if not values[iso].known:
            notes.append(f"ISO {iso:g}: {values[iso].reason}.")
    return StrengthTable(parameter, target, values, reached, tuple(notes))


def _search(at: Callable[[float], Estimate], target: float, low: float, high: float) -> tuple[Estimate, Estimate]:
    """The strength whose measured value is `target` and that value; it must rise with the strength."""
    from scipy.optimize import brentq

    first = at(low)
    if not first.known:
        return Estimate.missing(first.reason), first
    if first >= target:
        what = f"without it the picture already measures {float(first):.3g}, the target is {target:g}"
        return Estimate(low, reason=what), first
    below, above = low, low + (high - low) / 16
    last = at(above)
    while last.known and last < target and above < high:
        below, first, above = above, last, min(2 * above - low, high)
        last = at(above)
    if not last.known or last < target:
        why = last.reason or f"at {above:g}, the most allowed, the picture measures {float(last):.3g}, not {target:g}"
        return Estimate.missing(why), last
    seen: dict[float, Estimate] = {below: first, above: last}

    def gap(strength: float) -> float:
        if strength not in seen:
            seen[strength] = at(strength)
        return float(seen[strength]) - target

    found = float(brentq(gap, below, above, xtol=TOLERANCE * (high - low) / 4))
    gap(found)
    value = seen[found]
    if abs(value - target) > NEAR * abs(target):
        return Estimate.missing(f"what is measured jumps from {float(value):.3g} past the target at {found:.3g}"), value
    slope = (float(last) - float(first)) / (above - below)
    if not value.sure or slope <= 0:
        return Estimate(found, reason="no interval"), value
    ends = [float(np.clip(found + (end - target) / slope, low, high)) for end in value.interval]
    return Estimate(found, (min(ends), max(ends))), value


def _prepared(profile: Profile | str, stage: str) -> Profile:
    """The profile without what needs the whole frame, so that a part of it is developed alike."""
    made = read_profile(profile) if isinstance(profile, str) else profile
    made.entry(stage)
    settings = [f"{stage}.enabled=true"]
    names = {entry.name for entry in made.stages}
    settings += [f"{n}.enabled=false" for n in ("lens_shading", "distortion", "chromatic_aberration") if n in names]
    settings += ["exposure.ev=0"] if "exposure" in names else []
    return made.with_settings(settings)


def _developed(profile: Profile, frame: RawFrame) -> Picture:
    """The picture in light of the display, in front of `encode`."""
    from isp.pipeline import Pipeline

    last = profile.steps[-2].entry.name
    value: Any = Pipeline(profile).run(frame, tap=last).value
    return value  # type: ignore[no-any-return]


def _cut(frame: RawFrame, centre: tuple[int, int], largest: int) -> RawFrame:
    """A part around a place, at the frame's own phase of the mosaic and of its black level."""
    period = math.lcm(2 * frame.cfa.block, *frame.black.shape)
    side = [min(largest // period * period, n // period * period) for n in frame.shape]
    start = [
        int(np.clip(c - s // 2, 0, n - s)) // period * period
        for c, s, n in zip(centre[::-1], side, frame.shape, strict=True)
    ]
    data = frame.data[start[0] : start[0] + side[0], start[1] : start[1] + side[1]]
    info: FrameInfo = replace(frame.info, lens_shading=None, warp=None)
    return replace(frame, data=np.ascontiguousarray(data), info=info)


def _inner(picture: Picture) -> Any:
    margin = min(MARGIN, min(picture.shape) // 6)
    return picture.data[margin:-margin, margin:-margin]


def _iso(frame: RawFrame) -> str:
    return "unknown" if frame.info.iso is None else f"{frame.info.iso:g}"
