"""`isp tune demo`: the tutorial in one command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, say
from isp.errors import UsageError


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for everything.")],
    sensor: Annotated[
        list[str] | None,
        typer.Option("--sensor", metavar="NAME", help="A sensor of the catalogue; imx586 and quad_200mp by default."),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Photosites of the sensors; the whole sensors with --full.")
    ] = "2048x1536",
    full: Annotated[bool, typer.Option("--full", help="The sensors at their own size: gigabytes, hours.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all captures.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Photograph a simulated phone's targets, calibrate it from those files alone, and judge the profile.

    Writes SESSION.yaml, the captures and the results of each sensor, and prints how far unseen scenes are from truth.
    """
    from tuning.tutorial.shooting import SENSORS
    from tuning.tutorial.walk import summary, walk_through

    match = re.fullmatch(r"([0-9]{3,5})x([0-9]{3,5})", size)
    if match is None:
        raise UsageError(f"--size {size!r} must be WIDTHxHEIGHT [photosites], such as 2048x1536")
    with progress() as bar:
        done = walk_through(
            output, sensors=sensor or SENSORS, size=None if full else (int(match[1]), int(match[2])), seed=seed,
            overwrite=overwrite, tell=bar.start,
        )  # fmt: skip
    if as_json:
        emit_json(summary(done))
        return
    for each in done:
        emit(one_line(str(each.folder / "result" / "profile.yaml")))
        say(f"{each.sensor}: mean CIEDE2000 of {float(each.mean):.2f} over {len(each.judged)} unseen scenes")
        for judged in each.judged:
            say(f"  {judged.scene}: mean {float(judged.mean):.2f}, 95 % below {float(judged.p95):.2f}")
