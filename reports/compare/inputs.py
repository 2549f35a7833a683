"""What is compared: pictures, PROFILE:RAW pairs, or raw files and profiles, from the words of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isp.errors import InputError, UsageError
from reports.source import Source

if TYPE_CHECKING:
    from isp.pipeline import Pipeline
    from isp.pipeline import Run as PipelineRun
    from isp.profile import Profile
    from isp.values import RawFrame

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".hdr")
LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST = 12
"""Inputs of one report; a page of more cannot be read."""
_DEFAULT_PROFILE = "natural"


@dataclass(frozen=True)
class Wanted:
    """One input as asked for: a picture's file, or a profile and a raw file."""

    path: Path
    profile: str | None = None

    @property
    def name(self) -> str:
        """What the report calls it: no folders."""
        return self.path.name if self.profile is None else f"{Path(self.profile).name}: {self.path.name}"


@dataclass
class Taken:
    """One input, read or developed.

    Parameters
    ----------
    label : ``A``, ``B``, ...
    wanted : Wanted
    source : Source
        Its pixels.
    frame, pipeline, run : what it was developed from and how; None for a picture. `run` holds no pixels.
    """

    label: str
    wanted: Wanted
    source: Source
    frame: RawFrame | None = None
    pipeline: Pipeline | None = None
    run: PipelineRun | None = None
    sha256: str = ""


def understood(words: Sequence[str]) -> list[Wanted]:
    """What each word means, in order; profiles and raw files that stand alone are combined, each with each.

    Raises
    ------
    UsageError
        A word is neither a file nor a profile, a profile has no raw file, or there are too many inputs.
    """
    from isp.profile import shipped_profiles

    wanted: list[Wanted] = []
    profiles: list[str] = []
    raws: list[Path] = []
    shipped = list(shipped_profiles())
    for word in words:
        path = Path(word)
        left, colon, right = word.partition(":")
        if path.suffix.lower() in (".yaml", ".yml") or (word in shipped and not path.is_file()):
            profiles.append(word)
        elif path.exists() or not colon:
            if not path.exists() and not path.suffix:
                near = difflib.get_close_matches(word, shipped, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; shipped profiles: {', '.join(shipped)}"
                raise UsageError(f"{word!r} is neither a file nor a profile{hint}")
            if path.suffix.lower() in PICTURES:
                wanted.append(Wanted(path))
            else:
                raws.append(path)
        else:
            if left not in shipped and not Path(left).exists():
                near = difflib.get_close_matches(left, shipped, 1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise UsageError(f"{word!r}: no profile {left!r}; {hint}shipped profiles: {', '.join(shipped)}")
            if Path(right).suffix.lower() in PICTURES:
                raise UsageError(f"{word!r}: a profile develops raw files; {right!r} is a picture")
            wanted.append(Wanted(Path(right), left))
    if profiles and not raws:
        raise UsageError(f"profile {profiles[0]!r} has no raw file to develop; give one, or write PROFILE:RAW")
    wanted += [Wanted(raw, profile) for raw in raws for profile in (profiles or [_DEFAULT_PROFILE])]
    if not wanted:
        raise UsageError("nothing to report on; give pictures, PROFILE:RAW pairs, or a raw file and profiles")
    if len(wanted) > MOST:
        raise UsageError(f"{len(wanted)} inputs; a report holds at most {MOST}")
    return wanted


def take(
    wanted: Sequence[Wanted],
    *,
    settings: Sequence[str] = (),
    reading: dict[str, Any] | None = None,
    threads: int | None = None,
    progress: Callable[[str], Callable[[int, int], None]] = lambda _what: lambda _done, _total: None,
) -> list[Taken]:
    """Read or develop every input, one after the other.

    Parameters
    ----------
    settings : ``STAGE.PARAM=VALUE`` for every profile
    reading : arguments of `isp.io.read_raw`
    progress : given what begins, returns what is called with (rows done, rows in all)

    Raises
    ------
    IspError
        As reading and developing do; nothing is skipped.
    """
    from dataclasses import replace

    from isp.io import read_picture, read_raw
    from isp.pipeline import Pipeline
    from isp.profile import read_profile
    from isp.values import Picture

    profiles: dict[str, Profile] = {}
    frames: dict[Path, RawFrame] = {}
    for each in wanted:
        if each.profile is not None and each.profile not in profiles:
            profiles[each.profile] = read_profile(each.profile).with_settings(settings)
    taken = []
    limits = {"limits": reading["limits"]} if reading and "limits" in reading else {}
    for label, each in zip(LABELS, wanted, strict=False):
        tell = progress(each.name)
        if each.profile is None:
            picture = read_picture(each.path, **limits)
            taken.append(Taken(label, each, Source(picture), sha256=picture.origin.sha256))
            continue
        if each.path not in frames:
            frames.clear()  # one frame in memory at a time
            frames[each.path] = read_raw(each.path, **(reading or {}))
        frame = frames[each.path]
        pipeline = Pipeline(profiles[each.profile], threads=threads)
        run = pipeline.run(frame, progress=tell)
        if not isinstance(run.value, Picture):
            raise InputError(f"{each.name}: the profile does not end in a picture")
        source = Source(run.value)
        small = replace(run, value=frame)  # the picture's pixels are the source's from here on
        taken.append(Taken(label, each, source, frame, pipeline, small, frame.origin.sha256))
    return taken
