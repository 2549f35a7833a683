"""What a profile resolves to when the light, the ISO or the exposure are others than those of one frame.

The axes are what a caller may feed per frame: ISO, colour temperature, the gains of white balance, the exposure. A
`States` answers for any point on them with the plan and the arrays that `isp run` would use there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.color.dng import CameraColor
from isp.color.temperature import chromaticity
from isp.color.white_curve import WhiteCurve
from isp.errors import InputError
from isp.parameters import Table
from isp.pipeline import Pipeline, Planned
from isp.profile import Profile, StageEntry, resolve_entry
from isp.stage import Context, Plain, Stage
from isp.stages import white_balance
from isp.values import RawFrame, Statistics

GAINS = "white_balance.gains"
EV = "exposure.ev"
GAIN_NODES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Gains at which numbers are tabulated."""
PER_OCTAVE = 3
"""Nodes per octave of ISO, between the first and the last that a table of the profile names."""
KELVIN_NODES = (2000.0, 2250.0, 2500.0, 2850.0, 3200.0, 3600.0, 4000.0, 4500.0, 5000.0, 5750.0, 6500.0, 8000.0, 10000.0)
"""Colour temperatures at which numbers are tabulated, beside those that tables and calibrations name [K]."""
DAYLIGHT = 5500.0
"""Colour temperature where the frame says none [K]."""

Arrays = Mapping[tuple[str, str], NDArray[np.float32]]
"""Arrays by stage and name."""
Point = Mapping[str, float]


def coordinate(scale: str, value: float) -> float:
    """Where `value` lies on an axis, in the coordinate in which is interpolated."""
    if scale == "log2":
        return float(np.log2(value))
    if scale == "mired":
        return -1e6 / value
    return float(2.0**value) if scale == "exp2" else value


@dataclass(frozen=True)
class Axis:
    """A number that the caller feeds.

    Attributes
    ----------
    name : `iso`, `temperature`, `white_balance.gains[0]`, `exposure.ev`
    unit : of its values
    scale : the coordinate in which is interpolated: `linear`, `log2`, `mired`, or `exp2` (2 to the value)
    nodes : values at which numbers are tabulated, ascending
    base : what the profile was compiled with
    """

    name: str
    unit: str
    scale: str
    nodes: tuple[float, ...]
    base: float


