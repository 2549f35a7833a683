"""SESSION.yaml: which files are captures of what, what is wanted of the pictures, and how to calibrate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from isp.errors import IspError, ProfileError
from isp.profile import Profile, read_profile
from isp.profile.loader import Document, read_document
from isp.profile.text import did_you_mean, quoted
from reports.charts.references import DEFAULT, MEASURED, SPECTRA

VERSION = 1
"""Of the file's format."""
Kind = Literal["dark", "flat", "chart", "gray_steps", "dots", "edge", "scene"]
KINDS: tuple[str, ...] = get_args(Kind)
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
_WORDS = "a session is a mapping: version, name, base, captures, targets, options"


class CaptureSection(BaseModel):
    """Files of one scene under one light."""

    model_config = _STRICT
    kind: Kind = Field(description=", ".join(KINDS))
    files: list[str] = Field(min_length=1, description="a list of raw files, relative to the session's folder")
    cct: float | None = Field(None, ge=1000, le=25000, description="colour temperature of the light, 1000..25000 K")
    illuminant: str | None = Field(None, description="a CIE illuminant (D65, A, FL11), 2856K or daylight:5200")
    iso: float | None = Field(None, ge=1, le=1e7, description="1..10000000, for files that do not say it")
    exposure: float | None = Field(None, gt=0, le=3600, description="0..3600 s, for files that do not say it")
    temperature: float | None = Field(None, ge=-60, le=150, description="of the sensor, -60..150 degrees C")
    lux: float | None = Field(None, ge=0, le=200000, description="on the scene, 0..200000 lx")
    chart: str = Field(DEFAULT, description=f"a 24-patch chart: {', '.join((*MEASURED, *SPECTRA))}")


class TargetSection(BaseModel):
    """What pictures should measure."""

    model_config = _STRICT
    mtf50: float | None = Field(None, gt=0, lt=1, description="of a slanted edge, above 0 and below 1 cycles/pixel")
    snr_db: float | None = Field(None, ge=0, le=80, description="of an even grey, 0..80 dB")
    tone_codes: list[float] | None = Field(
        None, min_length=8, description="8-bit sRGB codes of the grey steps, from the lightest: 8 or more of 0..255"
    )


class OptionSection(BaseModel):
    """How to calibrate."""

    model_config = _STRICT
    mesh: list[int] = Field([13, 17], description="rows and columns of the lens-shading mesh, each 3..33")
    glare: bool = Field(False, description="true or false: estimate veiling glare with the colour matrix")

    @model_validator(mode="after")
    def _mesh_fits(self) -> OptionSection:
        if len(self.mesh) != 2 or not all(3 <= n <= 33 for n in self.mesh):
            raise ValueError("mesh must be [rows, columns], each 3..33")
        return self


def _no_targets() -> TargetSection:
    return TargetSection.model_validate({})


def _no_options() -> OptionSection:
    return OptionSection.model_validate({})


class SessionSection(BaseModel):
    """The top level of a session."""

    model_config = _STRICT
    version: int = Field(VERSION, ge=VERSION, le=VERSION, description=f"format version, {VERSION}")
    name: str = Field(min_length=1, max_length=80, description="one line of 1..80 characters")
    base: str = Field("natural", description="a shipped profile, or a file relative to the session's folder")
    sensor: str = Field("", max_length=80, description="a name from the sensor catalogue, or nothing")
    captures: list[CaptureSection] = Field(min_length=1, description="a list of {kind, files, ...}")
    targets: TargetSection = Field(default_factory=_no_targets, description="{mtf50, snr_db, tone_codes}")
    options: OptionSection = Field(default_factory=_no_options, description="{mesh, glare}")


@dataclass(frozen=True)
class Capture:
    """Files of one scene; `cct` [K] is that of the light where the session says it or names the light."""

    kind: str
    files: tuple[Path, ...]
    cct: float | None
    illuminant: str | None
    iso: float | None
    exposure: float | None
    temperature: float | None
    chart: str


