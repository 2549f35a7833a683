"""Lens files: strict YAML, in the format of optical bench tables.

A file is a mapping ``lenses: {NAME: {patent, stated, check, surfaces, aspheres, ...}}``; `docs/lenses.md` describes it.
It is read as profiles are, except that ``.inf`` (a plane), ``null`` (no Abbe number) and ``1.5e-08`` are words of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isp.errors import ProfileError
from isp.lenses.glass import AIR, Glass, glass_catalog, glass_of
from isp.lenses.paraxial import first_order
from isp.lenses.prescription import Prescription, PrescriptionError, Surface
from isp.profile.files import read_bounded
from isp.profile.loader import MAX_BYTES, Document, KeyPath, parse_document
from isp.profile.scalars import read_plain
from isp.profile.text import did_you_mean, quoted

MOST_SURFACES = 100
CHECK = 0.005
"""Relative difference from a file's own `check` that is taken for a wrong table."""
STATED = 0.1
"""As `CHECK`, from the `stated` focal length, which is nominal."""

_LENS = ("patent", "source", "year", "note", "line", "scale", "stated", "check", "surfaces", "aspheres")
_SURFACE = ("id", "R", "t", "n", "V", "glass", "D", "stop")
_STATED = ("f", "fno", "fno_wide_open", "stop_radius_wide_open")
_CHECK = ("efl", "bfl", "vertex_length")
_ASPHERE = ("k", "A")
_PROFILE_WORDS = "a profile is a mapping: version, name, stages, output"
_LENS_WORDS = "a lens file is a mapping, lenses: {NAME: {surfaces: ...}}"
_SCIENTIFIC = re.compile(r"-?[0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]{1,3}")


def read_lenses(path: Path) -> dict[str, Prescription]:
    """The lenses of a file by name.

    Raises
    ------
    ProfileError
        ``FILE:LINE: LENS: surface ID: what is wrong, and what is allowed``; also a file that cannot be read.
    LimitError
        It is too large.
    """
    return parse_lenses(read_bounded(path, MAX_BYTES, "lens file"), str(path))


def parse_lenses(text: str | bytes, source: str) -> dict[str, Prescription]:
    """The lenses in the text of a file; errors as `read_lenses`."""
    try:
        document = parse_document(text, source, _word)
    except ProfileError as error:
        raise ProfileError(str(error).replace(_PROFILE_WORDS, _LENS_WORDS)) from None
    _keys(document, (), document.value, ("lenses",), ("lenses",))
    found = _mapping(document, ("lenses",), document.value["lenses"])
    if not found:
        raise document.error(("lenses",), "lenses: there is none")
    return {str(name): _lens(document, ("lenses", name), entry) for name, entry in found.items()}


def _word(word: str) -> Any:
    if word in (".inf", "-.inf"):
        return math.inf
    if word == "null":
        return None
    if _SCIENTIFIC.fullmatch(word):
        return float(word)
    return read_plain(word)