class States:
    """A profile over the axes that its caller feeds.

    Parameters
    ----------
    profile : Profile
    frame : RawFrame
        Says what the frames are like: size, CFA, levels, and what its file knows of the camera.
    seen : bool
        True if its pixels are a picture, from which `auto` is to be resolved.

    Raises
    ------
    ProfileError, InputError
        As `Pipeline.run` does for this frame.
    """

    def __init__(self, profile: Profile, frame: RawFrame, seen: bool = False) -> None:
        self.frame, self.seen = frame, seen
        # behind the first look no pixel is looked at any more, so none needs to be there
        self._blank = replace(frame, data=np.broadcast_to(frame.data.dtype.type(0), frame.shape))
        self.axes: tuple[Axis, ...] = ()
        self._forced: frozenset[str] = frozenset()
        self._picture = _small_picture(frame, 6, 8)
        self._known: dict[tuple[float, ...], Planned] = {}
        self._gains: tuple[float, ...] = (1.0, 1.0, 1.0)
        self._white = White(DAYLIGHT)
        self.profile = _without_needs(profile)
        self.first = Pipeline(self.profile if seen else self._variant(self.profile, {})).planned(frame)
        self._gains, self._white = self._find_light(seen)
        self.profile = _settled(self.profile, self.first)
        self.axes = self._find_axes()

    @property
    def base(self) -> dict[str, float]:
        """The point the profile was compiled with."""
        return {axis.name: axis.base for axis in self.axes}

    def force(self, stages: frozenset[str]) -> None:
        """Keep these stages in every plan, also where they change nothing: their arrays are needed there."""
        self._forced = stages
        self._known.clear()

    def at(self, point: Point) -> Planned:
        """The plan for a point; axes it leaves out are at their base."""
        full = self.base | dict(point)
        key = tuple(full.values())
        if key not in self._known:
            self._known[key] = self.planned(full)
        return self._known[key]

    def planned(self, point: Point, profile: Profile | None = None, shape: tuple[int, int] | None = None) -> Planned:
        """The plan for a point, of another variant of the profile or for frames of another size if given."""
        raw = self._blank
        if shape is not None:
            raw = replace(raw, data=np.broadcast_to(raw.data.dtype.type(0), shape))
        if "iso" in point and len(self.axes[0].nodes) > 1:
            raw = raw.with_info(iso=point["iso"])
        return Pipeline(self._variant(profile or self.profile, point)).planned(raw)

    def pictured(self) -> set[tuple[str, str]]:
        """Arrays at the base that are made from each picture's statistics, by stage and name."""
        here = arrays_of(self.at({}))
        first, self._picture = self._picture, _small_picture(self.frame, 5, 7)
        there = arrays_of(self.planned(self.base))
        self._picture = first
        return {key for key, array in here.items() if not np.array_equal(array, there[key])}

    def changed(self, settings: Mapping[str, Mapping[str, Plain]]) -> Planned:
        """The plan at the base with other values of some parameters, by stage and name; checked as a profile's are."""
        from isp.profile.build import make_entry

        entries = [
            replace(make_entry(e.stage, {**e.values, **settings[e.name]}, "profile"), enabled=e.enabled)
            if e.name in settings else e
            for e in self.profile.stages
        ]
        return self.planned(self.base, replace(self.profile, stages=tuple(entries)))

    def _variant(self, profile: Profile, point: Point) -> Profile:
        """`profile` with what is fed at `point` in place of what would be found."""
        entries = []
        for entry in profile.stages:
            stage, values = entry.stage, dict(entry.values)
            methods: dict[str, Any] = {}
            if entry.name in self._forced:
                methods["identity"] = lambda self, values, context: False
            if entry.name == "white_balance":
                gains = tuple(point.get(f"{GAINS}[{i}]", g) for i, g in enumerate(self._gains))
                values |= {"mode": "manual", "gains": gains, "curve": ()}
                methods |= _fed_white(type(stage), self._white_at(point.get("temperature"), entry))
            if entry.name == "exposure" and EV in point:
                values["ev"] = point[EV]
            if stage.kind == "guided":
                methods |= _guided(type(stage), self._picture)
            stage = _stand_in(stage, methods) if methods else stage
            entries.append(replace(entry, stage=stage, values=MappingProxyType(values)))
        return replace(profile, stages=tuple(entries))

    def _white_at(self, kelvin: float | None, entry: StageEntry) -> White:
        """The first frame's white at its own temperature; else that of the black body, as the camera sees it."""
        if kelvin is None or kelvin == self._white.temperature:
            if self._white.xy is not None or self._white.neutral is not None:
                return self._white
            kelvin = self._white.temperature
        xy = chromaticity(kelvin)
        curve, color = entry.values.get("curve", ()), CameraColor.of(self.frame.info)
        neutral = None
        if isinstance(curve, tuple) and curve:
            neutral = WhiteCurve(curve).neutral(kelvin)
        elif color is not None:
            neutral = color.neutral(xy, kelvin)
        return White(kelvin, (float(xy[0]), float(xy[1])), None if neutral is None else tuple(neutral.tolist()))

    def _find_light(self, seen: bool) -> tuple[tuple[float, ...], White]:
        """The gains and the white that the profile finds for the first frame; where it would look at pixels that are
        not there, gains of 1."""
        placed = next((p for p in self.first.steps if p.step.stage.name == "white_balance"), None)
        if placed is None:
            return self._gains, self._white
        entry, context = self.profile.entry("white_balance"), placed.before
        values = resolve_entry(entry, context, self.profile).values
        if not seen and entry.stage.wants_statistics(values, context):
            return self._gains, self._white
        after = entry.stage.advance(values, context)
        white = White(after.temperature or DAYLIGHT, after.white_xy, after.neutral)
        return tuple(white_balance.gains(values, context).tolist()), white

    def _find_axes(self) -> tuple[Axis, ...]:
        """What can be fed to this profile; one node where nothing follows it."""
        entries = [e for e in self.profile.stages if e.enabled]
        iso = _knots(entries, "iso")
        base = float(self.frame.info.iso or min(iso, default=100.0))
        if iso:
            low, high = min(iso), max(iso)
            steps = int(np.ceil(PER_OCTAVE * np.log2(high / low)))
            between = {low * 2.0 ** (i / PER_OCTAVE) for i in range(steps)}
            # a node that all but falls on another would cut its cell to a sliver
            near = {b for b in between if any(abs(np.log2(b / k)) < 0.1 for k in iso)}
            iso |= (between - near) | {min(max(base, low), high)}
        found = [Axis("iso", "ISO", "log2", tuple(sorted(iso or {base})), base)]
        names = [e.name for e in entries]
        if "white_balance" in names:
            kelvin = self._white.temperature
            # the first frame's own white is no node: its tint would bend the line of black bodies there
            known = {c.temperature for c in self.frame.info.calibrations}
            cct = filter(self._possible, {*KELVIN_NODES, *_knots(entries, "cct"), *known})
            found.append(Axis("temperature", "K", "mired", tuple(sorted(cct)), kelvin))
            found += [Axis(f"{GAINS}[{i}]", "1", "linear", GAIN_NODES, g) for i, g in enumerate(self._gains)]
        exposure = next((e for e in entries if e.name == "exposure"), None)
        if exposure is not None and not isinstance(exposure.given["ev"], Table):
            param = exposure.stage.parameter("ev")
            resolved = {r.name: r.values for r in self.first.stages}["exposure"]["ev"]
            found.append(Axis(EV, param.unit, "exp2", (param.lower, param.upper), float(resolved)))
        return tuple(found)


    def _possible(self, kelvin: float) -> bool:
        """False for a light that the camera's matrices cannot see; the first frame's own is not asked."""
        if kelvin == self._white.temperature:
            return True
        try:
            self.planned({"temperature": kelvin})
        except InputError:
            return False
        return True


