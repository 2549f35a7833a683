"""libcamera tuning files of Raspberry Pi's two ISPs: JSON, version 2.0, targets ``bcm2835`` (vc4) and ``pisp``.

What the blocks mean (libcamera, src/ipa/rpi/controller, BSD-2-Clause):

- ``rpi.black_level``: of a code range of 65536.
- ``rpi.noise``: standard deviation constant + slope sqrt(p) of a value p of 65535, at analogue gain 1; it grows with
  the square root of the gain.
- ``rpi.awb``: ``ct_curve``, rows of colour temperature, R/G and B/G.
- ``rpi.alsc``: gains at the centres of a grid of cells: green luminance_lut, red and blue that times calibrations_Cr
  and calibrations_Cb; each divided by its least.
- ``rpi.contrast``: ``gamma_curve``, pairs of a linear value and a code value, both of 65535.
- ``rpi.ccm``: white-balanced camera RGB to linear sRGB, rows for R, G, B.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from isp.color.spaces import srgb_encoded
from isp.color.transfer import decoded
from isp.errors import InputError
from isp.stages.mesh import sampled
from isp.values import Float64, GainMesh
from tuning.exchange.camera_facts import NO_LIGHT, CameraFacts
from tuning.exchange.noise_forms import from_root_law, to_root_law
from tuning.exchange.parsing import Block, algorithms, numbers

TARGETS = {"bcm2835": (12, 16), "pisp": (32, 32)}
"""Rows and columns of a target's shading grid."""
_RANGE, _TOP = 65536.0, 65535.0
_ANY_LIGHT = 5000.0
"""Colour temperature that a matrix or mesh of any light is written under [K]."""
_GAINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Analogue gains at which the noise law is written out."""
_ROW = {"table": 16, "luminance_lut": 16, "ct_curve": 3, "ccm": 3, "gamma_curve": 2}
"""Numbers to a line, as libcamera's own files have them."""
LEFT_OUT = {
    "rpi.lux": "light metering", "rpi.agc": "exposure control", "rpi.af": "focus", "rpi.hdr": "exposure control",
    "rpi.sync": "synchronised cameras", "rpi.dpc": "defects are found by other rules", "rpi.geq": "another law",
    "rpi.sdn": "another noise filter", "rpi.denoise": "another noise filter", "rpi.sharpen": "another sharpening",
    "rpi.cac": "another model of lateral colour", "rpi.nn.awb": "a neural network", "rpi.tonemap": "local tone mapping",
    "rpi.saturation": "another law", "rpi.decompand": "the sensor's companding",
}  # fmt: skip
"""Blocks that have no counterpart in a profile, and why."""


def from_libcamera_json(
    tree: Mapping[str, Any], name: str, *, bits: int | None = None, unity_iso: float = 100.0
) -> tuple[CameraFacts, list[str]]:
    """Facts of a tuning file, and a line for everything that is not among them.

    Parameters
    ----------
    tree : the parsed file
    bits : int, optional
        Of the raw frames; black levels are stated of 16 bits.
    unity_iso : float
        ISO at analogue gain 1, which the file does not say.

    Raises
    ------
    InputError
        ``FILE: block: key``: what is wrong and what is allowed.
    """
    if tree.get("version") != 2.0:
        raise InputError(f"{name}: version {tree.get('version')!r}; 2.0 is known")
    target = tree.get("target")
    if target not in TARGETS:
        raise InputError(f"{name}: target {target!r} is not known; targets: {', '.join(TARGETS)}")
    facts, notes = CameraFacts(), []
    for key, value in algorithms(tree, name).items():
        read = _READERS.get(key)
        if read is None:
            reason = LEFT_OUT.get(key, "switched off in the file" if "rpi." in key[1:] else "not known")
            notes.append(f"{key}: not carried over: {reason}")
            continue
        block = Block(value, f"{name}: {key}")
        facts = read(facts, block, notes, {"target": target, "bits": bits, "unity_iso": unity_iso})
        if block.left:
            notes.append(f"{key}: not carried over: {', '.join(block.left)}")
    return facts, notes


def _black(facts: CameraFacts, block: Block, notes: list[str], how: Mapping[str, Any]) -> CameraFacts:
    common = block.number("black_level", 4096.0)
    r, g, b = (block.number(f"black_level_{c}", common) for c in "rgb")
    if not all(0 <= v < _RANGE for v in (r, g, b)):
        raise InputError(f"{block.where}: levels {r:g}, {g:g}, {b:g}; allowed: 0..65535")
    if how["bits"] is None:
        notes.append("rpi.black_level: not carried over: say of how many bits the raw frames are; they state their own")
        return facts
    return replace(facts, black=tuple(v / _RANGE for v in (r, g, g, b)), white=2.0 ** how["bits"] - 1)


