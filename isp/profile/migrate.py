"""Profiles of older versions are brought up to date, one version at a time, before they are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from isp.profile.loader import Document
from isp.profile.model import VERSION
from isp.profile.text import quoted

Migration = Callable[[dict[str, Any]], dict[str, Any]]
MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})
"""Version to the function that turns a tree of that version into one of the next. Version 1 is the first."""


def migrate(
    document: Document, migrations: Mapping[int, Migration] = MIGRATIONS, current: int = VERSION
) -> dict[str, Any]:
    """The tree of `document` in version `current`.

    Parameters
    ----------
    document : Document
    migrations : mapping of int to function
        Each takes a tree of its version and returns a new one of the next; `version` is set here.
    current : int

    Raises
    ------
    ProfileError
        The version is missing, not a whole number, newer than `current`, or too old to migrate.
    """
    tree = dict(document.value)
    if "version" not in tree:
        raise document.error((), f"version is missing; write version: {current} at the top")
    version = tree["version"]
    if isinstance(version, bool) or not isinstance(version, int):
        raise document.error(("version",), f"version {quoted(version)} is not a whole number; allowed: {current}")
    if version > current:
        raise document.error(
            ("version",), f"version {quoted(version)} was made by a newer version of this program; allowed: {current}"
        )
    while version < current:
        if version not in migrations:
            raise document.error(("version",), f"version {quoted(version)} is not known; allowed: {current}")
        tree = migrations[version](tree)
        version += 1
        tree["version"] = version
    return tree
