"""Look-up tables in ``.cube`` files: one- and three-dimensional, and a 1D shaper in front of a 3D table.

Both dialects in use: Adobe's (Cube LUT Specification 1.0, 2013: ``DOMAIN_MIN``, ``DOMAIN_MAX``, one table) and DaVinci
Resolve's (``LUT_1D_INPUT_RANGE``, ``LUT_3D_INPUT_RANGE``, a 1D table, a 3D table or both). Red changes fastest in a 3D
table. What is ambiguous is refused; every size is checked against its limit and against the length of the file before
memory is asked for.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from isp.errors import InputError, LimitError, ProfileError
from isp.io.atomic import atomic_write
from isp.io.limits import Limits
from isp.io.source import open_source, shown
from isp.values import Float32, Float64, frozen

MAX_BYTES: Final = 64_000_000
LARGEST_1D: Final = 65_536
LARGEST_3D: Final = 129
MAX_LINE: Final = 1000
"""Longest line [bytes]; Adobe allows 250."""
MAX_MAGNITUDE: Final = 1e6
_SHORTEST_ROW: Final = len("0 0 0\n")
_SIZES = {"LUT_1D_SIZE": LARGEST_1D, "LUT_3D_SIZE": LARGEST_3D}
_RANGES = {"LUT_1D_INPUT_RANGE": 2, "LUT_3D_INPUT_RANGE": 2, "DOMAIN_MIN": 3, "DOMAIN_MAX": 3}
_KEYWORDS = ("TITLE", *_SIZES, *_RANGES)
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True)
class Cube:
    """A look-up table for RGB: an optional table per channel, then an optional three-dimensional one.

    Parameters
    ----------
    curves : (n, 3) float32, optional
        Values of R, G, B at n places spread evenly over `curves_domain`.
    table : (n, n, n, 3) float32, optional
        RGB at [blue, green, red] of a grid spread evenly over `table_domain`.
    curves_domain, table_domain : (2, 3) float64
        First and last place of each channel; colours beyond are held to them.
    title : str
    """

    curves: Float32 | None = None
    table: Float32 | None = None
    curves_domain: Float64 | None = None
    table_domain: Float64 | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if self.curves is None and self.table is None:
            raise ValueError("a look-up table needs curves or a table")
        for name, limit in (("curves", LARGEST_1D), ("table", LARGEST_3D)):
            values, domain = getattr(self, name), getattr(self, f"{name}_domain")
            if values is None:
                continue
            values = np.asarray(values)
            n = values.shape[0]
            if values.shape != ((n, 3) if name == "curves" else (n, n, n, 3)) or not 2 <= n <= limit:
                wanted = "n x 3" if name == "curves" else "n x n x n x 3"
                raise ValueError(f"{name} of shape {values.shape}; allowed: {wanted} numbers, n in 2..{limit}")
            domain = np.array([[0.0] * 3, [1.0] * 3]) if domain is None else np.asarray(domain, np.float64)
            if domain.shape != (2, 3) or not np.isfinite(domain).all() or (domain[1] <= domain[0]).any():
                raise ValueError(f"{name}_domain must be two rows of three numbers, the second above the first")
            if not (np.abs(values) <= MAX_MAGNITUDE).all():
                raise ValueError(f"{name} holds values that are not finite or beyond {MAX_MAGNITUDE:g}")
            object.__setattr__(self, name, frozen(values, np.float32))
            object.__setattr__(self, f"{name}_domain", frozen(domain, np.float64))

    def numbers(self) -> list[Any]:
        """A three-dimensional table over 0..1 as nested lists; ProfileError if it is anything else."""
        usual = self.table_domain is not None and np.array_equal(self.table_domain, [[0.0] * 3, [1.0] * 3])
        if self.table is None or self.curves is not None or not usual:
            raise ProfileError("a look-up table with curves or a domain of its own is written as a .cube file")
        listed: list[Any] = self.table.astype(np.float64).tolist()
        return listed

    def _asdict(self) -> dict[str, Any]:
        """What a report says of it: its sizes, not its numbers."""
        curves, table = (0 if values is None else len(values) for values in (self.curves, self.table))
        return {"title": self.title, "curves": curves, "table": table}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cube):
            return NotImplemented
        mine, theirs = ((c.curves, c.table, c.curves_domain, c.table_domain) for c in (self, other))
        pairs = zip(mine, theirs, strict=True)
        same = all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)
        return same and self.title == other.title

    def __hash__(self) -> int:
        return hash((self.title, *(a.tobytes() for a in (self.curves, self.table) if a is not None)))


def read_cube(path: str | os.PathLike[str]) -> Cube:
    """Read a ``.cube`` file.

    Raises
    ------
    ProfileError
        ``FILE:LINE:`` what is wrong and what is allowed; also for a file that is missing or not a regular one.
    LimitError
        Larger than `MAX_BYTES`.
    """
    if Path(path).is_file() and Path(path).stat().st_size == 0:
        raise ProfileError(f"{shown(path)}:1: the file is empty; a look-up table needs LUT_1D_SIZE or LUT_3D_SIZE")
    try:
        with open_source(path, Limits(file_megabytes=1e9)) as source:
            head = source.read_at(0, min(source.size, MAX_BYTES), "the table")
            if source.size > MAX_BYTES:
                _check_lines(head[: 2 * MAX_LINE], source.name)
                raise LimitError(f"{source.name}: a table of {source.size} bytes; at most {MAX_BYTES} are allowed")
            return parse_cube(head, source.name)
    except InputError as error:
        raise ProfileError(str(error)) from None


def parse_cube(data: bytes, name: str) -> Cube:
    """The look-up table in the bytes of a ``.cube`` file; `name` is for messages. Errors as `read_cube`."""
    return _Parser(data, name).cube()


def write_cube(cube: Cube, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a ``.cube`` file, atomically, as `cube_text` has it.

    Raises
    ------
    OutputError
        It cannot be written, or exists and `overwrite` is false.
    ProfileError
        As `cube_text`.
    """
    text = cube_text(cube)
    with atomic_write(path, overwrite=overwrite) as file:
        file.write(text.encode("utf-8"))