def _noise(facts: CameraFacts, block: Block, notes: list[str], how: Mapping[str, Any]) -> CameraFacts:
    if "reference_slope" not in block:
        return facts
    constant, slope = block.number("reference_constant", 0.0) / _TOP, block.number("reference_slope") / _TOP**0.5
    if constant < 0 or slope < 0:
        raise InputError(f"{block.where}: constant and slope must not be below 0")
    shot, read = from_root_law(constant, slope)
    if constant:
        notes.append("rpi.noise: a constant beside the square root is carried over approximately")
    notes.append(f"rpi.noise: analogue gain 1 is taken as ISO {how['unity_iso']:g}; the file does not say it")
    table = {g * how["unity_iso"]: np.array([[g * shot] * 4, [g * read] * 4]) for g in _GAINS}
    return replace(facts, noise=table)


def _white(facts: CameraFacts, block: Block, notes: list[str], how: Mapping[str, Any]) -> CameraFacts:
    if "ct_curve" not in block:
        return facts
    flat = numbers(block.take("ct_curve"), (None,), f"{block.where}: ct_curve")
    if len(flat) < 6 or len(flat) % 3:
        raise InputError(f"{block.where}: ct_curve of {len(flat)} numbers; allowed: two or more triples ct, r, b")
    rows = flat.reshape(-1, 3)
    if (np.diff(rows[:, 0]) <= 0).any() or rows[0, 0] < 1000 or not (rows[:, 1:] > 0).all():
        raise InputError(f"{block.where}: ct_curve must rise from 1000 K or more, with r and b above 0")
    return replace(facts, curve=rows)


def _shading(facts: CameraFacts, block: Block, notes: list[str], how: Mapping[str, Any]) -> CameraFacts:
    rows, columns = TARGETS[how["target"]]
    flat = np.ones(rows * columns)
    light = numbers(block.take("luminance_lut", flat.tolist()), (flat.size,), f"{block.where}: luminance_lut")
    colours: list[dict[float, Float64]] = []
    for key in ("calibrations_Cr", "calibrations_Cb"):
        lists = block.blocks(key)
        tables = {b.number("ct"): numbers(b.take("table"), (flat.size,), f"{b.where}: table") for b in lists}
        colours.append(tables or {NO_LIGHT: flat})
    strength = block.number("luminance_strength", 1.0)
    if set(colours[0]) != set(colours[1]):
        raise InputError(f"{block.where}: calibrations_Cr and calibrations_Cb are for different ct")
    if not all((table > 0).all() for table in (light, *colours[0].values(), *colours[1].values())):
        raise InputError(f"{block.where}: gains must be above 0")
    if not 0 <= strength <= 1:
        raise InputError(f"{block.where}: luminance_strength {strength:g}; allowed: 0..1")
    meshes = {}
    for ct, red in colours[0].items():
        planes = np.stack([red * light, light, light, colours[1][ct] * light], -1)
        gains = (planes / planes.min(axis=0)).reshape(rows, columns, 4)
        meshes[ct] = GainMesh(gains.astype(np.float32), (0.5 / rows, 0.5 / columns), (1 / rows, 1 / columns))
    return replace(facts, meshes=meshes, luminance=strength)


def _tone(facts: CameraFacts, block: Block, notes: list[str], how: Mapping[str, Any]) -> CameraFacts:
    if "gamma_curve" not in block:
        return facts
    flat = numbers(block.take("gamma_curve"), (None,), f"{block.where}: gamma_curve")
    if len(flat) < 4 or len(flat) % 2:
        raise InputError(f"{block.where}: gamma_curve of {len(flat)} numbers; allowed: two or more pairs")
    pairs = flat.reshape(-1, 2) / _TOP
    rises = (np.diff(pairs[:, 0]) > 0).all() and (np.diff(pairs[:, 1]) >= 0).all()
    if not rises or pairs.min() < 0 or pairs.max() > 1:
        raise InputError(f"{block.where}: gamma_curve must rise within 0..65535")
    notes.append("rpi.contrast: the curve acts on Rec.2020's channels here, on sRGB's there")
    return replace(facts, tone=np.stack([pairs[:, 0], decoded(pairs[:, 1], "srgb")], 1))


def _matrices(facts: CameraFacts, block: Block, notes: list[str], how: Mapping[str, Any]) -> CameraFacts:
    matrices = {}
    for item in block.blocks("ccms"):
        matrices[item.number("ct")] = numbers(item.take("ccm"), (9,), f"{item.where}: ccm").reshape(3, 3)
    if not matrices or min(matrices) < 1000:
        raise InputError(f"{block.where}: ccms must hold a matrix or more, each for a ct of 1000 K or more")
    return replace(facts, matrices=matrices)


