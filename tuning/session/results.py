"""What a session leaves in its folder: the profile with its files, every number with its interval, and the page."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from isp.errors import OutputError
from isp.parameters import FileRef
from isp.profile import Profile
from reports.estimate import Estimate
from tuning.session.run import Calibrated

FORMAT = 1
PROFILE, NUMBERS, PAGE, DATA = "profile.yaml", "calibration.json", "report.html", "profile.data"


def write_results(done: Calibrated, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write ``profile.yaml`` (and ``profile.data/``), ``calibration.json`` and ``report.html``.

    Parameters
    ----------
    folder : made if it is missing
    overwrite : True if files may be replaced

    Returns
    -------
    tuple of Path
        Of the three files.

    Raises
    ------
    OutputError
        A file exists, or cannot be written; files are whole or absent.
    """
    from isp.io import atomic_write
    from tuning.session.page import page

    target = Path(folder)
    check_results(target, overwrite)
    files = {name: _npy(array) for name, array in _named(done).items()}
    profile = _with_files(done, files)
    texts = {
        NUMBERS: json.dumps(as_json(done), indent=1, allow_nan=False),
        PAGE: page(done),
        PROFILE: _header(done) + profile.to_yaml(),
    }
    try:
        target.mkdir(exist_ok=True)
        if files:
            (target / DATA).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target}: cannot be made: {error.strerror}") from error
    for name, data in files.items():
        with atomic_write(target / DATA / name, overwrite) as file:
            file.write(data)
    # the profile last: where it stands, all it names is there
    for name, text in texts.items():
        with atomic_write(target / name, overwrite) as file:
            file.write(text.encode())
    return tuple(target / name for name in (PROFILE, NUMBERS, PAGE))


def check_results(folder: Path, overwrite: bool) -> None:
    """Refuse, before any work, a folder that the results cannot go to.

    Raises
    ------
    OutputError
        It is no folder, its parent is missing, or it holds results that may not be replaced.
    """
    from isp.io import check_writable

    if not folder.exists():
        if not folder.absolute().parent.is_dir():
            raise OutputError(f"{folder}: folder {folder.parent} does not exist")
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: is not a folder")
    for name in (PROFILE, NUMBERS, PAGE):
        check_writable(folder / name, overwrite)


def as_json(done: Calibrated) -> dict[str, Any]:
    """Everything as plain data: values with intervals, where they come from, what could not be had and why."""
    return {
        "format": FORMAT,
        "session": done.session.name,
        "base": done.session.base.name,
        "sensor": done.session.sensor,
        "calibrations": {
            each.name: {
                "title": each.title,
                "state": each.state,
                "reason": each.reason or None,
                "files": list(each.files),
                "kept_from_base": list(each.kept),
                "profile": plain(each.found.values) if each.found else {},
                "result": plain(each.found.result) if each.found else None,
                "notes": list(each.found.notes) if each.found else [],
            }
            for each in done.outcomes
        },
        "absent_stages": list(done.absent),
        "inputs": {name: {"sha256": digest} for name, digest in sorted(done.hashes.items())},
        "software": dict(done.software),
        "seed": 0,
    }


def plain(value: Any) -> Any:
    """Results as JSON can hold them, without those fields of dataclasses that are not part of their `repr`."""
    if isinstance(value, Estimate):
        return value.as_json()
    if isinstance(value, Mapping):
        return {f"{k:g}" if isinstance(k, float) else str(k): plain(v) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _named(done: Calibrated) -> dict[str, Any]:
    return {f"{stage}_{name}.npy": array for (stage, name), array in done.arrays.items()}


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _with_files(done: Calibrated, files: Mapping[str, bytes]) -> Profile:
    entries = []
    for entry in done.profile.stages:
        given = dict(entry.values)
        for stage, name in done.arrays:
            if stage == entry.name:
                file = f"{stage}_{name}.npy"
                given[name] = FileRef(f"{DATA}/{file}", hashlib.sha256(files[file]).hexdigest())
        entries.append(replace(entry, values=MappingProxyType(given)))
    return replace(
        done.profile.with_stages(entries), name=done.session.name, sensor=done.session.sensor or done.profile.sensor,
        description=f"{done.profile.name} with calibrated values",
    )  # fmt: skip


def _header(done: Calibrated) -> str:
    """What is calibrated and what is not, as comments."""
    lines = [f"# Calibrated from the captures of session {done.session.name!r}; numbers and intervals: {NUMBERS}"]
    for each in done.outcomes:
        if each.state == "done":
            lines.append(f"#   {each.title.lower()}: calibrated from {len(each.files)} files")
        else:
            kept = "; the base's value stays" if each.kept else ""
            lines.append(f"#   {each.title.lower()}: n.a., {each.reason}{kept}")
    return "\n".join(lines) + "\n"
