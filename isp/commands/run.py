"""`isp run`: develop raw files with a profile."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.batch import Job, folder, is_folder, plan, summarise, work
from isp.commands.console import emit, emit_json, one_line, progress, say
from isp.commands.developer import Recipe, develop_there
from isp.errors import UsageError
from isp.spread import at_once, checkpoint

if TYPE_CHECKING:
    from isp.profile import Profile

SUFFIXES = {"png": ".png", "tiff": ".tiff", "jpeg": ".jpg", "avif": ".avif"}
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
        Path | None,
        typer.Option("--depth", metavar="FILE", help="Depth for stages that ask: .npy, EXR [m]; 16-bit PNG, TIFF [mm]"),
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
    jobs: options.Jobs = None,
    scheduler: options.Scheduler = None,
    debug: options.Debug = False,
) -> None:
    """Develop raw files with a profile.

    Prints the name of each picture on stdout. A file that fails does not stop the others; the exit code is the
    highest of all.
    """
    from isp.profile import read_profile

    read = read_profile(profile)
    named = named_settings(output, tap, read.output.bits)
    recipe = Recipe(
        profile=profile,
        settings=(*named, *(settings or ())),
        threads=threads,
        tap=tap,
        overwrite=overwrite,
        raw=raw,
        in_process=in_process,
        limit=tuple(limit or ()),
        depth=depth,
        focus=focus,
        defects=defects,
    )
    developer = recipe.developer(read)
    if tap is None:
        check_depth(developer.profile)
    container = developer.profile.output.format
    pairs = plan(inputs, output, ".tiff" if tap else SUFFIXES[container], merge=merge)
    if scheduler is None and jobs is None and len(pairs) > 1:
        jobs = at_once([pair.source for pair in pairs])
    with folder(output), progress() as bar:
        bar.start(pairs[0].source.name if len(pairs) == 1 else f"{len(pairs)} frames")
        alone = len(pairs) == 1 and scheduler is None

        def develop(pair: Job) -> dict[str, Any]:
            return developer.develop(pair, bar if alone else checkpoint)

        outcomes = work(
            pairs,
            develop if scheduler is None else partial(develop_there, recipe.for_everywhere(developer.profile)),
            show=(lambda record: None) if as_json else report,
            count=(lambda done, total: None) if alone else bar,
            check=(lambda pair: {}) if scheduler is None else developer.check,
            debug=debug,
            at_once=jobs if len(pairs) > 1 else None,
            scheduler=scheduler,
        )
    if as_json:
        code = max(o.code for o in outcomes)
        emit_json({"profile": developer.profile.name, "files": [o.record for o in outcomes], "exit_code": code})
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


def report(record: dict[str, Any]) -> None:
    """One file for people: its name on stdout, the pace on a terminal."""
    emit(one_line(str(record["output"])))
    if sys.stderr.isatty():
        width, height = record["size"]
        total = record["seconds"]["total"]
        megapixels = width * height / 1e6
        say(f"  {width} x {height}, {total:.2f} s, {megapixels / total:.0f} MP/s")
