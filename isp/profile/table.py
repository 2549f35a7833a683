"""A profile as a table: every parameter of every stage with its value, unit and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isp.parameters import Tune
from isp.profile.model import Profile


@dataclass(frozen=True)
class Row:
    """One parameter of one stage. `value` is before resolving; `origin` is `profile`, `--set` or `default`."""

    stage: str
    enabled: bool
    parameter: str
    value: Any
    origin: str
    unit: str
    bounds: str
    tune: Tune
    doc: str


def profile_table(profile: Profile) -> list[Row]:
    """A row for every parameter, in the order of the profile; a stage without parameters has one row named ""."""
    rows = []
    for entry in profile.stages:
        if not entry.stage.parameters:
            rows.append(Row(entry.name, entry.enabled, "", None, "", "", "", "no", ""))
        for p in entry.stage.parameters:
            value, origin = entry.given[p.name], entry.origins.get(p.name, "default")
            rows.append(Row(entry.name, entry.enabled, p.name, value, origin, p.unit, p.bounds, p.tune, p.doc))
    return rows
