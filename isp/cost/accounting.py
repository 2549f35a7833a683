"""A profile's account: its stages one by one as counted, and what follows for lines, latency, tables and traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isp.cost.counting import StageCount, count_segment
from isp.errors import UsageError

if TYPE_CHECKING:
    from isp.profile import Profile
    from isp.values import RawFrame


@dataclass(frozen=True)
class StageAccount:
    """One stage of a profile at its place.

    Parameters
    ----------
    name : str
    size : (width, height) of what it gives [px]
    planes : channels of what it gives
    reach : pixels it reads to each side of its output's place in its input [px]
    scale : pixels of its input for each of its output, along each axis
    count : StageCount, or None
    reason : why there is no count
    """

    name: str
    size: tuple[int, int]
    planes: int
    reach: int
    scale: int
    count: StageCount | None
    reason: str = ""

    @property
    def pixels(self) -> int:
        """Pixels of a frame that it computes."""
        return self.size[0] * self.size[1]

    def table_bits(self, bits: int) -> int:
        """Its look-up tables, each entry as wide as the datapath [bits]."""
        return 0 if self.count is None else sum(self.count.tables.values()) * bits


@dataclass(frozen=True)
class Split:
    """A frame cut into strips from top to bottom, each with the neighbours that its stages read.

    Parameters
    ----------
    count : strips
    width : of the widest, overlap included [px]
    read : columns read in all strips together, for each column of the frame
    """

    count: int
    width: int
    read: float


def split(width: int, most: int | None, reach: int) -> Split | None:
    """The fewest strips of at most `most` pixels in which a frame `width` wide fits; None if their overlap fills them.

    `reach` [px] is read beyond each inner edge.
    """
    if most is None or width <= most:
        return Split(1, width, 1.0)
    # the outermost two have one inner edge each
    left = width - 2 * (most - reach)
    if most <= reach or (left > 0 and most <= 2 * reach):
        return None
    count = 2 + (-(-left // (most - 2 * reach)) if left > 0 else 0)
    return Split(count, most, (width + 2 * reach * (count - 1)) / width)


@dataclass(frozen=True)
class Account:
    """What a profile takes for a frame.

    Parameters
    ----------
    profile : str
    raw : (width, height) of the raw frame [px]
    raw_bits : of its samples
    bits : of the datapath
    picture_bits : of each pixel of the picture that is written
    stages : those that change something, in order
    skipped : those that change nothing here
    """

    profile: str
    raw: tuple[int, int]
    raw_bits: int
    bits: int
    picture_bits: int
    stages: tuple[StageAccount, ...]
    skipped: tuple[str, ...] = ()

    @property
    def picture(self) -> tuple[int, int]:
        """(width, height) of the picture [px]."""
        return self.stages[-1].size if self.stages else self.raw

    @property
    def reach(self) -> int:
        """Pixels of the raw frame that a pixel of the picture depends on, to each side [px]."""
        total, scale = 0, 1
        for stage in self.stages:
            total += stage.reach * scale
            scale *= stage.scale
        return total

    @property
    def operations(self) -> float:
        """Of one frame, host stages not included."""
        return sum(s.pixels * s.count.total for s in self.stages if s.count is not None)

    @property
    def latency(self) -> int:
        """Rows of the raw frame by which the picture lags behind it, in a stream."""
        rows, scale = 0, 1
        for stage in self.stages:
            scale *= stage.scale
            rows += scale * (stage.count.latency if stage.count is not None else 0)
        return rows

    @property
    def host(self) -> tuple[str, ...]:
        """Stages that host code computes."""
        return tuple(s.name for s in self.stages if s.count is None)

    def line_bits(self, stage: StageAccount, width: int | None = None) -> int:
        """The line buffers of one stage [bits], for strips of the raw frame `width` wide (the whole frame's width)."""
        if stage.count is None:
            return 0
        across = stage.size[0] if width is None else -(-width * stage.size[0] // self.raw[0])
        return stage.count.line_bits(across, self.bits)

    def traffic(self, cut: Split, *, streamed: bool) -> Mapping[str, float]:
        """Bytes that cross the memory bus for a frame, by what they are.

        `streamed`: the raw frame comes straight from the sensor and is not kept. Statistics ride along with the frame
        before, as in every camera, and cost no traffic; a host stage has its whole input written and its output read.
        """
        raw = self.raw[0] * self.raw[1] * self.raw_bits / 8
        found = {} if streamed else {"raw written": raw, "raw read": raw * cut.read}
        given = self.raw[0] * self.raw[1]
        for stage in self.stages:
            if stage.count is None:
                found[f"{stage.name}: input written"] = given * self.bits / 8
                found[f"{stage.name}: output read"] = stage.pixels * stage.planes * self.bits / 8
            given = stage.pixels * stage.planes
        found["picture written"] = self.picture[0] * self.picture[1] * self.picture_bits / 8
        return found


def account(profile: Profile, raw: RawFrame, *, raw_bits: int, bits: int | None = None) -> Account:
    """The account of a profile for a frame.

    Parameters
    ----------
    profile : Profile
    raw : RawFrame
        Of the size and with the facts of those to be developed; its pixels matter only where a value is `auto`.
    raw_bits : of a sample in memory
    bits : of the datapath where the profile names none; 16 by default

    Raises
    ------
    UsageError
        `raw_bits` or `bits` out of range.
    ProfileError, InputError
        As `Pipeline.run`.
    """
    from isp.engine.plan import channels
    from isp.engine.segment import Segment
    from isp.pipeline import Pipeline

    for name, value in (("raw_bits", raw_bits), ("bits", 16 if bits is None else bits)):
        if not 4 <= value <= 32:
            raise UsageError(f"{name} {value} must be 4..32")
    stages = []
    for part, run in Pipeline(profile).planned(raw, apart=True).plan.pieces:
        if not run:  # a mere conversion
            continue
        placed, segment = run[0], part if isinstance(part, Segment) else None
        stage = placed.step.stage
        height, width = placed.after.shape
        count = None if segment is None else count_segment(segment)
        reason = "" if count is not None else f"host code ({stage.kind}) has no definition to count"
        reach = (stage.halo or 0) if segment is None else placed.step.reach
        stages.append(StageAccount(
            stage.name, (width, height), channels(placed.gives), reach, placed.step.scale, count, reason
        ))  # fmt: skip
    ran = {s.name for s in stages}
    output = profile.output
    return Account(
        profile=profile.name,
        raw=(raw.shape[1], raw.shape[0]),
        raw_bits=raw_bits,
        bits=profile.datapath.bits if profile.datapath is not None else 16 if bits is None else bits,
        picture_bits=output.bits * 3 // (2 if output.chroma == 420 else 1),
        stages=tuple(stages),
        skipped=tuple(e.name for e in profile.stages if e.enabled and e.name not in ran),
    )
