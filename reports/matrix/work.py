"""The cells of a matrix as pieces of work: frames are simulated once and developed by every profile."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isp.errors import IspError, OutputError
from isp.processors import cores
from isp.profile.text import one_line
from isp.spread import Lost, Piece, checkpoint, spread
from reports.estimate import Estimate
from reports.matrix.journal import Journal, open_journal
from reports.matrix.measure import METRICS, measure_cell
from reports.matrix.plan import AXES, Cell, Plan, Shot, software

if TYPE_CHECKING:
    from isp.pipeline import Pipeline
    from isp.values import RawFrame
    from sensors import Truth

JOURNAL = "journal.jsonl"
RESULTS = "results.json"
VERSION = 1
"""Of the format of the results."""

Count = Callable[[int, int], None]


@dataclass(frozen=True)
class CellResult:
    """One cell with its metrics, by name; n.a. with the reason where the cell failed."""

    at: Mapping[str, Any]
    metrics: Mapping[str, Estimate]
    error: str = ""


@dataclass(frozen=True)
class Results:
    """A finished matrix: its plan and its cells, in the order of the plan.

    `torn` bytes of an interrupted record were dropped; `kept` cells came from the journal.
    """

    plan: Plan
    cells: tuple[CellResult, ...]
    kept: int = 0
    torn: int = 0

    def as_json(self) -> dict[str, Any]:
        """The content of ``results.json``; the same for the same plan, however often it was interrupted."""
        return {
            "version": VERSION,
            "plan": self.plan.describe(),
            "software": software(),
            "metrics": {
                name: {"label": METRICS[name].label, "unit": METRICS[name].unit, "better": METRICS[name].better}
                for name in self.plan.metrics
            },
            "cells": [
                {
                    "at": dict(cell.at),
                    "error": cell.error or None,
                    "metrics": {name: estimate.as_json() for name, estimate in cell.metrics.items()},
                }
                for cell in self.cells
            ],
        }


def run_matrix(
    plan: Plan,
    folder: str | Path,
    *,
    scheduler: str | None = None,
    jobs: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Count | None = None,
) -> Results:
    """Run what is left of a matrix, and write ``results.json`` into `folder` beside the journal.

    Parameters
    ----------
    plan : Plan
    folder : made if it is missing
    scheduler, jobs
        See `isp.spread.spread`; on this machine as many cells at once as there are cores.
    resume : bool
        Keep the cells that an earlier run has finished and that are still the same.
    overwrite : bool
        Start anew where an earlier run has written.
    progress : callable, optional
        Told how many cells are done, of how many.

    Raises
    ------
    OutputError
        The folder holds an earlier run and neither `resume` nor `overwrite` is set, another run is writing there, or
        nothing can be written.
    InputError
        The journal is damaged or of a newer program; or see `isp.cluster.connected`.
    """
    from isp.io import atomic_write

    place = Path(folder)
    path = place / JOURNAL
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place}: folder cannot be made: {error.strerror}") from None
    if path.exists() and not (resume or overwrite):
        raise OutputError(f"{path}: exists; give --resume to go on, or --overwrite to start anew")
    with open_journal(path, anew=overwrite) as journal:
        kept = {r["key"]: r for r in journal.records if r["error"] is None}
        found = {cell.key: kept[cell.key] for cell in plan.cells if cell.key in kept}
        before = len(found)
        _run(plan, found, journal, scheduler, jobs or (None if scheduler else cores()), progress)
        results = Results(plan, tuple(_result(c, found[c.key], plan) for c in plan.cells), before, journal.torn)
        with atomic_write(place / RESULTS, overwrite=True) as file:
            file.write(json.dumps(results.as_json(), indent=1, allow_nan=False).encode() + b"\n")
    return results


def _run(
    plan: Plan,
    found: dict[str, dict[str, Any]],
    journal: Journal,
    scheduler: str | None,
    jobs: int | None,
    progress: Count | None,
) -> None:
    total = len(plan.cells)

    def done(key: str, record: Any) -> None:
        if isinstance(record, Lost):
            record = {"metrics": {}, "error": str(record)}
        found[key] = {"key": key, **record}
        journal.append(found[key])
        if progress is not None:
            progress(len(found), total)

    if progress is not None:
        progress(len(found), total)
    groups = groups_of([cell for cell in plan.cells if cell.key not in found], plan)
    if groups:
        spread(groups, done, scheduler=scheduler, jobs=jobs)


def groups_of(cells: Sequence[Cell], plan: Plan) -> list[list[Piece]]:
    """The pieces of work: for each frame its simulation, then its cells."""
    shots: dict[Shot, list[Cell]] = {}
    for cell in cells:
        shots.setdefault(cell.shot, []).append(cell)
    groups = []
    for number, (shot, members) in enumerate(shots.items()):
        frame = f"frame-{number:06d}"
        group = [Piece(frame, simulate, (shot,))]
        for cell in members:
            content = plan.content["profile", cell.at["profile"]]
            arguments = (cell.profile, content, plan.settings, plan.metrics)
            group.append(Piece(cell.key, develop_and_measure, arguments, (frame,)))
        groups.append(group)
    return groups


def simulate(shot: Shot) -> tuple[RawFrame, Truth] | str:
    """The frame and its truth; in words why there is none."""
    from sensors import capture, load_camera

    try:
        step = load_camera(shot.sensor).sensor.mode(shot.mode).bin
        made: Any = capture(
            shot.scene,
            shot.sensor,
            mode=shot.mode,
            iso=shot.iso,
            illuminant=shot.illuminant,
            lux=shot.lux,
            size=(shot.size[0] * step, shot.size[1] * step),
            seed=shot.seed,
            truth=True,
            progress=checkpoint,
        )
    except Exception as error:
        return _words(error)
    frame_and_truth: tuple[RawFrame, Truth] = made
    return frame_and_truth


def develop_and_measure(
    made: tuple[RawFrame, Truth] | str, profile: str, fingerprint: str, settings: tuple[str, ...],
    metrics: tuple[str, ...],
) -> dict[str, Any]:
    """One cell's part of its record: ``metrics`` by name, or the ``error``."""
    if isinstance(made, str):
        return {"metrics": {}, "error": made}
    frame, truth = made
    try:
        picture = _pipeline(profile, fingerprint, settings).run(frame, progress=checkpoint).value
        measured = measure_cell(picture, truth, frame, metrics)  # type: ignore[arg-type]
    except Exception as error:
        return {"metrics": {}, "error": _words(error)}
    return {"metrics": {name: estimate.as_json() for name, estimate in measured.items()}, "error": None}


