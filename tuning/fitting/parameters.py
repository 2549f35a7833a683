"""Which numbers of a profile are free, and how they lie in one vector: starts, bounds, scales and priors.

All of it comes from the stages' parameter models (`isp.parameters.Param`): parameters with ``tune="gradient"`` move by
gradient, ``tune="search"`` ones and choices by search (`tuning.fitting.search`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isp.errors import NumericError, UsageError
from isp.parameters import FileRef, Param, Table
from isp.profile import Profile
from isp.profile.text import did_you_mean, quoted
from isp.values import Float64
from tuning.fitting.walk import EXPOSURE, Stop, Values

Name = tuple[str, str]
"""Stage and parameter."""
OFFSET_RANGE = 4.0
"""Bounds of a picture's own correction of exposure [EV]."""
NUDGE = 0.02
"""How far a stage that changes nothing is moved before the start [scales]: at such a place some have no slope."""
LARGE = 100.0
"""Bounds farther apart than this say nothing of a parameter's size."""
CURVE = ("tone_curve", "points")
"""Free are the display values of its points; they are held in rising order."""


@dataclass(frozen=True)
class Asked:
    """The names of free parameters, by how they move.

    Attributes
    ----------
    gradient, search : tuple of (stage, parameter)
    whole : names of stages that were named as a whole: of theirs, parameters without effect are left out silently
    """

    gradient: tuple[Name, ...]
    search: tuple[Name, ...]
    whole: frozenset[str] = frozenset()

    @property
    def stages(self) -> frozenset[str]:
        """Names of all stages with a free parameter."""
        return frozenset(stage for stage, _ in (*self.gradient, *self.search))


def asked(profile: Profile, names: Iterable[str], freeze: Iterable[str] = ()) -> Asked:
    """What ``tone_curve``, ``ccm.matrix``, ``demosaic.method`` mean.

    A stage alone stands for its parameters that move by gradient, or, where it has none, for those that are searched;
    parameters named one by one move as their model says. `freeze` takes names away again.

    Raises
    ------
    UsageError
        No such stage or parameter in the profile, a parameter no tuner may move, or nothing is left.
    """
    gradient: dict[Name, None] = {}
    search: dict[Name, None] = {}
    whole = set()
    for text in names:
        found = _named(profile, text)
        if "." not in text:
            whole.add(found[0][0])
            moving = [n for n in found if _param(profile, n).tune == "gradient"]
            found = moving or [n for n in found if _param(profile, n).tune == "search"]
            if not found:
                raise UsageError(f"stage {text!r} has no parameter that a tuner may move")
        for name in found:
            kind = _param(profile, name).tune
            if kind == "no":
                raise UsageError(f"{'.'.join(name)} is not for tuners to move; set it in the profile")
            (gradient if kind == "gradient" else search)[name] = None
    for text in freeze:
        for name in _named(profile, text):
            gradient.pop(name, None)
            search.pop(name, None)
    if not gradient and not search:
        raise UsageError("no parameter is free; name stages or STAGE.PARAMETER, such as tone_curve,ccm.matrix")
    return Asked(tuple(gradient), tuple(search), frozenset(whole))


def _named(profile: Profile, text: str) -> list[Name]:
    stage, dot, parameter = text.strip().partition(".")
    entry = profile.entry(stage)
    if not entry.enabled:
        raise UsageError(f"stage {stage!r} is disabled in the profile; enable it to fit it")
    known = [p.name for p in entry.stage.parameters]
    if not dot:
        return [(stage, name) for name in known]
    if parameter not in known:
        raise UsageError(f"stage {stage!r} has no parameter {quoted(parameter)}; "
                         + did_you_mean(parameter, known, "its parameters"))
    return [(stage, parameter)]


def _param(profile: Profile, name: Name) -> Param:
    return profile.entry(name[0]).stage.parameter(name[1])


