"""Lenses by name: those that ship, and those of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from isp.errors import UsageError
from isp.lenses.lens import Lens
from isp.lenses.prescription import Prescription
from isp.lenses.reader import parse_lenses, read_lenses
from isp.profile.text import did_you_mean, quoted

SUFFIX = ".yaml"


def lens_names(path: str | os.PathLike[str] | None = None) -> list[str]:
    """Names of the lenses of a file, in its order; without a file, of those that ship, sorted."""
    if path is not None:
        return list(read_lenses(Path(path)))
    found = (item.name for item in (files("isp") / "lenses" / "catalog").iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def load_lens(path: str | os.PathLike[str] | None = None, name: str | None = None) -> Lens:
    """A lens.

    Parameters
    ----------
    path : path, optional
        A file of lenses (`docs/lenses.md` describes the format); without one, the shipped catalogue.
    name : str, optional
        May be left out where the file holds one lens.

    Raises
    ------
    UsageError
        There is no lens of that name, or a name is needed.
    ProfileError
        ``FILE:LINE: LENS: surface ID:`` what is wrong with the file.
    """
    if path is None:
        if name not in lens_names():
            raise _unknown(name, lens_names(), "the catalogue")
        return _shipped(name)
    return Lens(chosen(read_lenses(Path(path)), name, os.fspath(path)))


def chosen(found: Mapping[str, Prescription], name: str | None, where: str) -> Prescription:
    """The lens of that name of a file; without a name, its only one. UsageError if there is none."""
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is None or name not in found:
        raise _unknown(name, list(found), where)
    return found[name]


@cache
def _shipped(name: str) -> Lens:
    data = (files("isp") / "lenses" / "catalog" / f"{name}{SUFFIX}").read_bytes()
    return Lens(parse_lenses(data, f"{name}{SUFFIX}")[name])


def _unknown(name: str | None, known: list[str], where: str) -> UsageError:
    if name is None:
        return UsageError(f"{where} has several lenses; give a name: {', '.join(known)}")
    return UsageError(f"no lens {quoted(name)} in {where}; {did_you_mean(name, known, 'lenses')}")
