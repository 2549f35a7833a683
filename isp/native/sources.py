"""The C text of a compiled profile: its table and header, from plain Python values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.execute import block_of, moved
from isp.engine.plan import channels
from isp.engine.segment import LIMITS, Port, Segment
from isp.engine.strips import Grid
from isp.native.states import Axis
from isp.native.tables import Key, Numbers, Setting, Tabulated
from isp.pipeline import Planned

RUNTIME = ("isp.h", "isp_table.h", "isp.c", "develop.c")
"""Files that are the same for every profile."""
_KINDS = {"axis": "ISP_AXIS", "direct": "ISP_DIRECT", "fixed": "ISP_FIXED"}
_SCALES = {"linear": "ISP_LINEAR", "log2": "ISP_LOG2", "mired": "ISP_MIRED", "exp2": "ISP_EXP2"}
_POWERS = {1.0: "ISP_PLAIN", -1.0: "ISP_RECIPROCAL", 2.0: "ISP_SQUARE", -2.0: "ISP_RECIPROCAL_SQUARE",
           0.5: "ISP_ROOT", -0.5: "ISP_RECIPROCAL_ROOT"}
_CODES = {"i": 0, "u": 1, "f": 2}


@dataclass(frozen=True)
class Part:
    """A segment with the symbol of its program, or a stage of the caller (no symbol), as C sees it."""

    name: str
    symbol: str
    source: Port
    sink: Port
    tile: tuple[int, int]
    arrays: tuple[Key, ...]
    scale: int
    grid: Grid


def part_list(planned: Planned, segments: Sequence[Segment], symbols: Mapping[str, str]) -> list[Part]:
    """The parts of a plan.

    Parameters
    ----------
    segments : what is compiled of each of the plan's segments
    symbols : names of their programs, by what they depend on
    """
    plan = planned.plan
    grid = Grid(planned.start.shape, planned.start.phase, block_of(planned.start, plan.domain))
    domain = plan.domain
    found, compiled = [], iter(segments)
    for part, run in plan.pieces:
        grid = moved(grid, run)
        if isinstance(part, Segment):
            part = next(compiled)
            scale = int(np.prod([s.scale for s in part.steps], initial=1))
            symbol = symbols[part.depends]
            found.append(Part(part.name, symbol, part.source, part.sink, part.tile, tuple(part.keys), scale, grid))
        else:
            source, sink = Port("float32", channels(domain)), Port("float32", channels(part.gives))
            found.append(Part(part.step.stage.name, "", source, sink, (1, 1), (), 1, grid))
        domain = run[-1].gives if run else domain
    return found


def identifier(name: str) -> str:
    """`name` as a C identifier that none of the runtime's files has."""
    word = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_").lower() or "profile"
    if word[0].isdigit() or word in ("isp", "isp_table", "develop"):
        return f"profile_{word}"
    return word


def header(name: str, description: str, settings: Sequence[Setting], left: Sequence[str]) -> str:
    """The C header of a profile: its description and how each setting is fed."""
    guard = f"ISP_PROFILE_{name.upper()}_H"
    rows = [f" * {s.name:<34} {_bounds(s)}; {s.feeding}" for s in settings]
    caller = [" *", " * Left to the caller:", *(f" *   {line}" for line in left)] if left else []
    return "\n".join([
        f"/* {_comment(description)}", " *", " * Settings (isp_set), with the values they are compiled with:", *rows,
        *caller, " */", f"#ifndef {guard}", f"#define {guard}", "", '#include "isp.h"', "", "#ifdef __cplusplus",
        'extern "C" {', "#endif", "", f"extern const isp_profile isp_{name};", "", "#ifdef __cplusplus", "}", "#endif",
        "#endif", "",
    ])


