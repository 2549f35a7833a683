"""A profile applied to frames: resolve every parameter, plan the segments, run them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.engine.execute import MEANING, Pixels, Plan
from isp.engine.plan import Placed
from isp.engine.segment import Datapath, Step, make_step
from isp.errors import InputError, ProfileError, UsageError
from isp.processors import cores
from isp.stage import DOMAINS, Context, Domain, Stage, blamed, check_possible
from isp.values import (
    Companions,
    Mosaic,
    Origin,
    Picture,
    RawFrame,
    RawSet,
    Statistics,
    pattern_to_sites,
    sites_to_pattern,
    typical,
)

if TYPE_CHECKING:
    from isp.profile import Profile, StageEntry

Progress = Callable[[int, int], None]
Value = RawFrame | Mosaic | Picture
Given = Value | RawSet


@dataclass(frozen=True)
class Resolved:
    """One stage with its plain values and where each came from."""

    name: str
    values: Mapping[str, Any]
    origins: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """What one run gave.

    Attributes
    ----------
    value : the picture, or the tapped value
    seconds : time of each part: resolve, statistics, compile, render [s]
    stages : every resolved stage with its plain values and where each came from (of a set's stages before the merge,
        those of its first frame)
    segments : names of what was fused
    compiled : how many programs had to be compiled
    statistics : the pre-pass, if one was needed
    warnings : what the reader and the stages want the user to know
    """

    value: Value
    seconds: Mapping[str, float]
    stages: tuple[Resolved, ...]
    segments: tuple[str, ...]
    compiled: int
    statistics: Statistics | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """What `Pipeline.run` would run.

    Attributes
    ----------
    plan : segments and host stages
    start : the context that the frame enters with
    steps : what the plan runs, in order: the stages that change something
    stages : every resolved stage with its plain values and where each came from
    warnings : what the stages want the user to know
    """

    plan: Plan
    start: Context
    steps: tuple[Placed, ...]
    stages: tuple[Resolved, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class StageCost:
    """What one stage costs, compiled on its own, and what it gave.

    Attributes
    ----------
    name : of the stage
    seconds : of each repeat, for `pixels` of the frame [s]
    pixels : how many of the frame's pixels were computed
    held : bytes of the rows it keeps of its input, or of its output where it needs whole frames; scratch memory inside
        its program is not counted
    value : what it gave inside the crop: a Mosaic or float32 Picture
    """

    name: str
    seconds: tuple[float, ...]
    pixels: int
    held: int
    value: Mosaic | Picture


class Pipeline:
    """A profile, ready to develop frames. Safe to use from several threads.

    Parameters
    ----------
    profile : Profile
    threads : int, optional
        Size of the process-wide thread pool; default: the processors this process may use. Results do not depend
        on it.

    Examples
    --------
    >>> picture = Pipeline(read_profile("natural"))(read_raw("IMG_0001.dng"))   # doctest: +SKIP
    >>> picture.save("out.png")                                                 # doctest: +SKIP
    """

    def __init__(self, profile: Profile, *, threads: int | None = None) -> None:
        if threads is not None and not 1 <= threads <= 1024:
            raise UsageError(f"threads {threads} must be 1..1024")
        self.profile = profile
        self.threads = threads

    def __call__(
        self,
        raw: RawFrame | RawSet,
        *,
        depth: ArrayLike | None = None,
        defects: ArrayLike | None = None,
        focus: float | None = None,
    ) -> Picture:
        """Develop a frame, or the frames of one scene.

        Parameters
        ----------
        raw : RawFrame or RawSet
            A set of several frames needs a profile with a stage that merges them (`hdr_merge`).
        depth : (h, w) array, optional
            Distance [m] over the field of view, any size.
        defects : (H, W) array, optional
            Not 0 where a pixel of the frame is known to be defective.
        focus : float, optional
            Distance in focus [m].

        Raises
        ------
        InputError
            The frame lacks what a stage needs, or its CFA is not supported by a stage.
        """
        planes: dict[str, NDArray[Any]] = {} if depth is None else {"depth": np.asarray(depth, np.float32)}
        if defects is not None:
            planes["defects"] = np.asarray(defects) != 0
        value = self.run(raw, companions=Companions(planes, focus)).value
        if not isinstance(value, Picture):
            raise ProfileError("the profile does not end in a picture")
        return value

    def run(
        self,
        raw: Given,
        *,
        tap: str | None = None,
        companions: Companions | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Develop a frame and say how.

        Parameters
        ----------
        raw : RawFrame, RawSet, or a Mosaic or Picture in a domain the profile's first stage takes
        tap : str, optional
            Stop after this stage and give its output: a RawFrame, Mosaic or float32 Picture.
        companions : Companions, optional
        progress : callable, optional
            Called with (rows done, rows in all).
        """
        clock = _Clock()
        value = _single(raw)
        frame = _Resolver(self.profile, value, companions or Companions(), tap, clock, self.threads)
        plan = frame.plan("float32" if tap is not None else _sink(self.profile.output.bits, frame.gives))
        missing = sum(not s.cached() for s in plan.segments)
        with clock("compile"):
            plan.compile()
        with clock("render"):
            _use_threads(self.threads)
            array = plan.run(_pixels(value), frame.start.context, progress)
        result = _value(array, frame)
        return Run(
            result, clock.seconds, tuple(frame.resolved), tuple(s.name for s in plan.segments), missing,
            frame.statistics, tuple(dict.fromkeys((*_file_warnings(value), *frame.warnings))),
        )

    def costs(
        self, raw: RawFrame, place: tuple[int, int, int, int] | None = None, *, repeats: int = 5,
        companions: Companions | None = None,
    ) -> tuple[StageCost, ...]:
        """Time, memory and output of each stage that runs, from a variant in which every stage is compiled alone.

        No clock can be put between fused stages; their sum here is more than `run` takes. Parameters are resolved on
        the whole frame, as `run` does. Programs are cached like all others.

        Parameters
        ----------
        raw : RawFrame
        place : (left, top, width, height), optional
            Crop of the frame whose values are kept [px], the middle by default. Behind a stage that changes the size it
            is scaled with it.
        repeats : int
            How often the rows are computed; at most about 4 megapixels around the crop.

        Raises
        ------
        InputError, UsageError
            As `run`; or the crop lies outside the frame.
        """
        from isp.engine.apart import measured

        frame = _Resolver(self.profile, raw, companions or Companions(), None, _Clock(), self.threads)
        plan = frame.plan(_sink(self.profile.output.bits, frame.gives), apart=True)
        _use_threads(self.threads)
        return tuple(
            StageCost(name, seconds, pixels, held, _cropped(value, frame.encoding))
            for name, seconds, pixels, held, value in measured(
                plan, raw.data, frame.start.context, frame.steps, place, repeats
            )
        )

    def planned(self, raw: Given, *, companions: Companions | None = None, apart: bool = False) -> Planned:
        """The plan for a frame, every parameter resolved, without rendering; with `apart` nothing is fused.

        Raises as `run` does.
        """
        frame = _Resolver(self.profile, _single(raw), companions or Companions(), None, _Clock(), self.threads)
        return Planned(
            frame.plan(_sink(self.profile.output.bits, frame.gives), apart=apart), frame.start.context,
            tuple(frame.steps), tuple(frame.resolved), tuple(dict.fromkeys(frame.warnings)),
        )

    def explain(self, raw: Given | None = None) -> list[str]:
        """What fuses and where memory goes, a line each; for a typical 4032x3024 Bayer frame if none is given."""
        value = _single(raw) if raw is not None else typical(iso=100)
        frame = _Resolver(self.profile, value, Companions(), None, _Clock(), self.threads)
        plan = frame.plan(_sink(self.profile.output.bits, frame.gives))
        ran = [p for part in (frame, *frame.branches[:1]) for p in part.steps]
        skipped = {r.name for r in frame.resolved} - {p.step.stage.name for p in ran}
        lines = plan.explain(frame.start.context)
        if skipped:
            lines.append(f"skipped, as they change nothing here: {', '.join(sorted(skipped))}")
        return lines


