"""Metrics: plain functions on arrays, usable on any picture. Each returns `Estimate`s: values with an interval.

Loaded when asked for: ``from reports.metrics import slanted_edge``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

_HOME: dict[str, str] = {}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"reports.metrics.{_HOME[name]}"), name)
    raise AttributeError(f"module 'reports.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
