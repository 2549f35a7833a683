"""What the commands say: results to stdout, everything else to stderr, one line to an error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from isp.errors import IspError

BROKEN_PIPE = 141
"""128 + SIGPIPE: whoever read our output has gone."""


class OutputClosed(Exception):
    """Nobody reads stdout any more."""


def emit(text: str) -> None:
    """One result, a line or more, to stdout, at once.

    Raises
    ------
    OutputClosed
        The other end of the pipe is closed.
    """
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        silence(sys.stdout)
        raise OutputClosed from None


def emit_json(value: Any) -> None:
    """A result for machines: one JSON document, keys in the order given; NaN and infinity never occur in it."""
    emit(json.dumps(plain(value), indent=2, allow_nan=False))


def say(text: str) -> None:
    """A line for people, to stderr; never fails."""
    try:
        _write(sys.stderr, one_line(text))
    except OSError:
        silence(sys.stderr)


def complain(error: BaseException | str) -> None:
    """`error: ...` in one line."""
    say(f"error: {error}")


def one_line(text: str) -> str:
    """`text` without characters that break a line or steer a terminal."""
    return "".join(c if c.isprintable() or 0xDC80 <= ord(c) <= 0xDCFF else _escape(c) for c in text)


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")


def _write(stream: TextIO, text: str) -> None:
    try:
        print(text, file=stream, flush=True)
    except UnicodeEncodeError:
        # a file name that is not text, or a terminal that knows no such letters
        raw = os.fsencode(text) if (stream.encoding or "").lower().startswith("utf") else None
        raw = raw or text.encode(stream.encoding or "ascii", "backslashreplace")
        stream.buffer.write(raw + b"\n")
        stream.flush()


def silence(stream: TextIO) -> None:
    """Let the interpreter flush a closed stream at exit without a message."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: arrays to lists, paths to text, numbers that are not finite to None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Path):
        return os.fspath(value)
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    return str(value)


def short(value: Any, longest: int = 32) -> str:
    """A parameter's value for a table cell."""
    text = _value_text(plain(value))
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _value_text(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value_text(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_value_text(v)}" for k, v in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """A table on stdout: drawn by rich on a terminal, aligned plain text in a pipe.

    `right` holds the numbers of the columns to align to the right.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, cells, right)
        return
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        padded = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(padded).rstrip()

    emit("\n".join([line(columns), *(line(row) for row in cells)]))


def _rich_table(columns: Sequence[str], cells: list[list[str]], right: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(columns):
        drawn.add_column(name, justify="right" if i in right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(drawn)
    emit(captured.get().rstrip("\n"))


class Progress:
    """A bar on stderr, on a terminal only."""

    def __init__(self, bar: Any = None, task: Any = None) -> None:
        self._bar, self._task = bar, task

    def start(self, what: str) -> None:
        """Begin the next piece of work."""
        if self._bar is not None:
            self._bar.reset(self._task, description=one_line(what), total=None)

    def __call__(self, done: int, total: int) -> None:
        """So many rows of so many are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress() -> Iterator[Progress]:
    """A `Progress` that is drawn while the block runs, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich import progress as rich_progress
    from rich.console import Console
    from rich.markup import escape

    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.TaskProgressColumn(),
        rich_progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        yield Progress(bar, bar.add_task(escape("")))


def exit_code(error: BaseException) -> int:
    """The exit code that an error stands for."""
    return error.exit_code if isinstance(error, IspError) else 5 if isinstance(error, MemoryError) else 1
