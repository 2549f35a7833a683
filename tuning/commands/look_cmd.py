"""`isp tune look`: a look from pictures before and after it, as a .cube file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, say
from isp.errors import UsageError

if TYPE_CHECKING:
    from tuning.look.look_fit import LookFit


def look(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="BEFORE AFTER...", help="Pairs of pictures of one size: PNG, JPEG, TIFF.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="LOOK.cube", help="The look as a table.")],
    size: Annotated[int, typer.Option("--size", metavar="17|33|65", help="Points a side of the table.")] = 33,
    model: Annotated[
        str, typer.Option("--model", metavar="auto|lut|parametric", help="By default the better on what is held back.")
    ] = "auto",
    smoothness: Annotated[
        float | None, typer.Option("--smoothness", metavar="NUMBER", help="By default the best on what is held back.")
    ] = None,
    keep_monotone: Annotated[
        bool, typer.Option("--monotone/--free", help="No channel falls where its own input rises.")
    ] = True,
    register: Annotated[bool, typer.Option("--register/--as-they-lie", help="Undo a shift between the two.")] = True,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the draws.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Fit a look to pictures before and after it, and write it as a .cube file for the stage look_lut.

    Prints the name of the file; how near the look comes to what it was not fitted to goes to stderr.
    """
    from isp.io import check_writable
    from tuning.look.look_fit import fit_look

    if len(pictures) % 2:
        raise UsageError(f"{len(pictures)} pictures; pairs are needed: BEFORE AFTER, BEFORE AFTER, ...")
    if output.suffix.lower() != ".cube":
        raise UsageError(f"-o {output}: a look is written as a .cube file")
    check_writable(output, overwrite=overwrite)
    with progress() as bar:
        bar.start("fitting the look")
        pairs = list(zip(pictures[::2], pictures[1::2], strict=True))
        found = fit_look(
            pairs, size=size, model=model, smoothness=smoothness, keep_monotone=keep_monotone, register=register,
            title=output.stem, seed=seed,
        )  # fmt: skip
    found.write(output, overwrite=overwrite)
    if as_json:
        emit_json({"output": output, **summary(found)})
    else:
        emit(one_line(str(output)))
    say(f"{found.reason}; {found.seen:.1%} of the table's points were seen")
    for line in found.warnings:
        say(f"warning: {line}")


def summary(found: LookFit) -> dict[str, Any]:
    """What was found, for machines."""
    scores = {
        name: {"psnr": score.psnr.as_json(), "delta_e": score.delta_e.as_json()} for name, score in found.scores.items()
    }
    return {
        "model": found.model,
        "reason": found.reason,
        "size": None if found.lut.table is None else len(found.lut.table),
        "smoothness": found.smoothness,
        "seen": found.seen,
        "scores": scores,
        "shifts": found.shifts,
        "warnings": found.warnings,
    }
