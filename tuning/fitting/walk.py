"""A profile on one frame, resolved for any values of its parameters: what each stage runs with, from any stage on.

The pipeline resolves a profile once for a frame. A fit does so for hundreds of values of a few parameters, and needs
more: stages that are being fitted run even where they change nothing yet, the walk can go on from the stage whose value
changed, and what `prepare` gives is wanted in float64, whose differences are derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isp.engine.execute import Plan, block_of
from isp.engine.plan import Placed
from isp.engine.segment import Step, make_step
from isp.engine.statistics import check_measurable, measure
from isp.profile import Profile, StageEntry, resolve_entry
from isp.stage import Context, Domain, blamed, check_possible
from isp.values import Companions, RawFrame, Statistics, pattern_to_sites

Values = Mapping[tuple[str, str], Any]
"""Plain values by (stage, parameter); they win over what the profile says."""
EXPOSURE = ("exposure", "ev")
"""The parameter that a picture's own correction of exposure adds to."""


@dataclass(frozen=True)
class Stop:
    """Where a walk stands in front of a stage: the domain and context, and the steps so far."""

    domain: Domain
    context: Context
    steps: tuple[Placed, ...]


class Walk:
    """The enabled stages of a profile on one frame.

    Parameters
    ----------
    profile : Profile
        Without a stage that merges several frames.
    frame : RawFrame
    kept : names of stages that run even where they change nothing
    companions : planes and distances given beside the frame

    Raises
    ------
    InputError, ProfileError
        As developing the frame does.
    """

    def __init__(
        self, profile: Profile, frame: RawFrame, kept: frozenset[str] = frozenset(),
        companions: Companions | None = None,
    ) -> None:
        self.profile, self.frame, self.kept = profile, frame, kept
        self.companions = companions or Companions()
        self.entries = tuple(e for e in profile.stages if e.enabled)
        self.index = {e.name: i for i, e in enumerate(self.entries)}
        self._measured: dict[bytes, Statistics] = {}

    def stops(
        self, values: Values, after: Sequence[Stop] = (), offset: float = 0.0, last: str | None = None,
        dtype: type[Any] = np.float32,
    ) -> list[Stop]:
        """A stop in front of every stage and one behind the last, for `values`.

        Parameters
        ----------
        values : Values
        after : stops of an earlier walk, up to the one in front of the first stage whose values differ
        offset : added to the exposure [EV]
        last : the stage to end behind; default the last one
        dtype : of the steps' arrays; float64 for who takes differences
        """
        stops = list(after) or [self._start()]
        end = len(self.entries) if last is None else self.index[last] + 1
        for entry in self.entries[len(stops) - 1 : end]:
            stops.append(self._past(entry, stops[-1], values, offset, dtype))
        return stops

    def encoding(self, last: Stop) -> tuple[str, str]:
        """Space and transfer of the picture that leaves the last stage."""
        found = ("rec2020", "linear")
        for entry in self.entries:
            found = entry.stage.encoding(last.context.resolved[entry.name]) or found
        return found

    def _start(self) -> Stop:
        frame = self.frame
        sites = tuple(float(v) for v in pattern_to_sites(frame.black, frame.cfa))
        context = Context(
            frame.cfa, frame.shape, frame.info, sites, frame.white, companions=self.companions,  # type: ignore[arg-type]
        )
        return Stop("raw", context, ())

    def _past(
        self, entry: StageEntry, stop: Stop, values: Values, offset: float, dtype: type[Any]
    ) -> Stop:
        stage, domain, context = entry.stage, stop.domain, stop.context
        check_possible(stage, domain, context)
        own = {name: value for (owner, name), value in values.items() if owner == stage.name}
        entry = replace(entry, values={**entry.values, **own})
        if context.statistics is None and stage.wants_statistics(entry.given, context):
            context = context.but(statistics=self._statistics(stop, stage.name))
        plain = dict(resolve_entry(entry, context, self.profile).values)
        if stage.name == EXPOSURE[0]:
            plain[EXPOSURE[1]] += offset
        context = context.but(resolved={**context.resolved, stage.name: plain})
        gives: Domain = stage.gives or domain
        with blamed(stage):
            after = stage.advance(plain, context)
            if stage.name not in self.kept and stage.identity(plain, context):
                return Stop(gives, after, stop.steps)
            fused = stage.kind in ("fused", "guided")
            step = (make_step(stage, plain, context, domain, dtype) if fused
                    else Step(stage, stage.structure(plain, context), {}))
        return Stop(gives, after, (*stop.steps, Placed(step, gives, context, after)))

    def _statistics(self, stop: Stop, wanted_by: str) -> Statistics:
        """The pre-pass over the mosaic in front of white balance, as the pipeline takes it."""
        steps = [p for p in stop.steps if p.gives == "mosaic"]
        names = [p.step.stage.name for p in steps]
        if "white_balance" in names:
            steps = steps[: names.index("white_balance")]
        check_measurable(wanted_by, "mosaic" if steps else stop.domain)
        steps = [p for p in stop.steps if p.gives == "raw"] + steps
        key = b"".join(a.tobytes() for p in steps for _, a in sorted(p.step.arrays.items()))
        if key not in self._measured:
            start = self._start().context
            source = Plan(steps, self.frame.data.dtype.name, "raw", "float32").link(self.frame.data, start)
            self._measured = {key: measure(source, steps[-1].after.clip)}
        return self._measured[key]


def block_in(placed: Placed, domain: Domain) -> int:
    """Side of the same-colour blocks of what a placed stage takes [px]."""
    return block_of(placed.before, domain)
