"""How a profile's numbers follow what the caller feeds: which element of which array depends on what, tabulated.

Every dependence is found by asking the stages themselves (`Stage.prepare`) at other values, element by element, so
stages need no second description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import IspError, ProfileError
from isp.native.states import Axis, Point, States, arrays_of, coordinate, signature
from isp.parameters import Param, Table
from isp.pipeline import Planned
from isp.stage import Plain

Key = tuple[str, str]
MOST_AXES = 5
"""Axes of one table (`ISP_AXES` of the C code)."""
MOST_VALUES = 64
"""A parameter with more values than this is not offered as a setting."""


POWERS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
"""Powers of a number that may be interpolated in its place: reciprocals and roots, whose bits are the same everywhere.
With them, what follows noise (S g, O g^2, the roots and reciprocals of sums of these) is exact between nodes."""
_SAMPLES = 24
_FLOOR = 3e-7
"""Relative error that float32 has anyway."""


@dataclass(frozen=True)
class Numbers:
    """Elements of an array that follow `axes`; `values` has an axis for each of them, then one for the elements.

    Interpolated is their `power`. `error` is the largest one seen at points between the nodes, over the table's
    largest number.
    """

    array: Key
    elements: NDArray[np.intp]
    axes: tuple[int, ...]
    values: NDArray[np.float32]
    power: float
    error: float


@dataclass(frozen=True)
class Tabulated:
    """A profile's numbers over its axes.

    Attributes
    ----------
    axes : what the caller feeds
    arrays : every array at the base
    numbers : what of them follows which axes
    plans : the plans that occur, by the stages that change something
    plan_at : the number of the plan at each node of the first axis and between each two, alternating
    pictured : arrays that are made from each picture's statistics; they follow no axis
    """

    axes: tuple[Axis, ...]
    arrays: Mapping[Key, NDArray[np.float32]]
    numbers: tuple[Numbers, ...]
    plans: tuple[Planned, ...]
    plan_at: tuple[int, ...]
    pictured: frozenset[Key]


def tabulate(states: States, plans: tuple[Planned, ...], plan_at: tuple[int, ...]) -> Tabulated:
    """The numbers of a profile over its axes, for the plans that `find_plans` found.

    Raises
    ------
    ProfileError
        The size of an array depends on an axis; the stage is named.
    """
    states.force(frozenset(p.step.stage.name for plan in plans for p in plan.steps))
    base = arrays_of(states.at({}))
    pictured = states.pictured()
    depends = _dependence(states, base)
    numbers = []
    for key, array in base.items():
        if key in pictured:
            continue
        patterns: dict[tuple[int, ...], list[int]] = {}
        for element, row in enumerate(depends[key]):
            patterns.setdefault(tuple(np.flatnonzero(row).tolist()), []).append(element)
        for axes, elements in patterns.items():
            if axes and array.size:
                numbers += _numbers(states, key, np.array(elements), axes)
    if states.seen:
        base |= {key: array for key, array in arrays_of(states.first).items() if key in pictured}
    return Tabulated(states.axes, base, tuple(numbers), plans, plan_at, frozenset(pictured))


def find_plans(states: States) -> tuple[tuple[Planned, ...], tuple[int, ...]]:
    """The plans that occur along ISO, where stages come and go, and which runs at each node and between each two.

    Raises
    ------
    ProfileError
        The program of a stage depends on an axis; the stage is named.
    """
    iso = states.axes[0]
    nodes = [states.planned(states.base | {iso.name: node}) for node in iso.nodes]
    _check_structure(states, nodes)
    active = [frozenset(p.step.stage.name for p in plan.steps) for plan in nodes]
    wanted = [active[0]]
    for before, after in pairwise(active):
        wanted += [before | after, after]
    found: dict[frozenset[str], Planned] = dict(zip(active, nodes, strict=True))
    for number, stages in enumerate(wanted):
        if stages not in found:
            states.force(stages)
            found[stages] = states.planned(states.base | {iso.name: iso.nodes[number // 2]})
            states.force(frozenset())
    order = list(dict.fromkeys(wanted))
    return tuple(found[s] for s in order), tuple(order.index(s) for s in wanted)


def _check_structure(states: States, nodes: Sequence[Planned]) -> None:
    """Along ISO stages may come and go; everything else must stay the same program."""
    known: dict[str, str] = {}
    for plan in nodes:
        for name, structure in signature(plan):
            if known.setdefault(name, structure) != structure:
                raise ProfileError(f"the program of stage {name!r} changes with iso; give its parameters one value")
    base = signature(states.planned(states.base))
    for axis in states.axes[1:]:
        for node in axis.nodes:
            if (there := signature(states.planned(states.base | {axis.name: node}))) != base:
                name = next((a[0] for a, b in zip(there, base, strict=False) if a != b), "last")
                raise ProfileError(
                    f"the program of stage {name!r} changes with {axis.name}; give its parameters one value"
                )


def _dependence(states: States, base: Mapping[Key, NDArray[np.float32]]) -> dict[Key, NDArray[np.bool_]]:
    """For each array (elements, axes): True where an element follows an axis, from the base or from a far corner."""
    depends = {key: np.zeros((array.size, len(states.axes)), np.bool_) for key, array in base.items()}
    corners: list[Point] = [{}]
    corners += [{a.name: a.nodes[int(part * (len(a.nodes) - 1))] for a in states.axes} for part in (0.4, 1.0)]
    for corner in corners:
        here = _same_shapes(arrays_of(states.at(corner)), base)
        for number, axis in enumerate(states.axes):
            for node in axis.nodes:
                there = _same_shapes(arrays_of(states.at({**corner, axis.name: node})), base)
                for key, array in there.items():
                    depends[key][:, number] |= (array != here[key]).ravel()
    return depends


def _same_shapes(arrays: Mapping[Key, NDArray[Any]], base: Mapping[Key, NDArray[Any]]) -> Mapping[Key, NDArray[Any]]:
    for key, array in base.items():
        if arrays[key].shape != array.shape:
            raise ProfileError(
                f"the size of array {key[0]}.{key[1]} changes with what is fed ({array.shape}, {arrays[key].shape}); "
                f"give the parameters of {key[0]!r} one value"
            )
    return arrays


def _numbers(states: States, key: Key, elements: NDArray[np.intp], axes: tuple[int, ...]) -> list[Numbers]:
    """The elements tabulated over a grid, grouped by the power that is best interpolated."""
    if len(axes) > MOST_AXES:
        names = ", ".join(states.axes[a].name for a in axes)
        raise ProfileError(f"array {key[0]}.{key[1]} follows {names}: more than {MOST_AXES} at once")
    grids = [states.axes[a] for a in axes]

    def true(point: Sequence[float]) -> NDArray[np.float32]:
        named = {g.name: v for g, v in zip(grids, point, strict=True)}
        found: NDArray[np.float32] = arrays_of(states.at(named))[key].ravel()[elements]
        return found

    rows = np.array([true(point) for point in product(*(g.nodes for g in grids))], np.float32)
    values = rows.reshape(*(len(g.nodes) for g in grids), len(elements))
    powers = [p for p in POWERS if p == 1 or (np.isfinite(rows) & (rows > 0)).all()]
    apart, largest = np.zeros((len(powers), len(elements))), np.abs(rows).max() + 1e-30
    absolute = np.zeros_like(apart)
    for point in _between(grids):
        wanted = true(point).astype(np.float64)
        scale = np.maximum(np.abs(wanted), 1e-3 * np.abs(rows).max(axis=0) + 1e-30)
        for i, power in enumerate(powers):
            away = np.abs(look_up(values, grids, point, power) - wanted)
            apart[i], absolute[i] = np.maximum(apart[i], away / scale), np.maximum(absolute[i], away / largest)
    # another power must be clearly better
    best = np.where(apart.min(axis=0) < 0.5 * apart[0] - _FLOOR, apart.argmin(axis=0), 0)
    return [
        Numbers(key, elements[best == i], axes, values[..., best == i], powers[i], float(absolute[i, best == i].max()))
        for i in np.unique(best)
    ]


def _between(grids: Sequence[Axis]) -> list[tuple[float, ...]]:
    """Points between the nodes, always the same."""
    rng = np.random.Generator(np.random.Philox(8))
    shares = rng.uniform(size=(_SAMPLES, len(grids), 2))
    found = []
    for row in shares:
        point = []
        for axis, (cell, share) in zip(grids, row, strict=True):
            i = int(cell * max(len(axis.nodes) - 1, 1))
            low, high = axis.nodes[i], axis.nodes[min(i + 1, len(axis.nodes) - 1)]
            point.append(low + (high - low) * float(share))
        found.append(tuple(point))
    return found


def look_up(
    values: NDArray[np.float32], axes: Sequence[Axis], point: Sequence[float], power: float = 1.0
) -> NDArray[np.float64]:
    """What `isp.c` makes of a table at a point, in float64.

    Interpolated is over the simplex that holds the point, of H. W. Kuhn's triangulation of the cell ("Some
    combinatorial lemmas in topology", IBM J. Res. Dev. 4 (1960) 518), as in colour tables. Beside affine functions it
    gives the largest or smallest of several axes with the same nodes exactly, which multilinear interpolation does not.
    """
    corner, shares = [], []
    for axis, value in zip(axes, point, strict=True):
        places = [coordinate(axis.scale, n) for n in axis.nodes]
        at = min(max(coordinate(axis.scale, value), places[0]), places[-1])
        i = max(min(int(np.searchsorted(places, at, "right")) - 1, len(places) - 2), 0)
        corner.append(i)
        shares.append((at - places[i]) / (places[i + 1] - places[i]) if len(places) > 1 else 0.0)
    order = sorted(range(len(shares)), key=lambda i: -shares[i])
    bounds = [1.0, *(shares[i] for i in order), 0.0]
    total = np.zeros(values.shape[-1])
    for step, (before, after) in enumerate(pairwise(bounds)):
        if step and before > 0:
            corner[order[step - 1]] += 1
        if before > after:
            total += (before - after) * values[tuple(corner)].astype(np.float64) ** power
    return np.asarray(total ** (1 / power))


@dataclass(frozen=True)
class Setting:
    """A parameter as the C side sees it.

    Attributes
    ----------
    name : stage.parameter, or the name of axes
    param : its description
    values : what it resolved to
    kind : `axis`, `direct` or `fixed`
    feeding : how it is fed, in words
    origin : where the value came from
    axis : the first of its axes, for kind `axis`
    copies : (value, array, element): where its values stand unchanged in arrays, for kind `direct`
    """

    name: str
    param: Param
    values: tuple[float, ...]
    kind: str
    feeding: str
    origin: str = ""
    axis: int = -1
    copies: tuple[tuple[int, Key, int], ...] = ()


def settings(states: States, tables: Tabulated) -> tuple[Setting, ...]:
    """Every numeric parameter of the stages that run, and how the C side may change it."""
    found = _fed(tables.axes)
    taken = {s.name for s in found}
    follows: dict[Key, set[int]] = {}
    for numbers in tables.numbers:
        follows.setdefault(numbers.array, set()).update(numbers.elements.tolist())
    runs = {p.step.stage.name for plan in tables.plans for p in plan.steps}
    profile = {e.name: e for e in states.profile.stages}
    for stage in states.first.stages:
        if stage.name not in runs:
            continue
        for param in profile[stage.name].stage.parameters:
            name = f"{stage.name}.{param.name}"
            flat = _flat(stage.values[param.name])
            if name in taken or param.choices or flat is None or not 0 < len(flat) <= MOST_VALUES:
                continue
            given = profile[stage.name].given[param.name]
            origin = stage.origins[param.name]
            if isinstance(given, Table):
                what = {"iso": "iso", "cct": "temperature"}[given.axis]
                found.append(Setting(name, param, flat, "fixed", f"a table: follows {what}", origin))
                continue
            copies = () if param.structural else _copies(states, tables, follows, stage.name, param, given)
            kind = "direct" if copies else "fixed"
            words = "set directly" if copies else "resolved when compiled"
            found.append(Setting(name, param, flat, kind, words, origin, -1, copies))
    return tuple(found)


def _fed(axes: Sequence[Axis]) -> list[Setting]:
    rules = {
        "log2": "linear in log2 of it", "mired": "linear in 1/K", "linear": "linear", "exp2": "linear in 2 to the value"
    }
    found: list[Setting] = []
    for number, axis in enumerate(axes):
        name, _, place = axis.name.partition("[")
        if place and found and found[-1].name == name:
            last = found[-1]
            found[-1] = Setting(name, last.param, (*last.values, axis.base), "axis", last.feeding, "", last.axis)
            continue
        clamps = axis.scale in ("log2", "mired")
        lower, upper = (1.0, 1e9) if clamps else (axis.nodes[0], axis.nodes[-1])
        words = f"per frame; tables over it are interpolated {rules[axis.scale]}" if len(axis.nodes) > 1 else \
            "per frame; nothing in this profile follows it"
        param = Param(name, axis.base, _DOCS[name], unit=axis.unit, lower=lower, upper=upper)
        found.append(Setting(name, param, (axis.base,), "axis", words, "", number))
    return found


_DOCS = {
    "iso": "ISO of the frame",
    "temperature": "Colour temperature of the light, as the caller's white balance finds it",
    "white_balance.gains": "Gains of R, G, B, as the caller's white balance finds them",
    "exposure.ev": "Exposure correction, as the caller's exposure control finds it",
}


def _copies(
    states: States, tables: Tabulated, follows: Mapping[Key, set[int]], stage: str, param: Param, given: Plain
) -> tuple[tuple[int, Key, int], ...]:
    """Where the values of a parameter stand in arrays; none if they also act in other ways."""
    flat = _flat(given)
    if flat is None:
        return ()
    found: list[tuple[int, Key, int]] = []
    base = tables.arrays
    for place in range(len(flat)):
        changed: set[tuple[Key, int]] | None = None
        for value in _others(flat[place], param):
            try:
                plan = states.changed({stage: {param.name: _with(given, place, value)}})
            except (IspError, ValueError):
                return ()
            arrays = arrays_of(plan)
            if arrays.keys() != base.keys() or any(arrays[k].shape != base[k].shape for k in base):
                return ()
            moved = {(k, int(e)) for k in base for e in np.flatnonzero((arrays[k] != base[k]).ravel())}
            if changed not in (None, moved):
                return ()
            changed = moved
            for key, element in moved:
                if arrays[key].ravel()[element] != np.float32(value) or element in follows.get(key, ()):
                    return ()
        if not changed or any(base[k].ravel()[e] != np.float32(flat[place]) for k, e in changed):
            return ()
        found += [(place, key, element) for key, element in sorted(changed)]
    return tuple(found)


def _others(value: float, param: Param) -> tuple[float, ...]:
    """Other values inside the bounds, in odd fractions that no rounding hides."""
    low = param.lower if np.isfinite(param.lower) else value - 1.0
    high = param.upper if np.isfinite(param.upper) else value + 1.0
    if param.integer:
        return tuple(v for v in (low, high) if v != value)
    return value + (high - value) * 0.31, value + (low - value) * 0.17, value + (high - value) * 0.013


def _flat(value: Plain) -> tuple[float, ...] | None:
    """The numbers of a value in order; None if it is not made of numbers."""
    if isinstance(value, (int, float)):
        return (float(value),)
    if not isinstance(value, tuple):
        return None
    parts = [_flat(v) for v in value]
    return None if None in parts else tuple(n for part in parts for n in part or ())


def _with(value: Plain, place: int, number: float) -> Plain:
    if not isinstance(value, tuple):
        return number
    sizes = [len(_flat(v) or ()) for v in value]
    result = list(value)
    for i, size in enumerate(sizes):
        if place < size:
            result[i] = _with(value[i], place, number)
            break
        place -= size
    return tuple(result)