@dataclass(frozen=True)
class White:
    """The white of the light: its colour temperature [K], its CIE 1931 xy and how the camera sees it, where known."""

    temperature: float
    xy: tuple[float, float] | None = None
    neutral: tuple[float, ...] | None = None


def arrays_of(planned: Planned) -> dict[tuple[str, str], NDArray[np.float32]]:
    """Every array of the plan's fused stages, by stage and name."""
    return {(p.step.stage.name, name): array for p in planned.steps for name, array in p.step.arrays.items()}


def signature(planned: Planned) -> tuple[tuple[str, str], ...]:
    """What of the plan decides which programs run: stages and their structures, in order."""
    return tuple((p.step.stage.name, repr(sorted(p.step.structure.items()))) for p in planned.steps)


def _stand_in(stage: Stage, methods: Mapping[str, Any]) -> Stage:
    """A copy of `stage` with other methods; its definition, and so its program, stays the same."""
    kind = type(stage)
    result = copy(stage)
    result.__class__ = type(kind.__name__, (kind,), {**methods, "__module__": kind.__module__})
    return result


def _fed_white(kind: type[Stage], white: White) -> dict[str, Any]:
    """Methods of a white balance that is told the white."""

    def advance(self: Stage, values: Mapping[str, Plain], context: Context) -> Context:
        # without the camera's matrices it does not look for the white that it is told
        after = kind.advance(self, values, context.but(info=replace(context.info, calibrations=())))
        neutral = white.neutral or after.neutral
        return after.but(info=context.info, temperature=white.temperature, white_xy=white.xy, neutral=neutral)

    return {"warn": lambda self, values, context: [], "advance": advance}


def _guided(kind: type[Stage], picture: Statistics) -> dict[str, Any]:
    """Methods of a stage that reads a picture's statistics, told those of a small picture."""

    def prepare(self: Stage, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        return kind.prepare(self, values, context.but(statistics=picture))

    return {"wants_statistics": lambda self, values, context: False, "prepare": prepare}


def _small_picture(frame: RawFrame, rows: int, columns: int) -> Statistics:
    """Statistics of a picture that gets brighter, quick to work on: no number that depends on it is used."""
    height, width = frame.shape
    light = np.linspace(0.01, 0.6, rows * columns, dtype=np.float32).reshape(rows, columns, 1)
    side = max(min(height // rows, width // columns) // 2 * 2, 2)
    return Statistics(np.repeat(light, 3, 2), np.zeros((rows, columns, 3), np.float32), side)


def _without_needs(profile: Profile) -> Profile:
    """The profile whose stages ask for no companions: those that do are the caller's."""
    entries = [replace(e, stage=_stand_in(e.stage, {"needs": ()})) if e.stage.needs else e for e in profile.stages]
    return replace(profile, stages=tuple(entries))


def _settled(profile: Profile, first: Planned) -> Profile:
    """The profile with the numbers that the first frame gave for each `auto`, and for each `from_file` that is found
    before the light is known: nothing that is fed changes these."""
    resolved = {r.name: r.values for r in first.stages}
    entries = []
    words = {"auto", "from_file"}
    for entry in profile.stages:
        if entry.name == "white_balance":
            words = {"auto"}
        found = {
            p.name: resolved[entry.name][p.name] for p in entry.stage.parameters
            if entry.name in resolved and entry.given[p.name] in tuple(words & {*p.sources})
        }
        entries.append(replace(entry, values=MappingProxyType({**entry.values, **found})))
    return replace(profile, stages=tuple(entries))


def _knots(entries: Sequence[StageEntry], axis: str) -> set[float]:
    return {k for e in entries for v in e.given.values() if isinstance(v, Table) and v.axis == axis
            for k, _ in v.points}
