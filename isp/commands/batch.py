"""Which input becomes which output, and through the lot whatever happens to each."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.commands.console import OutputClosed, complain, exit_code, one_line, say
from isp.errors import IspError, OutputError, UsageError
from isp.spread import Piece, spread


@dataclass(frozen=True)
class Job:
    """One input and its output; `more` are the other frames of a set whose first is `source`."""

    source: Path
    target: Path
    more: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Source, target, and the other sources."""
        return (self.source, self.target, *self.more)

    def absolute(self) -> Job:
        """The same for a process with another working directory."""
        return Job(self.source.absolute(), self.target.absolute(), tuple(path.absolute() for path in self.more))


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
    """What became of one job: a record for `--json`, or an error with its traceback."""

    job: Job
    record: dict[str, Any]
    code: int
    trace: str = ""


Do = Callable[[Job], dict[str, Any]]


def attempt(job: Job, do: Do) -> Outcome:
    """Do one job, whatever happens."""
    try:
        return Outcome(job, do(job), 0)
    except OutputClosed:
        raise
    except Exception as error:
        return _failure(job, error, traceback.format_exc())


def work(
    jobs: Sequence[Job],
    do: Do,
    *,
    show: Callable[[dict[str, Any]], None] = lambda record: None,
    count: Callable[[int, int], None] = lambda done, total: None,
    check: Do = lambda job: {},
    debug: bool = False,
    at_once: int | None = None,
    scheduler: str | None = None,
) -> list[Outcome]:
    """Do every job. A job that is refused is reported and the others go on.

    Internal errors print their traceback; `debug` prints it for refusals also.

    Parameters
    ----------
    jobs : sequence of Job
    do : callable
        From a job to its record. With a `scheduler` it travels, and gets jobs with absolute paths.
    show : callable
        Gets the record of each job that went well. Records and errors come in the order of `jobs`.
    count : callable
        Told how many jobs are done, of how many.
    check : callable
        Raises what is already wrong with a job here, before any travels.
    at_once, scheduler : see `isp.spread.spread`
    """
    found: dict[int, Outcome] = {}
    shown = 0

    def done(key: str, result: Any) -> None:
        nonlocal shown
        job = jobs[int(key)]
        found[int(key)] = _as_given(result, job) if isinstance(result, Outcome) else _failure(job, result)
        count(len(found), len(jobs))
        while shown in found:
            _tell(found[shown], show, debug)
            shown += 1

    pieces = []
    for number, job in enumerate(jobs):
        key, there = f"{number:09d}", job if scheduler is None else job.absolute()
        checked = attempt(job, check)
        if checked.code:
            done(key, checked)
        else:
            pieces.append([Piece(key, attempt, (there, do))])
    if pieces:
        spread(pieces, done, scheduler=scheduler, jobs=at_once)
    return [found[number] for number in range(len(jobs))]


def _failure(job: Job, error: Exception, trace: str = "") -> Outcome:
    code = exit_code(error)
    text = _text(error, code)
    if not any(str(path) in text for path in (job.source, *job.more, job.target)):
        # a stage speaks of its frame, which has no name there
        text = f"{job.source}: {text}"
    return Outcome(job, {"input": job.source, "error": one_line(text), "exit_code": code}, code, trace)


def _tell(outcome: Outcome, show: Callable[[dict[str, Any]], None], debug: bool) -> None:
    for warning in outcome.record.get("warnings", ()):
        say(f"warning: {outcome.job.source}: {warning}")
    if not outcome.code:
        show(outcome.record)
        return
    if outcome.trace and (debug or outcome.code == 1):
        sys.stderr.write(outcome.trace)
    complain(outcome.record["error"])


def _as_given(outcome: Outcome, job: Job) -> Outcome:
    """The outcome of an absolute job in the words of the one that was given."""
    if outcome.job == job:
        return outcome
    names = {str(a): str(b) for a, b in zip(outcome.job.paths, job.paths, strict=True)}

    def given(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: given(v) if key in ("input", "output", "more", "error") else v for key, v in value.items()}
        if isinstance(value, list):
            return [given(v) for v in value]
        text = str(value)
        # the longest first: a name may be the beginning of another
        for there in sorted(names, key=len, reverse=True):
            text = text.replace(there, names[there])
        return text

    return Outcome(job, given(outcome.record), outcome.code, outcome.trace)


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
