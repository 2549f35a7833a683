"""Strict YAML: text to plain dicts and lists with a line for every node, or one line that says what is wrong.

Built from PyYAML's event stream with an explicit stack: no recursion, no object construction, no tags. Anchors,
aliases and merge keys are refused because a few hundred bytes of them expand to millions of nodes; the pure-Python
parser is used because the C one overflows its stack on deep nesting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from isp.errors import LimitError, ProfileError
from isp.profile.files import read_bounded
from isp.profile.scalars import read_plain
from isp.profile.text import one_line, quoted

if TYPE_CHECKING:
    from yaml.events import Event

KeyPath = tuple[str | int | float, ...]

MAX_BYTES: Final = 1_000_000
"""Largest profile [bytes]; checked before it is parsed."""
MAX_DEPTH: Final = 32
"""Deepest nesting of lists and mappings."""
MAX_NODES: Final = 100_000
"""Most values, lists and mappings; the parser takes about 15 µs for each. A 33 x 33 x 4 mesh has 5,500."""


@dataclass(frozen=True)
class Document:
    """A parsed profile.

    Parameters
    ----------
    value : dict
        Plain dicts, lists, text, int, float and bool.
    lines : mapping of key path to int
        Line (from 1) of the key or list item at each path, for example ``("stages", 2, "ccm", "matrix")``.
    source : str
        What to call it in messages.
    """

    value: dict[Any, Any]
    lines: Mapping[KeyPath, int]
    source: str

    def line(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest node around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def error(self, path: KeyPath, what: str) -> ProfileError:
        """The refusal of the node at `path`: `FILE:LINE: what`."""
        return ProfileError(f"{one_line(self.source)}:{self.line(path)}: {one_line(what)}")


def read_document(path: Path) -> Document:
    """Read and parse one profile file.

    Raises
    ------
    ProfileError
        It is missing, not a regular file, or not strict YAML with a mapping at the top.
    LimitError
        It is larger than `MAX_BYTES` or nested deeper than `MAX_DEPTH`.
    """
    return parse_document(read_bounded(path, MAX_BYTES, "profile"), str(path))


def parse_document(text: str | bytes, source: str, word: Callable[[str], Any] = read_plain) -> Document:
    """Parse the text of a profile; errors as `read_document`.

    `word` gives a bare word its meaning, for files of another format, or raises ValueError with one line.
    """
    parsed = _parse(text, source, word)
    if not isinstance(parsed.value, dict):
        what = "a list" if isinstance(parsed.value, list) else "a single value"
        raise parsed.error((), f"{what} at the top; a profile is a mapping: version, name, stages, output")
    return parsed


def parse_value(text: str, source: str) -> Any:
    """Parse one value by the same rules (a number, text, list or mapping); errors as `read_document`."""
    return _parse(text, source).value


def _parse(text: str | bytes, source: str, word: Callable[[str], Any] = read_plain) -> Document:
    if len(text) > MAX_BYTES:
        raise LimitError(f"{one_line(source)}: {len(text)} bytes; a profile holds at most {MAX_BYTES} bytes")
    if isinstance(text, bytes):
        text = _decode(text, source)
    builder = _Builder(source, word)
    for event in _events(text, source):
        builder.feed(event)
    return builder.document()


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else f"byte 0x{data[error.start]:02x}"
        line = data.count(b"\n", 0, error.start) + 1
        raise ProfileError(f"{one_line(source)}:{line}: not UTF-8 text ({kind}); save it as UTF-8") from None


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _events(text: str, source: str) -> Iterator[Event]:
    import yaml

    line = 1
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = _line(event)
            yield event
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ProfileError(
            f"{one_line(source)}:{line}: character U+{int(error.character):04X} is not allowed; a profile is UTF-8 text"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else line
        words = ", ".join(str(w) for w in (error.context, error.problem) if w)
        raise ProfileError(f"{one_line(source)}:{line}: not YAML: {one_line(words, 200)}") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, RecursionError):
        # the scanner lets the errors of chr() and int() on hostile escapes and directives through
        raise ProfileError(f"{one_line(source)}:{line}: not YAML: an escape or directive is out of range") from None


@dataclass
class _Frame:
    """A list or mapping being filled."""

    container: dict[Any, Any] | list[Any]
    path: KeyPath
    keys: dict[Any, int] = field(default_factory=dict)
    key: Any = None
    waits_for_value: bool = False


class _Builder:
    """Puts events together."""

    def __init__(self, source: str, word: Callable[[str], Any]) -> None:
        self._source = source
        self._word = word
        self._stack: list[_Frame] = []
        self._lines: dict[KeyPath, int] = {}
        self._documents = 0
        self._root: list[Any] = []

    def document(self) -> Document:
        if not self._root:
            raise self._error(1, "it is empty; a profile is a mapping: version, name, stages, output")
        return Document(self._root[0], MappingProxyType(self._lines), self._source)

    def feed(self, event: Event) -> None:
        import yaml

        line = _line(event)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._error(line, "a second document starts here; a profile is one document")
                if event.version is not None or event.tags:
                    raise self._error(line, "directives (%YAML, %TAG) are not allowed; remove the line")
            case yaml.AliasEvent():
                raise self._error(line, f"anchors are not allowed, nor aliases to them: *{one_line(event.anchor, 40)}")
            case yaml.ScalarEvent():
                self._refuse_node(event, line)
                self._scalar(event, line)
            case yaml.MappingStartEvent():
                self._open({}, event, line)
            case yaml.SequenceStartEvent():
                self._open([], event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._stack.pop()

    def _open(self, container: dict[Any, Any] | list[Any], event: Event, line: int) -> None:
        self._refuse_node(event, line)
        if len(self._stack) >= MAX_DEPTH:
            raise LimitError(
                f"{one_line(self._source)}:{line}: nested deeper than {MAX_DEPTH} levels, the most a profile may have"
            )
        if self._expects_key():
            raise self._error(line, "a list or mapping cannot be a key; keys are words or numbers")
        self._stack.append(_Frame(container, self._put(container, line)))

    def _scalar(self, event: Any, line: int) -> None:
        plain = bool(event.implicit[0]) and event.style is None
        if plain and event.value == "<<" and self._expects_key():
            raise self._error(line, "merge keys are not allowed; write the keys out")
        try:
            value = self._word(event.value) if plain else event.value
        except ValueError as error:
            raise self._error(line, str(error)) from None
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            raise self._error(line, f"{quoted(value)} holds half a surrogate pair; write the character itself")
        if not self._expects_key():
            self._put(value, line)
            return
        frame = self._stack[-1]
        if isinstance(value, bool):
            raise self._error(line, f"{event.value} cannot be a key; keys are words or numbers")
        if value in frame.keys:
            raise self._error(line, f"key {quoted(value)} is already given at line {frame.keys[value]}; keep one")
        frame.keys[value] = line
        frame.key, frame.waits_for_value = value, True

    def _expects_key(self) -> bool:
        frame = self._stack[-1] if self._stack else None
        return frame is not None and isinstance(frame.container, dict) and not frame.waits_for_value

    def _put(self, value: Any, line: int) -> KeyPath:
        """Add a value where the stack stands; returns its path."""
        if len(self._lines) >= MAX_NODES:
            raise LimitError(
                f"{one_line(self._source)}:{line}: more than {MAX_NODES} values, the most a profile may have; "
                "put a large table into a .npy file"
            )
        if not self._stack:
            self._root.append(value)
            self._lines[()] = line
            return ()
        frame = self._stack[-1]
        if isinstance(frame.container, list):
            path = (*frame.path, len(frame.container))
            frame.container.append(value)
        else:
            path = (*frame.path, frame.key)
            frame.container[frame.key] = value
            frame.waits_for_value = False
            line = frame.keys[frame.key]
        self._lines[path] = line
        return path

    def _refuse_node(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            raise self._error(line, f"anchors are not allowed: &{one_line(event.anchor, 40)}")
        if event.tag is not None:
            raise self._error(line, f"tags are not allowed: {one_line(event.tag, 60)}; write the plain value")

    def _error(self, line: int, what: str) -> ProfileError:
        return ProfileError(f"{one_line(self._source)}:{line}: {one_line(what)}")
