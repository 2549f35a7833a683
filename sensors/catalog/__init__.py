"""The catalogue of sensors and of phones that place them behind a lens: one YAML file each.

A name is that of a shipped file, of a file in the user's own folder (`user_folder`), or the path of a ``.yaml`` file.
A phone's camera (``leitz_phone_1/main``; ``leitz_phone_1`` alone is its main camera) stands wherever a sensor does.

>>> from sensors.catalog import load_sensor
>>> load_sensor("imx586").saturation_e(100, "bin2")   # 13971 e-
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path

from isp.errors import IspError, ProfileError, UsageError
from isp.profile.loader import Document, parse_document, read_document
from isp.profile.text import did_you_mean, one_line, quoted
from sensors.catalog.build import build_phone, build_sensor
from sensors.sensor import Camera, Phone, Sensor

SUFFIX = ".yaml"
_PROFILE_WORDS = "a profile is a mapping: version, name, stages, output"
_OUR_WORDS = "a catalogue file is a mapping: kind, maker, sources, width, height, ..."


def user_folder() -> Path:
    """Where users keep sensors and phones of their own; need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_path("mobile-isp")) / "sensors"


def shipped_names() -> list[str]:
    """Names of the shipped sensors and phones, sorted."""
    found = (item.name for item in (files("sensors") / "catalog").iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def user_names() -> list[str]:
    """Names of the files in `user_folder`, sorted."""
    try:
        found = os.listdir(user_folder())
    except OSError:
        return []
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX) and not name.startswith("."))


def names() -> list[str]:
    """Names of all sensors and phones, without their cameras: shipped ones, then the user's."""
    shipped = shipped_names()
    return shipped + [name for name in user_names() if name not in shipped]


def load(name: str | Path) -> Sensor | Phone:
    """The sensor or phone called `name`, or described by the file of that path.

    Raises
    ------
    UsageError
        No such name; the nearest is suggested.
    ProfileError
        ``FILE:LINE:`` what is wrong with its file, and what is allowed; or a user's file has a shipped name.
    """
    text = os.fspath(name)
    if text in shipped_names() and text not in user_names():
        return _shipped(text)
    return _build(*_find(text))


def load_sensor(name: str | Path) -> Sensor:
    """The sensor called `name`, or that of a phone's camera (``phone/camera``). Errors as `load`."""
    return load_camera(name).sensor


def load_camera(name: str | Path) -> Camera:
    """The camera called `name` (``phone`` or ``phone/camera``), or a sensor without a lens. Errors as `load`."""
    text = os.fspath(name)
    if not text.lower().endswith(SUFFIX):
        phone, slash, role = text.rpartition("/")
        if slash:
            return load_phone(phone).camera(role)
    found = load(text)
    return found.camera() if isinstance(found, Phone) else Camera(found.name, found)


def load_phone(name: str | Path) -> Phone:
    """The phone called `name`. Errors as `load`."""
    found = load(name)
    if isinstance(found, Sensor):
        raise UsageError(f"{found.name} is a sensor, not a phone; it has no cameras")
    return found


@cache
def _shipped(name: str) -> Sensor | Phone:
    return _build(*_find_shipped(name))


def _find_shipped(name: str) -> tuple[str, Document, None]:
    data = (files("sensors") / "catalog" / f"{name}{SUFFIX}").read_bytes()
    return name, _parse(data, f"{name}{SUFFIX}"), None


def _find(text: str) -> tuple[str, Document, Path | None]:
    """Name, content and folder of the file that `text` stands for."""
    if text.lower().endswith(SUFFIX):
        path = Path(text)
        return path.name[: -len(SUFFIX)], _read(path), path.parent
    mine = text in user_names()
    path = user_folder() / f"{text}{SUFFIX}"
    if text in shipped_names():
        if mine:
            raise ProfileError(f"{one_line(path)}: {quoted(text)} is a name of the shipped catalogue; rename the file")
        return _find_shipped(text)
    if mine:
        return text, _read(path), path.parent
    hint = did_you_mean(text, names(), "sensors and phones")
    raise UsageError(f"no sensor {quoted(text)} in the catalogue; {hint} (or the path of a {SUFFIX} file)")


def _build(name: str, document: Document, folder: Path | None) -> Sensor | Phone:
    kind = document.value.get("kind", "sensor")
    if kind == "sensor":
        return build_sensor(name, document, folder)
    if kind == "phone":
        return build_phone(name, document, folder, _sensor_of_phone)
    raise document.error(("kind",), f"kind {quoted(kind)} is not allowed; allowed: sensor | phone")


def _sensor_of_phone(text: str) -> Sensor:
    name, document, folder = _find(text)
    if document.value.get("kind", "sensor") != "sensor":
        raise UsageError(f"{quoted(text)} is not a sensor")
    return build_sensor(name, document, folder)


def _read(path: Path) -> Document:
    try:
        return read_document(path)
    except ProfileError as error:
        raise _in_our_words(error) from None


def _parse(data: bytes, source: str) -> Document:
    try:
        return parse_document(data, source)
    except ProfileError as error:
        raise _in_our_words(error) from None


def _in_our_words(error: IspError) -> ProfileError:
    text = str(error).replace(_PROFILE_WORDS, _OUR_WORDS).replace(": profile cannot", ": sensor file cannot")
    return ProfileError(text)