def apply(name: str, value: Given, **params: Any) -> Value:
    """Any single stage on its own.

    Parameters
    ----------
    name : str
        A stage: ``apply("demosaic", raw_frame, method="malvar2004")``.
    value : RawFrame, Mosaic or Picture, or a RawSet for a stage that merges
        A RawFrame is made linear first if the stage takes a mosaic.
    **params
        Its parameters; the others keep their defaults.

    Returns
    -------
    RawFrame, Mosaic or Picture
        Float32 in the domain the stage gives.
    """
    from isp.profile import Profile
    from isp.stages import find_stage

    stage = find_stage(name)
    names = [name]
    if isinstance(value, (RawFrame, RawSet)) and "raw" not in stage.takes:
        names = ["linearize", "black_level", name]
    stages: list[Any] = [(n, params) if n == name and params else n for n in names]
    start = "raw" if isinstance(value, RawSet) else _start(value, Companions()).domain
    return Pipeline(Profile.from_stages(stages, start=start)).run(value, tap=name).value


_RESIZED = "stage {!r} changes the size of the frame behind its statistics; put it before white_balance"


class _Clock:
    """Seconds spent in named parts."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name = ""
        self._start = 0.0

    def __call__(self, name: str) -> _Clock:
        self._name = name
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self._start
        self.seconds[self._name] = self.seconds.get(self._name, 0.0) + spent


@dataclass(frozen=True)
class _Start:
    domain: Domain
    context: Context


class _Resolver:
    """Walks the enabled stages in order: plain values, arrays and context for each."""

    def __init__(
        self,
        profile: Profile,
        value: Given,
        companions: Companions,
        tap: str | None,
        clock: _Clock,
        threads: int | None,
        branch_of: str = "",
    ) -> None:
        self.profile, self.value, self.threads, self._clock = profile, value, threads, clock
        self.resolved: list[Resolved] = []
        self.steps: list[Placed] = []
        self.warnings: list[str] = []
        self.statistics: Statistics | None = None
        self.encoding = ("rec2020", "linear")
        self.branches: list[_Resolver] = []
        self.gives: Domain
        self.context: Context
        self._branch_of = branch_of  # the stage that merges what this resolver prepares
        entries = _up_to(tap, [e for e in profile.stages if e.enabled])
        if isinstance(value, RawSet):
            before, merge = _merging(entries, tap, len(value))
            self.branches = [
                _Resolver(profile, frame, companions, before, clock, threads, merge) for frame in value
            ]
            entries = entries[[e.name for e in entries].index(merge) :]
            ends = [b.context for b in self.branches]
            self.start = _Start(self.branches[0].gives, ends[0].but(frames=tuple(ends)))
            self.resolved += self.branches[0].resolved
            self.warnings += [line for b in self.branches for line in b.warnings]
        else:
            self.start = _start(value, companions)
        domain, context = self.start.domain, self.start.context
        self._prefix = 0
        for entry in entries:
            check_possible(entry.stage, domain, context)
            domain, context = self._resolve(entry, domain, context)
        self.gives, self.context = domain, context

    def plan(self, sink: str, *, apart: bool = False) -> Plan:
        """The plan of the resolved steps (of a mere copy, where every stage is the identity)."""
        return self._plan(self.steps, sink, apart)

    def _plan(self, steps: Sequence[Placed], sink: str, apart: bool = False) -> Plan:
        path = _datapath(self.profile)
        branches = [b.plan("float32") for b in self.branches]
        dtype = "float32" if isinstance(self.value, RawSet) else self.value.data.dtype.name
        return Plan(steps, dtype, self.start.domain, sink, path, branches, apart)

    def _resolve(self, entry: StageEntry, domain: Domain, context: Context) -> tuple[Domain, Context]:
        from isp.profile import resolve_entry
        from isp.profile.resolve import NO_ISO

        stage = entry.stage
        before_white = stage.name != "white_balance" and "white_balance" not in context.resolved
        if before_white and domain in ("raw", "mosaic") and (stage.gives or domain) in ("raw", "mosaic"):
            self._prefix = len(self.steps) + 1
        given = {p.name: p.default for p in stage.parameters} | dict(entry.values)
        if stage.wants_statistics(given, context) and self.statistics is None:
            context = context.but(statistics=self._measure(stage.name, context.shape))
        start = time.perf_counter()
        done = resolve_entry(entry, context, self.profile)
        self.resolved.append(Resolved(stage.name, done.values, done.origins))
        if any(NO_ISO in origin for origin in done.origins.values()):
            self.warnings.append(f"{stage.name}: {NO_ISO}; its table is read at the lowest")
        context = context.but(resolved={**context.resolved, stage.name: done.values})
        gives: Domain = stage.gives or domain
        with blamed(stage):
            after = stage.advance(done.values, context)
            if self.statistics is not None and after.shape != context.shape:
                raise ProfileError(_RESIZED.format(stage.name))
            self.warnings += [f"{stage.name}: {line}" for line in stage.warn(done.values, context)]
            self.encoding = stage.encoding(done.values) or self.encoding
            step = None if stage.identity(done.values, context) else _step(stage, done.values, context, domain)
        if step is not None:
            self.steps.append(Placed(step, gives, context, after))
        elif self._prefix > len(self.steps):
            self._prefix = len(self.steps)
        spent = time.perf_counter() - start
        self._clock.seconds["resolve"] = self._clock.seconds.get("resolve", 0.0) + spent
        return gives, after

    def _measure(self, wanted_by: str, shape: tuple[int, int]) -> Statistics:
        """The pre-pass over the steps before white balance (design: there is no second one)."""
        from isp.engine.execute import block_of
        from isp.engine.statistics import check_measurable, measure

        if self._branch_of:
            raise ProfileError(
                f"stage {wanted_by!r} needs statistics, which a set of frames has behind {self._branch_of} only; "
                "put it there"
            )
        prefix = self.steps[: self._prefix]
        last = prefix[-1] if prefix else None
        domain = last.gives if last else self.start.domain
        check_measurable(wanted_by, domain)
        if (last.after if last else self.start.context).shape != shape:
            raise ProfileError(_RESIZED.format("binning"))
        with self._clock("statistics"):
            _use_threads(self.threads)
            context = last.after if last else self.start.context
            data = _pixels(self.value)
            if prefix:
                source = self._plan(prefix, "float32").link(data, self.start.context)
            elif isinstance(data, tuple):
                raise RuntimeError("a set was not merged")
            else:
                from isp.engine.strips import FrameSource

                source = FrameSource(data, context.phase, block_of(context, domain))
            self.statistics = measure(source, context.clip)
        return self.statistics


def _step(stage: Stage, values: Mapping[str, Any], context: Context, domain: Domain) -> Step:
    if stage.kind in ("fused", "guided"):
        return make_step(stage, values, context, domain)
    return Step(stage, stage.structure(values, context), {})


def _up_to(tap: str | None, entries: list[StageEntry]) -> list[StageEntry]:
    """The entries up to and including the one called `tap`; all without one."""
    if tap is None:
        return entries
    names = [e.name for e in entries]
    if tap not in names:
        raise UsageError(f"no enabled stage {tap!r} to tap; stages: {', '.join(names)}")
    return entries[: names.index(tap) + 1]


def _merging(entries: list[StageEntry], tap: str | None, count: int) -> tuple[str, str]:
    """The last stage that runs on each of a set's `count` frames, and the one that merges them."""
    names = [e.name for e in entries]
    merge = next((e.name for e in entries if e.stage.merges), None)
    if merge is None:
        if tap is not None:
            raise UsageError(f"a set of {count} frames is one frame only behind the stage that merges it; tap that one "
                             f"or a later one, not {tap!r}")
        raise InputError(f"a set of {count} frames needs a stage that merges them; add hdr_merge behind black_level")
    before = names[: names.index(merge)]
    if not before:
        raise ProfileError(f"stage {merge!r} takes {DOMAINS['mosaic']}, but comes first")
    if "white_balance" in before:
        raise ProfileError(f"stage {merge!r} merges a set of frames; it must come before white_balance")
    return before[-1], merge


