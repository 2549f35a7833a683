"""Work on a Dask cluster: the connection, what its machines must have in common with this one, and what gets lost."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from isp.errors import InputError, UsageError
from isp.fingerprint import installed
from isp.spread import Done, Group, Lost, reported

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
"""To wait for the scheduler, and then for a first worker [s]."""
SAME = ("mobile-isp", "halide", "numpy", "imagecodecs", "tifffile", "distributed")
"""Packages whose versions must agree: what pixels and files depend on, and the protocol."""
KEPT_BYTES = 1 << 25
"""Largest buffer that glibc keeps for reuse, as it finds by itself where nobody sets it [bytes] (mallopt(3))."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.%]+\]|[^/\s:\[\]]+):[0-9]{1,5}")


def spread_there(groups: Iterable[Group], done: Done, scheduler: str, jobs: int | None) -> None:
    """`isp.spread.spread` on the cluster of `scheduler`."""
    from distributed import as_completed

    waiting = enumerate(groups)
    left: dict[str, set[str]] = {}
    run = secrets.token_hex(8)  # names are common to all users of a scheduler

    with connected(scheduler) as client:
        futures = as_completed(loop=client.loop)

        def submit(count: int | None) -> None:
            """The next groups; earlier ones come first on the workers too."""
            for number, group in islice(waiting, count):
                sent: dict[str, Any] = {}
                for piece in group:
                    needs = [sent[key] for key in piece.after]
                    sent[piece.key] = client.submit(
                        call_there, piece.call, *needs, *piece.arguments,
                        key=f"{piece.key} {run}", pure=False, priority=-number,
                    )  # fmt: skip
                still = set(reported(group))
                left.update(dict.fromkeys(still, still))
                futures.update([sent[key] for key in still])

        try:
            submit(jobs)
            while not futures.is_empty():
                future = next(futures)
                key, result = future.key.rpartition(" ")[0], _result(future)
                # a future that is held is computed again when the worker that has its result dies
                del future
                done(key, result)
                still = left.pop(key)
                still.remove(key)
                if not still:
                    submit(1)
        except BaseException:
            with suppress(Exception):
                client.cancel(list(futures.futures), force=True)
            raise


def call_there(call: Callable[..., Any], *arguments: Any) -> Any:
    """Run a piece in a worker."""
    keep_memory()
    return call(*arguments)


@cache
def keep_memory() -> None:
    """Let this process keep memory for its next buffers, as a process does that nobody tuned.

    Dask starts workers with MALLOC_TRIM_THRESHOLD_=65536, upon which glibc takes every buffer from the kernel and
    gives it back: half of the time of rendering goes into page faults.
    """
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, 2 * KEPT_BYTES)


def _result(future: Any) -> Any:
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        count, last = error.allowed_failures + 1, error.last_worker.address
        return Lost(f"{count} workers died while they worked on it, the last {last}; is there enough memory?")
    except CancelledError:
        raise InputError("the Dask scheduler has gone; what it had not finished is lost") from None


@contextmanager
def connected(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler, whose cluster has been found fit.

    Raises
    ------
    UsageError
        That is no address.
    InputError
        Nobody answers there, there are no workers, or other versions of what pictures depend on.
    """
    if not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"--scheduler {scheduler!r} is not an address; write it as tcp://HOST:PORT")
    from distributed import Client

    with _quiet():
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = "" if isinstance(error, TimeoutError) else f": {error}"
            raise InputError(
                f"--scheduler {scheduler}: no Dask scheduler answers within {CONNECT_SECONDS:g} s{reason}"
            ) from None
        try:
            _check(client, scheduler)
            yield client
        finally:
            client.close(timeout=CONNECT_SECONDS)


def _check(client: Client, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise InputError(f"--scheduler {scheduler}: it has no workers; start some: dask worker {scheduler}") from None
    there: dict[str, Any] = dict(client.run(versions, on_error="return"))
    try:
        there["the scheduler"] = client.run_on_scheduler(versions)
    except Exception as error:
        there["the scheduler"] = error
    here = versions()
    faults = [f"{who}: {what}" for who, found in there.items() if (what := differences(here, found))]
    if faults:
        raise InputError(
            f"--scheduler {scheduler}: {'; '.join(faults)}; every machine of the cluster must have what this one has"
        )


def versions() -> dict[str, str]:
    """Versions of `SAME` on this machine."""
    return installed(SAME)


def differences(here: Mapping[str, str], there: Mapping[str, str] | BaseException) -> str:
    """How the versions of another machine differ, in words; empty if they agree."""
    if isinstance(there, BaseException):
        return "mobile-isp cannot be imported"
    return ", ".join(
        f"{package} {there.get(package, 'missing')} (here {here.get(package, 'missing')})"
        for package in SAME
        if there.get(package) != here.get(package)
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's log and warnings kept off stderr: what matters becomes an error of ours."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            # other versions are `_check`'s to judge
            warnings.filterwarnings("ignore", message="(?s).*Mismatched versions found")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
