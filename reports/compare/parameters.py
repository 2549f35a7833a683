"""Which parameters differ between developed inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.model import ParameterRow

if TYPE_CHECKING:
    from isp.pipeline import Resolved
    from isp.pipeline import Run as PipelineRun

_LONGEST = 60
"""Characters of a value in the table."""


def profile_diff(runs: Sequence[PipelineRun | None]) -> tuple[ParameterRow, ...]:
    """The parameters whose resolved values differ, in pipeline order.

    Parameters
    ----------
    runs : one for each input; None for a picture, which has no parameters

    Returns
    -------
    tuple of ParameterRow
        A stage that does not run in an input has None there. Where the values are equal but for where they came from,
        there is no row.
    """
    developed = [run for run in runs if run is not None]
    if len(developed) < 2:
        return ()
    stages: list[dict[str, Resolved]] = [
        {stage.name: stage for stage in run.stages} if run is not None else {} for run in runs
    ]
    rows = []
    for name in _in_order([[s.name for s in run.stages] for run in developed]):
        there = [stage.get(name) for stage in stages]
        if all(s is None for s, run in zip(there, runs, strict=True) if run is not None):
            continue
        absent = [s is None and run is not None for s, run in zip(there, runs, strict=True)]
        if any(absent):
            values = tuple(None if s is None else "runs" for s in there)
            rows.append(ParameterRow(name, "", values))
        for parameter in dict.fromkeys(p for s in there if s is not None for p in s.values):
            found = [None if s is None else s.values.get(parameter) for s in there]
            present = [v for s, v in zip(there, found, strict=True) if s is not None]
            if len(present) < 2 or all(_same(present[0], v) for v in present[1:]):
                continue
            values = tuple(
                None if s is None else short(v) + _origin(s.origins, parameter)
                for s, v in zip(there, found, strict=True)
            )
            rows.append(ParameterRow(name, parameter, values, unit_of(name, parameter)))
    return tuple(rows)


def _in_order(orders: Sequence[Sequence[str]]) -> list[str]:
    """All names, each behind those that come before it in its own list."""
    result: list[str] = []
    for order in orders:
        at = 0
        for name in order:
            if name in result:
                at = result.index(name) + 1
            else:
                result.insert(at, name)
                at += 1
    return result


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(np.array_equal(np.asarray(a), np.asarray(b)))
    except (TypeError, ValueError):
        return bool(a == b)


def _origin(origins: Mapping[str, str], parameter: str) -> str:
    origin = origins.get(parameter, "")
    return f"  ({origin})" if origin and origin not in ("profile", "default") else ""


def short(value: Any) -> str:
    """A value in a few words; large arrays by their shape and range."""
    from isp.commands.console import short as in_words

    array = np.asarray(value) if isinstance(value, (list, tuple, np.ndarray)) else None
    if array is not None and array.dtype.kind in "fiu" and array.size > 12:
        shape = " x ".join(str(n) for n in array.shape)
        return f"{shape} numbers, {array.min():.4g} to {array.max():.4g}"
    return in_words(value, _LONGEST)


def unit_of(stage: str, parameter: str) -> str:
    """Unit of a parameter; empty if it has none."""
    from isp.stages import find_stage

    try:
        unit = find_stage(stage).parameter(parameter).unit
    except KeyError:
        return ""
    return "" if unit == "1" else unit
