"""Many pieces of work at once: on this machine's cores, or on a Dask cluster the user already has.

On this machine the pieces run as threads of this process: compiled stages, decoders and encoders let go of Python's
lock, share one thread pool and one copy of the programs, and start at once. What a piece returns does not depend on
where it runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isp.errors import IspError
from isp.processors import cores

GRACE = 2.0
"""How long pieces may take to stop after an interruption, before the process ends with them [s]."""
PIECE_BYTES = 400_000_000
"""What developing one frame takes beside its input and output [bytes]: the promise of the engine."""
FILE_FACTOR = 6
"""Bytes of input and output in memory for each byte of a raw file: 2 and 3 to 6 for each pixel, of which a losslessly
compressed file keeps 1.2 bytes."""

Done = Callable[[str, Any], None]
"""Called in the caller's thread with the key and result of each piece as it is finished, in any order."""


class Stopping(BaseException):
    """The whole batch has been interrupted: unwinds a piece, so that its temporary files are removed."""


class Lost(IspError):
    """A piece that no worker could finish."""

    exit_code = 5


@dataclass(frozen=True)
class Piece:
    """One call.

    Parameters
    ----------
    key : unique among the pieces
    call : a function of a module (one that another machine can import, for a cluster)
    arguments : plain data, for a cluster
    after : keys of pieces of the same group whose results come before `arguments`; theirs are not reported
    """

    key: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    after: tuple[str, ...] = ()


Group = Sequence[Piece]
"""Pieces that share results, in an order in which they could run one by one."""

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


def checkpoint(*_progress: int) -> None:
    """Raise `Stopping` if the batch of this thread has been interrupted; can stand as a progress function."""
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise Stopping


def spread(groups: Iterable[Group], done: Done, *, scheduler: str | None = None, jobs: int | None = None) -> None:
    """Run all pieces.

    Parameters
    ----------
    groups : iterable of groups
    done : callable
        Gets what each piece returned, or a `Lost` for one that killed its workers. An exception of its own ends
        everything.
    scheduler : str, optional
        ``tcp://HOST:PORT`` of a Dask scheduler.
    jobs : int, optional
        Pieces at once here (one by default, which does without Dask); groups at once on the cluster (all by default:
        its workers take as many as they have threads).

    Raises
    ------
    UsageError, InputError
        See `isp.cluster.connected`.
    Exception
        What a piece raises ends everything.
    """
    if scheduler is not None:
        from isp.cluster import spread_there

        spread_there(groups, done, scheduler, jobs)
    elif jobs is None or jobs == 1:
        for group in groups:
            _one_by_one(group, done)
    else:
        _here([piece for group in groups for piece in group], done, jobs)


def reported(pieces: Group) -> list[str]:
    """Keys of the pieces that no other waits for."""
    needed = {key for piece in pieces for key in piece.after}
    return [piece.key for piece in pieces if piece.key not in needed]


def _one_by_one(group: Group, done: Done) -> None:
    wanted = set(reported(group))
    found: dict[str, Any] = {}
    for piece in group:
        found[piece.key] = piece.call(*(found[key] for key in piece.after), *piece.arguments)
        if piece.key in wanted:
            done(piece.key, found.pop(piece.key))


def _here(pieces: Group, done: Done, jobs: int) -> None:
    from multiprocessing.pool import ThreadPool

    import dask
    from dask.callbacks import Callback

    running = _Running()
    made: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for number, piece in enumerate(pieces):
        # Dask begins with the last name; the order changes nothing but when results are seen
        name = f"{len(pieces) - number:09d}"
        keys[name] = piece.key
        made[piece.key] = dask.delayed(running, pure=False, traverse=False)(
            piece.call, piece.arguments, *(made[key] for key in piece.after), dask_key_name=name
        )
    wanted = reported(pieces)
    seen = set(wanted)

    def finished(name: Any, result: Any, *_: Any) -> None:
        if keys[name] in seen:
            done(keys[name], result)

    stop = threading.Event()
    # its threads do not keep the process alive
    pool = ThreadPool(jobs, _stop.set, (stop,))
    try:
        with Callback(posttask=finished):
            dask.compute(*(made[key] for key in wanted), scheduler="threads", pool=pool, optimize_graph=False)
    finally:
        stop.set()
        running.wait(GRACE)
        pool.terminate()


class _Running:
    """Calls pieces and knows how many are running."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __call__(self, call: Callable[..., Any], arguments: tuple[Any, ...], *results: Any) -> Any:
        with self._changed:
            self._count += 1
        try:
            checkpoint()
            return call(*results, *arguments)
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until none is running, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, seconds)


def at_once(files: Sequence[Path]) -> int:
    """How many of these raw files to develop at once here: as many as there are cores and fit half the memory."""
    sizes = [0]
    for path in files:
        with suppress(OSError):
            sizes.append(path.stat().st_size)
    each = PIECE_BYTES + FILE_FACTOR * max(sizes)
    return max(1, min(len(files), cores(), memory() // 2 // each))


def memory() -> int:
    """Memory of this machine, or of this container if it has less [bytes]."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        # of cgroups version 2; "max" where there is no limit
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total