def _bounds(setting: Setting) -> str:
    values = ", ".join(f"{v:g}" for v in setting.values[:4]) + (", ..." if len(setting.values) > 4 else "")
    unit = "" if setting.param.unit == "1" else f" {_comment(setting.param.unit)}"
    return f"{values}{unit} (allowed: {setting.param.lower:g}..{setting.param.upper:g})"


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\\", "/")


def table(
    name: str, tables: Tabulated, settings: Sequence[Setting], chains: Sequence[Sequence[Part]], start: Planned,
    raw: Port, size: tuple[int, int] | None, fed: Mapping[Key, int], limits: NDArray[np.float32] | None,
    shifts: Mapping[Key, NDArray[np.int32]],
) -> str:
    """The C source that holds a profile's numbers and the chain of its segments.

    Parameters
    ----------
    chains : the parts of each of `tables.plans`
    raw : what the frame's samples are
    size : (height, width) if the numbers hold for frames of one size only
    fed : arrays that the caller must (1) or may (2) give
    limits : what a datapath reads
    shifts : fraction bits of arrays that programs read as integers
    """
    arrays = dict(tables.arrays) | ({LIMITS: limits} if limits is not None else {})
    number = {key: i for i, key in enumerate(arrays)}
    text = ['#include "isp_table.h"', "", f'#include "{name}.h"', "", "#include <math.h>", ""]
    parts = list(dict.fromkeys(p for chain in chains for p in chain))
    text += [f"extern int {symbol}_argv(void **arguments);" for symbol in sorted({p.symbol for p in parts if p.symbol})]
    text.append("")
    text += [_numbers_of("float", f"array{i}", array) for i, array in enumerate(arrays.values())]
    bits = {k: np.broadcast_to(v, arrays[k].shape) if v.size > 1 else v for k, v in shifts.items()}
    text += [_numbers_of("int", f"shift{number[key]}", given) for key, given in bits.items()]
    text += _structs("isp_array", "arrays", [_array(key, array, i, fed.get(key, 0), bits.get(key))
                                             for i, (key, array) in enumerate(arrays.items())])
    text += [_numbers_of("double", f"axis{i}", axis.nodes) for i, axis in enumerate(tables.axes)]
    text += _structs("isp_axis", "axes", [_axis(axis, f"axis{i}") for i, axis in enumerate(tables.axes)])
    for i, numbers in enumerate(tables.numbers):
        text.append(_numbers_of("int", f"element{i}", numbers.elements))
        text.append(_numbers_of("float", f"values{i}", numbers.values))
    text += _structs("isp_numbers", "tables", [_follow(n, number, i) for i, n in enumerate(tables.numbers)])
    for i, setting in enumerate(settings):
        text.append(_numbers_of("double", f"setting{i}", setting.values))
        copies = [f"{{{value}, {number[key]}, {element}}}" for value, key, element in setting.copies]
        text += _structs("isp_copy", f"copy{i}", copies) if copies else []
    text += _structs("isp_setting", "settings", [_setting(s, i) for i, s in enumerate(settings)])
    for i, part in enumerate(parts):
        text.append(_numbers_of("int", f"reads{i}", [number[key] for key in part.arrays]))
    text += [f"static const isp_part part{i} = {_part(part, f'reads{i}')};" for i, part in enumerate(parts)]
    for i, chain in enumerate(chains):
        row = ", ".join(f"&part{parts.index(p)}" for p in chain)
        text.append(f"static const isp_part *const chain{i}[] = {{{row}}};")
    text += _structs("isp_variant", "variants", [f"{{{len(chain)}, chain{i}}}" for i, chain in enumerate(chains)])
    text.append(_numbers_of("int", "variant_at", tables.plan_at))
    height, width = size or (0, 0)
    (px, py), block = start.start.phase, block_of(start.start, start.plan.domain)
    text += [
        "", f"const isp_profile isp_{name} = {{",
        f'    "{name}", {width}, {height}, {px}, {py}, {block}, {_port(raw)},',
        f"    {len(tables.axes)}, axes, {len(arrays)}, arrays, {len(tables.numbers)}, "
        f"{'tables' if tables.numbers else '0'},",
        f"    {len(settings)}, settings, {len(chains)}, variants, {0 if len(chains) > 1 else -1}, variant_at}};", "",
    ]
    return "\n".join(text)


