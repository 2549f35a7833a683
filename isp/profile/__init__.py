"""Profiles: one strict YAML file that describes the whole way from raw frame to picture."""

from __future__ import annotations

from isp.profile.model import Datapath, Output, Profile, StageEntry, Step
from isp.profile.resolve import ResolvedStage, freeze, resolve_entry
from isp.profile.schema import profile_schema
from isp.profile.shipped import read_profile, shipped_profiles
from isp.profile.table import Row, profile_table

__all__ = [
    "Datapath",
    "Output",
    "Profile",
    "ResolvedStage",
    "Row",
    "StageEntry",
    "Step",
    "freeze",
    "profile_schema",
    "profile_table",
    "read_profile",
    "resolve_entry",
    "shipped_profiles",
]
