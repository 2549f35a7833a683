"""From a profile to a folder of objects, C sources and a parameter table."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.integer import Code, in_integers
from isp.engine.integer_arrays import Span
from isp.engine.plan import is_host
from isp.engine.runtime import runtime_object
from isp.engine.segment import Port, Segment
from isp.errors import ProfileError, UsageError
from isp.io.atomic import atomic_write, check_writable
from isp.native import sources
from isp.native.machines import Machine, find_machine
from isp.native.states import States, arrays_of, signature
from isp.native.tables import Key, Setting, Tabulated, find_plans, settings, tabulate
from isp.pipeline import Planned
from isp.profile import Profile
from isp.values import RawFrame, typical

_MOST_ARRAYS = 60
"""Arrays of one segment; `isp.c` holds as many arguments."""


@dataclass(frozen=True)
class Library:
    """What `compile_profile` wrote.

    Attributes
    ----------
    folder : where
    name : C name of the profile: `isp_<name>` in `<name>.h`
    machine : what it is compiled for
    files : paths in `folder`
    segments : names of the compiled segments, each once
    object_bytes : size of all object files, Halide's runtime included [B]
    table_bytes : size of the numbers that the profile reads [B]
    seconds : time of each part: `resolve`, `compile` [s]; compiled programs come from the cache where they are there
    settings : what the C side can read or set
    caller_stages, caller_arrays : what is left to the caller
    warnings : what the stages want the user to know
    """

    folder: Path
    name: str
    machine: Machine
    files: tuple[str, ...]
    segments: tuple[str, ...]
    object_bytes: int
    table_bytes: int
    seconds: Mapping[str, float]
    settings: tuple[Setting, ...]
    caller_stages: tuple[str, ...]
    caller_arrays: tuple[str, ...]
    warnings: tuple[str, ...]


def compile_profile(
    profile: Profile,
    target: str,
    folder: Path,
    *,
    features: Sequence[str] = (),
    frame: RawFrame | None = None,
    like: RawFrame | None = None,
    partial: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Library:
    """Compile a profile for a machine and write what a C program needs to run it.

    Parameters
    ----------
    profile : Profile
        A whole one, from raw frame to encoded picture of 8 or 16 bits.
    target : str
        One of `machines.TARGETS`.
    folder : Path
        Made if it is not there.
    features : sequence of str
        Instruction sets beyond the target's least (`machines.FEATURES`).
    frame : RawFrame, optional
        What frames are like: size, CFA, levels, ISO; its pixels do not matter. Default: 4032x3024, RGGB, black 64,
        white 1023.
    like : RawFrame, optional
        A frame of the camera, in place of `frame`: its file's facts (colour matrices, noise, lens) and what `auto`
        finds in its picture become the values the library starts with.
    partial : bool
        True to leave to the caller what cannot be compiled.
    overwrite : bool
        True to replace files that exist.
    progress : callable, optional
        Called with (segments compiled, segments in all).

    Raises
    ------
    UsageError
        Unknown target or feature.
    ProfileError
        The profile cannot be compiled; the stages that cannot go are named.
    OutputError
        A file cannot be written.
    """
    machine = find_machine(target, features)
    name = sources.identifier(profile.name)
    _check_profile(profile)
    if machine.integer:
        _check_integers(profile, machine)
    if folder.is_dir():
        check_writable(folder / "parameters.json", overwrite)
    start = time.perf_counter()
    states = States(profile, like or frame or typical(), seen=like is not None)
    plans, plan_at = find_plans(states)
    _check_stages(profile, plans, partial, machine.integer)
    tables = tabulate(states, plans, plan_at)
    seen = arrays_of(states.first) if states.seen else {}
    fed: dict[Key, int] = {key: 2 if key in seen else 1 for key in tables.arrays if key in tables.pictured}
    known = settings(states, tables)
    size = _fixed_size(states, tables.pictured)
    resolved = time.perf_counter()
    shifts: dict[Key, NDArray[np.int32]] = {}
    segments = [
        _integers(plan, states.frame, _spans(tables, known), shifts) if machine.integer else plan.plan.segments
        for plan in tables.plans
    ]
    objects = _compile([s for each in segments for s in each], machine, progress)
    done = time.perf_counter()
    symbols = {depends: symbol for depends, (symbol, _) in objects.items()}
    chains = [sources.part_list(plan, each, symbols) for plan, each in zip(tables.plans, segments, strict=True)]
    for part in (p for chain in chains for p in chain):
        if len(part.arrays) > _MOST_ARRAYS:
            raise ProfileError(f"segment {part.name} reads {len(part.arrays)} arrays; at most {_MOST_ARRAYS} can go")
    limits = next((s.datapath.array for p in plans for s in p.plan.segments if s.datapath is not None), None)
    limits = None if machine.integer else limits
    first = plans[0]
    stages = tuple(dict.fromkeys(p.name for chain in chains for p in chain if not p.symbol))
    arrays = tuple(".".join(key) for key in fed)
    left = [*(f"stage {s}: isp_set_host()" for s in stages), *(f"array {a}: isp_set_array()" for a in arrays)]
    raw = Port(states.frame.data.dtype.name, 1)
    description = f"Profile {profile.name}: {profile.description or 'no description'}. For {machine.halide}."
    binary = {f"objects/{symbol}.o": code for symbol, code in objects.values()}
    binary["objects/halide_runtime.o"] = runtime_object(machine.runtime)
    text = {file: sources.runtime_text(file) for file in sources.RUNTIME}
    text["CMakeLists.txt"] = sources.cmake(name, binary)
    text[f"{name}.h"] = sources.header(name, description, known, left)
    text[f"{name}.c"] = sources.table(name, tables, known, chains, first, raw, size, fed, limits, shifts)
    text["parameters.json"] = _parameters(profile, machine, states, tables, known, size, left)
    _write(folder, binary | {file: body.encode() for file, body in text.items()}, overwrite)
    return Library(
        folder, name, machine, tuple(sorted([*binary, *text])),
        tuple(dict.fromkeys(p.name for chain in chains for p in chain if p.symbol)),
        sum(len(code) for code in binary.values()), _table_bytes(tables),
        {"resolve": resolved - start, "compile": done - resolved}, known, stages, arrays, states.first.warnings,
    )


def _check_profile(profile: Profile) -> None:
    if not profile.complete:
        raise ProfileError(f"profile {profile.name!r} is a part; what is compiled leads from raw to encoded picture")
    if profile.output.bits not in (8, 16):
        raise UsageError(f"output.bits {profile.output.bits}: a compiled profile gives 8 or 16 bits; "
                         "give --set output.format=png --set output.bits=16")


_WHOLE = "it runs Python on the frame"
_LOOKS = "its numbers are made from each picture's statistics"


def _check_integers(profile: Profile, machine: Machine) -> None:
    """ProfileError if the profile has no integers to compute with."""
    if profile.datapath is None:
        raise ProfileError(f"{machine.name} computes with integers, and profile {profile.name!r} has no datapath that "
                           "says of how many bits; give it one: --set datapath.bits=14 --set datapath.headroom=2")


def _check_stages(profile: Profile, plans: Sequence[Planned], partial: bool, integer: bool) -> None:
    """ProfileError if something cannot go."""
    steps = {p.step.stage.name: p for plan in plans for p in plan.steps}
    cannot = {name: _WHOLE for name, p in steps.items() if is_host(p)}
    cannot |= {name: _LOOKS for name, p in steps.items() if p.step.stage.kind == "guided"}
    if cannot and not partial:
        names = "; ".join(f"{name} ({why})" for name, why in cannot.items())
        off = " ".join(f"--set {name}.enabled=false" for name in cannot)
        raise ProfileError(f"profile {profile.name!r} cannot go whole: {names}; leave it to the caller with --partial, "
                           f"or out with {off}")
    if integer and _LOOKS in cannot.values():
        names = ", ".join(name for name, why in cannot.items() if why == _LOOKS)
        raise ProfileError(f"profile {profile.name!r} cannot go in integers: nothing bounds the arrays that the caller "
                           f"would give to {names}")
    if profile.datapath is not None and _WHOLE in cannot.values():
        raise ProfileError(f"profile {profile.name!r} has a datapath, which the caller's stages cannot keep; "
                           "disable them or the datapath")


def _fixed_size(states: States, pictured: frozenset[Key]) -> tuple[int, int] | None:
    """(height, width) if numbers or programs differ for a frame of another size."""
    height, width = shape = states.frame.shape
    here, there = states.planned(states.base), states.planned(states.base, shape=(height + 96, width + 192))
    one, other = arrays_of(here), arrays_of(there)
    same = one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one if k not in pictured)
    return None if same and signature(here) == signature(there) else shape


def _compile(
    given: Sequence[Segment], machine: Machine, progress: Callable[[int, int], None] | None
) -> dict[str, tuple[str, bytes]]:
    """Symbol and object of every segment, by what it depends on."""
    segments: dict[str, Segment] = {s.depends: s for s in given}
    found = {}
    for number, (depends, segment) in enumerate(segments.items(), 1):
        found[depends] = segment.object_for(machine.halide)
        if progress is not None:
            progress(number, len(segments))
    return found


def _spans(tables: Tabulated, known: Sequence[Setting]) -> dict[Key, Span]:
    """Between which numbers each element of each array lies, whatever is fed and set."""
    low = {key: array.astype(np.float64) for key, array in tables.arrays.items()}
    high = {key: array.copy() for key, array in low.items()}
    for numbers in tables.numbers:
        values = numbers.values.reshape(-1, numbers.values.shape[-1]).astype(np.float64)
        for bound, of, extreme in ((low, values.min, np.minimum), (high, values.max, np.maximum)):
            flat = bound[numbers.array].reshape(-1)
            flat[numbers.elements] = extreme(flat[numbers.elements], of(axis=0))
    for setting in known:
        for _, key, element in setting.copies:
            low[key].reshape(-1)[element], high[key].reshape(-1)[element] = setting.param.lower, setting.param.upper
    for key in low:
        if not (np.isfinite(low[key]).all() and np.isfinite(high[key]).all()):
            raise ProfileError(f"stage {key[0]!r} has no integer form: its parameters have no bounds")
    return {key: Span(low[key], high[key]) for key in low}


def _integers(
    plan: Planned, frame: RawFrame, spans: Mapping[Key, Span], shifts: dict[Key, NDArray[np.int32]]
) -> list[Segment]:
    """The segments of a plan in integers; to `shifts` comes how their arrays are to be given."""
    dtype = frame.data.dtype
    code = Code(dtype.name, 0, 0, int(np.iinfo(dtype).max))
    found: list[Segment] = []
    for segment in plan.plan.segments:
        integer, written = in_integers(segment, code, spans)
        code = written.code
        for key, shift in zip(integer.keys, written.shifts, strict=True):
            if not np.array_equal(shifts.setdefault(key, shift), shift):
                raise ProfileError(
                    f"stage {key[0]!r} reads {key[1]!r} in two ways at different settings; integers cannot do both"
                )
        found.append(integer)
    return found


def _table_bytes(tables: Tabulated) -> int:
    return 4 * int(sum(a.size for a in tables.arrays.values()) + sum(n.values.size for n in tables.numbers))


def _parameters(
    profile: Profile, machine: Machine, states: States, tables: Tabulated, known: Sequence[Setting],
    size: tuple[int, int] | None, left: Sequence[str],
) -> str:
    """The parameter table as JSON."""
    frame, axes = states.frame, tables.axes

    def number(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    table: dict[str, Any] = {
        "profile": profile.name,
        "target": machine.name,
        "halide_target": machine.halide,
        "float32_lanes": machine.lanes,
        "frame": {
            "size": [size[1], size[0]] if size else "any", "cfa": str(frame.cfa),
            "bytes_per_sample": frame.data.itemsize,
            "black": np.asarray(frame.black).tolist(), "white": frame.white,
        },
        "picture": {"channels": 3, "bits": profile.output.bits},
        "settings": [
            {
                "name": s.name, "doc": s.param.doc, "unit": s.param.unit, "lower": number(s.param.lower),
                "upper": number(s.param.upper), "values": list(s.values), "kind": s.kind, "feeding": s.feeding,
                "origin": s.origin,
            }
            for s in known
        ],
        "axes": [
            {"name": a.name, "unit": a.unit, "interpolated_in": a.scale, "nodes": list(a.nodes), "base": a.base}
            for a in axes
        ],
        "arrays": [
            {
                "name": ".".join(key), "shape": list(array.shape),
                "follows": sorted({axes[a].name for n in tables.numbers if n.array == key for a in n.axes}),
                "error_between_nodes": max((n.error for n in tables.numbers if n.array == key), default=0.0),
            }
            for key, array in tables.arrays.items()
        ],
        "stages_by_iso": [
            {"iso": list(axes[0].nodes[i // 2 : i // 2 + 1 + i % 2]),
             "stages": [p.step.stage.name for p in tables.plans[plan].steps]}
            for i, plan in enumerate(tables.plan_at)
        ],
        "left_to_the_caller": list(left),
    }
    return json.dumps(table, indent=1, allow_nan=False) + "\n"


def _write(folder: Path, files: dict[str, bytes], overwrite: bool) -> None:
    from isp.errors import OutputError

    try:
        (folder / "objects").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    paths = {file: check_writable(folder / file, overwrite) for file in files}
    if overwrite:
        for old in (folder / "objects").glob("isp_*.o"):
            if f"objects/{old.name}" not in files:
                old.unlink()
    for file, body in files.items():
        with atomic_write(paths[file], overwrite) as out:
            out.write(body)