def runtime_text(name: str) -> str:
    """A file of the runtime."""
    return files("isp.native").joinpath("runtime", name).read_text(encoding="utf-8")


def cmake(name: str, objects: Iterable[str]) -> str:
    """The CMake file of a library."""
    rows = "\n".join(f"  ${{CMAKE_CURRENT_SOURCE_DIR}}/{path}" for path in objects)
    return runtime_text("CMakeLists.txt.in").replace("@NAME@", name).replace("@OBJECTS@", rows)


def _literal(kind: str, value: Any) -> str:
    if kind == "int":
        return str(int(value))
    # hexadecimal: the same bits in every compiler
    return float(value).hex() + ("f" if kind == "float" else "")


def _numbers_of(kind: str, name: str, values: Any) -> str:
    flat = [_literal(kind, v) for v in np.ravel(np.asarray(values))] or ["0"]
    lines = [", ".join(flat[i : i + 8]) for i in range(0, len(flat), 8)]
    return f"static const {kind} {name}[] = {{" + ",\n    ".join(lines) + "};"


def _structs(kind: str, name: str, rows: Sequence[str]) -> list[str]:
    return [f"static const {kind} {name}[] = {{", *(f"    {row}," for row in rows), "};"] if rows else []


def _array(key: Key, array: NDArray[Any], i: int, fed: int, shifts: NDArray[np.int32] | None) -> str:
    extent = ", ".join(str(n) for n in array.shape)
    bits = "0, 0" if shifts is None else f"{shifts.size}, shift{i}"
    return f'{{"{".".join(key)}", {array.ndim}, {{{extent}}}, array{i}, {fed}, {bits}}}'


def _axis(axis: Axis, nodes: str) -> str:
    return f"{{{_SCALES[axis.scale]}, {len(axis.nodes)}, {nodes}, {_literal('double', axis.base)}}}"


def _follow(numbers: Numbers, number: Mapping[Key, int], i: int) -> str:
    axes = ", ".join(str(a) for a in numbers.axes)
    power = _POWERS[numbers.power]
    return (f"{{{number[numbers.array]}, {len(numbers.elements)}, element{i}, {len(numbers.axes)}, {{{axes}}}, "
            f"{power}, values{i}}}")


def _bound(value: float) -> str:
    return ("HUGE_VAL" if value > 0 else "-HUGE_VAL") if np.isinf(value) else _literal("double", value)


def _setting(setting: Setting, i: int) -> str:
    unit = setting.param.unit.replace("\\", "\\\\").replace('"', '\\"')
    info = (f'{{"{setting.name}", "{unit}", {_bound(setting.param.lower)}, {_bound(setting.param.upper)}, '
            f"{len(setting.values)}, {_KINDS[setting.kind]}}}")
    copies = f"copy{i}" if setting.copies else "0"
    return f"{{{info}, setting{i}, {setting.axis}, {len(setting.copies)}, {copies}}}"


def _port(port: Port) -> str:
    kind = np.dtype(port.dtype)
    return f"{{{_CODES[kind.kind]}, {8 * kind.itemsize}, {port.channels}, {int(port.interleaved)}}}"


def _part(part: Part, reads: str) -> str:
    program = f"{part.symbol}_argv" if part.symbol else "0"
    (px, py) = part.grid.phase
    return (f'{{"{part.name}", {program}, {_port(part.source)}, {_port(part.sink)}, {part.tile[0]}, {part.tile[1]}, '
            f"{len(part.arrays)}, {reads}, {part.scale}, {px}, {py}, {part.grid.block}}}")

