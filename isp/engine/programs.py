"""Programs by what they depend on: taken from the cache, or built, compiled and kept there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from isp.engine import cache as disk
from isp.engine.runtime import Program, load_program, loaded_program

Build = Callable[[], tuple[Any, Sequence[Any]]]
"""Makes a scheduled `hl.Func` or `hl.Pipeline` and its inputs in argument order."""


@cache
def target_name() -> str:
    """The target programs are compiled for, in Halide's notation."""
    from isp.engine.build import host_target

    return str(host_target())


@cache
def _engine_digest() -> str:
    digest = hashlib.sha256(version("halide").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def program_key(depends: str) -> str:
    """The key of a program that depends on the engine, the target and the text `depends`."""
    return hashlib.sha256(f"{_engine_digest()}\n{target_name()}\n{depends}".encode()).hexdigest()[:40]


def is_cached(depends: str) -> bool:
    """True if the program need not be compiled."""
    return disk.load(program_key(depends)) is not None


def obtain(depends: str, arguments: int, name: str, build: Build) -> Program:
    """The program for `depends`, compiled by `build` if it is not in the cache.

    `arguments` counts its buffers, the output included; `name` is what errors call it.
    """
    key = program_key(depends)
    symbol = f"isp_{key}"
    program = loaded_program(symbol, arguments, name)
    if program is not None:
        return program
    code = disk.load(key)
    if code is None:
        code = _compile(symbol, build)
        disk.store(key, code)
    return load_program(symbol, code, arguments, name)


def _compile(symbol: str, build: Build) -> bytes:
    import halide as hl

    from isp.engine.build import host_target

    output, inputs = build()
    target = host_target().with_feature(hl.TargetFeature.NoRuntime)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.o"
        outputs = {hl.OutputFileType.object: os.fspath(path)}
        output.compile_to(outputs, [hl.Argument(i) for i in inputs], symbol, target)
        return path.read_bytes()
