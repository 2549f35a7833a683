"""`isp tune fit`: the parameters that make raw frames look like reference pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, say, short, table
from isp.errors import IspError, NumericError, UsageError

if TYPE_CHECKING:
    from isp.io.limits import Limits
    from isp.values import Companions
    from tuning.fitting.result import FitResult
    from tuning.fitting.state import Progress

INTERRUPTED = 130
"""128 + SIGINT."""
NOT_CONVERGED = 7


def fit(
    profile: options.ProfileName,
    pairs: Annotated[
        list[str],
        typer.Argument(metavar="RAW:REFERENCE...", help="Raws with what they should become; RAW alone for a goal."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FITTED.yaml", help="The fitted profile.")
    ],
    params: Annotated[
        str,
        typer.Option("--params", metavar="NAMES", help="What is free: stages or STAGE.PARAMETER, with commas between."),
    ],
    freeze: Annotated[str, typer.Option("--freeze", metavar="NAMES", help="What is not free after all.")] = "",
    validate: Annotated[
        list[str] | None,
        typer.Option("--validate", metavar="RAW:REFERENCE", help="Held back: compared, not fitted to."),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            "--objective", metavar="TEXT",
            help="match (the references), or a goal: 'maximise acutance subject to visual_noise<1.5'.",
        ),
    ] = "match",
    optimiser: Annotated[
        str, typer.Option("--optimiser", metavar="NAME", help="auto, gauss_newton, l_bfgs, cmaes, tpe or random.")
    ] = "auto",
    space: Annotated[
        str, typer.Option("--space", metavar="NAME", help="Differences of code values (encoded) or in oklab.")
    ] = "encoded",
    register: Annotated[
        bool, typer.Option("--register/--no-register", help="Bring references onto the raw's pixels first.")
    ] = True,
    own_exposure: Annotated[
        bool | None,
        typer.Option(
            "--own-exposure/--no-own-exposure",
            help="A correction of exposure for each picture alone; by default where exposure is not free.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--time", metavar="SECONDS", min=0, help="Stop after so long.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option("--evaluations", metavar="N", min=1, help="Stop after so many evaluations.")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", metavar="N", min=1, help="Of a search.")] = 40,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of a search.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a fit to OUTPUT that was killed.")] = False,
    report: Annotated[
        Path | None, typer.Option("-r", "--report", metavar="report.html", help="Before and after, on one page.")
    ] = None,
    depth: Annotated[
        list[Path] | None,
        typer.Option("--depth", metavar="FILE", help="Depth for stages that ask: one of all raws, or one for each."),
    ] = None,
    focus: Annotated[
        float | None, typer.Option("--focus", metavar="METRES", help="Distance in focus, for stages that ask.")
    ] = None,
    settings: options.Settings = None,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    raw: options.Raw = None,
    in_process: options.InProcess = False,
    limit: options.Limit = None,
) -> None:
    """Fit a profile to reference pictures, or to a goal.

    Exits with 7 and writes no profile if the fit cannot work; with 7 and the best so far if it stopped before a
    minimum; with 130 and the best so far if it was interrupted. Everything computed is kept in OUTPUT.journal until the
    fit has ended; --resume goes on from there.
    """
    from isp.commands.developer import reading
    from isp.io import check_writable
    from isp.profile import read_profile
    from tuning.fitting.journal import open_journal
    from tuning.fitting.pairs import pair_of
    from tuning.fitting.reference_fit import fit as run

    check_writable(output, overwrite=overwrite or resume)
    if report is not None:
        check_writable(report, overwrite=overwrite)
    how = reading(raw, in_process, limit)
    begun = read_profile(profile).with_settings(settings or [])
    words = [*pairs, *(validate or [])]
    beside = _beside(depth or [], focus, len(words), how["limits"])
    given = [pair_of(_split(word), k + 1, how, beside[k]) for k, word in enumerate(words)]
    taken, held = given[: len(pairs)], given[len(pairs) :]
    kept = output.with_name(output.name + ".journal")
    with open_journal(kept, resume=resume, overwrite=overwrite) as journal, progress() as bar:
        bar.start(f"fit to {len(taken)} picture{'s' * (len(taken) > 1)}")

        def tell(now: Progress) -> None:
            bar.start(f"evaluation {now.evaluations}: loss {now.loss:.3g}, {now.pace:.1f} pictures/s")

        try:
            result = run(
                begun, taken, params=params, objective=objective, freeze=freeze, validate=held,
                optimiser=optimiser,  # type: ignore[arg-type]
                space=space,  # type: ignore[arg-type]
                register=register, own_exposure=own_exposure, seed=seed, trials=trials, seconds=seconds,
                evaluations=evaluations, threads=threads, journal=journal, tell=tell,
            )
        except NumericError:
            # it cannot work: nothing is there to go on with
            kept.unlink(missing_ok=True)
            raise
    _write(result, output, overwrite or resume)
    if result.interruption is None:
        # what is left to resume is only what was interrupted
        kept.unlink(missing_ok=True)
    if report is not None and result.interruption is None:
        from tuning.fitting.before_after import write_report

        write_report(begun, result, [*taken, *held], report, overwrite)
    if as_json:
        emit_json(result.as_json())
    else:
        _show(result, output, report)
    if result.interruption is not None and not isinstance(result.interruption, IspError):
        say(f"interrupted: {output} holds the best so far; --resume goes on")
        raise typer.Exit(getattr(result.interruption, "exit_code", INTERRUPTED))
    if not result.converged:
        say(f"error: not converged: {result.reason}; {output} holds the best so far")
        raise typer.Exit(NOT_CONVERGED)


def _beside(depth: list[Path], focus: float | None, count: int, limits: Limits) -> list[Companions]:
    """What is given beside each of `count` raws: those to fit to, then those held back."""
    from isp.commands.developer import companions

    if len(depth) not in (0, 1, count):
        raise UsageError(f"--depth is given {len(depth)} times; allowed: once, or once for each of {count} raws")
    if len(depth) <= 1:
        return [companions(depth[0] if depth else None, focus, limits=limits)] * count
    return [companions(path, focus, limits=limits) for path in depth]


def _split(word: str) -> tuple[str, str | None]:
    """Raw and reference of ``RAW:REFERENCE``; a colon in a name of a file that exists is part of it."""
    if Path(word).is_file():
        return word, None
    for at in (i for i, c in enumerate(word) if c == ":"):
        if Path(word[:at]).is_file() or word.count(":") == 1:
            if not word[:at] or not word[at + 1 :]:
                break
            return word[:at], word[at + 1 :]
    if ":" in word:
        raise UsageError(f"{word!r} must be RAW:REFERENCE")
    return word, None


def _write(result: FitResult, output: Path, overwrite: bool) -> None:
    from isp.io import atomic_write

    with atomic_write(output, overwrite) as file:
        file.write(result.to_yaml().encode())


def _show(result: FitResult, output: Path, report: Path | None) -> None:
    rows = []
    for each in result.parameters:
        interval = f"{each.value.interval[0]:.4g} .. {each.value.interval[1]:.4g}" if each.identified else "not told"
        rows.append((each.label, f"{each.before:.5g}", f"{float(each.value):.5g}",
                     interval + (", at its bound" if each.at_bound else "")))
    rows += [(label, "", short(value), "") for label, value in result.settings.items()]
    if rows:
        table(("parameter", "before", "after", "95 %"), rows, right=(1, 2))
    pictures: list[tuple[Any, ...]] = [
        (p.name + (" (held back)" if p.held_back else ""), f"{p.before:.2f}", f"{p.after:.2f}", f"{p.exposure:+.3f}",
         f"{p.displacement:.2f}", f"{100 * p.counted:.0f}")
        for p in result.pictures
    ]
    if pictures:
        table(("picture", "dB before", "dB after", "own EV", "moved px", "counts %"), pictures, right=(1, 2, 3, 4, 5))
    for note in result.notes:
        say(f"note: {note}")
    for path in (output, report):
        if path is not None:
            emit(one_line(str(path)))
