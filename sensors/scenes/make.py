"""Scenes by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from isp.errors import UsageError
from sensors.scenes import options as words
from sensors.scenes.scene import Scene


@dataclass(frozen=True)
class Recipe:
    """How a scene is made.

    Parameters
    ----------
    doc : one line
    make : of its files (as many as `files`) and options
    files : names of the files it needs, in order
    """

    doc: str
    make: Callable[..., Scene]
    files: tuple[str, ...] = ()


def _from(module: str, name: str) -> Callable[..., Scene]:
    def make(*files: str, **values: Any) -> Scene:
        from importlib import import_module

        scene: Scene = getattr(import_module(f"sensors.scenes.{module}"), name)(*files, **values)
        return scene

    return make


SCENES: Mapping[str, Recipe] = MappingProxyType(
    {
        "uniform": Recipe("an even grey field", _from("flat", "Uniform")),
        "dark": Recipe("no light at all", _from("flat", "Dark")),
        "chart": Recipe("the 24-patch colour chart", _from("patches", "ColorChart")),
        "grey-steps": Recipe("neutral patches in equal steps of density", _from("patches", "GreySteps")),
        "slanted-edge": Recipe("one straight edge through the middle", _from("edge", "SlantedEdge")),
        "siemens": Recipe("Siemens star", _from("star", "SiemensStar")),
        "dead-leaves": Recipe("overlapping disks of all sizes, a texture like nature's", _from("leaves", "DeadLeaves")),
        "dots": Recipe("a grid of round dots", _from("dots", "Dots")),
        "composed": Recipe("a still life that shows everything, with depth", _from("composed", "Composed")),
        "night-street": Recipe(
            "lamps and windows at night, and a post close by, with depth", _from("night_street", "NightStreet")
        ),
        "portrait": Recipe("a figure with loose hair before foliage, with depth", _from("portrait", "Portrait")),
        "fence": Recipe("a wire fence close by, a ball and a hedge behind, with depth", _from("fence", "Fence")),
        "photo": Recipe("a photograph (PNG, JPEG, TIFF), taken as sRGB", _from("pictures", "photo"), ("FILE",)),
        "hdr": Recipe("linear light (OpenEXR, Radiance HDR)", _from("pictures", "hdr"), ("FILE",)),
        "spectral": Recipe("many wavelengths (OpenEXR, ENVI)", _from("pictures", "spectral"), ("FILE",)),
        "rgbd": Recipe(
            "a picture and its depth map (.npy or EXR [m], 16-bit PNG [mm])",
            _from("pictures", "rgbd"),
            ("FILE", "DEPTH"),
        ),
    }
)
"""All scenes that `make_scene` knows; their options are in `sensors.scenes.options.OPTIONS`."""


def usage(name: str) -> str:
    """How to write the scene called `name`: ``rgbd:FILE,DEPTH``."""
    files = SCENES[name].files
    return f"{name}:{','.join(files)}" if files else name


def make_scene(spec: str | Scene) -> Scene:
    """A scene from its name; a `Scene` is given back as it is.

    Parameters
    ----------
    spec : one of `SCENES`, with its files after a colon and options after a question mark: ``chart``,
        ``slanted-edge?angle=5&contrast=4``, ``photo:cat.jpg``, ``rgbd:cat.png,cat_depth.npy``

    Raises
    ------
    UsageError
        An unknown scene or option (the nearest is suggested), a value out of bounds, or a file missing from the name.
    InputError, LimitError
        A file is missing, damaged, of the wrong kind or too large.
    """
    if isinstance(spec, Scene):
        return spec
    if not isinstance(spec, str):
        raise UsageError(f"scene {spec!r} must be a name such as 'chart' or a Scene")
    name, colon, rest = spec.strip().partition(":")
    bare = words.split(name)[0] if not colon else name
    if bare not in SCENES:
        near = difflib.get_close_matches(bare, SCENES, 1)
        hint = f"did you mean {usage(near[0])!r}? " if near else ""
        raise UsageError(f"unknown scene {bare!r}; {hint}scenes: {', '.join(usage(n) for n in SCENES)}")
    recipe = SCENES[bare]
    head, given = words.split(rest if colon else name)
    files = _files(bare, recipe, head if colon else "", bool(colon))
    return recipe.make(*files, **words.read(bare, given))


def _files(name: str, recipe: Recipe, text: str, given: bool) -> tuple[str, ...]:
    if not recipe.files:
        if given:
            raise UsageError(f"scene {name}: takes no file; options are written {name}?NAME=VALUE")
        return ()
    # only the last comma of rgbd:FILE,DEPTH divides, so that FILE may hold others
    parts = (
        tuple(part.strip() for part in text.rsplit(",", len(recipe.files) - 1)) if len(recipe.files) > 1 else (text,)
    )
    if len(parts) != len(recipe.files) or not all(parts):
        raise UsageError(f"scene {name}: write {usage(name)}")
    return parts
