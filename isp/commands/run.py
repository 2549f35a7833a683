"""`isp run`: develop raw files with a profile."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.batch import Job, folder, is_folder, plan, summarise, work
from isp.commands.console import Progress, emit, emit_json, one_line, progress, say
from isp.errors import InputError, ProfileError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isp.pipeline import Pipeline
    from isp.pipeline import Run as PipelineRun
    from isp.profile import Profile
    from isp.values import Companions

SUFFIXES = {"png": ".png", "tiff": ".tiff", "jpeg": ".jpg", "avif": ".avif"}
_PLANE_BYTES = 1 << 30
_MASK_PIXELS = 400_000_000
"""Most pixels of a mask, one byte each: as many as a frame may have."""
FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".jpg": "jpeg", ".jpeg": "jpeg", ".avif": "avif"}
_DEPTHS = {"png": (8, 16), "tiff": (8, 16), "jpeg": (8,), "avif": (8, 10, 12)}


def run(
    profile: options.ProfileName,
    inputs: options.Inputs,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="A file, or a folder (existing, or ending with '/').")
    ],
    tap: Annotated[
        str | None, typer.Option("--tap", metavar="STAGE", help="Write what this stage gives, as float32 TIFF.")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="All inputs are frames of one scene, for a profile with hdr_merge.")
    ] = False,
    settings: options.Settings = None,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    raw: options.Raw = None,
    depth: Annotated[
        Path | None, typer.Option("--depth", metavar="FILE", help="Depth [m] as .npy, for stages that ask.")
    ] = None,
    defects: Annotated[
        Path | None,
        typer.Option("--defects", metavar="FILE", help="Mask of known defects as .npy, as large as the frame."),
    ] = None,
    focus: Annotated[
        float | None, typer.Option("--focus", metavar="METRES", help="Distance in focus, for stages that ask.")
    ] = None,
    in_process: options.InProcess = False,
    limit: options.Limit = None,
    debug: options.Debug = False,
) -> None:
    """Develop raw files with a profile.

    Prints the name of each picture on stdout. A file that fails does not stop the others; the exit code is the
    highest of all.
    """
    from isp.pipeline import Pipeline
    from isp.profile import read_profile

    recipe = read_profile(profile)
    recipe = recipe.with_settings([*named_settings(output, tap, recipe.output.bits), *(settings or [])])
    if tap is None:
        check_depth(recipe)
    developer = Developer(
        recipe,
        Pipeline(recipe, threads=threads),
        tap=tap,
        overwrite=overwrite,
        reading=reading(raw, in_process, limit),
        companions=companions(depth, focus, defects),
    )
    jobs = plan(inputs, output, ".tiff" if tap else SUFFIXES[recipe.output.format], merge=merge)
    with folder(output), progress() as bar:

        def develop(job: Job) -> dict[str, Any]:
            bar.start(job.source.name)
            record = developer.develop(job, bar)
            if not as_json:
                report(record)
            return record

        outcomes = work(jobs, develop, debug=debug)
    if as_json:
        code = max(o.code for o in outcomes)
        emit_json({"profile": recipe.name, "files": [o.record for o in outcomes], "exit_code": code})
    raise typer.Exit(summarise(outcomes))


def named_settings(out: str, tap: str | None, bits: int = 8) -> list[str]:
    """The container that the name of the output file asks for, as settings; a name that says nothing asks nothing.

    `bits` per channel become what the format holds: as many, or more if it must, or its most.

    Raises
    ------
    UsageError
        A suffix that no format has, or a tap that is not to be a TIFF.
    """
    suffix = Path(out).suffix.lower()
    if is_folder(out):
        return []
    known = {s: f for s, f in FORMATS.items() if f == "tiff"} if tap else FORMATS
    if suffix not in known and (suffix or tap):
        raise UsageError(f"-o {out}: no format has the suffix {suffix!r}; known here: {', '.join(known)}")
    wanted = known.get(suffix)
    if tap or wanted is None:
        return []
    held = _DEPTHS[wanted]
    return [f"output.format={wanted}", f"output.bits={next((n for n in held if n >= bits), held[-1])}"]


def check_depth(profile: Profile) -> None:
    """Refuse a container that has too few bits for the transfer of the `encode` stage, before anything is rendered."""
    from isp.io.write import output_depth

    for entry in profile.stages:
        if entry.name == "encode" and entry.enabled:
            output_depth(profile.output.format, str(entry.given["transfer"]), profile.output.bits)


def reading(raw: str | None, in_process: bool, limit: list[str] | None) -> dict[str, Any]:
    """The arguments of `read_raw` that the command line asks for."""
    from isp.io import parse_dump
    from isp.io.limits import parse_limits

    return {
        "dump": parse_dump(raw) if raw is not None else None,
        "limits": parse_limits(limit or []),
        "in_process": in_process,
    }


def companions(depth: Path | None, focus: float | None, defects: Path | None = None) -> Companions:
    """The planes and distances given beside the frame."""
    from isp.values import Companions

    planes: dict[str, NDArray[Any]] = {}
    if depth is not None:
        planes["depth"] = _plane(depth, "depth plane").astype("float32")
    if defects is not None:
        planes["defects"] = _plane(defects, "defect mask", _MASK_PIXELS, bool)
    return Companions(planes, focus)


def _plane(path: Path, what: str, *form: Any) -> NDArray[Any]:
    """A companion plane from a `.npy` file; `form` as for `parse_npy`."""
    from isp.profile.files import parse_npy, read_bounded

    try:
        return parse_npy(read_bounded(path, _PLANE_BYTES, what), str(path), *form)
    except ProfileError as error:
        raise InputError(str(error)) from None


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
        self._profile, self._pipeline = profile, pipeline
        self._tap, self._overwrite = tap, overwrite
        self._reading, self._companions = reading, companions

    def develop(self, job: Job, bar: Progress) -> dict[str, Any]:
        """Read, render and write one file; returns its record for `--json`."""
        from isp.io import check_writable, read_raw
        from isp.values import RawSet

        check_writable(job.target, overwrite=self._overwrite)
        began = time.perf_counter()
        frames = RawSet(tuple(read_raw(path, **self._reading) for path in (job.source, *job.more)))
        frame = frames[0]
        read = time.perf_counter()
        done = self._pipeline.run(frames, tap=self._tap, companions=self._companions, progress=bar)
        rendered = time.perf_counter()
        self._write(done, job.target)
        wrote = time.perf_counter()
        for warning in done.warnings:
            say(f"warning: {job.source}: {warning}")
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
        output = self._profile.output
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


def report(record: dict[str, Any]) -> None:
    """One file for people: its name on stdout, the pace on a terminal."""
    emit(one_line(str(record["output"])))
    if sys.stderr.isatty():
        width, height = record["size"]
        total = record["seconds"]["total"]
        megapixels = width * height / 1e6
        say(f"  {width} x {height}, {total:.2f} s, {megapixels / total:.0f} MP/s")