@lru_cache(maxsize=16)
def _pipeline(profile: str, fingerprint: str, settings: tuple[str, ...]) -> Pipeline:
    from isp.errors import ProfileError
    from isp.pipeline import Pipeline
    from isp.profile import read_profile
    from isp.profile.fingerprint import profile_fingerprint

    found = read_profile(profile).with_settings(settings)
    if profile_fingerprint(found) != fingerprint:
        raise ProfileError(f"{profile}: has changed since the matrix was read, or is another file on this machine")
    return Pipeline(found)


def _words(error: Exception) -> str:
    if isinstance(error, IspError):
        return one_line(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    return one_line(f"internal error, please report it: {type(error).__name__}: {error}")


def _result(cell: Cell, record: Mapping[str, Any], plan: Plan) -> CellResult:
    at = {axis: cell.at[axis] for axis in AXES}
    if record["error"] is not None:
        missing = {name: Estimate.missing(record["error"], METRICS[name].unit) for name in plan.metrics}
        return CellResult(at, missing, record["error"])
    return CellResult(at, {name: _estimate(record["metrics"][name]) for name in plan.metrics})


def _estimate(given: Mapping[str, Any]) -> Estimate:
    nan = float("nan")
    value = nan if given["value"] is None else given["value"]
    low, high = given["interval"] or (nan, nan)
    return Estimate(value, (low, high), given["unit"], given["reason"] or "")
