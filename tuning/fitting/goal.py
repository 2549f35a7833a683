"""Goals in words: ``maximise acutance subject to visual_noise<1.5``, of what a report measures in developed pictures.

Quantities are those of `isp report` by their keys (``sharpness.mtf50``, ``delta_e.mean``), or by the short names of
`SHORT`. A condition that is broken costs `PENALTY` times its relative excess, so a search finds its way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from isp.errors import NumericError, UsageError
from isp.values import Picture
from reports.model import Quantity

SHORT: Mapping[str, str] = MappingProxyType(
    {
        "acutance": "sharpness.acutance",
        "mtf50": "sharpness.mtf50",
        "overshoot": "sharpness.overshoot",
        "texture": "texture.acutance",
        "visual_noise": "noise.visual",
        "snr": "noise.snr",
        "delta_e": "delta_e.mean",
        "psnr": "likeness.psnr",
        "ssim": "likeness.ssim",
    }
)
"""Short names of quantities."""
PENALTY = 10.0
"""Cost of a condition that is broken by all of its bound, in sizes of the quantity that is sought."""
_KEY = r"[a-z][a-z0-9_.]*"
_FORM = re.compile(rf"\s*(maxim[iu][sz]e|minim[iu][sz]e)\s+({_KEY})\s*(?:subject\s+to\s+(.+?)\s*)?")
_CONDITION = re.compile(rf"\s*({_KEY})\s*(<=|>=|<|>)\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s*")
_SPLIT = re.compile(r"\s*(?:,|\band\b)\s*")


@dataclass(frozen=True)
class Bound:
    """A condition: `key` below `limit`, or above it."""

    key: str
    below: bool
    limit: float

    def excess(self, value: float) -> float:
        """By how much `value` breaks it, relative to the limit; 0 where it holds."""
        over = value - self.limit if self.below else self.limit - value
        return max(over, 0.0) / max(abs(self.limit), 1e-9)


@dataclass(frozen=True)
class Goal:
    """A quantity to be made large or small, under conditions."""

    text: str
    key: str
    maximise: bool
    bounds: tuple[Bound, ...] = ()
    chapters: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """All quantities it asks for."""
        return tuple(dict.fromkeys([self.key, *(b.key for b in self.bounds)]))

    def value(self, pictures: Sequence[Picture], references: Sequence[Picture | None]) -> float:
        """What a search makes small: the mean over the pictures, with what broken conditions cost.

        Raises
        ------
        NumericError
            A quantity cannot be measured in the pictures.
        UsageError
            No report has a quantity of that name.
        """
        found = [self._measured(p, r) for p, r in zip(pictures, references, strict=True)]
        means = {}
        for key in self.keys:
            known = [float(q[key].estimates[0]) for q in found if q[key].estimates[0].known]
            if not known:
                why = found[0][key].estimates[0].reason
                raise NumericError(f"goal {self.text!r}: {key} is n.a. in every picture: {why}")
            means[key] = float(np.mean(known))
        sought = -means[self.key] if self.maximise else means[self.key]
        size = max(abs(means[self.key]), 1e-6)
        return sought + PENALTY * size * sum(b.excess(means[b.key]) for b in self.bounds)

    def _measured(self, picture: Picture, reference: Picture | None) -> dict[str, Quantity]:
        from reports.compare.chapters import CHAPTERS
        from reports.compare.differences import cells
        from reports.compare.subject import Subject
        from reports.source import Source

        source = Source(picture)
        ideal = Source(reference) if reference is not None and reference.upright().shape[:2] == source.shape else None
        subject = Subject(("A",), (source,), (cells(source),), reference=ideal)
        found: dict[str, Quantity] = {}
        # the chapters that had the keys last time, then the others until all are there
        first = list(dict.fromkeys(self.chapters.values()))
        for name in [*first, *(n for n in CHAPTERS if n not in first)]:
            if set(self.keys) <= set(found):
                break
            for quantity in CHAPTERS[name](subject).quantities:
                found[quantity.key] = quantity
                if quantity.key in self.keys:
                    self.chapters[quantity.key] = name
        missing = [k for k in self.keys if k not in found]
        if missing and missing[0] in SHORT.values():
            raise NumericError(f"goal {self.text!r}: {missing[0]} is n.a.: what it is measured on was not found")
        if missing:
            raise UsageError(f"goal {self.text!r}: no report has {missing[0]!r} of such a picture; it has: "
                             + ", ".join(sorted(found)))
        return found


def parse_goal(text: str) -> Goal:
    """A goal from its words.

    Raises
    ------
    UsageError
        It is not of the form ``maximise|minimise QUANTITY [subject to QUANTITY<NUMBER, ...]``.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise UsageError(f"--objective {text!r} must be 'maximise|minimise QUANTITY [subject to QUANTITY<NUMBER and "
                         f"...]'; short names of quantities: {', '.join(SHORT)}")
    bounds = []
    for part in _SPLIT.split(form[3]) if form[3] else ():
        condition = _CONDITION.fullmatch(part)
        if condition is None:
            raise UsageError(f"--objective {text!r}: condition {part!r} must be QUANTITY<NUMBER or QUANTITY>NUMBER")
        bounds.append(Bound(SHORT.get(condition[1], condition[1]), condition[2][0] == "<", float(condition[3])))
    return Goal(" ".join(text.split()), SHORT.get(form[2], form[2]), form[1].startswith("max"), tuple(bounds))