@dataclass(frozen=True)
class Session:
    """A checked session."""

    name: str
    base: Profile
    sensor: str
    captures: tuple[Capture, ...]
    targets: TargetSection
    options: OptionSection
    source: str


def read_session(path: str | Path) -> Session:
    """Read and check a session; no raw file is opened.

    Raises
    ------
    ProfileError
        ``FILE:LINE:`` what is wrong and what is allowed.
    LimitError
        The file is too large or nested too deeply.
    """
    try:
        document = read_document(Path(path))
    except ProfileError as error:
        text = str(error).replace("a profile is a mapping: version, name, stages, output", _WORDS)
        raise ProfileError(text.replace(": profile cannot", ": session cannot")) from None
    try:
        top = SessionSection.model_validate(document.value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=True)
        first = min(faults, key=lambda fault: document.line(tuple(fault["loc"])))
        raise document.error(tuple(first["loc"]), _fault(first)) from None
    folder = Path(path).absolute().parent
    return Session(
        top.name, _base(top, folder, document), top.sensor,
        tuple(_capture(section, number, folder, document) for number, section in enumerate(top.captures)),
        top.targets, top.options, str(path),
    )  # fmt: skip


def _base(top: SessionSection, folder: Path, document: Document) -> Profile:
    from isp.profile.sensors import find_sensor

    try:
        if top.sensor:
            find_sensor(top.sensor)
        return read_profile(str(folder / top.base) if top.base.endswith(".yaml") else top.base)
    except IspError as error:
        raise document.error(("base",), f"base: {error}") from None


def _capture(section: CaptureSection, number: int, folder: Path, document: Document) -> Capture:
    path = ("captures", number)
    files = tuple(folder / name for name in section.files)
    for at, file in enumerate(files):
        if not file.is_file():
            raise document.error((*path, "files", at), f"{quoted(section.files[at])} is not a file")
    if len(set(files)) < len(files):
        raise document.error((*path, "files"), "a file is named twice in one capture; keep one")
    known = (*MEASURED, *SPECTRA)
    if section.chart not in known:
        hint = did_you_mean(section.chart, known, "charts")
        raise document.error((*path, "chart"), f"unknown chart {quoted(section.chart)}; {hint}")
    cct = section.cct
    if section.illuminant is not None:
        from sensors.spectrum import make_light

        try:
            named = make_light(section.illuminant, 1.0).cct
        except IspError as error:
            raise document.error((*path, "illuminant"), f"illuminant: {error}") from None
        cct = float(round(named)) if cct is None else cct
    if section.kind == "chart" and cct is None:
        raise document.error(path, "a chart needs the cct of its light, or its illuminant")
    return Capture(
        section.kind, files, cct, section.illuminant, section.iso, section.exposure, section.temperature, section.chart
    )


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "captures": CaptureSection, "targets": TargetSection, "options": OptionSection,
}  # fmt: skip


def _fault(fault: Mapping[str, Any]) -> str:
    """One line for one of pydantic's findings."""
    path = tuple(fault["loc"])
    model = _SECTIONS.get(str(path[0]), SessionSection) if len(path) > 1 else SessionSection
    name, kind = ".".join(str(part) for part in path), fault["type"]
    if kind == "extra_forbidden":
        return f"unknown key {quoted(path[-1])}; {did_you_mean(str(path[-1]), model.model_fields, 'keys')}"
    known = next((str(part) for part in reversed(path) if part in model.model_fields), None)
    if known is None:
        return f"{name}: {fault['msg'].removeprefix('Value error, ')}"
    allowed = model.model_fields[known].description
    if kind == "missing":
        return f"{name} is missing; allowed: {allowed}"
    if kind == "value_error":
        return f"{name}: {fault['msg'].removeprefix('Value error, ')}"
    return f"{name}: {quoted(fault['input'])} is not allowed; allowed: {allowed}"
