"""What `isp demo` shows. Other packages show more under the entry-point group ``isp.demos``.

Such an entry point names a function that takes a `Wanted` and returns an iterable of `Shown`. It writes only into
`Wanted.folder`, and only through `isp.io`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from isp.errors import IspError, ProfileError

PROFILES = {
    "reference": "colour as the camera measured it: black level, white balance, demosaic, colour matrix, sRGB",
    "natural": "the everyday one: also shading, noise, highlights, tone and sharpness",
}
"""The profiles the demo develops with, and what each is."""


def _no_progress(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Wanted:
    """What to show: `width` x `height` [px], `seed`, `iso`; into `folder`; on `threads` (None for all).

    `progress` takes rows done and rows in all.
    """

    folder: Path
    width: int = 2048
    height: int = 1536
    seed: int = 1
    iso: float = 100.0
    threads: int | None = None
    overwrite: bool = False
    progress: Callable[[int, int], None] = _no_progress


@dataclass(frozen=True)
class Shown:
    """One thing done: `what` in a line, the file it wrote, the seconds of its parts, commands to try next."""

    what: str
    file: Path | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    next: tuple[str, ...] = ()


def develop(wanted: Wanted) -> Iterator[Shown]:
    """Photograph the generated scene and develop it with the shipped profiles, one `Shown` each."""
    from isp.demo.camera import BITS, demo_frame
    from isp.io import check_writable, write_picture
    from isp.pipeline import Pipeline
    from isp.profile import read_profile
    from isp.values import Picture

    targets = {name: wanted.folder / f"{name}.png" for name in PROFILES}
    for target in targets.values():
        check_writable(target, overwrite=wanted.overwrite)
    began = time.perf_counter()
    frame = demo_frame(wanted.width, wanted.height, wanted.seed, wanted.iso)
    took = {"scene": time.perf_counter() - began}
    yield Shown(
        f"photographed a generated scene: {wanted.width} x {wanted.height}, {BITS} bit {frame.cfa}, "
        f"ISO {wanted.iso:g}, seed {wanted.seed}",
        seconds=took,
    )
    for name, about in PROFILES.items():
        run = Pipeline(read_profile(name), threads=wanted.threads).run(frame, progress=wanted.progress)
        began = time.perf_counter()
        if not isinstance(run.value, Picture):
            raise ProfileError(f"profile {name!r} does not end in a picture")
        write_picture(run.value, targets[name], overwrite=wanted.overwrite)
        seconds = {**run.seconds, "write": time.perf_counter() - began}
        yield Shown(f"developed it with {name!r}, {about}", targets[name], seconds, _TRY[name])


_TRY = {
    "reference": ("isp profile show reference",),
    "natural": (
        "isp run natural YOUR.dng -o picture.jpg",
        "isp run natural YOUR.dng -o brighter.jpg --set exposure.ev=1",
        "isp run natural YOUR.dng -o linear.tiff --tap demosaic",
        "isp stages tone_curve",
        "isp profile explain natural",
    ),
}


def demos() -> Iterator[tuple[str, Callable[[Wanted], Iterable[Shown]]]]:
    """Ours first, then those of other packages by name; one that cannot be loaded fails when it is called."""
    yield "develop", develop
    for point in sorted(entry_points(group="isp.demos"), key=lambda p: p.name):
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
