"""`isp compile`: a profile as a C library for a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, progress, say
from isp.errors import UsageError

if TYPE_CHECKING:
    from isp.values import RawFrame

TARGET_HELP = "arm-64-android, arm-64-ios, arm-64-linux, arm-32-linux-nofp (integers), x86-64-linux or host."
FEATURES_HELP = "Instruction sets beyond the target's least: avx2,fma; or integer: pixels computed without floats."


def compile_command(
    profile: options.ProfileName,
    target: Annotated[str, typer.Option("--target", metavar="TARGET", help=TARGET_HELP)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write.")],
    features: Annotated[
        list[str] | None,
        typer.Option("--features", metavar="NAME,...", help=FEATURES_HELP),
    ] = None,
    cfa: Annotated[str | None, typer.Option("--cfa", metavar="RGGB", help="The sensor's colour filter array.")] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="WIDTHxHEIGHT", help="Size of the frames; 4032x3024 by default.")
    ] = None,
    raw: options.Raw = None,
    like: Annotated[
        Path | None,
        typer.Option("--like", metavar="FILE", help="A raw file of the camera, for its facts and for what is auto."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave to the caller what cannot be compiled.")
    ] = False,
    settings: options.Settings = None,
    build: Annotated[bool, typer.Option("--build", help="Build the example with a C compiler from here.")] = False,
    compiler: Annotated[str | None, typer.Option("--cc", metavar="CC", help="The C compiler; implies --build.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    in_process: options.InProcess = False,
    limit: options.Limit = None,
) -> None:
    """Compile a profile for a phone: objects, C sources and a table of its parameters.

    Prints the folder. Its example program reads a raw dump and writes a PPM file.
    """
    from isp.native.library import compile_profile
    from isp.native.link import find_compiler, link_example
    from isp.native.machines import find_machine
    from isp.profile import read_profile

    names = [name for text in features or () for name in text.split(",") if name]
    machine = find_machine(target, names)
    if build or compiler:
        find_compiler(machine, compiler)
    read = read_profile(profile).with_settings(settings or [])
    frame = _frame(like, raw, cfa, size, in_process, limit)
    with progress() as bar:
        bar.start(f"{read.name} for {target}")
        library = compile_profile(
            read, target, output, features=names, partial=partial, overwrite=overwrite, progress=bar,
            **{"frame" if like is None else "like": frame},
        )
    program = link_example(library, compiler) if build or compiler else None
    if as_json:
        emit_json({
            "profile": read.name, "target": library.machine.name, "halide_target": library.machine.halide,
            "folder": output, "files": library.files, "segments": library.segments,
            "object_bytes": library.object_bytes, "table_bytes": library.table_bytes, "seconds": library.seconds,
            "left_to_the_caller": {"stages": library.caller_stages, "arrays": library.caller_arrays},
            "program": program, "warnings": library.warnings,
        })
        return
    emit(str(output))
    seconds = library.seconds["resolve"] + library.seconds["compile"]
    count = len(library.segments)
    say(f"{count} segment{'s' if count != 1 else ''}, {library.object_bytes / 1e6:.2f} MB of objects, "
        f"{library.table_bytes / 1e6:.2f} MB of tables, {seconds:.1f} s")
    for line in library.warnings:
        say(f"warning: {line}")
    for name in (*library.caller_stages, *library.caller_arrays):
        say(f"left to the caller: {name}")


def _frame(
    like: Path | None, raw: str | None, cfa: str | None, size: str | None, in_process: bool, limit: list[str] | None
) -> RawFrame:
    """What the frames are like: a raw file, the description of a dump, or a phone's 12 MP with `cfa` and `size`."""
    from isp.commands.developer import reading
    from isp.io import read_raw
    from isp.values import typical

    if (like is not None or raw is not None) and (cfa or size):
        raise UsageError("--cfa and --size describe frames without --like and --raw, which say both")
    given: dict[str, Any] = reading(raw, in_process, limit)
    if like is not None:
        return read_raw(like, **given)
    if given["dump"] is not None:
        return _described(given["dump"])
    return typical(cfa or "RGGB", _size(size) if size else (4032, 3024))


def _described(dump: Any) -> RawFrame:
    import numpy as np

    from isp.values import RawFrame

    pixels = np.zeros((dump.height, dump.width), np.uint16 if dump.bits <= 16 else np.uint32)
    return RawFrame.from_array(pixels, dump.cfa, dump.black, dump.white_level, iso=dump.iso)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 4 <= int(width) <= 65535 and 4 <= int(height) <= 65535):
        raise UsageError(f"--size {text!r} must be WIDTHxHEIGHT, each 4..65535: 4032x3024")
    return int(width), int(height)
