"""Test charts: found in pictures, read, drawn.

Loaded when asked for: ``from reports.charts import find_color_chart``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from reports.charts.color_chart import ColorChart as ColorChart
    from reports.charts.color_chart import NotFound as NotFound
    from reports.charts.color_chart import chart_from_corners as chart_from_corners
    from reports.charts.color_chart import chart_from_truth as chart_from_truth
    from reports.charts.color_chart_finder import find_color_chart as find_color_chart
    from reports.charts.draw import draw_found as draw_found
    from reports.charts.patch_reading import read_patches as read_patches
    from reports.charts.references import PATCHES as PATCHES
    from reports.charts.references import as_reference as as_reference
    from reports.charts.references import reference_lab as reference_lab

_HOME: dict[str, str] = {
    "PATCHES": "references",
    "ColorChart": "color_chart",
    "NotFound": "color_chart",
    "as_reference": "references",
    "chart_from_corners": "color_chart",
    "chart_from_truth": "color_chart",
    "draw_found": "draw",
    "find_color_chart": "color_chart_finder",
    "read_patches": "patch_reading",
    "reference_lab": "references",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = lazily(__name__, _HOME)