def _single(raw: Given) -> Given:
    """The only frame of a set of one; other values as they are."""
    if not isinstance(raw, (RawFrame, RawSet, Mosaic, Picture)):
        raise UsageError(f"cannot develop a {type(raw).__name__}; allowed: RawFrame, RawSet, Mosaic, Picture")
    return raw[0] if isinstance(raw, RawSet) and len(raw) == 1 else raw


def _pixels(value: Given) -> Pixels:
    return tuple(frame.data for frame in value) if isinstance(value, RawSet) else value.data


def _origin(value: Given) -> Origin:
    return Origin(" + ".join(f.origin.name for f in value)) if isinstance(value, RawSet) else value.origin


def _file_warnings(value: Given) -> tuple[str, ...]:
    if isinstance(value, RawSet):
        return tuple(line for frame in value for line in frame.info.warnings)
    return value.info.warnings if isinstance(value, (RawFrame, Mosaic)) else ()


def _start(value: Value, companions: Companions) -> _Start:
    if isinstance(value, RawFrame):
        sites = tuple(float(v) for v in pattern_to_sites(value.black, value.cfa))
        context = Context(
            value.cfa, value.shape, value.info, sites, value.white, companions=companions  # type: ignore[arg-type]
        )
        return _Start("raw", context)
    if isinstance(value, Mosaic):
        context = Context(value.cfa, value.shape, value.info, noise=value.noise, companions=companions)
        return _Start("mosaic", context)
    from isp.cfa import Cfa
    from isp.values import FrameInfo

    context = Context(Cfa("RGGB"), value.shape, FrameInfo(orientation=value.orientation), companions=companions)
    if value.transfer != "linear":
        return _Start("encoded", context)
    if value.space == "camera":
        return _Start("camera", context)
    if value.space != "rec2020":
        raise InputError(f"a linear picture in {value.space} cannot enter a pipeline; allowed: camera, rec2020")
    return _Start("display" if value.referred == "display" else "scene", context)


