"""A scene the project generates, photographed by a made-up phone camera: something to develop without any file."""

from __future__ import annotations

from isp.demo.camera import demo_frame
from isp.demo.chart import PATCHES, chart_colours
from isp.demo.scene import boxes, demo_scene

__all__ = ["PATCHES", "boxes", "chart_colours", "demo_frame", "demo_scene"]
