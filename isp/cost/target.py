"""Descriptions of ISPs and of what operations cost: YAML files in `isp/targets`, every number with its source.

>>> load_target("spectra_680").number("bits")
18.0
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from isp.errors import ProfileError, UsageError
from isp.parameters import Param
from isp.profile.files import read_bounded
from isp.profile.loader import MAX_BYTES, Document, parse_document
from isp.profile.text import did_you_mean, quoted

SUFFIX: Final = ".yaml"
ENERGY: Final = "energy"
"""The file of `isp/targets` that describes no ISP but what operations and memories take."""


_PROFILE_WORDS: Final = "a profile is a mapping: version, name, stages, output"
_OUR_WORDS: Final = "an ISP is a mapping: maker, description, sources, bits, pixel_rate, ..."


def _number(doc: str, low: float, high: float, unit: str = "1", *, whole: bool = False) -> Param:
    return Param("", None, doc, unit=unit, lower=low, upper=high, integer=whole)


NUMBERS: Final[Mapping[str, Param]] = MappingProxyType(
    {
        "bits": _number("Width of its datapath", 4, 32, "bit", whole=True),
        "pipes": _number("Frames or strips it processes side by side", 1, 64, whole=True),
        "pixel_rate": _number("Most pixels in a second, all cameras together", 1e6, 1e12, "px/s"),
        "output_width": _number("Widest picture that a pipe writes while it streams", 16, 1e6, "px", whole=True),
        "output_height": _number("Highest one", 16, 1e6, "px", whole=True),
        "remosaic_width": _number("Widest mosaic of blocks that it turns into Bayer", 16, 1e6, "px", whole=True),
        "remosaic_height": _number("Highest one", 16, 1e6, "px", whole=True),
        "line_width": _number("Longest line that its line buffers hold", 16, 1e6, "px", whole=True),
        "tile_width": _number("Widest tile; it reads tiles from memory", 16, 1e6, "px", whole=True),
        "tiles": _number("Most tiles of a frame", 1, 1e6, whole=True),
        "energy_scale": _number("Energy of an operation as a share of that in 45 nm", 0.001, 10),
        "dram_pj_bit": _number("Energy of a bit to or from external memory", 0.1, 1000, "pJ/bit"),
    }
)
"""What a file may say in a number."""
_TABLES: Final = ("add_pj", "multiply_pj", "sram_pj_bit")
_FACTORS: Final[Mapping[str, Param]] = MappingProxyType(
    {
        "compare_add": _number("A comparison, in additions", 0, 100),
        "select_add": _number("A selection, in additions", 0, 100),
        "bitwise_add": _number("A bit operation, in additions", 0, 100),
        "divide_multiply": _number("A division, in multiplications", 0, 100),
        "special_multiply": _number("A root, power, logarithm, ..., in multiplications", 0, 100),
    }
)
_MODE: Final[Mapping[str, Param]] = MappingProxyType(
    {
        "cameras": _number("At once", 1, 16, whole=True),
        "megapixels": _number("Of each frame", 0.01, 10000, "Mpx"),
        "fps": _number("Frames per second of each", 0.001, 10000, "1/s"),
    }
)
_MODULE: Final[Mapping[str, Param]] = MappingProxyType(
    {
        "lines": _number("Rows it keeps", 0, 1000, whole=True),
        "bits": _number("Of each pixel of a row", 1, 1024, "bit", whole=True),
    }
)


@dataclass(frozen=True)
class Sourced:
    """A value with who published it, or how it was estimated (`estimated`)."""

    value: Any
    unit: str
    sources: tuple[str, ...]
    estimated: bool = False

    @property
    def source(self) -> str:
        """The sources in one line."""
        return "; ".join(self.sources)


@dataclass(frozen=True)
class Module:
    """A block of an ISP with `lines` rows of `bits` bits a pixel."""

    name: str
    lines: int
    bits: int


@dataclass(frozen=True)
class StatedMode:
    """What a maker says its ISP does: `cameras` frames of `megapixels`, `fps` times a second."""

    name: str
    cameras: int
    megapixels: float
    fps: float

    @property
    def pixel_rate(self) -> float:
        """Pixels per second of all cameras."""
        return self.cameras * self.megapixels * 1e6 * self.fps


@dataclass(frozen=True)
class Target:
    """An ISP.

    Parameters
    ----------
    name, maker, description : str
    facts : mapping of name to Sourced
        What its file says: `NUMBERS`, `modes`, `modules`, `blocks`.
    """

    name: str
    maker: str = ""
    description: str = ""
    facts: Mapping[str, Sourced] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """A number of `NUMBERS`, or None where the file does not say."""
        return float(self.facts[name].value) if name in self.facts else None

    def whole(self, name: str) -> int | None:
        """The same of a whole number."""
        return int(self.facts[name].value) if name in self.facts else None

    @property
    def modes(self) -> tuple[StatedMode, ...]:
        """What its maker says it does."""
        return self.facts["modes"].value if "modes" in self.facts else ()

    @property
    def modules(self) -> tuple[Module, ...]:
        """Its blocks with line buffers, where they are published."""
        return self.facts["modules"].value if "modules" in self.facts else ()

    @property
    def blocks(self) -> Mapping[str, str]:
        """Its block for each stage that has one."""
        return self.facts["blocks"].value if "blocks" in self.facts else {}

    def line_bits(self, width: int) -> int:
        """Line buffers of its `modules` for rows of `width` pixels [bits]: (rows - 1) x width x bits of each."""
        return sum(m.lines * m.bits for m in self.modules) * width


def target_names() -> list[str]:
    """Names of the shipped descriptions, sorted."""
    found = (item.name for item in (files("isp") / "targets").iterdir())
    names = sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))
    return [name for name in names if name != ENERGY]


def load_target(name: str | Path) -> Target:
    """The ISP called `name`, or described by the ``.yaml`` file of that path.

    Raises
    ------
    UsageError
        No such name; those there are are listed.
    ProfileError
        ``FILE:LINE:`` what is wrong with its file, and what is allowed.
    """
    text = os.fspath(name)
    if text.endswith(SUFFIX):
        data = read_bounded(Path(text), MAX_BYTES, "description")
        return _build(Path(text).name.removesuffix(SUFFIX), _parsed(data, text))
    names = target_names()
    if text not in names:
        near = did_you_mean(text, names, "")
        hint = f"{near} " if near.startswith("did") else ""
        raise UsageError(f"no ISP {quoted(text)}; {hint}allowed: {', '.join(names)} (or the path of a {SUFFIX} file)")
    return _shipped(text)


@cache
def _shipped(name: str) -> Target:
    return _build(name, _document(name))


def _document(name: str) -> Document:
    return _parsed((files("isp") / "targets" / f"{name}{SUFFIX}").read_bytes(), f"{name}{SUFFIX}")


def _parsed(data: bytes, source: str) -> Document:
    try:
        return parse_document(data, source)
    except ProfileError as error:
        raise ProfileError(str(error).replace(_PROFILE_WORDS, _OUR_WORDS)) from None


def _build(name: str, document: Document) -> Target:
    tree = document.value
    known = ["maker", "description", "sources", *NUMBERS, "modes", "modules", "blocks"]
    facts = _facts(document, known, NUMBERS)
    for key, members, kind in (("modes", _MODE, StatedMode), ("modules", _MODULE, Module)):
        if key in facts:
            if not isinstance(facts[key].value, list):
                raise document.error((key,), f"{key} must be a list of {{name, {', '.join(members)}}}")
            facts[key] = _with(facts[key], tuple(
                kind(**_record(document, (key, "value", i), each, members)) for i, each in enumerate(facts[key].value)
            ))  # fmt: skip
    if "blocks" in facts:
        value = facts["blocks"].value
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise document.error(("blocks",), "blocks must be a mapping of stage to block: {demosaic: DEMOSAIC}")
        from isp.stages import stage_names

        for stage in value:
            if stage not in (names := stage_names()):
                hint = did_you_mean(str(stage), names, "stages")
                raise document.error(("blocks", "value", stage), f"blocks: no stage {quoted(stage)}; {hint}")
        facts["blocks"] = _with(facts["blocks"], MappingProxyType(dict(value)))
    words = {key: str(tree.get(key, "")) for key in ("maker", "description")}
    return Target(name, facts=MappingProxyType(facts), **words)


@cache
def energy_facts() -> Mapping[str, Sourced]:
    """What operations and memories take: (bits, pJ) pairs of `add_pj` and `multiply_pj`, (bytes, pJ) pairs of
    `sram_pj_bit`, and factors, as ``energy.yaml`` has them."""
    document = _document(ENERGY)
    facts = _facts(document, ["sources", "description", *_TABLES, *_FACTORS], _FACTORS)
    for key in _TABLES:
        pairs = facts[key].value
        facts[key] = _with(facts[key], tuple((float(a), float(b)) for a, b in pairs))
    return MappingProxyType(facts)


def _facts(document: Document, known: list[str], numbers: Mapping[str, Param]) -> dict[str, Sourced]:
    tree = document.value
    for key in tree:
        if key not in known:
            raise document.error((key,), f"unknown key {quoted(key)}; {did_you_mean(str(key), known, 'keys')}")
    sources = tree.get("sources", {})
    if not isinstance(sources, dict) or not all(isinstance(s, str) for s in sources.values()):
        raise document.error(("sources",), "sources must be a mapping of short names to who published it")
    facts = {}
    for key in known:
        if key in tree and key not in ("maker", "description", "sources"):
            facts[key] = _fact(document, key, tree[key], sources, numbers.get(key))
    return facts


def _fact(document: Document, key: str, entry: Any, sources: Mapping[str, str], param: Param | None) -> Sourced:
    if not isinstance(entry, dict) or "value" not in entry or "source" not in entry:
        raise document.error((key,), f"{key} must be {{value: ..., source: KEY}}, and estimated: true where it is")
    for word in entry:
        if word not in ("value", "source", "estimated"):
            raise document.error((key, word), f"{key}: unknown key {quoted(word)}; keys: value, source, estimated")
    named = entry["source"] if isinstance(entry["source"], list) else [entry["source"]]
    for word in named:
        if not isinstance(word, str) or word not in sources:
            hint = did_you_mean(str(word), sources, "sources")
            raise document.error((key, "source"), f"{key}: no source {quoted(word)}; {hint}")
    value = entry["value"] if param is None else _checked(document, (key, "value"), entry["value"], param)
    if param is None and not isinstance(value, (list, dict)):
        raise document.error((key,), f"{key}: {quoted(value)} is not allowed; allowed: a list or a mapping")
    estimated = entry.get("estimated", False)
    if not isinstance(estimated, bool):
        raise document.error((key, "estimated"), f"{key}.estimated: {quoted(estimated)} is not true or false")
    return Sourced(value, param.unit if param is not None else "", tuple(sources[w] for w in named), estimated)


def _record(document: Document, path: tuple[Any, ...], entry: Any, members: Mapping[str, Param]) -> dict[str, Any]:
    if not isinstance(entry, dict) or set(entry) != {"name", *members}:
        raise document.error(path, f"{path[0]}: each must have exactly name, {', '.join(members)}")
    found = {key: _checked(document, (*path, key), entry[key], param) for key, param in members.items()}
    return {"name": str(entry["name"]), **found}


def _checked(document: Document, path: tuple[Any, ...], value: Any, param: Param) -> Any:
    try:
        checked = param.check(value)
    except ValueError as error:
        raise document.error(path, f"{'.'.join(str(p) for p in path if p != 'value')}: {error}") from None
    return int(checked) if param.integer else float(checked)


def _with(fact: Sourced, value: Any) -> Sourced:
    return Sourced(value, fact.unit, fact.sources, fact.estimated)
