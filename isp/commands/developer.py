"""From raw file to picture file: what `isp run` does with one job, here or on a worker of a cluster."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isp.commands.batch import Job
from isp.errors import InputError, OutputError, ProfileError
from isp.spread import checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isp.io.limits import Limits
    from isp.pipeline import Pipeline
    from isp.pipeline import Run as PipelineRun
    from isp.profile import Profile
    from isp.values import Companions


@dataclass(frozen=True)
class Recipe:
    """How to develop, in words that travel: the options of `isp run` that touch pixels or files.

    `fingerprint` is the profile's with its settings; "" where nobody compares it.
    """

    profile: str
    settings: tuple[str, ...] = ()
    threads: int | None = None
    tap: str | None = None
    overwrite: bool = False
    raw: str | None = None
    in_process: bool = False
    limit: tuple[str, ...] = ()
    depth: Path | None = None
    focus: float | None = None
    defects: Path | None = None
    fingerprint: str = ""

    def developer(self, read: Profile | None = None) -> Developer:
        """Reads the profile, if `read` is not it, and the files beside it."""
        from isp.pipeline import Pipeline
        from isp.profile import read_profile

        profile = (read or read_profile(self.profile)).with_settings(self.settings)
        how = reading(self.raw, self.in_process, list(self.limit))
        return Developer(
            profile,
            Pipeline(profile, threads=self.threads),
            tap=self.tap,
            overwrite=self.overwrite,
            reading=how,
            companions=companions(self.depth, self.focus, self.defects, limits=how["limits"]),
        )

    def for_everywhere(self, profile: Profile) -> Recipe:
        """The same for a process with another working directory, which must find this profile."""
        from isp.profile import shipped_profiles
        from isp.profile.fingerprint import profile_fingerprint

        shipped = self.profile in shipped_profiles()
        return replace(
            self,
            profile=self.profile if shipped else os.path.abspath(self.profile),
            settings=tuple(_absolute_file(setting) for setting in self.settings),
            depth=self.depth and self.depth.absolute(),
            defects=self.defects and self.defects.absolute(),
            fingerprint=profile_fingerprint(profile),
        )


def _absolute_file(setting: str) -> str:
    from isp.profile.loader import parse_value

    name, equals, value = setting.partition("=")
    value = value.strip()
    if value.startswith("@"):
        return f"{name}{equals}@{os.path.abspath(value[1:])}"
    given = parse_value(value, name) if value.startswith("{") else None
    if not isinstance(given, dict) or not isinstance(given.get("file"), str):
        return setting
    # JSON is a way to write YAML
    return f"{name}{equals}{json.dumps({**given, 'file': os.path.abspath(given['file'])}, ensure_ascii=False)}"


class Developer:
    """Takes jobs from file to file with one pipeline."""

    def __init__(
        self,
        profile: Profile,
        pipeline: Pipeline,
        *,
        tap: str | None,
        overwrite: bool,
        reading: dict[str, Any],
        companions: Companions,
    ) -> None:
        self.profile = profile
        self._pipeline = pipeline
        self._tap, self._overwrite = tap, overwrite
        self._reading, self._companions = reading, companions

    def check(self, job: Job) -> dict[str, Any]:
        """Refuse what this machine can see is wrong with the files of a job, without reading them."""
        from isp.io import check_writable
        from isp.io.source import open_source

        check_writable(job.target, overwrite=self._overwrite)
        for path in (job.source, *job.more):
            with open_source(path, self._reading["limits"]):
                pass
        return {}

    def develop(self, job: Job, bar: Callable[[int, int], None] = checkpoint) -> dict[str, Any]:
        """Read, render and write one file; returns its record for `--json`."""
        from isp.io import check_writable, read_raw
        from isp.values import RawSet

        check_writable(job.target, overwrite=self._overwrite)
        began = time.perf_counter()
        frames = RawSet(tuple(read_raw(path, **self._reading) for path in (job.source, *job.more)))
        frame = frames[0]
        read = time.perf_counter()
        done = self._pipeline.run(frames, tap=self._tap, companions=self._companions, progress=bar)
        checkpoint()
        rendered = time.perf_counter()
        self._write(done, job.target)
        wrote = time.perf_counter()
        return {
            "input": job.source,
            "sha256": frame.origin.sha256,
            **({"more": [{"input": p, "sha256": f.origin.sha256} for p, f in zip(job.more, frames[1:], strict=True)]}
               if job.more else {}),
            "output": job.target,
            "size": [frame.shape[1], frame.shape[0]],
            "seconds": {
                "read": read - began, **done.seconds, "write": wrote - rendered, "total": wrote - began,
            },
            "warnings": done.warnings,
            "stages": [{"name": s.name, "values": s.values, "origins": s.origins} for s in done.stages],
            "exit_code": 0,
        }

    def _write(self, done: PipelineRun, target: Path) -> None:
        from isp.io import write_picture, write_value
        from isp.values import Picture

        if self._tap is not None or not isinstance(done.value, Picture):
            write_value(done.value, target, overwrite=self._overwrite)
            return
        output = self.profile.output
        write_picture(
            done.value,
            target,
            format=output.format,
            bits=output.bits,
            quality=output.quality,
            chroma=output.chroma,
            resize=output.resize,
            overwrite=self._overwrite,
        )


def develop_there(recipe: Recipe, job: Job) -> dict[str, Any]:
    """`Developer.develop` on a worker of a cluster; its record as plain data.

    Raises
    ------
    InputError, OutputError, ProfileError
        Also where this machine does not see what the sender sees.
    """
    from isp.commands.console import plain

    where = _worker()
    for path in (job.source, *job.more):
        if not path.exists():
            raise InputError(f"{path}: {where} does not see it; every worker must see the same files")
    if not job.target.parent.is_dir():
        raise OutputError(f"{job.target}: {where} does not see its folder; every worker must see the same files")
    developer = _developer(recipe, where)
    again = os.path.lexists(job.target) and not recipe.overwrite
    found: dict[str, Any] = plain(_again(developer, job) if again else developer.develop(job))
    return found


def _again(developer: Developer, job: Job) -> dict[str, Any]:
    """A job whose output is there, though it was not when the batch began.

    A worker may have died between writing it and saying so: then the same bytes come out again.
    """
    import filecmp
    import tempfile

    with tempfile.TemporaryDirectory(prefix="isp-") as folder:
        probe = Path(folder) / job.target.name
        record = developer.develop(replace(job, target=probe))
        if not filecmp.cmp(probe, job.target, shallow=False):
            raise OutputError(f"{job.target}: exists; give --overwrite to replace it")
    return {**record, "output": job.target}


@lru_cache(maxsize=4)
def _developer(recipe: Recipe, where: str) -> Developer:
    from isp.profile.fingerprint import profile_fingerprint

    developer = recipe.developer()
    if profile_fingerprint(developer.profile) != recipe.fingerprint:
        raise ProfileError(f"{recipe.profile}: {where} finds another profile there, or other files that it names")
    return developer


def _worker() -> str:
    from distributed import get_worker

    try:
        return f"worker {get_worker().address}"
    except ValueError:
        return "this process"


def reading(raw: str | None, in_process: bool, limit: list[str] | None) -> dict[str, Any]:
    """The arguments of `read_raw` that the command line asks for."""
    from isp.io import parse_dump
    from isp.io.limits import parse_limits

    return {
        "dump": parse_dump(raw) if raw is not None else None,
        "limits": parse_limits(limit or []),
        "in_process": in_process,
    }


def companions(depth: Path | None, focus: float | None, defects: Path | None = None, *, limits: Limits) -> Companions:
    """The planes and distances given beside the frame, from files within `limits`."""
    from isp.io.depth_read import read_distances
    from isp.values import Companions

    planes: dict[str, NDArray[Any]] = {}
    if depth is not None:
        planes["depth"] = read_distances(depth, limits)
    if defects is not None:
        planes["defects"] = _mask(defects, limits)
    return Companions(planes, focus)


def _mask(path: Path, limits: Limits) -> NDArray[Any]:
    """A mask of defects from a `.npy` file."""
    from isp.io.picture_read import opened
    from isp.profile.files import parse_npy

    with opened(path, limits, "a defect mask") as source:
        data = source.read_at(0, source.size, "the file")
    try:
        # what it may hold is bounded by the size of the file: it has no fewer bytes than pixels
        mask = parse_npy(data, str(path), sys.maxsize, bool)
    except ProfileError as error:
        raise InputError(str(error)) from None
    limits.check("megapixels", mask.size, f"{path}: megapixels of a defect mask", 1e6)
    return mask
