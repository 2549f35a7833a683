"""The stages, found by name: built in, or registered by other packages under the entry point ``isp.stages``."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from isp.errors import ProfileError
from isp.stage import DOMAINS, Stage

BUILT_IN = {
    "linearize": "isp.stages.linearize:Linearize",
    "black_level": "isp.stages.black_level:BlackLevel",
    "defect_correction": "isp.stages.defect_correction:DefectCorrection",
    "hdr_merge": "isp.stages.hdr_merge:HdrMerge",
    "binning": "isp.stages.binning:Binning",
    "lens_shading": "isp.stages.lens_shading:LensShading",
    "white_balance": "isp.stages.white_balance:WhiteBalance",
    "highlights": "isp.stages.highlights:Highlights",
    "remosaic": "isp.stages.remosaic:Remosaic",
    "green_equalization": "isp.stages.green_equalization:GreenEqualization",
    "noise_reduction": "isp.stages.noise_reduction:NoiseReduction",
    "chromatic_aberration": "isp.stages.chromatic_aberration:ChromaticAberration",
    "demosaic": "isp.stages.demosaic:Demosaic",
    "chroma_noise_reduction": "isp.stages.chroma_noise_reduction:ChromaNoiseReduction",
    "defringe": "isp.stages.defringe:Defringe",
    "ccm": "isp.stages.ccm:Ccm",
    "vignette": "isp.stages.vignette:Vignette",
    "exposure": "isp.stages.exposure:Exposure",
    "lens_look": "isp.stages.lens_look:LensLook",
    "glare": "isp.stages.glare:Glare",
    "local_tone": "isp.stages.local_tone:LocalTone",
    "distortion": "isp.stages.distortion:Distortion",
    "monochrome": "isp.stages.monochrome:Monochrome",
    "tone_curve": "isp.stages.tone_curve:ToneCurve",
    "saturation": "isp.stages.saturation:Saturation",
    "hue_saturation": "isp.stages.hue_saturation:HueSaturation",
    "look_lut": "isp.stages.look_lut:LookLut",
    "toning": "isp.stages.toning:Toning",
    "sharpen": "isp.stages.sharpen:Sharpen",
    "grain": "isp.stages.grain:Grain",
    "encode": "isp.stages.encode:Encode",
}
"""Built-in stages in the usual order: name to `module:Class`. Imported only when used."""


def stage_names() -> list[str]:
    """Every stage name: built in (in the usual order), then registered by other packages (sorted)."""
    return [*BUILT_IN, *sorted(set(_plugins()) - set(BUILT_IN))]


@cache
def find_stage(name: str) -> Stage:
    """The stage called `name`.

    Raises
    ------
    ProfileError
        No such stage (the nearest name is suggested), or the package that offers it fails or offers something else.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        stage: Stage = getattr(import_module(module), attribute)()
        return stage
    plugins = _plugins().get(name, ())
    if not plugins:
        near = difflib.get_close_matches(name, stage_names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"stages: {', '.join(stage_names())}"
        raise ProfileError(f"unknown stage {name!r}; {hint}")
    if len(plugins) > 1:
        raise ProfileError(f"stage {name!r} is registered twice: {'; '.join(_describe(p) for p in plugins)}")
    return _load(plugins[0])


def _plugins() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group="isp.stages"):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def _describe(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "unknown package"
    return f"entry point {point.name!r} = {point.value} of {package}"


def _load(point: EntryPoint) -> Stage:
    try:
        stage = point.load()()
    except Exception as error:
        raise ProfileError(f"{_describe(point)} cannot be loaded: {type(error).__name__}: {error}") from error
    wrong = _faults(stage, point.name)
    if wrong:
        raise ProfileError(f"{_describe(point)} is not a stage: {wrong}")
    return stage  # type: ignore[no-any-return]


def _faults(stage: object, name: str) -> str:
    if not isinstance(stage, Stage):
        return "its class must derive from isp.stage.Stage"
    if stage.name != name:
        return f"it calls itself {stage.name!r}"
    if not stage.takes or not set(stage.takes) <= set(DOMAINS) or stage.gives not in (None, *DOMAINS):
        return f"its domains must be among {', '.join(DOMAINS)}"
    method = "apply" if stage.kind in ("numpy", "frame") else "define"
    if getattr(type(stage), method) is getattr(Stage, method):
        return f"a {stage.kind} stage must define {method}()"
    return ""