@dataclass(frozen=True)
class Parameters:
    """Free numbers in one vector.

    Attributes
    ----------
    names : tuple of (stage, parameter), in the order of the vector
    shapes : of each plain value; () is a number
    labels : of each number, such as ``ccm.matrix[0,2]``
    start, lower, upper, scale, deviation : (N,)
        Where to begin; bounds (infinite where there are none); the size of a notable change; the standard deviation of
        the prior, which lies at the start.
    fixed : values of other parameters that go with them, such as the scene values of the points of a curve
    """

    names: tuple[Name, ...]
    shapes: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    start: Float64
    lower: Float64
    upper: Float64
    scale: Float64
    deviation: Float64
    fixed: Mapping[Name, Any] = field(default_factory=dict)

    def values(self, vector: Float64) -> Values:
        """Plain values of a vector; what lies behind the N numbers is ignored."""
        values: dict[Name, Any] = {}
        at = 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            count = math.prod(shape)
            numbers = np.asarray(vector[at : at + count], np.float64).reshape(shape)
            at += count
            if name == CURVE:
                numbers = np.stack([self.fixed[name], np.maximum.accumulate(numbers)], axis=1)
            values[name] = _tuples(numbers)
        return values

    def owner(self, index: int) -> str:
        """The stage that number `index` belongs to; behind the last, the exposure."""
        if index >= len(self.start):
            return EXPOSURE[0]
        ends = np.cumsum([math.prod(s) for s in self.shapes])
        return self.names[int(np.searchsorted(ends, index, side="right"))][0]

    def places(self, name: Name) -> range:
        """Where the numbers of a parameter lie."""
        at = 0
        for each, shape in zip(self.names, self.shapes, strict=True):
            count = math.prod(shape)
            if each == name:
                return range(at, at + count)
            at += count
        raise KeyError(name)

    def around(self, vector: Float64, index: int, width: float) -> tuple[Float64, Float64, float]:
        """Vectors with one number lower and higher by `width` scales, inside the bounds, and their distance."""
        step = width * (self.scale[index] if index < len(self.start) else 1.0)
        low, high = vector.copy(), vector.copy()
        low[index] -= step
        high[index] += step
        if index < len(self.start):
            low[index] = max(low[index], self.lower[index])
            high[index] = min(high[index], self.upper[index])
        return low, high, float(high[index] - low[index])

    def probes(self, vector: Float64, index: int) -> list[Float64]:
        """Vectors with one number moved well away, to see what depends on it."""
        return [v for v in self.around(vector, index, 0.11)[:2] if v[index] != vector[index]]

    def without(self, names: Iterable[Name]) -> Parameters:
        """The same with fewer names."""
        gone = set(names)
        keep = np.concatenate(
            [np.full(math.prod(s), n not in gone) for n, s in zip(self.names, self.shapes, strict=True)]
        ) if self.names else np.zeros(0, bool)
        kept = [(n, s) for n, s in zip(self.names, self.shapes, strict=True) if n not in gone]
        return Parameters(
            tuple(n for n, _ in kept), tuple(s for _, s in kept),
            tuple(label for label, k in zip(self.labels, keep, strict=True) if k),
            self.start[keep], self.lower[keep], self.upper[keep], self.scale[keep], self.deviation[keep], self.fixed,
        )


def parameters_at(profile: Profile, names: Sequence[Name], last: Stop) -> Parameters:
    """The free numbers of `names`, beginning at what a frame's walk resolved.

    Parameters
    ----------
    last : the stop behind the last stage of a walk through `profile`

    Raises
    ------
    UsageError
        A parameter has no numbers.
    NumericError
        A value to begin with lies outside its bounds.
    """
    parts: list[tuple[Name, Float64, Float64, Param]] = []
    fixed: dict[Name, Any] = {}
    for name in names:
        stage, parameter = name
        param = _param(profile, name)
        resolved = last.context.resolved[stage]
        value = resolved[parameter]
        if isinstance(value, str):
            value = resolved.get(value, value)  # a word for another parameter's value, as `fallback` of a matrix
        if isinstance(value, (str, FileRef, Table)) or not np.size(value):
            continue
        numbers = np.asarray(value, np.float64)
        if name == CURVE:
            fixed[name], numbers = numbers[:, 0], numbers[:, 1]
        scale = _scale(param, numbers)
        if profile.entry(stage).stage.identity(resolved, last.context):
            numbers = np.clip(numbers + NUDGE * scale, param.lower, param.upper)
        parts.append((name, numbers, scale, param))
    labels = [label for name, numbers, _, _ in parts for label in _labels(name, numbers.shape)]
    rows = [
        (np.ravel(a), np.full(a.size, p.lower), np.full(a.size, 1.0 if n == CURVE else p.upper), np.ravel(s))
        for n, a, s, p in parts
    ]
    joined = [np.concatenate(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 4
    outside = (joined[0] < joined[1]) | (joined[0] > joined[2])
    if outside.any():
        i = int(np.argmax(outside))
        raise NumericError(
            f"{labels[i]} begins at {joined[0][i]:g}, outside its bounds {joined[1][i]:g}..{joined[2][i]:g}"
        )
    deviation = np.minimum((joined[2] - joined[1]) / 2, 10 * joined[3])
    return Parameters(
        names=tuple(n for n, *_ in parts), shapes=tuple(a.shape for _, a, *_ in parts), labels=tuple(labels),
        start=joined[0], lower=joined[1], upper=joined[2], scale=joined[3], deviation=deviation, fixed=fixed,
    )


def _scale(param: Param, numbers: Float64) -> Float64:
    """A notable change of each number: its own size, but not less than a tenth of the largest one or of the default.

    Where those say nothing (they are 0, or a word), a share of what the bounds allow.
    """
    span = param.upper - param.lower
    worded = not isinstance(param.default, (float, int, tuple))
    usual = 0.0 if worded else float(np.max(np.abs(np.asarray(param.default, np.float64)), initial=0.0))
    least = 0.1 * max(float(np.max(np.abs(numbers), initial=0.0)), usual)
    if worded and numbers.ndim == 0 and span <= LARGE:
        least = max(least, 0.02 * span)
    if least == 0.0:
        least = min(0.1 * span, 1.0)
    return np.maximum(np.abs(numbers), least)


def _labels(name: Name, shape: tuple[int, ...]) -> list[str]:
    plain = ".".join(name)
    return [plain + (f"[{','.join(map(str, place))}]" if place else "") for place in np.ndindex(*shape)]


def _tuples(array: Float64) -> Any:
    """Nested tuples of floats, as plain values are."""
    return _frozen(array.tolist())


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
