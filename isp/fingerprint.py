"""The identity of a description: a SHA-256 that is the same in every process, and changes when its content does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from os import PathLike, fspath
from typing import Any

import numpy as np


def canonical(value: Any) -> str:
    """`value` as JSON in one way only: sorted keys, no spaces, shortest numbers.

    Parameters
    ----------
    value : nested mappings, sequences, dataclasses (fields that do not take part in `==` left out), arrays, text,
        paths, numbers, None

    Raises
    ------
    TypeError
        Something else, whose text may differ from process to process.
    ValueError
        A number that is not finite.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """SHA-256 of `canonical(value)`, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of `packages` that are there."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        # 1 and "1" are different keys of a profile
        return {k if isinstance(k, str) else f"{k!r} ": _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.compare}
    raise TypeError(f"{type(value).__name__} has no identity: {value!r}")
