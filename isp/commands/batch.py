"""Which input becomes which output, and one by one through the lot whatever happens to each."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.commands.console import OutputClosed, complain, exit_code, one_line, say
from isp.errors import IspError, OutputError, UsageError


@dataclass(frozen=True)
class Job:
    """One input and its output; `more` are the other frames of a set whose first is `source`."""

    source: Path
    target: Path
    more: tuple[Path, ...] = ()


def is_folder(out: str) -> bool:
    """True if `-o OUT` means a folder: it is one, or it ends with a slash."""
    return out.endswith(("/", os.sep)) or Path(out).is_dir()


def plan(inputs: Sequence[Path], out: str, suffix: str, *, merge: bool = False) -> list[Job]:
    """Pair inputs with outputs.

    Parameters
    ----------
    inputs : paths
    out : str
        A file for one input; a folder (existing, or ending with a slash) for any number.
    suffix : str
        Of the files in a folder, with its dot.
    merge : bool
        All inputs are frames of one scene: one job, called after the first.

    Raises
    ------
    UsageError
        Several inputs for one file, two inputs for the same output, or an output that is its own input.
    """
    if merge:
        if len(inputs) < 2:
            raise UsageError(f"--merge: {inputs[0]} is alone; give all frames of the scene")
        target = Path(out) / f"{inputs[0].stem}{suffix}" if is_folder(out) else Path(out)
        jobs = [Job(inputs[0], target, tuple(inputs[1:]))]
    elif is_folder(out):
        jobs = [Job(path, Path(out) / f"{path.stem}{suffix}") for path in inputs]
    elif len(inputs) > 1:
        raise UsageError(f"-o {out}: {len(inputs)} inputs need a folder; end its name with '/' to have it made")
    else:
        jobs = [Job(inputs[0], Path(out))]
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.target in seen:
            raise UsageError(f"{seen[job.target]} and {job.source} would both be written to {job.target}")
        seen[job.target] = job.source
        for source in (job.source, *job.more):
            with suppress(OSError):
                if source.samefile(job.target):
                    raise UsageError(f"-o {out}: {source} would be written over itself")
    return jobs


@contextmanager
def folder(out: str) -> Iterator[None]:
    """Make the folder `out` names, if it names one that is missing; take it away again if it stays empty.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    path = Path(out)
    made = False
    if is_folder(out) and not path.is_dir():
        try:
            path.mkdir()
            made = True
        except OSError as error:
            raise OutputError(f"{one_line(out)}: folder cannot be made: {error.strerror}") from None
    try:
        yield
    finally:
        if made:
            with suppress(OSError):
                path.rmdir()


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a record for `--json`, or an error."""

    job: Job
    record: dict[str, Any]
    code: int


def work(jobs: Sequence[Job], do: Callable[[Job], dict[str, Any]], *, debug: bool = False) -> list[Outcome]:
    """Do every job. A job that is refused is reported and the next one begins.

    Internal errors print their traceback; `debug` prints it for refusals also.
    """
    outcomes = []
    for job in jobs:
        try:
            outcomes.append(Outcome(job, do(job), 0))
        except OutputClosed:
            raise
        except Exception as error:
            code = exit_code(error)
            if debug or code == 1:
                traceback.print_exc()
            text = _text(error, code)
            if not any(str(path) in text for path in (job.source, *job.more, job.target)):
                # a stage speaks of its frame, which has no name there
                text = f"{job.source}: {text}"
            complain(text)
            outcomes.append(Outcome(job, {"input": job.source, "error": one_line(text), "exit_code": code}, code))
    return outcomes


def _text(error: Exception, code: int) -> str:
    if isinstance(error, IspError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for this picture"
    return f"internal error, please report it with the lines above: {type(error).__name__}: {error}"


def summarise(outcomes: Sequence[Outcome]) -> int:
    """Name the failures of a batch on stderr and return the highest exit code."""
    failed = [o for o in outcomes if o.code]
    if failed and len(outcomes) > 1:
        say(f"{len(failed)} of {len(outcomes)} failed: " + ", ".join(str(o.job.source) for o in failed))
    return max((o.code for o in outcomes), default=0)
