"""`isp profile`: look at a profile without developing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, short, table

app = typer.Typer(help="Check, show and explain profiles.")


@app.command()
def check(
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE...", help="YAML files, or names of shipped ones.")],
    settings: options.Settings = None,
) -> None:
    """Say whether profiles are right; a wrong one is one line with file, line and what is allowed."""
    from isp.commands.console import complain, exit_code
    from isp.errors import IspError
    from isp.profile import read_profile

    code = 0
    for name in profiles:
        try:
            profile = read_profile(name).with_settings(settings or [])
        except IspError as error:
            complain(error)
            code = max(code, exit_code(error))
            continue
        emit(f"{name}: ok, {len(profile.steps)} of {len(profile.stages)} stages enabled")
    raise typer.Exit(code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of profiles, for editors."""
    from isp.profile import profile_schema

    emit_json(profile_schema())


@app.command("list")
def shipped() -> None:
    """Name the shipped profiles."""
    from isp.profile import shipped_profiles

    for name in shipped_profiles():
        emit(str(name))


@app.command()
def show(profile: options.ProfileName, settings: options.Settings = None, as_json: options.Json = False) -> None:
    """Print every stage with every value, and where it comes from."""
    from isp.profile import profile_table, read_profile

    rows = profile_table(read_profile(profile).with_settings(settings or []))
    if as_json:
        emit_json(rows)
        return
    table(
        ("stage", "parameter", "value", "unit", "from", "allowed", "what it does"),
        [
            (r.stage if r.enabled else f"({r.stage})", r.parameter, short(r.value), r.unit, r.origin, r.bounds, r.doc)
            for r in rows
        ],
    )


@app.command()
def explain(
    profile: options.ProfileName,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Explain for this raw file.")] = None,
    settings: options.Settings = None,
    raw: options.Raw = None,
    in_process: options.InProcess = False,
    limit: options.Limit = None,
) -> None:
    """Print the segments of the compiled program, what fuses, and where memory goes."""
    from isp.commands.developer import reading
    from isp.io import read_raw
    from isp.pipeline import Pipeline
    from isp.profile import read_profile

    pipeline = Pipeline(read_profile(profile).with_settings(settings or []))
    frame = read_raw(file, **reading(raw, in_process, limit)) if file is not None else None
    for row in pipeline.explain(frame):
        emit(str(row))
