"""What `isp demo` shows. Other packages show more under the entry-point group ``isp.demos``.

Such an entry point names a function that takes a `Wanted` and returns an iterable of `Shown`. It writes only into
`Wanted.folder`, and only through `isp.io`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isp.errors import IspError, ProfileError, UsageError

if TYPE_CHECKING:
    from isp.values import RawFrame


@dataclass(frozen=True)
class Way:
    """One way to develop the frame: a profile with settings into a file, and what that shows."""

    file: str
    profile: str
    about: str
    settings: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


REFERENCE = Way(
    "reference.jpg", "reference",
    "colour as the camera measured it: black level, white balance, demosaic, colour matrix, sRGB",
    next=("isp profile show reference",),
)  # fmt: skip
NATURAL = Way(
    "natural.jpg", "natural", "the everyday one: also shading, noise, highlights, tone and sharpness",
    next=(
        "isp run natural YOUR.dng -o picture.jpg",
        "isp run natural YOUR.dng -o brighter.jpg --set exposure.ev=1",
        "isp run natural YOUR.dng -o linear.tiff --tap demosaic",
        "isp stages tone_curve",
        "isp profile explain natural",
    ),
)  # fmt: skip


def _no_progress(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Wanted:
    """What to show: `width` x `height` [px], `seed`, `iso`; into `folder`; on `threads` (None for all).

    `progress` takes rows done and rows in all. `look` asks for scenes through other lenses.
    """

    folder: Path
    width: int = 2048
    height: int = 1536
    seed: int = 1
    iso: float = 100.0
    threads: int | None = None
    overwrite: bool = False
    progress: Callable[[int, int], None] = _no_progress
    look: bool = False


@dataclass(frozen=True)
class Shown:
    """One thing done: `what` in a line, the file it wrote, the seconds of its parts, commands to try next.

    `peak_mb` is the most memory the process has held up to then [MB].
    """

    what: str
    file: Path | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    next: tuple[str, ...] = ()
    peak_mb: float = field(default_factory=lambda: _peak_mb())


def _peak_mb() -> float:
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


def develop(wanted: Wanted) -> Iterator[Shown]:
    """Photograph the generated scene and develop it: shown where no other package has a demo."""
    from isp.demo.camera import BITS, demo_frame

    if wanted.look:
        raise UsageError("--look needs scenes with depth; install the package that simulates them (sensors)")
    ways = (REFERENCE, NATURAL)
    check_targets(wanted, ways)
    began = time.perf_counter()
    frame = demo_frame(wanted.width, wanted.height, wanted.seed, wanted.iso)
    yield Shown(
        f"photographed a generated scene: {wanted.width} x {wanted.height}, {BITS} bit {frame.cfa}, "
        f"ISO {wanted.iso:g}, seed {wanted.seed}",
        seconds={"scene": time.perf_counter() - began},
    )
    yield from developed(frame, wanted, ways)


def check_targets(wanted: Wanted, ways: Iterable[Way]) -> None:
    """Check, before any work, that `developed` may write its pictures."""
    from isp.io import check_writable

    for way in ways:
        check_writable(wanted.folder / way.file, overwrite=wanted.overwrite)


def developed(frame: RawFrame, wanted: Wanted, ways: Iterable[Way]) -> Iterator[Shown]:
    """Develop a frame in each of `ways` into `wanted.folder`, one `Shown` each."""
    from isp.io import write_picture
    from isp.pipeline import Pipeline
    from isp.profile import read_profile
    from isp.values import Picture

    for way in ways:
        profile = read_profile(way.profile).with_settings(["output.format=jpeg", "output.bits=8", *way.settings])
        run = Pipeline(profile, threads=wanted.threads).run(frame, progress=wanted.progress)
        began = time.perf_counter()
        if not isinstance(run.value, Picture):
            raise ProfileError(f"profile {way.profile!r} does not end in a picture")
        target = wanted.folder / way.file
        write_picture(run.value, target, overwrite=wanted.overwrite)
        height, width = run.value.shape
        seconds = {**run.seconds, "write": time.perf_counter() - began}
        rate = frame.shape[0] * frame.shape[1] / 1e6 / sum(run.seconds.values())
        what = f"developed it with {way.profile!r} to {width} x {height}, {rate:.0f} MP/s, {way.about}"
        del run
        yield Shown(what, target, seconds, way.next)


def demos() -> Iterator[tuple[str, Callable[[Wanted], Iterable[Shown]]]]:
    """Those of other packages by name, or ours where there are none; one that cannot be loaded fails when called."""
    points = sorted(entry_points(group="isp.demos"), key=lambda p: p.name)
    if not points:
        yield "develop", develop
    for point in points:
        yield point.name, _loader(point)


def _loader(point: Any) -> Callable[[Wanted], Iterable[Shown]]:
    def show(wanted: Wanted) -> Iterable[Shown]:
        try:
            load: Callable[[Wanted], Iterable[Shown]] = point.load()
        except Exception as error:
            package = point.dist.name if point.dist is not None else "unknown package"
            raise IspError(
                f"demo {point.name!r} = {point.value} of {package} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        yield from load(wanted)

    return show
