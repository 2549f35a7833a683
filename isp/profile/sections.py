"""The parts of a profile beside its stages, as pydantic models. Imported only when a profile is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from isp.io.write_resize import LARGEST_SCALE, LONGEST_SIDE, Resize
from isp.profile.loader import Document, KeyPath
from isp.profile.model import Datapath, Output
from isp.profile.text import did_you_mean, quoted


def _printable(value: Any) -> Any:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("not one line")
    return value


Line = Annotated[str, BeforeValidator(_printable)]
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResizeSection(BaseModel):
    """Another size of the picture; one of the four, the other side follows."""

    model_config = _STRICT
    width: int | None = Field(None, ge=1, le=LONGEST_SIDE, description=f"width, a whole number 1..{LONGEST_SIDE} px")
    height: int | None = Field(None, ge=1, le=LONGEST_SIDE, description=f"height, a whole number 1..{LONGEST_SIDE} px")
    long_side: int | None = Field(
        None, ge=1, le=LONGEST_SIDE, description=f"the longer side, a whole number 1..{LONGEST_SIDE} px"
    )
    scale: float | None = Field(
        None, gt=0, le=LARGEST_SCALE, description=f"factor of both sides, above 0 and up to {LARGEST_SCALE:g}"
    )

    @model_validator(mode="after")
    def _one_size(self) -> ResizeSection:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("one of width, height, long_side, scale is needed")
        return self


_DEPTHS = {"jpeg": (8,), "png": (8, 16), "tiff": (8, 16), "avif": (8, 10, 12)}


class OutputSection(BaseModel):
    """The container of the picture."""

    model_config = _STRICT
    format: Literal["jpeg", "png", "tiff", "avif"] = Field("jpeg", description="jpeg, png, tiff or avif")
    bits: Literal[8, 10, 12, 16] = Field(8, description="8 or 16 bits per channel (jpeg: 8; avif: 8, 10 or 12)")
    quality: int = Field(92, ge=1, le=100, description="quality of jpeg and avif, a whole number 1..100")
    chroma: Literal["auto", 420, 444] = Field(
        "auto", description="auto, 420 or 444: how jpeg and avif store colour; auto is 444 from quality 90 on"
    )
    resize: ResizeSection | None = Field(
        None, description="{width: W}, {height: H}, {long_side: L} or {scale: S}, in linear light"
    )

    @model_validator(mode="after")
    def _format_holds_the_bits(self) -> OutputSection:
        if self.bits not in _DEPTHS[self.format]:
            if self.format == "jpeg":
                raise ValueError("jpeg has 8 bits per channel; write bits: 8, or format: png, tiff or avif")
            held = ", ".join(map(str, _DEPTHS[self.format]))
            raise ValueError(f"{self.format} does not hold {self.bits} bits per channel; allowed: {held}")
        return self


class DatapathSection(BaseModel):
    """Fixed-point arithmetic to imitate between stages."""

    model_config = _STRICT
    bits: int = Field(ge=4, le=24, description="bits of a signed value in all, a whole number 4..24")
    headroom: int = Field(2, ge=0, le=8, description="integer bits above white, a whole number 0..8")
    rounding: Literal["nearest", "nearest_even", "truncate"] = Field(
        "nearest", description="nearest (ties up), nearest_even or truncate (down)"
    )

    @model_validator(mode="after")
    def _leaves_bits_below_white(self) -> DatapathSection:
        if self.bits - 1 - self.headroom < 1:
            raise ValueError(f"bits {self.bits} must be at least {self.headroom + 2}, headroom {self.headroom} + 2")
        return self


class ProfileSection(BaseModel):
    """The top level of a profile; each stage is checked against its own parameters."""

    model_config = _STRICT
    version: int = Field(description="format version, 1")
    name: Line = Field(min_length=1, max_length=80, description="one line of 1..80 characters")
    description: Line = Field("", max_length=500, description="one line of at most 500 characters")
    sensor: Line = Field("", max_length=80, description="a name from the sensor catalogue")
    stages: list[Any] = Field(min_length=1, description="a list of `- name` or `- name: {parameter: value}`")
    output: OutputSection | None = Field(None, description="{format, bits, quality, chroma, resize}")
    datapath: DatapathSection | None = Field(None, description="{bits, headroom, rounding}")


_SECTIONS: Mapping[str, type[BaseModel]] = {"output": OutputSection, "datapath": DatapathSection}


def check_sections(tree: Mapping[str, Any], document: Document) -> ProfileSection:
    """The checked top level of a profile.

    Raises
    ------
    ProfileError
        ``FILE:LINE:`` of the first key that is unknown, missing or wrong, and what is allowed.
    """
    try:
        return ProfileSection.model_validate(dict(tree))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=True)
        first = min(faults, key=lambda fault: document.line(_path(fault)))
        raise document.error(_path(first), _words(first)) from None


def as_output(section: OutputSection | None) -> Output:
    """The value behind a checked section."""
    if section is None:
        return Output()
    resize = None if section.resize is None else Resize(**section.resize.model_dump())
    return Output(section.format, section.bits, section.quality, section.chroma, resize)


def as_datapath(section: DatapathSection | None) -> Datapath | None:
    """The value behind a checked section."""
    return None if section is None else Datapath(**section.model_dump())


def _path(fault: Mapping[str, Any]) -> KeyPath:
    return tuple(fault["loc"])


def _words(fault: Mapping[str, Any]) -> str:
    """One line for one of pydantic's findings."""
    path = _path(fault)
    model = _SECTIONS[str(path[0])] if len(path) > 1 else ProfileSection
    if path[:2] == ("output", "resize") and len(path) > 2:
        model = ResizeSection
    name = ".".join(str(part) for part in path)
    kind = fault["type"]
    if kind == "extra_forbidden":
        return f"unknown key {quoted(path[-1])}; {did_you_mean(str(path[-1]), model.model_fields, 'keys')}"
    if kind == "invalid_key":
        return f"key {quoted(path[-1])} is not a word; keys: {', '.join(model.model_fields)}"
    if not path or path[-1] not in model.model_fields:
        return f"{name}: {fault['msg'].removeprefix('Value error, ')}"
    allowed = model.model_fields[str(path[-1])].description
    if kind == "missing":
        return f"{name} is missing; allowed: {allowed}"
    if kind == "value_error" and (path in (("output", "resize"),) or (len(path) == 1 and path[0] in _SECTIONS)):
        return f"{name}: {fault['msg'].removeprefix('Value error, ')}"
    return f"{name}: {quoted(fault['input'])} is not allowed; allowed: {allowed}"
