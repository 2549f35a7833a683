"""Profiles by name (shipped with the program) or by path."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from isp.errors import ProfileError
from isp.profile.build import build_profile
from isp.profile.loader import parse_document, read_document
from isp.profile.model import Profile
from isp.profile.text import did_you_mean, quoted

SUFFIX = ".yaml"


def shipped_profiles() -> list[str]:
    """Names of the shipped profiles, sorted."""
    names = (item.name for item in (files("isp") / "profiles").iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def read_profile(name_or_path: str | Path) -> Profile:
    """Read and check a profile.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped profile (`natural`), or path of a file. A name wins over a file of the same name in the
        working directory; write ``./natural`` for that.

    Returns
    -------
    Profile

    Raises
    ------
    ProfileError
        No such profile (the shipped names are listed), or ``FILE:LINE:`` what is wrong with it and what is allowed.
    LimitError
        The file is too large or nested too deeply.
    """
    if isinstance(name_or_path, str) and name_or_path in shipped_profiles():
        text = (files("isp") / "profiles" / f"{name_or_path}{SUFFIX}").read_bytes()
        return build_profile(parse_document(text, name_or_path), None)
    path = Path(name_or_path)
    if not str(name_or_path) or not os.path.lexists(path):
        names = shipped_profiles()
        hint = did_you_mean(str(name_or_path), names, "shipped profiles")
        listed = "" if hint.startswith("shipped") else f"; shipped profiles: {', '.join(names)}"
        raise ProfileError(f"no profile {quoted(name_or_path)}: neither a file nor a shipped one; {hint}{listed}")
    return build_profile(read_document(path), path.parent)
