"""Where compiled programs and traced rays are kept: a per-user folder (0700), each file checked against its digest."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIGEST = 32
KEPT = 32
"""Sets of arrays of one kind that are kept, some 10 MB each."""


@cache
def cache_folder() -> Path | None:
    """The folder, or None where none can be had (then every start compiles and traces).

    ``MOBILE_ISP_CACHE`` names another folder. Compiled programs are code: the folder must belong to this user and
    be closed to others.
    """
    from platformdirs import user_cache_path

    named = os.environ.get("MOBILE_ISP_CACHE")
    folder = Path(named) if named else user_cache_path("mobile-isp") / "programs"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.getuid():
            return None
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
        return folder if os.access(folder, os.W_OK | os.X_OK) else None
    except OSError:
        return None


def load(key: str) -> bytes | None:
    """The stored program of this key; None if there is none or it is damaged."""
    folder = cache_folder()
    if folder is None:
        return None
    try:
        blob = (folder / f"{key}.o").read_bytes()
    except OSError:
        return None
    code = blob[_DIGEST:]
    return code if hashlib.sha256(code).digest() == blob[:_DIGEST] else None


def store(key: str, code: bytes) -> None:
    """Keep a program. A cache that cannot be written only costs the next start its time, so nothing is raised."""
    folder = cache_folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix=".part-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(name, folder / f"{key}.o")
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)


def load_arrays(key: str) -> dict[str, NDArray[Any]] | None:
    """The stored arrays of this key by name; None if there are none or they are damaged."""
    data = load(key)
    if data is None:
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        return dict(held)


def store_arrays(key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Keep arrays, as `store` keeps a program; of keys that begin alike up to a hyphen, the last `KEPT` stored."""
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **dict(arrays))
    store(key, data.getvalue())
    folder = cache_folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        alike = folder.glob(f"{key.partition('-')[0]}-*.o")
        for old in sorted(alike, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
