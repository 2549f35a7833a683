"""The frames of a session: read when they are needed, with what has been calibrated so far already in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from isp.io import read_raw
from isp.values import RawFrame, sites_to_pattern
from tuning.session.plan import Capture, Session

KEPT_BYTES = 500_000_000
"""Pixels of frames that stay in memory, since most captures serve several calibrations."""


@dataclass(frozen=True)
class Shots:
    """Frames of one capture at one ISO and exposure."""

    capture: Capture
    frames: tuple[RawFrame, ...]

    @property
    def iso(self) -> float | None:
        """As the frames say."""
        return self.frames[0].info.iso


@dataclass
class Frames:
    """Reads the captures of a session.

    `black` (R, Gr, Gb, B) [DN] replaces what the files say once it is known; `hashes` collects the SHA-256 of every
    file read, by its name without folder.
    """

    session: Session
    black: tuple[float, float, float, float] | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    _kept: dict[Path, RawFrame] = field(default_factory=dict)
    _bytes: int = 0

    def captures(self, *kinds: str) -> list[Capture]:
        """Those of some kinds, in the session's order."""
        return [capture for capture in self.session.captures if capture.kind in kinds]

    def shots(self, *kinds: str) -> Iterator[Shots]:
        """Frames of the captures of some kinds, apart by ISO and exposure, one group at a time."""
        for capture in self.captures(*kinds):
            groups: dict[tuple[float | None, float | None], list[RawFrame]] = {}
            for frame in self.read(capture):
                groups.setdefault((frame.info.iso, frame.info.exposure), []).append(frame)
            for frames in groups.values():
                yield Shots(capture, tuple(frames))

    def read(self, capture: Capture) -> Iterator[RawFrame]:
        """Every frame of a capture."""
        for path in capture.files:
            frame = self._read(path)
            info = frame.info
            stated = {"iso": capture.iso, "exposure": capture.exposure}
            missing = {k: v for k, v in stated.items() if v is not None and getattr(info, k) is None}
            frame = frame.with_info(**missing)
            if self.black is not None:
                frame = replace(frame, black=sites_to_pattern(self.black, frame.cfa))
            yield frame

    def _read(self, path: Path) -> RawFrame:
        if path in self._kept:
            return self._kept[path]
        frame = read_raw(path)
        self.hashes[path.name] = frame.origin.sha256
        if self._bytes + frame.data.nbytes <= KEPT_BYTES:
            self._kept[path] = frame
            self._bytes += frame.data.nbytes
        return frame


def names(captures: list[Capture]) -> tuple[str, ...]:
    """Names of the files, without folders."""
    return tuple(path.name for capture in captures for path in capture.files)
