"""Builds a compiled profile's example with a C compiler of this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from isp.errors import UsageError
from isp.native.library import Library
from isp.native.machines import Machine


def find_compiler(machine: Machine, wanted: str | None = None) -> str:
    """Path of the C compiler that links for a machine; `wanted` names one.

    Raises
    ------
    UsageError
        There is none here.
    """
    names = (wanted,) if wanted else machine.compilers
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    if not names:
        raise UsageError(f"no C compiler of this machine links for {machine.name}; build the folder with the CMake "
                         "toolchain of its kit, or name a compiler with --cc")
    raise UsageError(f"no C compiler for {machine.name} found (looked for {', '.join(names)}); install one, or name it "
                     "with --cc")


def link_example(library: Library, compiler: str | None = None) -> Path:
    """Compile the runtime, the table and the example, and link them with the objects.

    Parameters
    ----------
    library : what `compile_profile` wrote
    compiler : name or path of a C compiler; None for one of the machine's usual ones

    Returns
    -------
    Path
        The program `develop` in the library's folder.

    Raises
    ------
    UsageError
        No compiler, or it failed; its first error is given.
    """
    defines = [f"-DPROFILE=isp_{library.name}", f'-DPROFILE_HEADER="{library.name}.h"']
    return _link(library, compiler, "develop", ("develop.c",), defines)


def link_shared(library: Library, compiler: str | None = None) -> Path:
    """The same as a shared library, `lib<name>.so`, for programs in other languages. Raises as `link_example`."""
    return _link(library, compiler, f"lib{library.name}.so", (), ["-shared", "-fPIC"])


def _link(library: Library, compiler: str | None, result: str, units: Sequence[str], options: Sequence[str]) -> Path:
    cc = find_compiler(library.machine, compiler)
    objects = [str(library.folder / file) for file in library.files if file.endswith(".o")]
    sources = [str(library.folder / file) for file in ("isp.c", f"{library.name}.c", *units)]
    path = library.folder / result
    command = [cc, "-std=c99", "-O2", *options, *sources, *objects, "-lpthread", "-ldl", "-lm", "-o", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise UsageError(f"{cc} cannot be run: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise UsageError(f"{cc} failed with code {done.returncode}: {' '.join(lines[:1]).strip() or 'no message'}")
    return path
