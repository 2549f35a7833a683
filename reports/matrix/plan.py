"""`matrix.yaml`: which cells there are, and what identifies each of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isp.errors import IspError, LimitError, ProfileError
from isp.fingerprint import fingerprint, installed
from isp.profile.text import did_you_mean, quoted

if TYPE_CHECKING:
    from isp.profile.loader import Document

VERSION = 1
"""Of the file's format."""
AXES = ("profile", "sensor", "scene", "illuminant", "iso", "seed")
"""Of the grid, the slowest first; ``profiles``, ``sensors``, ... in the file."""
MOST_CELLS = 100_000
MOST_PIXELS = 100_000_000
_KEYS = (
    "version", "profiles", "sensors", "scenes", "illuminants", "iso", "seeds", "lux", "size", "settings", "metrics",
)  # fmt: skip
SOFTWARE = ("mobile-isp", "halide", "numpy", "scipy", "colour-science")
"""Packages whose versions are part of a cell's identity."""
_OUR_WORDS = "a matrix is a mapping: profiles, sensors, scenes, illuminants, iso, ..."


@dataclass(frozen=True)
class Shot:
    """A frame to simulate; `sensor` and `scene` as the simulator takes them, files by their whole path.

    `size` (width, height) of the frame [px]; `iso` None for the sensor's lowest.
    """

    sensor: str
    mode: str
    scene: str
    illuminant: str
    iso: float | None
    lux: float
    size: tuple[int, int]
    seed: int


@dataclass(frozen=True)
class Cell:
    """One profile on one frame.

    Parameters
    ----------
    at : mapping of `AXES` to values as the file has them
    key : identity: SHA-256 of everything that can change the result, versions of the software included
    shot : Shot
    profile : name or whole path
    """

    at: Mapping[str, Any]
    key: str
    shot: Shot
    profile: str


@dataclass(frozen=True)
class Plan:
    """A checked matrix.

    Parameters
    ----------
    axes : mapping of `AXES` to the values as the file has them
    lux : illuminance [lx]
    size : (width, height) of the frames [px]
    settings : ``STAGE.PARAMETER=VALUE`` for every profile
    metrics : names, in the order of `reports.matrix.measure.METRICS`
    content : mapping of (axis, value) to what identifies it: hashes of profiles, sensors and files
    folder : what paths are relative to
    """

    axes: Mapping[str, tuple[Any, ...]]
    lux: float
    size: tuple[int, int]
    settings: tuple[str, ...]
    metrics: tuple[str, ...]
    content: Mapping[tuple[str, Any], str]
    folder: Path

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, in the order of the axes."""
        return tuple(self._cells())

    def describe(self) -> dict[str, Any]:
        """The plan as plain data, as the results state it."""
        return {
            **{f"{axis}s" if axis != "iso" else axis: list(values) for axis, values in self.axes.items()},
            "lux": self.lux,
            "size": list(self.size),
            "settings": list(self.settings),
            "metrics": list(self.metrics),
        }

    def _cells(self) -> Iterator[Cell]:
        common = {
            "lux": self.lux, "size": self.size, "settings": self.settings, "metrics": self.metrics,
            "software": software(),
        }  # fmt: skip
        for values in product(*(self.axes[axis] for axis in AXES)):
            at = dict(zip(AXES, values, strict=True))
            content = {axis: self.content.get((axis, value), "") for axis, value in at.items()}
            name, _, mode = str(at["sensor"]).partition(":")
            shot = Shot(
                sensor=_path(name, self.folder),
                mode=mode or "full",
                scene=_scene(str(at["scene"]), self.folder),
                illuminant=str(at["illuminant"]),
                iso=at["iso"],
                lux=self.lux,
                size=self.size,
                seed=at["seed"],
            )
            key = fingerprint({"at": at, "content": content, **common})
            yield Cell(at, key, shot, _path(at["profile"], self.folder))


def software() -> dict[str, str]:
    """Versions of `SOFTWARE`."""
    return installed(SOFTWARE)


def read_plan(path: str | Path) -> Plan:
    """Read and check a matrix.

    Raises
    ------
    ProfileError
        ``FILE:LINE:`` what is wrong and what is allowed.
    LimitError
        More than `MOST_CELLS` cells, or a file too large.
    """
    from isp.profile.loader import read_document

    try:
        document = read_document(Path(path))
    except ProfileError as error:
        text = str(error).replace("a profile is a mapping: version, name, stages, output", _OUR_WORDS)
        raise ProfileError(text.replace(": profile cannot", ": matrix cannot")) from None
    return _Reader(document, Path(path).absolute().parent).plan()


class _Reader:
    """Checks each value where it stands."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document, self.tree, self.folder = document, document.value, folder
        self.content: dict[tuple[str, Any], str] = {}

    def plan(self) -> Plan:
        from reports.matrix.measure import METRICS

        for key in self.tree:
            if key not in _KEYS:
                raise self.document.error((key,), f"unknown key {quoted(key)}; {did_you_mean(str(key), _KEYS, 'keys')}")
        given = self.tree.get("version", VERSION)
        if given != VERSION:
            raise self.document.error(("version",), f"version {quoted(given)} is not known; allowed: {VERSION}")
        settings = self.values("settings", _text, ())
        lux = self.one("lux", _number(0, 200_000), 200.0)
        axes = {
            "profile": self.values("profiles", lambda v: self.profile(v, settings)),
            "sensor": self.values("sensors", self.sensor),
            "scene": self.values("scenes", self.scene),
            "illuminant": self.values("illuminants", lambda v: _illuminant(v, lux), ("D65",)),
            "iso": self.values("iso", _number(1, 10_000_000), (None,)),
            "seed": self.values("seeds", _seed, (0,)),
        }
        count = 1
        for values in axes.values():
            count *= len(values)
        if count > MOST_CELLS:
            raise LimitError(f"{self.document.source}: {count} cells; a matrix has at most {MOST_CELLS}")

        def metric(value: Any) -> str:
            if value not in METRICS:
                raise ProfileError(f"unknown metric {quoted(value)}; {did_you_mean(str(value), METRICS, 'metrics')}")
            return str(value)

        wanted = self.values("metrics", metric, tuple(METRICS))
        return Plan(
            axes=axes,
            lux=lux,
            size=self.one("size", _size, (1024, 768)),
            settings=settings,
            metrics=tuple(name for name in METRICS if name in wanted),
            content=self.content,
            folder=self.folder,
        )

    def values(self, key: str, check: Callable[[Any], Any], default: tuple[Any, ...] | None = None) -> tuple[Any, ...]:
        """The list at `key`, each value checked, none twice."""
        if key not in self.tree:
            if default is None:
                raise self.document.error((), f"{key} is missing; a matrix needs profiles, sensors and scenes")
            return default
        given = self.tree[key]
        if not isinstance(given, list) or not given:
            raise self.document.error((key,), f"{key} must be a list of one value or more, for example {key}: [...]")
        found: dict[Any, None] = {}
        for number, value in enumerate(given):
            checked = self.checked((key, number), value, check)
            if checked in found:
                raise self.document.error((key, number), f"{key}: {quoted(value)} is given twice; keep one")
            found[checked] = None
        return tuple(found)

    def one(self, key: str, check: Callable[[Any], Any], default: Any) -> Any:
        """The value at `key`, checked."""
        return self.checked((key,), self.tree[key], check) if key in self.tree else default

    def checked(self, path: tuple[Any, ...], value: Any, check: Callable[[Any], Any]) -> Any:
        try:
            return check(value)
        except IspError as error:
            if str(error).startswith(f"{self.document.source}:"):
                raise
            raise self.document.error(path, f"{path[0]}: {error}") from None

    def profile(self, value: Any, settings: Sequence[str]) -> str:
        from isp.profile import read_profile
        from isp.profile.fingerprint import profile_fingerprint

        name = _text(value)
        profile = read_profile(_path(name, self.folder))
        try:
            profile = profile.with_settings(settings)
        except IspError as error:
            raise self.document.error(("settings",), f"settings: {str(error).removeprefix('--set ')}") from None
        self.content["profile", name] = profile_fingerprint(profile)
        return name

    def sensor(self, value: Any) -> str:
        from sensors import load_camera

        text = _text(value)
        name, _, mode = text.partition(":")
        camera = load_camera(_path(name, self.folder))
        camera.sensor.mode(mode or "full")
        self.content["sensor", text] = fingerprint(
            [_without_facts(camera), _without_facts(camera.sensor), camera.sensor.sensitivity()]
        )
        return text

    def scene(self, value: Any) -> str:
        from sensors import make_scene

        text = _text(value)
        make_scene(_scene(text, self.folder))
        files = [hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in _files(_scene(text, self.folder))[1]]
        self.content["scene", text] = " ".join(files)
        return text