_READERS = {
    "rpi.black_level": _black, "rpi.noise": _noise, "rpi.awb": _white, "rpi.alsc": _shading, "rpi.contrast": _tone,
    "rpi.ccm": _matrices,
}  # fmt: skip


def libcamera_blocks(facts: CameraFacts, target: str, unity_iso: float = 100.0) -> tuple[dict[str, Any], list[str]]:
    """The blocks that facts make, and a line for what is lost on the way."""
    blocks: dict[str, Any] = {}
    notes: list[str] = []
    if facts.black:
        r, gr, gb, b = (round(v * _RANGE, 2) for v in facts.black)
        blocks["rpi.black_level"] = {"black_level": r} if r == gr == gb == b else {
            "black_level": gr, "black_level_r": r, "black_level_g": round((gr + gb) / 2, 2), "black_level_b": b,
        }  # fmt: skip
        if gr != gb:
            notes.append("black_level.level: one level for both greens")
    if facts.noise:
        constant, slope, worst = to_root_law(facts.noise, unity_iso)
        blocks["rpi.noise"] = {
            "reference_constant": round(constant * _TOP, 4), "reference_slope": round(slope * _TOP**0.5, 6),
        }  # fmt: skip
        if worst > 0.02:
            notes.append(f"black_level.noise: constant + slope sqrt(x) is off by up to {worst:.0%} of the deviation")
    if len(facts.curve):
        blocks["rpi.awb"] = {"bayes": 1, "ct_curve": [round(float(v), 6) for v in facts.curve.ravel()]}
    if facts.meshes:
        blocks["rpi.alsc"], lines = _alsc(facts, TARGETS[target])
        notes += lines
    if len(facts.tone):
        codes = np.stack([facts.tone[:, 0], srgb_encoded(facts.tone[:, 1])], 1)
        blocks["rpi.contrast"] = {"ce_enable": 0, "gamma_curve": np.rint(codes * _TOP).astype(int).ravel().tolist()}
    if facts.matrices:
        ccms = [
            {"ct": ct or _ANY_LIGHT, "ccm": [round(float(v), 6) for v in m.ravel()]}
            for ct, m in sorted(facts.matrices.items())
        ]
        blocks["rpi.ccm"] = {"ccms": ccms}
    return blocks, notes


def _alsc(facts: CameraFacts, grid: tuple[int, int]) -> tuple[dict[str, Any], list[str]]:
    down, across = ((np.arange(n) + 0.5) / n for n in grid)
    cells = {ct or _ANY_LIGHT: sampled(mesh, down, across).reshape(-1, 4) for ct, mesh in facts.meshes.items()}
    greens = {ct: gains[:, 1:3].mean(axis=1) for ct, gains in cells.items()}
    light = np.mean(list(greens.values()), axis=0)
    notes = []
    apart = max(float(np.abs(g / light - 1).max()) for g in greens.values())
    split = max(float(np.abs(gains[:, 1] / gains[:, 2] - 1).max()) for gains in cells.values())
    for what, size in (("one table of luminance for all lights", apart), ("one gain for both greens", split)):
        if size > 0.001:
            notes.append(f"lens_shading.mesh: {what}, which differ by up to {size:.1%}")

    def calibrations(c: int) -> list[dict[str, Any]]:
        return [
            {"ct": ct, "table": [round(float(v), 4) for v in cells[ct][:, c] / greens[ct]]} for ct in sorted(cells)
        ]

    return {
        "luminance_strength": facts.luminance,
        "calibrations_Cr": calibrations(0),
        "calibrations_Cb": calibrations(3),
        "luminance_lut": [round(float(v), 4) for v in light],
    }, notes


def json_text(blocks: Mapping[str, Any], target: str) -> str:
    """A tuning file, in the layout of libcamera's own."""
    tree = {"version": 2.0, "target": target, "algorithms": [{key: value} for key, value in blocks.items()]}
    return _laid_out(tree, "", "") + "\n"


def _laid_out(value: Any, key: str, indent: str) -> str:
    inner = indent + "    "
    if isinstance(value, dict):
        lines = ",\n".join(f"{inner}{json.dumps(k)}: {_laid_out(v, k, inner)}" for k, v in value.items())
        return f"{{\n{lines}\n{indent}}}" if value else "{}"
    if isinstance(value, list) and key in _ROW:
        rows = (value[i : i + _ROW[key]] for i in range(0, len(value), _ROW[key]))
        lines = ",\n".join(inner + ", ".join(json.dumps(v) for v in row) for row in rows)
        return f"[\n{lines}\n{indent}]"
    if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        lines = ",\n".join(inner + _laid_out(v, "", inner) for v in value)
        return f"[\n{lines}\n{indent}]"
    return json.dumps(value)
