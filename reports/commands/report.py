"""`isp report`: which picture is better, where, by how much, and is that more than chance."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, say
from isp.errors import InputError, UsageError

if TYPE_CHECKING:
    from isp.values import Float64
    from reports.model import Report

FORMATS = {".html": "html", ".htm": "html", ".png": "png", ".pdf": "pdf"}


def _print_schema(wanted: bool) -> None:
    if wanted:
        from reports.compare.as_json import SCHEMA

        emit(json.dumps(SCHEMA, indent=2))
        raise typer.Exit


def report(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...", help="Pictures, PROFILE:RAW pairs, or raw files and profiles (each with each)."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="report.html, .png or .pdf; a folder with --matrix."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="FILE", help="The picture that all should look like.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="DIR", help="What isp simulate --truth wrote: where the charts are."),
    ] = None,
    corners: Annotated[
        str | None,
        typer.Option(
            "--corners", metavar="'X,Y X,Y X,Y X,Y'",
            help="Corners of the 24-patch chart: dark skin's first, then clockwise as the chart stands.",
        ),
    ] = None,
    chart: Annotated[
        str | None, typer.Option("--chart", metavar="NAME", help="Whose values the 24-patch chart has.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Of the page.")] = "",
    form: Annotated[
        str | None, typer.Option("--format", metavar="html|png|pdf", help="By default what OUT's suffix says.")
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", metavar="'KEY>NUMBER'", help="Exit with 8 if it holds: 'delta_e.mean>2'."),
    ] = None,
    stages: Annotated[bool, typer.Option("--stages/--no-stages", help="Time, memory and taps of each stage.")] = True,
    matrix: Annotated[
        Path | None,
        typer.Option("--matrix", metavar="FILE", help="Simulate and measure a grid of profiles, sensors, scenes, ..."),
    ] = None,
    sensor: Annotated[
        str | None, typer.Option("--sensor", metavar="NAME", help="The datasheet of a sensor or a phone's camera.")
    ] = None,
    mode: Annotated[str | None, typer.Option("--mode", metavar="MODE", help="Of --sensor: full, bin2, ...")] = None,
    iso: Annotated[float | None, typer.Option("--iso", metavar="ISO", help="Of --sensor; default its lowest.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a matrix that was begun in this folder.")
    ] = False,
    scheduler: options.Scheduler = None,
    jobs: options.Jobs = None,
    settings: options.Settings = None,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    schema: Annotated[
        bool,
        typer.Option("--schema", callback=_print_schema, is_eager=True, help="Print the JSON Schema of --json."),
    ] = False,
    raw: options.Raw = None,
    in_process: options.InProcess = False,
    limit: options.Limit = None,
    debug: options.Debug = False,
) -> None:
    """Measure pictures and compare them on one page.

    Prints the name of the page; the verdict goes to stderr. Exits with 8 if a condition of --fail-if holds.
    """
    words = inputs or []
    if sum((bool(words), matrix is not None, sensor is not None)) != 1:
        raise UsageError("give one of: inputs, --matrix FILE, --sensor NAME")
    if sensor is None and (mode is not None or iso is not None):
        raise UsageError("--mode and --iso belong to --sensor NAME")
    if matrix is not None:
        if output is None:
            raise UsageError("--matrix needs -o FOLDER for its results")
        from reports.matrix.report import matrix_report

        with progress() as bar:
            bar.start(matrix.name)
            page = matrix_report(
                matrix, output, scheduler=scheduler, jobs=jobs, overwrite=overwrite, resume=resume, progress=bar
            )
        emit(one_line(str(page)))
        return
    from reports.compare.conditions import FAILED, failures, parse

    conditions = [parse(text) for text in fail_if or []]
    if output is None and not as_json and not conditions:
        raise UsageError("nothing to write; give -o report.html, --json or --fail-if")
    kind = _checked(output, form, overwrite)
    with progress() as bar:
        if sensor is not None:
            from reports.datasheet import datasheet

            bar.start(sensor)
            made = datasheet(sensor, mode, iso)
        else:
            made = _compared(
                words, bar, reference=reference, truth=truth, corners=corners, chart=chart, title=title,
                stages=stages, settings=settings or [], threads=threads, reading=(raw, in_process, limit),
            )
        failed = failures(conditions, made)
        if output is not None:
            bar.start(output.name)
            _write(made, output, kind, overwrite)
    if as_json:
        from reports.compare.as_json import as_json as plain

        emit_json(plain(made))
    elif output is not None:
        emit(one_line(str(output)))
    if made.verdict.sentence:
        say(made.verdict.sentence)
    for sentence in (*made.notes, *failed):
        say(f"failed: {sentence}" if sentence in failed else f"note: {sentence}")
    if failed:
        raise typer.Exit(FAILED)


def _checked(output: Path | None, form: str | None, overwrite: bool) -> str:
    """The format to write, after a check that it can be written."""
    from isp.io import check_writable

    if form is not None and form not in ("html", "png", "pdf"):
        raise UsageError(f"--format {form!r} must be html, png or pdf")
    if output is None:
        return form or "html"
    kind = form or FORMATS.get(output.suffix.lower())
    if kind is None:
        raise UsageError(f"-o {output}: no format has the suffix {output.suffix!r}; known here: {', '.join(FORMATS)}")
    check_writable(output, overwrite=overwrite)
    return kind


def _write(made: Report, output: Path, kind: str, overwrite: bool) -> None:
    from isp.io import atomic_write

    if kind == "html":
        from reports.page import render

        data = render(made).encode()
    else:
        from reports.page.slides import as_slides

        data = as_slides(made, kind)
    with atomic_write(output, overwrite) as file:
        file.write(data)


def _compared(
    words: list[str], bar: Any, *, reference: Path | None, truth: Path | None, corners: str | None, chart: str | None,
    title: str, stages: bool, settings: list[str], threads: int | None, reading: tuple[Any, ...],
) -> Report:  # fmt: skip
    from isp.commands.developer import reading as read_options
    from reports.compare.build import Options, build
    from reports.compare.inputs import Taken, Wanted, take, understood
    from reports.source import Source

    wanted = understood(words)
    regions = read_regions(truth) if truth is not None else None
    given = read_corners(corners) if corners is not None else None
    how = read_options(*reading)

    def begin(what: str) -> Any:
        bar.start(what)
        return bar

    ideal = None
    if reference is None and truth is not None and (truth / "ideal.png").is_file():
        reference = truth / "ideal.png"
    if reference is not None:
        from isp.io import read_picture

        picture = read_picture(reference, how["limits"])
        ideal = Taken("reference", Wanted(reference), Source(picture), sha256=picture.origin.sha256)
        del picture
    taken = take(wanted, settings=settings, reading=how, threads=threads, progress=begin)
    spoken = ("isp", "report", *(_bare(word) for word in words), *(f"--set={s}" for s in settings))
    command = " ".join(shlex.quote(word) for word in spoken)
    return build(
        taken, Options(title, regions, given, chart, stages, command), ideal, tell=lambda what: bar.start(what)
    )


def _bare(word: str) -> str:
    """A word of the command without the folders of its files, which are nobody's business."""
    left, colon, right = word.partition(":")
    return f"{Path(left).name}:{Path(right).name}" if colon and right else Path(word).name or word


