"""Parameters of a stage: unit, bounds, default, doc and how a tuner may move them, in one place.

This one description feeds validation, `isp stages`, the JSON Schema, the tuner's bounds and the report's tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Tune = Literal["gradient", "search", "no"]
TABLE_AXES = {"iso": "ISO, interpolated in log2", "cct": "colour temperature [K], interpolated in mired"}


@dataclass(frozen=True)
class FileRef:
    """`{file: NAME, name: WHICH, sha256: HEX}`: a file inside the profile's own folder, and which thing in it."""

    file: str
    sha256: str = ""
    name: str = ""

    def _asdict(self) -> dict[str, str]:
        """As a profile says it."""
        given = {"file": self.file, "name": self.name, "sha256": self.sha256}
        return {key: text for key, text in given.items() if text}


@dataclass(frozen=True)
class Table:
    """`{iso: {100: 0.5, 1600: 1.2}}`: values over ISO or colour temperature, held constant beyond the ends."""

    axis: str
    points: tuple[tuple[float, Any], ...]


@dataclass(frozen=True)
class Param:
    """One parameter.

    Parameters
    ----------
    name : str
    default
        A plain value, or one of `sources`.
    doc : str
        One line.
    unit : str
        "1" where there is none.
    lower, upper : float
        Inclusive bounds of every number in the value.
    shapes : tuple of shapes
        Allowed shapes of a plain value, in NumPy's sense; `()` is a number, `None` a free length, so
        `((), (4,))` is one number or four and `((None, 2),)` any number of pairs.
    choices : tuple of str
        For a text parameter: its values. `shapes` is then ignored.
    sources : tuple of str
        Words that stand for a value found elsewhere: ``auto`` (from the statistics), ``from_file``.
    files : tuple of str
        File suffixes accepted in ``{file: NAME}``, for example ``(".npy",)``.
    named : bool
        Such a file may hold several things: ``{file: NAME, name: WHICH}``.
    structural : bool
        Part of the compiled program; others can change without compiling.
    integer : bool
        The number must be whole.
    tune : str
        ``gradient``, ``search`` or ``no``.
    """

    name: str
    default: Any
    doc: str
    unit: str = "1"
    lower: float = -math.inf
    upper: float = math.inf
    shapes: tuple[tuple[int | None, ...], ...] = ((),)
    choices: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    named: bool = False
    structural: bool = False
    integer: bool = False
    tune: Tune = "no"

    @property
    def bounds(self) -> str:
        """The allowed values in words, for messages and tables: `0..4 EV`, `bilinear | malvar2004`."""
        words = list(self.sources)
        if self.choices:
            words += self.choices
        else:
            unit = "" if self.unit == "1" else f" {self.unit}"
            low = "-∞" if math.isinf(self.lower) else f"{self.lower:g}"
            high = "∞" if math.isinf(self.upper) else f"{self.upper:g}"
            words.append(f"{low}..{high}{unit}")
        if self.files:
            words.append("{file: NAME" + "|".join(self.files) + ", name: WHICH" * self.named + "}")
        return " | ".join(words)

    def check(self, value: Any) -> Any:
        """`value` as given in a profile or a call, normalised (lists to tuples, numbers to float, tables sorted).

        Raises
        ------
        ValueError
            One line: what is wrong, the bounds and the unit.
        """
        if isinstance(value, (FileRef, Table)):
            value = _as_mapping(value)
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, str):
            if value in self.sources or value in self.choices:
                return value
            raise ValueError(f"{value!r} is not allowed; allowed: {self.bounds}")
        if isinstance(value, Mapping):
            return self._check_mapping(value)
        if self.choices:
            raise ValueError(f"{_short(value)} is not allowed; allowed: {self.bounds}")
        shape = _shape(value)
        if not any(_fits(shape, allowed) for allowed in self.shapes):
            raise ValueError(f"{_short(value)} has shape {_shape_text(shape)}; allowed: {self.shape_text}")
        return self._numbers(value)

    @property
    def shape_text(self) -> str:
        """The allowed shapes in words."""
        return " or ".join(_shape_text(s) for s in self.shapes)

    def _numbers(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return tuple(self._numbers(v) for v in value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{_short(value)} is not a number; allowed: {self.bounds}")
        if not math.isfinite(value):
            raise ValueError(f"{value} is not finite; allowed: {self.bounds}")
        if not self.lower <= value <= self.upper:
            raise ValueError(f"{value:g} is out of bounds; allowed: {self.bounds}")
        if self.integer and value != int(value):
            raise ValueError(f"{value:g} must be a whole number; allowed: {self.bounds}")
        return float(value)

    def _check_mapping(self, value: Mapping[Any, Any]) -> FileRef | Table:
        keys = set(value)
        if "file" in keys and self.files:
            allowed = ("file", "name", "sha256") if self.named else ("file", "sha256")
            if not keys <= set(allowed) or not all(isinstance(v, str) for v in value.values()):
                form = f"{{file: NAME{', name: WHICH' * self.named}, sha256: HEX}}"
                raise ValueError(f"a file value is {form} ({' and '.join(allowed[1:])} optional)")
            if not str(value["file"]).lower().endswith(self.files):
                raise ValueError(f"{value['file']!r} is not allowed; allowed: {self.bounds}")
            return FileRef(str(value["file"]), str(value.get("sha256", "")), str(value.get("name", "")))
        axes = keys & set(TABLE_AXES)
        if len(keys) == 1 and axes and not self.choices and not self.structural:
            axis = axes.pop()
            rows = value[axis]
            if not isinstance(rows, Mapping) or not rows:
                raise ValueError(f"a table over {axis} is {{{axis}: {{100: VALUE, 800: VALUE}}}}")
            for key in rows:
                if isinstance(key, bool) or not isinstance(key, (int, float)) or not 0 < key < 1e9:
                    raise ValueError(f"{_short(key)} is not a positive number on the {axis} axis")
            points = tuple((float(k), self.check(rows[k])) for k in sorted(rows))
            if any(isinstance(v, (FileRef, Table, str)) for _, v in points):
                raise ValueError(f"a table over {axis} holds plain values only; allowed: {self.bounds}")
            if len({_shape(v) for _, v in points}) > 1:
                raise ValueError(f"the values of a table over {axis} must all have the same shape")
            return Table(axis, points)
        raise ValueError(f"{_short(dict(value))} is not allowed; allowed: {self.bounds}")

    def interpolate(self, table: Table, position: float) -> Any:
        """The plain value of `table` at `position` (ISO, or kelvin)."""
        scale = math.log2 if table.axis == "iso" else (lambda k: -1e6 / k)
        places = [scale(k) for k, _ in table.points]
        at = min(max(scale(position), places[0]), places[-1])
        for i in range(len(places) - 1):
            if at <= places[i + 1]:
                f = (at - places[i]) / (places[i + 1] - places[i])
                return _mix(table.points[i][1], table.points[i + 1][1], f)
        return table.points[-1][1]


def _as_mapping(value: FileRef | Table) -> Mapping[str, Any]:
    if isinstance(value, FileRef):
        return value._asdict()
    return {value.axis: dict(value.points)}


def _mix(a: Any, b: Any, f: float) -> Any:
    if isinstance(a, tuple):
        return tuple(_mix(p, q, f) for p, q in zip(a, b, strict=True))
    return a if f == 0 else b if f == 1 else a + (b - a) * f


def _shape(value: Any) -> tuple[int | None, ...]:
    """Shape of nested sequences; a ragged level gives -1, which fits no allowed shape."""
    if not isinstance(value, (list, tuple)):
        return ()
    inner = {_shape(v) for v in value}
    if len(inner) > 1:
        return (-1,)
    return (len(value), *(inner.pop() if inner else ()))


def _fits(shape: tuple[int | None, ...], allowed: tuple[int | None, ...]) -> bool:
    return len(shape) == len(allowed) and all(a is None or s == a for s, a in zip(shape, allowed, strict=True))


def _shape_text(shape: tuple[int | None, ...]) -> str:
    if shape == ():
        return "a number"
    if shape[-1] == -1:
        return "a ragged list"
    return " x ".join("any" if n is None else str(n) for n in shape) + " numbers"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
