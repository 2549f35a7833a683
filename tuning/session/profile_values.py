"""Calibrated values put into a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from isp.parameters import Table
from isp.profile import Profile, StageEntry
from isp.profile.build import make_entry


def with_values(profile: Profile, values: Mapping[str, Mapping[str, Any]]) -> tuple[Profile, tuple[str, ...]]:
    """A copy of `profile` with some values replaced, and the stages it does not have.

    A value that is a table over colour temperature moves its stage behind `white_balance`, where the temperature is
    known; only stages that take what comes there may have one.

    Raises
    ------
    ProfileError
        A value out of its bounds, or stages that no longer chain.
    """
    have = {entry.name for entry in profile.stages}
    entries: list[StageEntry] = []
    for entry in profile.stages:
        given = values.get(entry.name)
        if given is None:
            entries.append(entry)
            continue
        made = make_entry(entry.stage, {**entry.values, **given}, "profile", entry.line)
        entries.append(replace(made, enabled=entry.enabled))
    names = [entry.name for entry in entries]
    if "white_balance" in names:
        at = names.index("white_balance")
        early = [e for e in entries[:at] if any(isinstance(v, Table) and v.axis == "cct" for v in e.values.values())]
        rest = [e for e in entries[:at] if e not in early]
        entries = [*rest, entries[at], *early, *entries[at + 1 :]]
    return profile.with_stages(entries), tuple(name for name in values if name not in have)