def read_corners(text: str) -> Float64:
    """(4, 2) corners from ``X,Y X,Y X,Y X,Y``.

    Raises
    ------
    UsageError
        Not four pairs of finite numbers, or they do not go round a convex area.
    """
    import numpy as np

    try:
        found = np.array([[float(v) for v in pair.split(",")] for pair in text.replace(";", " ").split()])
    except ValueError:
        found = np.zeros(0)
    if found.shape != (4, 2) or not np.isfinite(found).all():
        raise UsageError(f"--corners {text!r} must be four pairs of numbers: '10,20 310,22 308,220 12,218'")
    sides = np.roll(found, -1, 0) - found
    turns = sides[:, 0] * np.roll(sides, -1, 0)[:, 1] - sides[:, 1] * np.roll(sides, -1, 0)[:, 0]
    if not (turns.min() > 0 or turns.max() < 0):
        raise UsageError(f"--corners {text!r} must go round the chart, one corner after the other")
    return found


def read_regions(folder: Path) -> list[dict[str, Any]]:
    """The regions of a truth that `isp simulate --truth` wrote.

    Raises
    ------
    InputError
        The folder or its truth.json is missing or is not what it should be.
    """
    path = folder / "truth.json"
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(64_000_000))["regions"]
        if not all(isinstance(r, dict) and isinstance(r["kind"], str) and len(r["corners"]) == 4 for r in found):
            raise ValueError
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: is not the truth of a simulated frame") from None
    return list(found)