def cube_text(cube: Cube) -> str:
    """The text of a ``.cube`` file, in Adobe's dialect; in Resolve's where there are two tables.

    Raises
    ------
    ProfileError
        Two tables whose domains differ between channels, which no dialect can say.
    """
    lines = [f'TITLE "{cube.title}"'] if cube.title else []
    both = cube.curves is not None and cube.table is not None
    ranges = []
    for dimension, values, domain in ((1, cube.curves, cube.curves_domain), (3, cube.table, cube.table_domain)):
        if values is None or domain is None:
            continue
        lines.append(f"LUT_{dimension}D_SIZE {len(values)}")
        if not both:
            ranges += [f"DOMAIN_{end} {_text(row)}" for end, row in zip(("MIN", "MAX"), domain, strict=True)]
        elif (np.ptp(domain, axis=1) > 0).any():
            raise ProfileError("two tables with a domain of its own for each channel cannot be written to a .cube file")
        else:
            ranges.append(f"LUT_{dimension}D_INPUT_RANGE {_text(domain[:, 0])}")
    rows = [_text(row) for part in (cube.curves, cube.table) if part is not None for row in part.reshape(-1, 3)]
    return "\n".join([*lines, *ranges, *rows, ""])


def _text(row: Any) -> str:
    return " ".join(np.format_float_positional(v, trim="-") for v in row)


def _check_lines(data: bytes, name: str) -> None:
    """Refuse lines no .cube file has, before anything is split."""
    start = 0
    number = 1
    while True:
        end = data.find(b"\n", start, start + MAX_LINE + 2)
        if end < 0:
            if len(data) - start > MAX_LINE:
                raise ProfileError(f"{name}:{number}: line of more than {MAX_LINE} bytes")
            return
        start = end + 1
        number += 1


