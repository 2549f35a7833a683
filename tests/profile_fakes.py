"""A small set of stages for tests of profiles, under the names and domains of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from isp.errors import InputError, ProfileError
from isp.parameters import Param
from isp.stage import Context, Stage


class Linearize(Stage):
    """Nothing."""

    name = "linearize"
    takes = ("raw",)


class BlackLevel(Stage):
    """Levels."""

    name = "black_level"
    takes = ("raw",)
    gives = "mosaic"
    parameters = (
        Param("level", "from_file", "Black level", unit="DN", lower=0, upper=65535, shapes=((), (4,)),
              sources=("from_file",), tune="gradient"),
        Param("white", "from_file", "Saturation level", unit="DN", lower=1, upper=65535, sources=("from_file",)),
    )

    def source(self, name: str, word: str, context: Context) -> Any:
        return context.black if name == "level" else context.white

    def check(self, values: Mapping[str, Any]) -> None:
        level, white = values.get("level"), values.get("white")
        if isinstance(level, float) and isinstance(white, float) and level >= white:
            raise ValueError(f"level {level:g} must be below white {white:g} DN")


class LensShading(Stage):
    """A mesh."""

    name = "lens_shading"
    takes = ("mosaic",)
    parameters = (
        Param("gains", "from_file", "Gain mesh", lower=0.1, upper=100, shapes=((None, None, 4),),
              sources=("from_file",), files=(".npy",)),
    )

    def source(self, name: str, word: str, context: Context) -> Any:
        if context.info.lens_shading is None:
            raise InputError("the file has no gain map")
        return context.info.lens_shading.gains


class WhiteBalance(Stage):
    """Gains."""

    name = "white_balance"
    takes = ("mosaic",)
    parameters = (
        Param("mode", "as_shot", "How", choices=("as_shot", "manual"), structural=False),
        Param("gains", (1.0, 1.0, 1.0), "Gains", lower=0.1, upper=10, shapes=((3,),), sources=("auto", "from_file")),
    )

    def source(self, name: str, word: str, context: Context) -> Any:
        if word == "auto":
            return (2.0, 1.0, 1.5)
        if context.info.neutral is None:
            raise InputError("the file says no neutral")
        return tuple(1 / n for n in context.info.neutral)


class NoiseReduction(Stage):
    """Smooths."""

    name = "noise_reduction"
    takes = ("mosaic",)
    parameters = (
        Param("strength", 1.0, "Strength", lower=0, upper=4, tune="search"),
        Param("radius", 2, "Radius", unit="px", lower=1, upper=5, integer=True, structural=True),
    )


class Demosaic(Stage):
    """Colours."""

    name = "demosaic"
    takes = ("mosaic",)
    gives = "camera"
    parameters = (Param("method", "malvar2004", "Method", choices=("bilinear", "malvar2004"), structural=True),)


class Ccm(Stage):
    """Matrix."""

    name = "ccm"
    takes = ("camera",)
    gives = "scene"
    parameters = (
        Param("matrix", ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "Camera to working space", lower=-10, upper=10,
              shapes=((3, 3),)),
    )


class ToneCurve(Stage):
    """Tone."""

    name = "tone_curve"
    takes = ("scene",)
    gives = "display"
    parameters = (
        Param("contrast", 1.0, "Slope at mid grey", unit="EV/EV", lower=0.5, upper=2, tune="gradient"),
        Param("points", ((0, 0), (1, 1)), "Points", lower=0, upper=1, shapes=((None, 2),)),
    )


class Saturation(Stage):
    """Vividness."""

    name = "saturation"
    takes = ("scene", "display")
    parameters = (Param("amount", 1.0, "Factor", lower=0, upper=3),)


class Encode(Stage):
    """Display."""

    name = "encode"
    takes = ("scene", "display")
    gives = "encoded"
    parameters = (Param("space", "srgb", "Space", choices=("srgb", "display_p3")),)


STAGES = {
    s.name: s()
    for s in (Linearize, BlackLevel, LensShading, WhiteBalance, NoiseReduction, Demosaic, Ccm, ToneCurve, Saturation,
              Encode)
}

GOOD = """\
version: 1
name: good
description: A profile for tests
stages:
  - linearize
  - black_level: {level: from_file}
  - white_balance: {mode: as_shot}
  - noise_reduction: {enabled: false, strength: {iso: {100: 0.5, 3200: 1.5}}}
  - demosaic: {method: malvar2004}
  - ccm:
      matrix:
        - [1.5, -0.25, -0.25]
        - [0.0, 1.0, 0.0]
        - [0.0001, -0.0001, 1.0]
  - tone_curve: {contrast: 1.2}
  - encode
output: {format: jpeg, bits: 8, quality: 90}
datapath: {bits: 16, headroom: 3}
"""


def _find(name: str) -> Stage:
    if name not in STAGES:
        import difflib

        near = difflib.get_close_matches(name, STAGES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"stages: {', '.join(STAGES)}"
        raise ProfileError(f"unknown stage {name!r}; {hint}")
    return STAGES[name]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the stages of this file exist."""
    monkeypatch.setattr("isp.stages.find_stage", _find)
    monkeypatch.setattr("isp.stages.stage_names", lambda: list(STAGES))
