"""The report as people read it: one self-contained HTML page, and slides."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.page.document import render, render_sections
    from reports.page.numbers import Rounded, rounded
    from reports.page.slides import as_slides

_HOME = {
    "Rounded": "numbers",
    "as_slides": "slides",
    "render": "document",
    "render_sections": "document",
    "rounded": "numbers",
}

__all__ = ["Rounded", "as_slides", "render", "render_sections", "rounded"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"reports.page.{_HOME[name]}"), name)
    raise AttributeError(f"module 'reports.page' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
