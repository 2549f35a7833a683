"""`isp tune calibrate`: from captures of charts, flats and darks to a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, say
from isp.errors import UsageError


def calibrate(
    session: Annotated[Path, typer.Argument(metavar="SESSION.yaml", help="Which files are captures of what.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Folder for profile, numbers and page.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="This calibration, and those it builds on; as often as you like."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Calibrate a profile from captures of known targets.

    Prints the names of the profile, the numbers and the page. A calibration that its captures do not allow is n.a. and
    the base profile's value stays; exits with 7 if there is none that they allow.
    """
    from tuning.session.results import as_json as plain
    from tuning.session.results import check_results, write_results
    from tuning.session.run import run_session

    if output is None and not as_json:
        raise UsageError("nothing to write; give -o OUT or --json")
    if output is not None:
        check_results(output, overwrite)
    with progress() as bar:
        done = run_session(session, only=only or (), tell=bar.start)
        if output is not None:
            bar.start("writing")
            written = write_results(done, output, overwrite=overwrite)
    if as_json:
        emit_json(plain(done))
    elif output is not None:
        emit("\n".join(one_line(str(path)) for path in written))
    for each in done.outcomes:
        if each.found is None:
            say(f"{each.title}: n.a., {each.reason}")
