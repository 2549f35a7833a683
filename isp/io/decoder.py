"""LibRaw behind a wall: a spawned process with memory and time limits decodes one file and ends.

A native decoder that meets a hostile file may crash, hang or eat memory; all of it becomes one line about that file.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError, LimitError
from isp.io.limits import Limits
from isp.io.source import Source

CHILD = Path(__file__).with_name("decoder_child.py")
_EMPTY_TAIL = 4
"""So many last rows of zeros mean that the decoder ran out of data: a sensor's dark rows carry noise."""


@dataclass(frozen=True)
class Decoded:
    """`whole` (H, W) unsigned, masked borders included, and what LibRaw says about it (see `decoder_child`)."""

    whole: NDArray[Any]
    head: Mapping[str, Any]


def decode_raw(source: Source, limits: Limits, in_process: bool = False) -> Decoded:
    """Decode a raw file with LibRaw.

    Parameters
    ----------
    source : an open file
    limits : `decoder_megabytes`, `decoder_cpu_seconds` and `decoder_seconds` bound the child process
    in_process : call LibRaw here, without limits, for files that are trusted

    Raises
    ------
    InputError
        LibRaw refuses the file, its process dies, or the result is not a plausible mosaic.
    LimitError
        The process needs more memory or time than it may have.
    """
    decoded = _here(source) if in_process else _in_child(source, limits)
    height, width = decoded.whole.shape
    limits.check_size(width, height, source.name)
    if not decoded.whole[-_EMPTY_TAIL:].any() and decoded.whole.any():
        raise InputError(f"{source.name}: truncated: the last {_EMPTY_TAIL} rows decode to zeros")
    return decoded


def _here(source: Source) -> Decoded:
    from isp.io import decoder_child

    with open(os.dup(source.file.fileno()), "rb") as file:
        file.seek(0)
        try:
            head, pixels = decoder_child.decode(file)
        except Exception as error:
            head, pixels = decoder_child.explain(error), None
    _check_reply(head, source.name)
    return Decoded(pixels, head)


def _in_child(source: Source, limits: Limits) -> Decoded:
    with _shared_memory() as result:
        settings = {"megabytes": limits.decoder_megabytes, "cpu_seconds": limits.decoder_cpu_seconds}
        # the child's position starts where the shared descriptor stands
        os.lseek(source.file.fileno(), 0, os.SEEK_SET)
        command = [sys.executable, "-P", str(CHILD), str(source.file.fileno()), str(result), json.dumps(settings)]
        reply = _run(command, (source.file.fileno(), result), source.name, limits)
        _check_reply(reply, source.name)
        shape, dtype = tuple(reply["shape"]), np.dtype(reply["dtype"])
        if len(shape) != 2 or dtype.kind != "u" or os.fstat(result).st_size != shape[0] * shape[1] * dtype.itemsize:
            raise InputError(f"{source.name}: decoder returned {reply['shape']} of {reply['dtype']}, not a mosaic")
        # nobody else holds the memory any more, so the frame may be used where it lies
        view = mmap.mmap(result, 0, access=mmap.ACCESS_READ)
    return Decoded(np.frombuffer(view, dtype).reshape(shape), reply)


def _run(command: list[str], descriptors: tuple[int, ...], name: str, limits: Limits) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=descriptors,
        env=environment,
    ) as child:
        try:
            out, _ = child.communicate(timeout=limits.decoder_seconds)
        except subprocess.TimeoutExpired:
            raise LimitError(
                f"{name}: decoder did not finish within the limit decoder_seconds={limits.decoder_seconds:g}; "
                "raise it with --limit decoder_seconds=SECONDS if you trust the file"
            ) from None
        finally:
            child.kill()
    if child.returncode == -signal.SIGXCPU:
        raise LimitError(
            f"{name}: decoder used up the limit decoder_cpu_seconds={limits.decoder_cpu_seconds:g}; "
            "raise it with --limit decoder_cpu_seconds=SECONDS if you trust the file"
        )
    if child.returncode < 0:
        raise InputError(f"decoder died with {signal.Signals(-child.returncode).name} on {name}")
    try:
        reply = json.loads(out)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise InputError(f"{name}: decoder failed with exit code {child.returncode} and no answer")
    if reply.get("kind") == "memory":
        raise LimitError(
            f"{name}: decoder needs more memory than the limit decoder_megabytes={limits.decoder_megabytes:g}; "
            "raise it with --limit decoder_megabytes=NUMBER if you trust the file"
        )
    return reply


def _check_reply(head: Mapping[str, Any], name: str) -> None:
    if head.get("kind") == "cfa":
        from isp.io.dng.levels import SUPPORTED

        raise InputError(f"{name}: CFA 'none' (no mosaic in this file) not supported; {SUPPORTED}")
    if "error" in head:
        reason = str(head["error"])
        if "nput/output" in reason:
            reason = "truncated or damaged: the data ends early"
        elif "nsupported" in reason:
            reason = "not a RAW file that LibRaw knows, or truncated or damaged"
        raise InputError(f"{name}: cannot be decoded: {reason}")


@contextmanager
def _shared_memory() -> Iterator[int]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frame")
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryFile() as file:
            yield file.fileno()