def _lens(document: Document, path: KeyPath, entry: Any) -> Prescription:
    entry = _mapping(document, path, entry)
    _keys(document, path, entry, _LENS, ("surfaces",))
    line = entry.get("line", "d")
    if line not in ("d", "e"):
        raise document.error((*path, "line"), f"{path[-1]}: line {quoted(line)} is not allowed; allowed: d | e")
    scale = _number(document, path, entry, "scale", 1.0, 1e-3, 1e3)
    stated = _numbers(document, (*path, "stated"), entry.get("stated", {}), _STATED)
    check = _numbers(document, (*path, "check"), entry.get("check", {}), _CHECK)
    rows = entry["surfaces"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_SURFACES:
        raise document.error(
            (*path, "surfaces"), f"{path[-1]}: surfaces must be a list of 1..{MOST_SURFACES} mappings"
        )
    at = (*path, "surfaces")
    names = [_identity(document, (*at, i), row) for i, row in enumerate(rows)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise _refusal(document, (*at, i), "there are two of that id")
    aspheres = _aspheres(document, path, entry, names)
    surfaces = tuple(
        _surface(document, (*at, i), row, line, scale, stated, aspheres) for i, row in enumerate(rows)
    )
    texts = {key: str(entry.get(key, "")) for key in ("patent", "source", "note")}
    try:
        lens = Prescription(str(path[-1]), surfaces, line, **texts)
    except PrescriptionError as error:
        where = f"surface {surfaces[error.surface].name}: " if error.surface is not None else ""
        place = at if error.surface is None else (*at, error.surface)
        raise document.error(place, f"{path[-1]}: {where}{error}") from None
    _hold_against(document, path, lens, scale, stated, check)
    return lens


def _surface(
    document: Document, path: KeyPath, row: dict[str, Any], line: str, scale: float, stated: Mapping[str, float],
    aspheres: Mapping[str, tuple[float, tuple[float, ...]]],
) -> Surface:
    name = _identity(document, path, row)
    stop = row.get("stop", False)
    if not isinstance(stop, bool):
        raise _refusal(document, path, f"stop {quoted(stop)} is not allowed; allowed: true | false")
    radius = _number(document, path, row, "R", None, -1e9, math.inf)
    radius = math.inf if abs(radius) > 1e8 else radius
    semi = _number(document, path, row, "D", None, 0, 1e4) / 2
    if stop and "stop_radius_wide_open" in stated:
        semi = min(semi, stated["stop_radius_wide_open"])
    conic, terms = aspheres.get(name, (0.0, ()))
    return Surface(
        name=name,
        radius=radius * scale,
        thickness=_number(document, path, row, "t", None, -math.inf, 1e5) * scale,
        glass=_glass(document, path, row, line),
        semi_diameter=semi * scale,
        stop=stop,
        conic=conic,
        terms=tuple(a / scale ** (2 * i + 3) for i, a in enumerate(terms)),
    )


def _glass(document: Document, path: KeyPath, row: dict[str, Any], line: str) -> Glass:
    if "glass" in row:
        if "n" in row or row.get("V") is not None:
            raise _refusal(document, path, "glass stands for n and V; give one or the other")
        known = glass_catalog()
        if row["glass"] not in known:
            hint = did_you_mean(str(row["glass"]), known, "glasses")
            raise _refusal(document, (*path, "glass"), f"no glass {quoted(row['glass'])}; {hint}")
        return known[row["glass"]]
    index = _number(document, path, row, "n", None, 1, 4)
    abbe = None if row.get("V") is None else _number(document, path, row, "V", None, 10, 150)
    return AIR if index == 1 else glass_of(index, abbe, line)


def _aspheres(
    document: Document, path: KeyPath, entry: dict[str, Any], names: list[str]
) -> dict[str, tuple[float, tuple[float, ...]]]:
    found = {}
    given = _mapping(document, (*path, "aspheres"), entry.get("aspheres", {}))
    for key, shape in given.items():
        at = (*path, "aspheres", key)
        if str(key) not in names:
            hint = did_you_mean(str(key), names, "surfaces")
            raise _refusal(document, at, f"no surface {quoted(key)}; {hint}")
        _keys(document, at, _mapping(document, at, shape), _ASPHERE, ())
        terms = shape.get("A", [])
        if not isinstance(terms, list) or len(terms) > 12 or not all(_is_number(a) for a in terms):
            raise _refusal(document, (*at, "A"), f"surface {key}: A must be a list of up to 12 numbers: A4, A6, ...")
        found[str(key)] = (_number(document, at, shape, "k", 0.0, -1e6, 1e6), tuple(float(a) for a in terms))
    return found


def _hold_against(
    document: Document, path: KeyPath, lens: Prescription, scale: float, stated: Mapping[str, float],
    check: Mapping[str, float],
) -> None:
    """Refuse a lens that forms no image, or another than its file says it does: a sign or digit is wrong."""
    order = first_order(lens, lens.reference_nm)
    if not 0 < order.focal_length < 1e6:
        raise document.error(
            path, f"{path[-1]}: forms no image: focal length {order.focal_length:.3f} mm; look for a wrong sign in R"
        )
    computed = {"efl": order.focal_length, "bfl": order.back_focus, "f": order.focal_length}
    claims = [("check", "efl", check, CHECK), ("check", "bfl", check, CHECK), ("stated", "f", stated, STATED)]
    for section, key, values, tolerance in claims:
        if key in values and abs(computed[key] - values[key] * scale) > tolerance * order.focal_length:
            raise document.error(
                (*path, section, key),
                f"{path[-1]}: {section} says {key} {values[key] * scale:.3f} mm, but the surfaces give "
                f"{computed[key]:.3f} mm; look for a wrong sign or digit in R, t or n",
            )


def _identity(document: Document, path: KeyPath, row: Any) -> str:
    _keys(document, path, _mapping(document, path, row), _SURFACE, ("id", "R", "t", "D"))
    return str(row["id"])


def _keys(
    document: Document, path: KeyPath, mapping: Mapping[Any, Any], known: tuple[str, ...], needs: tuple[str, ...]
) -> None:
    for key in mapping:
        if key not in known:
            hint = did_you_mean(str(key), known, "keys")
            raise _refusal(document, (*path, key), f"unknown key {quoted(key)}; {hint}")
    for key in needs:
        if key not in mapping:
            raise _refusal(document, path, f"{key} is missing; needed: {', '.join(needs)}")


def _mapping(document: Document, path: KeyPath, value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _refusal(document, path, f"{quoted(value)} is not allowed; allowed: a mapping")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(
    document: Document, path: KeyPath, row: Mapping[str, Any], key: str, default: float | None, low: float, high: float
) -> float:
    """The number of a key; a missing key is refused where there is no `default`."""
    if key not in row and default is not None:
        return default
    if key not in row:
        raise _refusal(document, path, f"{key} is missing")
    value = row[key]
    if not _is_number(value) or not low <= value <= high:
        bounds = f"{low:g}..{high:g}" if math.isfinite(high) else "a number, or .inf"
        raise _refusal(document, (*path, key), f"{key} {quoted(value)} is not allowed; allowed: {bounds}")
    return float(value)


def _numbers(document: Document, path: KeyPath, section: Any, known: tuple[str, ...]) -> dict[str, float]:
    _keys(document, path, _mapping(document, path, section), known, ())
    return {key: _number(document, path, section, key, None, 0, 1e6) for key in section}


def _refusal(document: Document, path: KeyPath, what: str) -> ProfileError:
    """`FILE:LINE: LENS: surface ID: what`."""
    words = [str(path[1])] if len(path) > 1 else []
    if len(path) > 3 and path[2] == "surfaces" and isinstance(path[3], int):
        row = document.value["lenses"][path[1]]["surfaces"][path[3]]
        words.append(f"surface {row['id']}" if isinstance(row, dict) and "id" in row else f"row {path[3] + 1}")
    elif len(path) > 2:
        words.append(str(path[2]))
    return document.error(path, ": ".join([*words, what]))
