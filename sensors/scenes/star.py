"""Siemens star: every spatial frequency at once, rising towards the centre (ISO 12233:2017, annex E)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sensors.scenes.coverage import REACH, Canvas, disk, half_plane
from sensors.scenes.edge import box_corners
from sensors.scenes.materials import flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size

_CORE = 1.5
"""Below this radius [photosites] spokes cross inside a photosite, and it is sampled on a grid."""
_GRID = 64
"""Samples along each side of a photosite in the core."""
_APART = 0.75
"""Below this width of a spoke [photosites] more than two of its edges may touch a photosite."""
_CHIRP = 8.0
"""Below this radius [photosites] a sine's frequency changes too much within a photosite for its closed form."""


class SiemensStar(Scene):
    """A star of `cycles` dark and light spokes on their mean grey.

    The area of a binary star's spokes within a photosite is exact but in the 1.5 photosites around the centre (64 x 64
    samples, error below 0.01 of the contrast) and at the rim, a straight line within a photosite. A sine star takes
    the closed form of a locally straight wave: error below 0.01 of the contrast.

    Parameters
    ----------
    cycles : pairs of spokes, 4..720
    kind : ``binary`` or ``sine``
    contrast : reflectance of the light spokes over that of the dark ones, 1..1000
    light : reflectance of the light spokes, 0..1
    radius : of the star, as a fraction of the shorter side of the frame, 0.05..0.5

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(
        self, cycles: int = 144, kind: str = "binary", contrast: float = 20.0, light: float = 0.8, radius: float = 0.45
    ) -> None:
        check("siemens", cycles=cycles, kind=kind, contrast=contrast, light=light, radius=radius)
        self.name = "siemens"
        self.cycles, self.kind, self.radius = cycles, kind, radius
        self.factors = flat([light / contrast, light])
        angles = np.arange(2 * cycles) * (math.pi / cycles)
        self._cos, self._sin = np.cos(angles), np.sin(angles)

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        radius = self.radius * min(size)
        middle_x, middle_y = size[0] / 2, size[1] / 2
        mean = (table[0] + table[1]) / 2
        canvas = Canvas(x, y, mean)
        window = canvas.window((middle_x - radius, middle_y - radius, middle_x + radius, middle_y + radius))
        if window is None:
            return canvas.planes
        x, y = canvas.at(*window)
        u, v = np.broadcast_arrays(x - middle_x, y - middle_y)
        rim = disk(u, v, radius)
        chosen = np.nonzero(rim)
        share = np.full(rim.shape, 0.5, np.float32)
        share[chosen] = self.light_share(u[chosen], v[chosen])
        for plane, dark, light, ground in zip(canvas.planes, table[0], table[1], mean, strict=True):
            plane[window] += (dark + share * (light - dark) - ground) * rim
        return canvas.planes

    def light_share(self, u: Float64, v: Float64) -> Float64:
        """Share of light in photosites at (`u`, `v`) [photosites] from the centre of an endless star: (n,) in 0..1."""
        away = np.sqrt(u * u + v * v)
        core = away < (_CORE if self.kind == "binary" else max(_CHIRP, _CORE))
        share = np.empty(u.shape)
        outer = np.flatnonzero(~core)
        share[outer] = (self._spokes if self.kind == "binary" else self._wave)(u[outer], v[outer], away[outer])
        inner = np.flatnonzero(core)
        offsets = (np.arange(_GRID) + 0.5) / _GRID - 0.5
        for i in inner:
            wave = np.cos(self.cycles * np.arctan2(v[i] + offsets[:, None], u[i] + offsets[None, :]))
            share[i] = np.mean(wave <= 0) if self.kind == "binary" else 0.5 - 0.5 * np.mean(wave)
        return share

    def _wave(self, u: Float64, v: Float64, away: Float64) -> Float64:
        frequency = self.cycles / (2 * math.pi * away * away)
        blur = np.sinc(frequency * v) * np.sinc(frequency * u)
        return np.asarray(0.5 - 0.5 * np.cos(self.cycles * np.arctan2(v, u)) * blur)

    def _spokes(self, u: Float64, v: Float64, away: Float64) -> Float64:
        # edges lie half a spoke off the axes, so that dark spokes are centred on them as the sine's troughs are
        sector = np.floor(np.arctan2(v, u) * (self.cycles / math.pi) + 0.5).astype(np.int64)
        share = (sector % 2).astype(np.float64)
        narrow = away < _APART * self.cycles / math.pi
        near = ~narrow & (self._nearest(u, v, sector) < REACH)
        for chosen, reach in ((np.flatnonzero(near), 0), (np.flatnonzero(narrow), self._most())):
            share[chosen] = self._sum(u[chosen], v[chosen], sector[chosen], reach)
        return share

    def _nearest(self, u: Float64, v: Float64, sector: Any) -> Float64:
        """Distance from the centre of each photosite to the nearer edge of its sector [photosites]."""
        index = sector % (2 * self.cycles)
        c, s = self._cos[index], self._sin[index]
        across, along = np.abs(c * v - s * u), c * u + s * v
        half = math.pi / (2 * self.cycles)
        return np.asarray(along * math.sin(half) - across * math.cos(half))

    def _most(self) -> int:
        return math.ceil(math.asin(0.7072 / _CORE) * self.cycles / math.pi) + 1

    def _sum(self, u: Float64, v: Float64, sector: Any, reach: int) -> Float64:
        """Light sectors' areas: `sector` and `reach` more on either side."""
        total = np.zeros(u.shape)
        if not len(u):
            return total
        before = self._beyond(u, v, sector - reach) if reach else self._beyond(u, v, sector)
        first = np.ones(u.shape) if reach else before
        for k in range(-reach, reach + 1):
            after = self._beyond(u, v, sector + k + 1)
            total += np.where((sector + k) % 2 == 1, first - after, 0.0)
            first = after
        if not reach:
            # what is outside the one sector is its neighbours', of the other kind
            total += np.where(sector % 2 == 0, 1.0 - (before - first), 0.0)
        return np.clip(total, 0.0, 1.0)

    def _beyond(self, u: Float64, v: Float64, edge: Any) -> Float64:
        """Area of the photosites past edge number `edge`, counted anticlockwise in the frame's (x, y)."""
        turn = math.pi / self.cycles
        index = edge % (2 * self.cycles)
        half_c, half_s = math.cos(turn / 2), math.sin(turn / 2)
        c = self._cos[index] * half_c + self._sin[index] * half_s
        s = self._sin[index] * half_c - self._cos[index] * half_s
        return half_plane(c * v - s * u, -s, c)

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        x, y, r = frame[0] / 2, frame[1] / 2, self.radius * min(frame)
        return [{"name": "star", "kind": "star", "corners": box_corners((x - r, y - r, x + r, y + r))}]
