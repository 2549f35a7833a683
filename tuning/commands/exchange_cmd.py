"""`isp tune import` and `isp tune export`: profiles from and for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, say

ISO_AT_UNITY = typer.Option("--unity-iso", metavar="ISO", help="ISO at analogue gain 1, for libcamera's noise model.")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="libcamera JSON or YAML, DCP, or .cube.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PROFILE.yaml", help="The profile.")],
    base: Annotated[str, typer.Option("--base", metavar="PROFILE", help="Whose stages the profile has.")] = "natural",
    bits: Annotated[
        int | None, typer.Option("--bits", metavar="N", help="Of the raw frames, for libcamera's black levels.")
    ] = None,
    unity_iso: Annotated[float, ISO_AT_UNITY] = 100.0,
    space: Annotated[str, typer.Option("--space", help="Primaries a .cube file was made for.")] = "srgb",
    transfer: Annotated[str, typer.Option("--transfer", help="Curve a .cube file was made for.")] = "srgb",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make a profile from another program's tuning file.

    Prints the names of the files written; what could not be carried over goes to stderr, a line each.
    """
    from isp.io import check_writable
    from isp.profile import read_profile
    from tuning.exchange.importing import import_tuning

    check_writable(output, overwrite=overwrite)
    made = import_tuning(
        file, base=read_profile(base), bits=bits, unity_iso=unity_iso, space=space, transfer=transfer
    )  # fmt: skip
    written = made.write(output, overwrite=overwrite)
    if as_json:
        emit_json({"files": written, "format": made.format, "carried": made.carried, "notes": made.notes})
        return
    for path in written:
        emit(one_line(str(path)))
    for line in made.notes:
        say(f"note: {line}")


def export(
    profile: options.ProfileName,
    target: Annotated[
        str,
        typer.Option(
            "--to", metavar="FORMAT",
            help="libcamera-pisp, libcamera-vc4, libcamera-rkisp1, dcp, icc, cube, camera2, noise_model_c.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file.")],
    into: Annotated[
        Path | None, typer.Option("--into", metavar="FILE", help="A libcamera JSON file whose other blocks are kept.")
    ] = None,
    kelvin: Annotated[float, typer.Option("--kelvin", help="Light, where a format holds one only.")] = 5000.0,
    iso: Annotated[float, typer.Option("--iso", help="Sensitivity of Camera2's noise profile.")] = 100.0,
    size: Annotated[int, typer.Option("--size", metavar="N", help="Points a side of a table (cube, icc).")] = 33,
    kind: Annotated[str, typer.Option("--kind", metavar="lut|matrix", help="Of an ICC profile.")] = "lut",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The camera's name in a DCP.")] = "",
    max_analog_iso: Annotated[
        float | None, typer.Option("--max-analog-iso", metavar="ISO", help="For noise_model_c.")
    ] = None,
    unity_iso: Annotated[float, ISO_AT_UNITY] = 100.0,
    settings: options.Settings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write a profile in another program's format.

    Prints the name of the file; what could not be carried over goes to stderr, a line each.
    """
    from isp.io import check_writable
    from isp.profile import read_profile
    from tuning.exchange.exporting import export_profile, read_tree

    check_writable(output, overwrite=overwrite)
    made = export_profile(
        read_profile(profile).with_settings(settings or []), target, into=None if into is None else read_tree(into),
        kelvin=kelvin, iso=iso, size=size, kind=kind, model=model, max_analog_iso=max_analog_iso, unity_iso=unity_iso,
    )  # fmt: skip
    made.write(output, overwrite=overwrite)
    if as_json:
        emit_json({"file": output, "target": made.target, "notes": made.notes})
        return
    emit(one_line(str(output)))
    for line in made.notes:
        say(f"note: {line}")