class _Parser:
    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        self.line = 0
        self.sizes: dict[str, int] = {}
        self.ranges: dict[str, Float64] = {}
        self.given: dict[str, int] = {}
        self.title = ""

    def fail(self, text: str, line: int | None = None) -> NoReturn:
        raise ProfileError(f"{self.name}:{self.line if line is None else line}: {text}")

    def cube(self) -> Cube:
        _check_lines(self.data, self.name)
        if b"\0" in self.data:
            before = self.data[: self.data.index(b"\0")]
            self.fail("not text: a zero byte; is it a .cube file?", before.count(b"\n") + 1)
        start = self.header()
        parts = self.expected()
        rows = self.rows(start, sum(count for _, count in parts))
        tables: dict[str, Any] = {}
        for size, count in parts:
            part, rows = rows[:count], rows[count:]
            n = self.sizes[size]
            key = "curves" if size == "LUT_1D_SIZE" else "table"
            tables[key] = part if key == "curves" else part.reshape(n, n, n, 3)
            tables[f"{key}_domain"] = self.domain(size)
        return Cube(**tables, title=self.title)

    def header(self) -> int:
        """Reads the keywords; returns where the first row of numbers starts."""
        start = 0
        while start < len(self.data):
            self.line += 1
            end = self.data.find(b"\n", start)
            end = len(self.data) if end < 0 else end
            words = self.data[start:end].split()
            if words and not words[0].startswith(b"#"):
                if not words[0][:1].isalpha():
                    return start
                self.keyword(self.data[start:end].strip(), words)
            start = end + 1
        return len(self.data)

    def keyword(self, text: bytes, words: list[bytes]) -> None:
        try:
            key = words[0].decode("ascii")
            whole = text.decode("utf-8")
        except UnicodeDecodeError:
            self.fail("not text; is it a .cube file?")
        if key.lower() in ("nan", "inf", "infinity"):
            self.fail(f"{key!r} is not a finite number")
        if key not in _KEYWORDS:
            self.fail(f"unknown keyword {_quoted(key)}; keywords: {', '.join(_KEYWORDS)}")
        if key in self.given:
            self.fail(f"{key} is already given at line {self.given[key]}")
        self.given[key] = self.line
        if key == "TITLE":
            quote = re.fullmatch(r'TITLE\s+"([^"]*)"', whole)
            if quote is None or not quote[1].isprintable():
                self.fail('TITLE is written TITLE "text", on one line')
            self.title = quote[1]
        elif key in _SIZES:
            self.sizes[key] = self.size(key, words[1:])
        else:
            self.ranges[key] = self.numbers(words[1:], _RANGES[key], key)

    def size(self, key: str, words: list[bytes]) -> int:
        limit = _SIZES[key]
        if len(words) != 1 or not re.fullmatch(rb"\d{1,9}", words[0]) or not 2 <= int(words[0]) <= limit:
            found = _quoted(b" ".join(words).decode("ascii", "backslashreplace"))
            self.fail(f"{key} {found} is not allowed; allowed: one whole number 2..{limit}")
        return int(words[0])

    def numbers(self, words: list[bytes], count: int, what: str) -> Float64:
        if len(words) != count:
            self.fail(f"{what} has {len(words)} values; {count} numbers are needed")
        for word in words:
            if not _NUMBER.fullmatch(word):
                text = word.decode("utf-8", "backslashreplace")
                kind = "a finite number" if text.strip("+-").lower() in ("nan", "inf", "infinity") else "a number"
                self.fail(f"{_quoted(text)} is not {kind}")
            if not abs(float(word)) <= MAX_MAGNITUDE:
                self.fail(f"{word.decode()} is out of bounds; allowed: -{MAX_MAGNITUDE:g}..{MAX_MAGNITUDE:g}")
        return np.array([float(w) for w in words])

    def expected(self) -> list[tuple[str, int]]:
        """The tables in the order of the file and how many rows each has; refuses headers that make no sense."""
        if not self.sizes:
            self.fail("neither LUT_1D_SIZE nor LUT_3D_SIZE is given", max(self.line, 1))
        for end in ("DOMAIN_MIN", "DOMAIN_MAX"):
            if end in self.given and (len(self.sizes) == 2 or any(k.endswith("RANGE") for k in self.given)):
                self.fail(
                    f"{end} beside two tables or an INPUT_RANGE is ambiguous; write LUT_1D_INPUT_RANGE and "
                    "LUT_3D_INPUT_RANGE",
                    self.given[end],
                )
        for key in ("LUT_1D", "LUT_3D"):
            if f"{key}_INPUT_RANGE" in self.given and f"{key}_SIZE" not in self.given:
                self.fail(f"{key}_INPUT_RANGE without {key}_SIZE", self.given[f"{key}_INPUT_RANGE"])
        for size in self.sizes:
            low, high = self.domain(size)
            if (high <= low).any():
                line = max(v for k, v in self.given.items() if k in _RANGES)
                self.fail(f"domain {_text(low)} .. {_text(high)} is empty or inverted; it must rise", line)
        return [(k, n if k == "LUT_1D_SIZE" else n**3) for k, n in sorted(self.sizes.items())]

    def domain(self, size: str) -> Float64:
        both = self.ranges.get(size.replace("SIZE", "INPUT_RANGE"))
        if both is not None:
            return np.repeat(both[:, None], 3, axis=1)
        return np.stack([self.ranges.get("DOMAIN_MIN", np.zeros(3)), self.ranges.get("DOMAIN_MAX", np.ones(3))])

    def rows(self, start: int, count: int) -> Float64:
        """(count, 3) of the rows from byte `start` on."""
        body = self.data[start:]
        if len(body) + 1 < count * _SHORTEST_ROW:
            return self.slow(body, count)
        lines = [w for w in body.split(b"\n") if (s := w.strip()) and not s.startswith(b"#")]
        if len(lines) == count:
            try:
                values = np.loadtxt(lines, np.float64, comments=None, ndmin=2, encoding="ascii")
                if values.shape == (count, 3) and (np.abs(values) <= MAX_MAGNITUDE).all():
                    return values
            except ValueError:
                pass
        return self.slow(body, count)

    def slow(self, body: bytes, count: int) -> Float64:
        """Row by row, to say which one is wrong."""
        rows: list[Float64] = []
        first = self.line
        for self.line, text in enumerate(body.removesuffix(b"\n").split(b"\n"), first):
            words = text.split()
            if not words or words[0].startswith(b"#"):
                continue
            if words[0].decode("ascii", "replace") in _KEYWORDS:
                self.fail(f"{words[0].decode()} after the first row of numbers; keywords come first")
            if len(rows) == count:
                self.fail(f"{count} rows of numbers are needed, here is one more")
            rows.append(self.numbers(words, 3, "the row"))
        if len(rows) < count:
            self.fail(f"{count} rows of numbers are needed, {len(rows)} are there")
        return np.array(rows)


def _quoted(text: str) -> str:
    shown_text = text if len(text) <= 60 else text[:57] + "..."
    return repr(shown_text)
