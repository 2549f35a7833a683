"""What a profile is once it has been read: an ordered list of stages with their values, and the container to write.

Everything here is frozen and already checked; `isp.profile.build` makes it from text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from isp.errors import UsageError
from isp.io.write_resize import Resize
from isp.profile.text import did_you_mean, quoted
from isp.stage import Domain, Stage

VERSION: Final = 1
"""The profile format this program writes."""

Given = str | tuple[str, Mapping[str, Any]]
"""A stage as `Profile.from_stages` takes it: its name, or its name and values."""


@dataclass(frozen=True)
class Output:
    """The container of the picture; what the pixels mean is the `encode` stage's.

    `format` jpeg, png, tiff or avif; `bits` per channel: 8 or 16 (jpeg: 8; avif: 8, 10 or 12); `quality` of jpeg and
    avif, 1..100; `chroma` of theirs: auto, 420 or 444; `resize`: another size, None for the frame's own.
    """

    format: Literal["jpeg", "png", "tiff", "avif"] = "jpeg"
    bits: Literal[8, 10, 12, 16] = 8
    quality: int = 92
    chroma: Literal["auto", 420, 444] = "auto"
    resize: Resize | None = None

    def as_dict(self) -> dict[str, Any]:
        """Its values as a profile has them."""
        plain: dict[str, Any] = {"format": self.format, "bits": self.bits, "quality": self.quality}
        if self.chroma != "auto":
            plain["chroma"] = self.chroma
        if self.resize is not None:
            plain["resize"] = self.resize.as_dict()
        return plain


@dataclass(frozen=True)
class Datapath:
    """Fixed-point arithmetic to imitate: values are rounded and saturated between stages.

    `bits` of a signed value in all, 4..24; `headroom` of them are integer bits above white, 0..8; `rounding`: see
    `isp.engine.segment.Datapath`.
    """

    bits: int
    headroom: int = 2
    rounding: Literal["nearest", "nearest_even", "truncate"] = "nearest"


@dataclass(frozen=True)
class StageEntry:
    """One stage of a profile.

    Parameters
    ----------
    name : str
    stage : Stage
    enabled : bool
    values : mapping of parameter name to value
        What the profile or ``--set`` says, as `Param.check` returns it: plain values, source words, `FileRef`, `Table`.
    origins : mapping of parameter name to str
        `profile` or `--set`, for each of `values` (and `enabled` where it was set).
    line : int
        Line in the profile's file; 0 where there is none.
    """

    name: str
    stage: Stage
    enabled: bool = True
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    line: int = field(default=0, compare=False)

    @property
    def given(self) -> dict[str, Any]:
        """The value of every parameter before resolving: `values` over the stage's defaults."""
        return {p.name: self.values.get(p.name, p.default) for p in self.stage.parameters}


@dataclass(frozen=True)
class Step:
    """An enabled stage and the domains it takes and gives at its place."""

    entry: StageEntry
    takes: Domain
    gives: Domain


@dataclass(frozen=True)
class Profile:
    """A checked profile.

    Parameters
    ----------
    version : int
    name, description : str
    sensor : str
        Name in the sensor catalogue, or "".
    stages : tuple of StageEntry
        In order, disabled ones included.
    output : Output
    datapath : Datapath or None
    start : str
        Domain that the first stage takes; `raw` but for parts of a profile.
    source : str
        Path it was read from, or the name of a shipped profile.
    folder : Path or None
        Where the files it names are.
    """

    version: int
    name: str
    description: str
    sensor: str
    stages: tuple[StageEntry, ...]
    output: Output = Output()
    datapath: Datapath | None = None
    start: Domain = "raw"
    source: str = field(default="", compare=False)
    folder: Path | None = field(default=None, compare=False)

    @classmethod
    def from_stages(cls, stages: Iterable[Given], *, start: Domain = "raw", name: str = "stages") -> Profile:
        """A part of a profile, for `apply`: domains must chain from `start`, but need not reach the encoded picture.

        Parameters
        ----------
        stages : iterable of str or (str, mapping)
            ``["black_level", ("demosaic", {"method": "malvar2004"})]``; `enabled` may be among the values.

        Raises
        ------
        ProfileError
            Unknown stage or parameter, value out of bounds, or domains that do not chain.
        """
        from isp.profile.build import build_part

        return build_part(list(stages), start, name)

    def entry(self, name: str) -> StageEntry:
        """The stage called `name`; UsageError (with the nearest name) if the profile has none."""
        for entry in self.stages:
            if entry.name == name:
                return entry
        hint = did_you_mean(name, (e.name for e in self.stages), "its stages")
        raise UsageError(f"profile {quoted(self.name)} has no stage {quoted(name)}; {hint}")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The enabled stages with the domains they take and give."""
        from isp.profile.chain import chain

        return chain(self.stages, self.start)

    def with_settings(self, settings: Iterable[str]) -> Profile:
        """A changed copy: ``["tone_curve.contrast=1.2", "sharpen.enabled=false", "look_lut.file=@PATH"]``.

        Parameters
        ----------
        settings : iterable of str
            ``STAGE.PARAMETER=VALUE`` with the value written as in a profile; ``@PATH`` names a file from the working
            directory. ``output.`` and ``datapath.`` work like stages. Later ones win.

        Raises
        ------
        UsageError
            The text is not of that form.
        ProfileError
            No such stage or parameter, value out of bounds, or the enabled stages no longer chain.
        """
        from isp.profile.settings import apply_settings

        return apply_settings(self, settings)

    def with_stages(self, stages: Iterable[StageEntry]) -> Profile:
        """A copy with other stages, chained anew."""
        from isp.profile.chain import check_chain

        entries = tuple(stages)
        check_chain(entries, self.start, self.source, full=self.complete)
        return replace(self, stages=entries)

    @property
    def complete(self) -> bool:
        """True if it ends in an encoded picture (always, but for `from_stages`)."""
        steps = self.steps
        return self.start == "raw" and bool(steps) and steps[-1].gives == "encoded"

    def to_yaml(self) -> str:
        """The profile as text that reads back equal. ProfileError if ``--set`` named a file from outside its folder."""
        from isp.profile.writer import profile_text

        return profile_text(self)
