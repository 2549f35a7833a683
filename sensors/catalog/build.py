"""From a parsed file of the catalogue to a `Sensor` or a `Phone`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from isp.errors import IspError, ProfileError, UsageError
from isp.parameters import FileRef
from isp.profile.files import locate
from isp.profile.loader import Document
from isp.profile.text import one_line, quoted
from sensors.catalog.check import check, check_entry, check_keys
from sensors.catalog.fields import CAMERA, HEAD, LENS_UNITS, PHONE, REQUIRED, SENSOR, Elsewhere, Text, unit_of
from sensors.sensor import (
    Camera,
    Conversion,
    DualGain,
    Fact,
    Gain,
    Measured,
    Method,
    Mode,
    PhaseDetect,
    Phone,
    ReadNoise,
    Sensor,
    Staggered,
)

FindSensor = Callable[[str], Sensor]

_WHOLE = ("width", "height", "block", "bits")
_SAME = (
    "pitch_um", "cfa", "pedestal", "iso_base", "iso_max", "full_well_e", "pixel_rate", "default_mode", "max_fps",
    "dark_current_e_s", "dark_doubling_c", "prnu", "dsnu_e", "row_noise_e", "column_noise_e", "hot_fraction", "hot_e_s",
    "dead_fraction", "green_imbalance", "crosstalk", "noise_note", "noise_outside_iso",
)
"""Keys whose value is the field of the same name as it is."""


def build_sensor(name: str, document: Document, folder: Path | None) -> Sensor:
    """The sensor that `document` describes.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    document : Document
    folder : Path or None
        Where a sensitivity file named in it lies.

    Raises
    ------
    ProfileError
        ``FILE:LINE:`` an unknown key, a value out of bounds, or a combination that cannot be; and what is allowed.
    """
    tree = document.value
    check_keys(tree, ["sources", *HEAD, *SENSOR], document, (), REQUIRED)
    head, sources = _head(document)
    facts = {
        key: check_entry(kind, tree[key], document, (key,), sources, unit_of(kind))
        for key, kind in SENSOR.items()
        if key in tree
    }
    value = {key: fact.value for key, fact in facts.items()}
    try:
        values: dict[str, Any] = {key: int(value[key]) for key in _WHOLE}
        values |= {key: value[key] for key in _SAME if key in value}
        values["modes"] = _modes(value.get("modes", {}))
        values["gain"] = _gain(value)
        values["read_noise"] = _read_noise(value["read_noise"])
        values["sensitivity_spec"] = _sensitivity(value["sensitivity"], folder)
        if "phase_detect" in value:
            values["phase_detect"] = _phase_detect(value["phase_detect"])
        if "dual_gain" in value:
            values["dual_gain"] = DualGain(value["dual_gain"]["ratio"])
        if "staggered" in value:
            values["staggered"] = Staggered(int(value["staggered"]["exposures"]), value["staggered"]["ratio"])
        sensor = Sensor(name=name, facts=MappingProxyType(facts), **head, **values)
    except UsageError as error:
        raise document.error(_culprit(str(error), facts), str(error)) from None
    _check_sensitivity(sensor, document)
    return sensor


def build_phone(name: str, document: Document, folder: Path | None, find: FindSensor) -> Phone:
    """The phone that `document` describes; `find` gives the sensors it names. Errors as `build_sensor`."""
    tree = document.value
    check_keys(tree, ["sources", "cameras", *HEAD, *PHONE], document, (), ("cameras",))
    head, sources = _head(document)
    facts = {
        key: check_entry(kind, tree[key], document, (key,), sources, "") for key, kind in PHONE.items() if key in tree
    }
    cameras = tree["cameras"]
    if not isinstance(cameras, dict) or not cameras:
        raise document.error(("cameras",), "cameras must be a mapping such as {main: {sensor: ..., lens: {...}}}")
    built = {}
    for role, raw in cameras.items():
        if not isinstance(role, str) or "/" in role:
            raise document.error(("cameras", role), f"camera {role!r} must be a word, for example main, uw, tele")
        built[role] = _camera(f"{name}/{role}", raw, document, sources, folder, find)
    return Phone(
        name=name,
        cameras=MappingProxyType(built),
        soc=facts["soc"].value if "soc" in facts else "",
        isp=facts["isp"].value if "isp" in facts else "",
        facts=MappingProxyType(facts),
        **head,
    )


def _camera(
    name: str, raw: Any, document: Document, sources: Mapping[str, str], folder: Path | None, find: FindSensor
) -> Camera:
    role = name.partition("/")[2]
    path = ("cameras", role)
    if not isinstance(raw, dict):
        raise document.error(path, f"cameras.{role} must be a mapping with {', '.join([*CAMERA, 'lens'])}")
    check_keys(raw, ["lens", *CAMERA], document, path, ("sensor",))
    facts = {
        key: check_entry(kind, raw[key], document, (*path, key), sources, unit_of(kind))
        for key, kind in CAMERA.items()
        if key in raw
    }
    lens = raw.get("lens", {})
    if not isinstance(lens, dict):
        raise document.error((*path, "lens"), f"cameras.{role}.lens must be a mapping such as {{f_number: 1.9}}")
    for key, entry in lens.items():
        fact = check_entry(Elsewhere(""), entry, document, (*path, "lens", key), sources, LENS_UNITS.get(str(key), ""))
        facts[f"lens.{key}"] = fact
    wanted = str(facts["sensor"].value)
    try:
        sensor = find(str(locate(FileRef(wanted), folder)) if wanted.endswith(".yaml") else wanted)
    except (UsageError, ProfileError) as error:
        raise document.error((*path, "sensor"), f"cameras.{role}.sensor: {error}") from None
    spec = {key.removeprefix("lens."): fact.value for key, fact in facts.items() if key.startswith("lens.")}
    camera = Camera(
        name=name,
        sensor=sensor,
        lens_spec=MappingProxyType(spec) if spec else None,
        eq_mm=facts["eq_mm"].value if "eq_mm" in facts else None,
        facts=MappingProxyType(facts),
    )
    try:
        _ = camera.lens
    except UsageError as error:
        named = str(error).removeprefix("lens: ").removeprefix("unknown ").split()[0].strip(";").partition(".")[0]
        raise document.error((*path, "lens", named), f"cameras.{role}: {error}") from None
    return camera


def _head(document: Document) -> tuple[dict[str, Any], dict[str, str]]:
    """`maker` and `description`, and the table of sources."""
    tree = document.value
    head = {key: check(kind, tree[key], document, (key,)) for key, kind in HEAD.items() if key in tree}
    head.pop("kind", None)
    sources = tree.get("sources", {})
    if not isinstance(sources, dict):
        raise document.error(("sources",), "sources must be a mapping of short keys to publications")
    return head, {
        str(key): check(Text("", 400), text, document, ("sources", key)) for key, text in sources.items()
    }


def _modes(value: Mapping[str, str]) -> Mapping[str, Mode]:
    modes = {"full": Mode("full")}
    modes |= {name: Mode(name, int(name[3:]), cast(Method, method)) for name, method in sorted(value.items())}
    return MappingProxyType(modes)


def _gain(value: Mapping[str, Any]) -> Gain:
    given = value["gain"]
    if "saturation_e" in given:
        span = (1 << int(value["bits"])) - 1 - value["pedestal"]
        return Gain(span / given["saturation_e"] / value["iso_base"])
    count = _bin(given.get("mode", "full")) ** 2
    return Gain(given["slope"] * count, given.get("offset", 0.0) * count)


def _read_noise(given: Mapping[str, Any]) -> ReadNoise:
    if "conversions" in given:
        return ReadNoise(tuple(Conversion(**each) for each in given["conversions"]))
    return ReadNoise(measured=Measured(_bin(given["mode"]), given["variance_dn2"], given["includes_quantisation"]))


def _bin(mode: str) -> int:
    return 1 if mode == "full" else int(mode[3:])


def _phase_detect(given: Mapping[str, Any]) -> PhaseDetect:
    x, y = int(given.get("period_x", 1)), int(given.get("period_y", 1))
    sites = tuple((int(i), int(j), r) for i, j, r in given.get("sites", ()))
    for i, j, response in sites:
        if i >= x or j >= y or not 0 < response <= 2:
            raise UsageError(
                f"phase_detect: site ({i}, {j}, {response:g}) is not in its period; allowed: x 0..{x - 1}, "
                f"y 0..{y - 1}, response above 0, at most 2"
            )
    if (given["kind"] in ("dual", "quad")) == bool(sites):
        raise UsageError(f"phase_detect: kind {given['kind']} and {len(sites)} sites contradict each other")
    return PhaseDetect(given["kind"], x, y, sites)


def _sensitivity(spec: Any, folder: Path | None) -> str | Mapping[str, Any]:
    """The spec with the path of a file in the catalogue file's own folder."""
    if not isinstance(spec, str | dict):
        raise UsageError(f"sensitivity: {quoted(spec)} must be text or a mapping")
    if isinstance(spec, dict):
        if isinstance(spec.get("file"), str) and folder is not None:
            return {**spec, "file": str(locate(FileRef(spec["file"]), folder))}
        return MappingProxyType(spec)
    if spec.lower().endswith(".json") and folder is not None:
        return str(locate(FileRef(spec), folder))
    return str(spec)


def _check_sensitivity(sensor: Sensor, document: Document) -> None:
    """Parametric curves are checked at once; measured ones need a slow import or a file, so when they are used."""
    spec = sensor.sensitivity_spec
    if "parametric" not in spec and "preset" not in spec and not (isinstance(spec, str) and spec.startswith("phone")):
        return
    try:
        sensor.sensitivity()
    except IspError as error:
        raise document.error(("sensitivity",), one_line(error)) from None


def _culprit(message: str, facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """Path of the first key that a message names, for its line."""
    if message.startswith("mode "):
        return ("modes", "value", message.split()[1])
    words = message.replace(":", " ").replace(",", " ").split()
    return next(((word,) for word in words if word in facts), ())