def _sink(bits: int, gives: Domain) -> str:
    return {8: "uint8", 16: "uint16"}.get(bits, "float32") if gives == "encoded" else "float32"


def _datapath(profile: Profile) -> Datapath | None:
    path = profile.datapath
    return None if path is None else Datapath(path.bits, path.headroom, path.rounding)


def _value(array: NDArray[Any], frame: _Resolver) -> Value:
    context, domain, origin = frame.context, frame.gives, _origin(frame.value)
    if domain == "raw":
        codes = np.clip(np.rint(array), 0, 2.0**32 - 1)
        wide = codes.max() > 0xFFFF or context.white > 0xFFFF
        same = isinstance(frame.value, RawFrame) and context.black == frame.start.context.black
        black = frame.value.black if same else sites_to_pattern(context.black, context.cfa)  # type: ignore[union-attr]
        data = codes.astype(np.uint32 if wide else np.uint16)
        return RawFrame(data, context.cfa, black, context.white, context.info, origin)
    if domain == "mosaic":
        return Mosaic(array, context.cfa, context.noise, context.info, origin)
    turn = context.info.orientation
    if domain == "encoded":
        return Picture(array, *frame.encoding, "display", turn, origin)
    return Picture(array, *MEANING[domain], turn, origin)


def _cropped(value: Mosaic | Picture, encoding: tuple[str, str]) -> Mosaic | Picture:
    """A tapped crop with the encoding that its profile resolved."""
    if isinstance(value, Picture) and value.transfer != "linear":
        return Picture(value.pixels, *encoding, "display", value.orientation)
    return value


def _use_threads(threads: int | None) -> None:
    from isp.engine.runtime import set_threads

    set_threads(threads or cores())