def _without_facts(thing: Any) -> dict[str, Any]:
    """The fields of a camera or sensor that the simulator reads: not where they come from, nor one in the other."""
    return {name: value for name, value in vars(thing).items() if name in _fields(thing) - {"facts", "sensor"}}


def _fields(thing: Any) -> set[str]:
    return set(type(thing).__dataclass_fields__)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ProfileError(f"{quoted(value)} must be text")
    return value


def _number(low: float, high: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ProfileError(f"{quoted(value)} must be a number in {low:g}..{high:g}")
        return value

    return check


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise ProfileError(f"{quoted(value)} must be a whole number in 0..2^64 - 1")
    return value


def _illuminant(value: Any, lux: float) -> str:
    from sensors.spectrum import make_light

    make_light(_text(value), lux)
    return str(value)


def _size(value: Any) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", value) if isinstance(value, str) else None
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(size) < 64 or size[0] * size[1] > MOST_PIXELS:
        raise ProfileError(f"{quoted(value)} must be WIDTHxHEIGHT [px], such as 1024x768; 64x64 to 100 megapixels")
    return size


def _path(name: str, folder: Path) -> str:
    """A name as it is, a file by its whole path."""
    return str(folder / name) if name.endswith(".yaml") else name


def _files(scene: str) -> tuple[str, list[str], str]:
    """What stands before the files of a scene's name, they, and its options."""
    from sensors.scenes.make import SCENES
    from sensors.scenes.options import split

    name, colon, rest = scene.strip().partition(":")
    if not colon or name not in SCENES or not SCENES[name].files:
        return scene, [], ""
    files = split(rest)[0]
    parts = files.rsplit(",", len(SCENES[name].files) - 1) if len(SCENES[name].files) > 1 else [files]
    return f"{name}:", [part.strip() for part in parts], rest[len(files) :]


def _scene(scene: str, folder: Path) -> str:
    head, files, options = _files(scene)
    return head + ",".join(str(folder / name) for name in files) + options if files else scene


