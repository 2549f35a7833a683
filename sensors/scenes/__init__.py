"""What the camera looks at: charts, targets, textures, pictures, each at any resolution and tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from sensors.scenes.image import ImageScene as ImageScene
    from sensors.scenes.make import SCENES as SCENES
    from sensors.scenes.make import make_scene as make_scene
    from sensors.scenes.scene import Scene as Scene
    from sensors.scenes.scene import View as View
    from sensors.scenes.scene import Warp as Warp

_HOME = {
    "ImageScene": "image",
    "SCENES": "make",
    "Scene": "scene",
    "View": "scene",
    "Warp": "scene",
    "make_scene": "make",
}

__all__ = ["SCENES", "ImageScene", "Scene", "View", "Warp", "make_scene"]

__getattr__, __dir__ = lazily(__name__, _HOME)
