"""What fits an ISP and what does not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isp.cost.accounting import Account, Split, split
from isp.cost.target import Target
from isp.errors import UsageError


@dataclass(frozen=True)
class Stream:
    """Frames of one camera: `width` x `height` pixels, `fps` times a second."""

    width: int
    height: int
    fps: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or not 0 < self.fps < 1e6:
            raise UsageError(f"a stream of {self.width} x {self.height} at {self.fps:g}/s is not possible")

    @property
    def pixel_rate(self) -> float:
        """Pixels per second."""
        return self.width * self.height * self.fps

    def __str__(self) -> str:
        return f"{self.width} x {self.height} at {self.fps:.4g}/s"


@dataclass(frozen=True)
class Check:
    """One limit.

    Parameters
    ----------
    key, label : of the limit
    value, limit : what is needed and what there is, in `unit`
    fits : bool
    note : what it means; where it does not fit, why
    """

    key: str
    label: str
    value: float
    limit: float
    unit: str
    fits: bool
    note: str


@dataclass(frozen=True)
class Fit:
    """A profile on an ISP.

    Parameters
    ----------
    checks : every limit that the ISP's file names and that applies
    cut : strips or tiles the frame is processed in; None if it cannot be
    streamed : True where the frame is processed while it arrives, False where it is read from memory
    """

    checks: tuple[Check, ...]
    cut: Split | None
    streamed: bool

    @property
    def fits(self) -> bool:
        """True if nothing is exceeded."""
        return all(c.fits for c in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not fit."""
        return tuple(c.note for c in self.checks if not c.fits)


def rate_check(target: Target, streams: Sequence[Stream]) -> Check | None:
    """The pixels of all cameras in a second against the ISP's budget; None where that is not published.

    A budget counts every pixel that enters once. For a single frame there is no rate: a still of any size fits it.
    """
    limit = target.number("pixel_rate")
    if limit is None:
        return None
    rate = sum(s.pixel_rate for s in streams)
    what = " + ".join(map(str, streams))
    verb = "within" if rate <= limit else "more than"
    note = f"{what}: {rate / 1e9:.4g} Gpx/s, {verb} the {limit / 1e9:.4g} of {target.name}"
    return Check("pixel_rate", "Pixel rate", rate / 1e9, limit / 1e9, "Gpx/s", rate <= limit, note)


def fit(account: Account, target: Target, fps: float, block: int = 1) -> Fit:
    """Hold a profile's account against the limits of an ISP.

    Parameters
    ----------
    account : Account
    target : Target
    fps : frames per second
    block : side of the mosaic's same-colour blocks [px]
    """
    (width, height), reach = account.raw, account.reach
    checks = [rate_check(target, [Stream(width, height, fps)]), _remosaic(account, target, block),
              _bits(account, target)]  # fmt: skip
    cut, streamed = split(width, None, reach), True
    if tile := target.whole("tile_width"):
        cut, streamed = split(width, tile, reach), False
        checks += _tiles(account, target, cut, tile)
    elif line := target.whole("line_width"):
        fits = width <= line
        note = f"rows of {width} px, {'within' if fits else 'longer than'} the line buffers' {line} px"
        checks.append(Check("line_width", "Line", width, line, "px", fits, note))
    elif limit := target.whole("output_width"):
        cut = split(width, limit, reach)
        found = _strips(account, target, cut, limit)
        streamed = found.fits
        # from memory, strip after strip, anything goes that can be cut at all
        checks.append(found if cut is None else _from_memory(found))
    if account.host:
        note = f"{', '.join(account.host)}: host code, which no ISP runs"
        checks.append(Check("host", "Host stages", len(account.host), 0, "", False, note))
    return Fit(tuple(c for c in checks if c is not None), cut, streamed)


def _remosaic(account: Account, target: Target, block: int) -> Check | None:
    across, down = target.whole("remosaic_width"), target.whole("remosaic_height")
    if across is None or down is None or block == 1:
        return None
    width, height = account.raw
    fits = width <= across and height <= down
    note = (
        f"remosaic of {width} x {height} ({width * height / 1e6:.0f} MP) in blocks of {block} x {block}; {target.name} "
        f"writes up to {across} x {down} ({across * down / 1e6:.0f} MP)"
    )
    if not fits:
        note += ": it must be done in the sensor, or in software"
    return Check("remosaic", "Remosaic", width * height / 1e6, across * down / 1e6, "MP", fits, note)


def _bits(account: Account, target: Target) -> Check | None:
    limit = target.whole("bits")
    if limit is None:
        return None
    fits = account.bits <= limit
    note = f"datapath of {account.bits} bits, {'within' if fits else 'wider than'} the {limit} of {target.name}"
    return Check("bits", "Datapath", account.bits, limit, "bit", fits, note)


def _tiles(account: Account, target: Target, cut: Split | None, width: int) -> list[Check]:
    reach = account.reach
    if cut is None:
        note = f"the stages read {reach} px to each side, which leaves nothing of tiles of {width} px"
        return [Check("tile_width", "Overlap of tiles", 2 * reach + 1, width, "px", False, note)]
    note = f"{cut.count} tiles across, each with {reach} px of overlap at its inner edges; {cut.read:.3g} x the pixels"
    checks = [Check("tile_width", "Overlap of tiles", 2 * reach + 1, width, "px", True, note)]
    if most := target.whole("tiles"):
        fits = cut.count <= most
        note = f"{cut.count} tiles across, {'within' if fits else 'more than'} {most} of a frame"
        checks.append(Check("tiles", "Tiles", cut.count, most, "", fits, note))
    return checks


def _strips(account: Account, target: Target, cut: Split | None, limit: int) -> Check:
    """Whether the frame can be processed while it arrives: strips side by side in the pipes, not too high."""
    height, pipes = account.raw[1], target.whole("pipes") or 1
    most = target.whole("output_height")
    if cut is None:
        note = f"the stages read {account.reach} px to each side, which leaves nothing of strips of {limit} px"
        return Check("output_width", "Strips", account.reach, limit // 2, "px", False, note)
    high = most is not None and height > most
    fits = cut.count <= pipes and not high
    why = [
        *([f"{cut.count} strips of up to {limit} px, but {pipes} pipes"] if cut.count > pipes else []),
        *([f"{height} rows, but pictures of up to {most}"] if high else []),
    ]
    note = f"{cut.count} strip{'s' * (cut.count > 1)} of up to {limit} px side by side in {pipes} pipes"
    return Check("output_width", "Strips", cut.count, pipes, "", fits, note if fits else "; ".join(why))


def _from_memory(found: Check) -> Check:
    if found.fits:
        return found
    note = f"{found.note}: not while it streams, but from memory, strip after strip"
    return Check(found.key, found.label, found.value, found.limit, found.unit, True, note)
