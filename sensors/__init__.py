"""Scene to raw: scenes, optics, sensor physics and the sensor catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from sensors.catalog import load_camera as load_camera
    from sensors.catalog import load_sensor as load_sensor
    from sensors.optics import Lens as Lens
    from sensors.photograph import capture as capture
    from sensors.scenes import Scene as Scene
    from sensors.scenes import make_scene as make_scene
    from sensors.sensor import Camera as Camera
    from sensors.sensor import Sensor as Sensor
    from sensors.truth import Truth as Truth

_HOME = {
    "Camera": "sensor",
    "Lens": "optics",
    "Scene": "scenes",
    "Sensor": "sensor",
    "Truth": "truth",
    "capture": "photograph",
    "load_camera": "catalog",
    "load_sensor": "catalog",
    "make_scene": "scenes",
}

__all__ = ["Camera", "Lens", "Scene", "Sensor", "Truth", "capture", "load_camera", "load_sensor", "make_scene"]

__getattr__, __dir__ = lazily(__name__, _HOME)
