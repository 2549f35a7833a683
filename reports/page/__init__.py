"""The report as people read it: one self-contained HTML page, and slides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

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

__getattr__, __dir__ = lazily(__name__, _HOME)
