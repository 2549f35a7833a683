"""Pairs of a raw frame and the picture that it should become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isp.color.spaces import conversion
from isp.color.transfer import decoded, encoded
from isp.errors import NumericError, UsageError
from isp.values import Companions, Float32, Picture, RawFrame, oriented
from tuning.fitting.loss import Space, Target
from tuning.fitting.perceptual import Oklab
from tuning.fitting.registration import Registered, register

CLIPPED = 0.5 / 255
"""Distance from 0 and 1 within which a code value of the reference is clipped: half a code of 8 bits."""
LEAST = 0.02
"""Share of a reference that must count."""
_UPRIGHT = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""The orientation that undoes another one (EXIF)."""


@dataclass(frozen=True)
class Pair:
    """A raw frame and its reference.

    Parameters
    ----------
    raw : RawFrame
    reference : Picture or None
        What it should become; None where only metrics are asked for.
    name : for messages and reports
    paths : (raw, reference) where they were read from
    companions : planes and distances given beside the raw, for stages that ask
    """

    raw: RawFrame
    reference: Picture | None
    name: str = ""
    paths: tuple[Path, Path | None] | None = field(default=None, compare=False)
    companions: Companions = field(default_factory=Companions, compare=False)


def pair_of(
    given: Any, number: int, reading: Mapping[str, Any] | None = None, companions: Companions | None = None
) -> Pair:
    """A `Pair` from (raw, reference), each a value or a path; or from a raw alone.

    Raises
    ------
    InputError, LimitError
        A file is missing, damaged, or too large.
    UsageError
        Something else was given.
    """
    if isinstance(given, Pair):
        return given
    from isp.io import read_picture, read_raw

    raw, reference = given if isinstance(given, (tuple, list)) else (given, None)
    paths = None
    if isinstance(raw, (str, Path)):
        paths = (Path(raw), Path(reference) if isinstance(reference, (str, Path)) else None)
        raw = read_raw(raw, **(reading or {}))
    if isinstance(reference, (str, Path)):
        limits = {"limits": reading["limits"]} if reading and "limits" in reading else {}
        reference = read_picture(reference, **limits)
    if not isinstance(raw, RawFrame) or not (reference is None or isinstance(reference, Picture)):
        raise UsageError("a pair is (RawFrame, Picture) or their paths, "
                         f"not ({type(raw).__name__}, {type(reference).__name__})")
    name = paths[0].name if paths else raw.origin.name if raw.origin.name != "array" else f"pair {number}"
    return Pair(raw, reference, name, paths, companions or Companions())


def target_of(
    pair: Pair, picture: Float32, encoding: tuple[str, str], *, space: Space = "encoded", move: bool = True
) -> tuple[Target, Registered]:
    """The reference as what `picture` (3, H, W), developed with `encoding`, should be.

    Raises
    ------
    NumericError
        It shows another scene, or nothing of it counts.
    """
    if pair.reference is None:
        raise UsageError(f"{pair.name} has no reference to fit to")
    if space == "oklab" and encoding[1] == "hlg":
        raise UsageError("differences in Oklab are not taken of HLG pictures; fit to encoded values")
    codes, clipped = _codes(pair, pair.reference, encoding)
    there = register(codes, picture, f"reference of {pair.name}", move=move)
    if there.planes.shape != codes.shape or there.displacement:
        # what was clipped before it was moved still lies at the end of the range
        clipped = _clipped(there.planes)
    weight = (there.inside & ~clipped).astype(np.float32)
    share = float(weight.mean())
    if share < LEAST:
        raise NumericError(f"reference of {pair.name}: only {share:.1%} of it is neither clipped nor outside the raw's "
                           "picture; there is nothing to fit to")
    return Target(there.planes, weight, Oklab(*encoding) if space == "oklab" else None), there


def _codes(pair: Pair, reference: Picture, encoding: tuple[str, str]) -> tuple[Float32, Any]:
    """(3, h, w) code values of the reference in the picture's encoding, as the raw lies, and what is clipped in it."""
    pixels = oriented(reference.data, reference.orientation)
    pixels = oriented(pixels, _UPRIGHT[pair.raw.info.orientation])
    if not np.isfinite(pixels).all():
        raise NumericError(f"reference of {pair.name} holds values that are not finite")
    clipped = _clipped(pixels.transpose(2, 0, 1))
    space, transfer = reference.space, reference.transfer
    if (space, transfer) != encoding:
        if space == "camera":
            raise UsageError(f"reference of {pair.name} is in camera RGB; a developed picture is needed")
        light = decoded(pixels, transfer, space) if transfer != "linear" else pixels.astype(np.float64)
        pixels = encoded(light @ conversion(space, encoding[0]).T, encoding[1], encoding[0])
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    return planes, clipped


def _clipped(planes: Float32) -> Any:
    return ((planes <= CLIPPED) | (planes >= 1 - CLIPPED)).any(axis=0)
