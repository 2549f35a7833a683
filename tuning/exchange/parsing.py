"""Text of other programs' tuning files, read with care: every refusal says file, place and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from isp.errors import InputError
from isp.profile.text import one_line, quoted
from isp.values import Float64

MAX_BYTES: Final = 8_000_000
"""Largest tuning file [bytes]; libcamera's largest has 0.3 MB."""
_LARGEST = 1e9
"""Magnitude beyond which no number of a tuning file makes sense."""


class Block:
    """A mapping of a tuning file whose keys are taken one by one, so that what nobody took can be told.

    Parameters
    ----------
    value : what the file has
    where : ``FILE: block``, for messages
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise InputError(f"{where}: {quoted(value)} is not a mapping of keys to values")
        self._value, self.where = dict(value), where
        self._left = dict(value)

    def __contains__(self, key: str) -> bool:
        return self._value.get(key) is not None

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        self._left.pop(key, None)
        found = self._value.get(key)
        return default if found is None else found

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number; the default where the key is missing.

        Raises
        ------
        InputError
            It is not one, or the key is missing and has no default.
        """
        found = self.take(key, default)
        if found is None:
            raise InputError(f"{self.where}: {key} is missing")
        return float(numbers(found, (), f"{self.where}: {key}"))

    def blocks(self, key: str) -> list[Block]:
        """A list of mappings."""
        found = self.take(key, [])
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise InputError(f"{self.where}: {key} must be a list, not {quoted(found)}")
        return [Block(item, f"{self.where}: {key}[{i}]") for i, item in enumerate(found)]

    @property
    def left(self) -> list[str]:
        """The keys that nobody took."""
        return [str(key) for key in self._left]


def numbers(value: Any, shape: tuple[int | None, ...], what: str) -> Float64:
    """An array of finite numbers of a shape; `None` is any length.

    Raises
    ------
    InputError
        ``FILE: block: key``: what is wrong.
    """
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{what}: {quoted(value)} does not hold numbers") from None
    if not _numeric(value):
        raise InputError(f"{what}: {quoted(value)} does not hold numbers")
    fits = found.ndim == len(shape) and all(a is None or a == b for a, b in zip(shape, found.shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if n is None else str(n) for n in shape) or "one"
        raise InputError(f"{what}: numbers of shape {found.shape}; allowed: {wanted}")
    if not (np.abs(found) < _LARGEST).all():
        raise InputError(f"{what}: holds numbers that are not finite or beyond {_LARGEST:g}")
    return found


def read_json(data: bytes, name: str) -> dict[str, Any]:
    """A JSON document with a mapping at the top; keys may occur once."""

    def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                raise InputError(f"{name}: key {quoted(key)} is given twice")
            made[key] = value
        return made

    try:
        value = json.loads(_text(data, name), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}: not JSON: {one_line(error.msg)}, column {error.colno}") from None
    except RecursionError:
        raise InputError(f"{name}: nested too deeply") from None
    return _mapping(value, name)


def read_yaml(data: bytes, name: str) -> dict[str, Any]:
    """A YAML document with a mapping at the top; without anchors and tags."""
    import yaml

    try:
        text = _text(data, name)
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise InputError(f"{name}:{line}: anchors and aliases are not allowed")
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}" if mark is not None else ""
        raise InputError(f"{name}{place}: not YAML: {one_line(getattr(error, 'problem', None) or error)}") from None
    except RecursionError:
        raise InputError(f"{name}: nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{name}: not YAML: {one_line(error)}") from None
    return _mapping(value, name)


def algorithms(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The blocks of libcamera's ``algorithms`` list by name, in order; a missing value is an empty block."""
    listed = tree.get("algorithms")
    if not isinstance(listed, list):
        raise InputError(f"{name}: algorithms must be a list of blocks; is it a libcamera tuning file?")
    found: dict[str, Any] = {}
    for i, item in enumerate(listed):
        if not isinstance(item, Mapping) or len(item) != 1:
            raise InputError(f"{name}: algorithms[{i}]: {quoted(item)} is not one block, NAME: {{...}}")
        key, value = next(iter(item.items()))
        if key in found:
            raise InputError(f"{name}: algorithms[{i}]: {quoted(key)} is given twice")
        found[str(key)] = {} if value is None else value
    return found


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not text: byte {error.start} is not UTF-8") from None


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{name}: {quoted(value)} is not a mapping of keys to values")
    return value


def _numeric(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_numeric(v) for v in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool)
