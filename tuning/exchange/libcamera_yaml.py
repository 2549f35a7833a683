"""libcamera tuning files of the RkISP1 (also Mali-C55 and the software ISP): YAML, version 1.

What the blocks mean (libcamera's tuning files and their documentation):

- ``BlackLevelCorrection``: R, Gr, Gb, B of a code range of 65536.
- ``Awb``: ``colourGains``, per colour temperature the gains of red and blue.
- ``LensShadingCorrection``: gains times 1024 at 17 x 17 points per ct; ``x-size`` and ``y-size`` are the widths of the
  eight columns and heights of the eight rows of half a frame, which is mirrored.
- ``Ccm``: white-balanced camera RGB to linear sRGB, rows for R, G, B.
- ``GammaOutCorrection``: code value = linear value ^ (1 / gamma).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from isp.color.spaces import srgb_encoded
from isp.color.transfer import decoded
from isp.errors import InputError, ProfileError
from isp.stages.mesh import sampled
from isp.values import Float64, GainMesh
from tuning.exchange.camera_facts import CameraFacts
from tuning.exchange.parsing import Block, algorithms, numbers

SIDE, _HALF, _ONE, _MOST = 17, 8, 1024.0, 4095
"""Points a side of the shading grid, sizes of half a frame, the code of gain 1, the largest code."""
_RANGE = 65536.0
_ANY_LIGHT = 5000.0
_TONE_POINTS = 33
_GAMMAS = np.linspace(1.0, 4.0, 301)
_STRAIGHT = 0.02
"""Code values by which a tone curve may leave the power law."""
LEFT_OUT = {
    "Agc": "exposure control", "Lux": "light metering", "Dpf": "another noise filter", "Filter": "another sharpening",
    "DefectPixelClusterCorrection": "defects are found by other rules", "ColorProcessing": "another law",
    "GammaSensorLinearization": "the sensor's linearization", "Compress": "the sensor's companding",
    "WideDynamicRange": "exposure control", "Lut3D": "a table of its own",
}  # fmt: skip
"""Blocks that have no counterpart in a profile, and why."""


def from_libcamera_yaml(
    tree: Mapping[str, Any], name: str, *, bits: int | None = None
) -> tuple[CameraFacts, list[str]]:
    """Facts of a tuning file, and a line for everything that is not among them; errors as `from_libcamera_json`."""
    if tree.get("version") != 1:
        raise InputError(f"{name}: version {tree.get('version')!r}; 1 is known")
    facts, notes = CameraFacts(), []
    readers: dict[str, Callable[[CameraFacts, Block, list[str]], CameraFacts]] = {
        "BlackLevelCorrection": lambda f, b, n: _black(f, b, n, bits),
        "Awb": _white, "LensShadingCorrection": _shading, "Ccm": _matrices, "GammaOutCorrection": _gamma,
    }  # fmt: skip
    for key, value in algorithms(tree, name).items():
        if key not in readers:
            notes.append(f"{key}: not carried over: {LEFT_OUT.get(key, 'not known')}")
            continue
        block = Block(value, f"{name}: {key}")
        before = facts
        facts = readers[key](facts, block, notes)
        if block.left:
            notes.append(f"{key}: not carried over: {', '.join(block.left)}")
        elif facts is before:
            notes.append(f"{key}: says no numbers")
    return facts, list(dict.fromkeys(notes))


def _black(facts: CameraFacts, block: Block, notes: list[str], bits: int | None) -> CameraFacts:
    sites = ("R", "Gr", "Gb", "B")
    if not any(site in block for site in sites):
        return facts
    level = tuple(block.number(site) for site in sites)
    if not all(0 <= v < _RANGE for v in level):
        raise InputError(f"{block.where}: levels {level}; allowed: 0..65535")
    if max(level) < 1024:
        notes.append("BlackLevelCorrection: so low that it may be of 12 bits, as in old files; it was read as of 16")
    if bits is None:
        notes.append("BlackLevelCorrection: not carried over: say of how many bits the raw frames are")
        return facts
    return replace(facts, black=tuple(v / _RANGE for v in level), white=2.0**bits - 1)


def _white(facts: CameraFacts, block: Block, notes: list[str]) -> CameraFacts:
    rows = []
    for item in block.blocks("colourGains"):
        red, blue = numbers(item.take("gains"), (2,), f"{item.where}: gains")
        if red <= 0 or blue <= 0:
            raise InputError(f"{item.where}: gains must be above 0")
        rows.append((item.number("ct"), 1 / red, 1 / blue))
    if len(rows) < 2:
        return facts
    curve = np.array(rows)
    if (np.diff(curve[:, 0]) <= 0).any() or curve[0, 0] < 1000:
        raise InputError(f"{block.where}: colourGains must rise in ct from 1000 K or more")
    return replace(facts, curve=curve)


def _shading(facts: CameraFacts, block: Block, notes: list[str]) -> CameraFacts:
    kind = block.take("type", "table")
    if kind != "table":
        notes.append(f"LensShadingCorrection: not carried over: type {kind}")
        return facts
    places = [_places(block, key) for key in ("y-size", "x-size")]
    meshes = {}
    for item in block.blocks("sets"):
        planes = [
            numbers(item.take(c), (SIDE * SIDE,), f"{item.where}: {c}").reshape(SIDE, SIDE) / _ONE
            for c in ("r", "gr", "gb", "b")
        ]
        gains = _evenly(np.stack(planes, -1), places)
        if not (gains > 0).all():
            raise InputError(f"{item.where}: gains must be above 0")
        step = 1 / (SIDE - 1)
        meshes[item.number("ct")] = GainMesh(gains.astype(np.float32), (0.0, 0.0), (step, step))
    return replace(facts, meshes=meshes) if meshes else facts


def _places(block: Block, key: str) -> Float64:
    """(17,) where the points of the grid lie along an axis, 0..1."""
    default = [0.5 / _HALF] * _HALF
    sizes = numbers(block.take(key, default), (_HALF,), f"{block.where}: {key}")
    if not (sizes > 0).all():
        raise InputError(f"{block.where}: {key} must be above 0")
    edges = np.concatenate([[0.0], np.cumsum(np.concatenate([sizes, sizes[::-1]]))])
    return np.asarray(edges / edges[-1])


def _evenly(gains: Float64, places: list[Float64]) -> Float64:
    """The same surface at evenly spaced points."""
    even = np.linspace(0.0, 1.0, SIDE)
    for axis, at in enumerate(places):
        if np.allclose(at, even, atol=1e-6):
            continue
        low = np.clip(np.searchsorted(at, even, side="right") - 1, 0, SIDE - 2)
        share = np.expand_dims((even - at[low]) / (at[low + 1] - at[low]), tuple(i for i in range(3) if i != axis))
        gains = np.take(gains, low, axis) * (1 - share) + np.take(gains, low + 1, axis) * share
    return gains


def _matrices(facts: CameraFacts, block: Block, notes: list[str]) -> CameraFacts:
    matrices = {}
    for item in block.blocks("ccms"):
        ct = item.number("ct")
        if ct < 1000:
            raise InputError(f"{item.where}: ct {ct:g}; allowed: 1000 K or more")
        matrices[ct] = numbers(item.take("ccm"), (9,), f"{item.where}: ccm").reshape(3, 3)
        if np.any(numbers(item.take("offsets", [0, 0, 0]), (3,), f"{item.where}: offsets")):
            notes.append("Ccm: not carried over: offsets")
    return replace(facts, matrices=matrices) if matrices else facts


def _gamma(facts: CameraFacts, block: Block, notes: list[str]) -> CameraFacts:
    gamma = block.number("gamma", 2.2)
    if not 0.1 <= gamma <= 10:
        raise InputError(f"{block.where}: gamma {gamma:g}; allowed: 0.1..10")
    scene = np.linspace(0.0, 1.0, _TONE_POINTS) ** gamma
    return replace(facts, tone=np.stack([scene, decoded(scene ** (1 / gamma), "srgb")], 1))


def yaml_text(facts: CameraFacts, name: str) -> tuple[str, list[str]]:
    """A tuning file, and a line for what is lost on the way.

    Raises
    ------
    ProfileError
        A shading gain beyond what the ISP can hold.
    """
    import yaml

    notes: list[str] = []
    listed: list[dict[str, Any]] = []
    if facts.black:
        listed.append({"BlackLevelCorrection": {
            site: round(v * _RANGE) for site, v in zip(("R", "Gr", "Gb", "B"), facts.black, strict=True)
        }})  # fmt: skip
    if len(facts.curve):
        rows = facts.curve.tolist()
        gains = [{"ct": round(k), "gains": [round(1 / red, 6), round(1 / blue, 6)]} for k, red, blue in rows]
        listed.append({"Awb": {"algorithm": "bayes", "colourGains": gains}})
    if facts.meshes:
        sizes = {key: [0.5 / _HALF] * _HALF for key in ("x-size", "y-size")}  # two lists: one alone would be an alias
        sets = [_codes(ct or _ANY_LIGHT, mesh, facts.luminance, name) for ct, mesh in sorted(facts.meshes.items())]
        listed.append({"LensShadingCorrection": {**sizes, "sets": sets}})
    if facts.matrices:
        ccms = [{"ct": round(ct or _ANY_LIGHT), "ccm": [round(float(v), 6) for v in m.ravel()]}
                for ct, m in sorted(facts.matrices.items())]  # fmt: skip
        listed.append({"Ccm": {"ccms": ccms}})
    if len(facts.tone):
        gamma = _power(facts.tone)
        if gamma is None:
            notes.append("tone_curve: not carried over: the ISP has a power law, which the curve is not")
        else:
            listed.append({"GammaOutCorrection": {"gamma": gamma}})
    if facts.noise:
        notes.append("black_level.noise: not carried over: the ISP's noise filter has another law")
    tree = {"version": 1, "algorithms": listed}
    text: str = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, width=100)
    return f"%YAML 1.1\n---\n{text}...\n", notes


def _codes(ct: float, mesh: GainMesh, luminance: float, name: str) -> dict[str, Any]:
    even = np.linspace(0.0, 1.0, SIDE)
    gains = sampled(mesh, even, even)
    light = gains[..., 1:3].mean(axis=2, keepdims=True)
    codes = np.rint(gains / light * (1 + luminance * (light - 1)) * _ONE).astype(int)
    if codes.max() > _MOST:
        raise ProfileError(
            f"{name}: lens_shading.mesh at {ct:g} K holds a gain of {codes.max() / _ONE:.2f}; the RkISP1 allows up to "
            f"{_MOST / _ONE:.3f}"
        )
    planes = {c: codes[..., i].ravel().tolist() for i, c in enumerate(("r", "gr", "gb", "b"))}
    return {"ct": round(ct), **planes}


def _power(tone: Float64) -> float | None:
    """The gamma nearest to the curve's code values, or None where none is near."""
    code = srgb_encoded(tone[:, 1])
    errors = [float(np.abs(tone[:, 0] ** (1 / g) - code).max()) for g in _GAMMAS]
    best = int(np.argmin(errors))
    return round(float(_GAMMAS[best]), 2) if errors[best] <= _STRAIGHT else None
