"""Small scenes of flat layers with known alpha, and the renderer of the lens look beside the reference on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isp.lens_look.bend import Bend
from isp.lens_look.fans import traced, widest_tangent
from isp.lens_look.renderer import Place, Renderer
from isp.lens_look.spots import Optics
from isp.lenses import load_lens
from tests.lens_reference import Layer, Reference, flattened

FRAME = (270, 360)
"""Of which a scene is a part, 36 mm wide."""
PITCH = 36.0 / FRAME[1]


def texture(shape: tuple[int, int], seed: int, grain: float, contrast: float = 0.4) -> np.ndarray:
    """(H, W, 3) float32: soft blobs of colour, about mid grey."""
    from scipy.ndimage import gaussian_filter

    random = np.random.Generator(np.random.Philox(seed))
    grey, colour = (random.standard_normal((*shape, n)) for n in (1, 3))
    total = np.zeros((*shape, 3))
    for size in (grain, 2 * grain, 4 * grain):
        for part, weight in ((grey, 1.0), (colour, 0.3)):
            soft = gaussian_filter(part, (size, size, 0), mode="reflect")
            total = total + weight * soft / soft.std() / np.sqrt(3)
    return (0.22 * np.exp(contrast * total)).astype(np.float32)


def portrait(shape: tuple[int, int]) -> list[Layer]:
    """A head with a hair, 1.2 m away, before lights and a soft background at 6 m."""
    y, x = np.mgrid[: shape[0], : shape[1]] / shape[0]
    back = texture(shape, 1, 1.5)
    for row, column in ((0.17, 0.2), (0.62, 1.12), (0.3, 0.97)):
        top, left = int(row * shape[0]), int(column * shape[0])
        back[top : top + 2, left : left + 2] = 6.0
    head = ((x - 0.6) / 0.28) ** 2 + ((y - 0.65) / 0.46) ** 2 < 1
    hair = (np.abs(x - 0.6 - 0.3 * (y - 0.2)) < 0.012) & (y < 0.3) & (y > 0.06)
    front = texture(shape, 2, 1.0) * np.array([1.2, 0.9, 0.7], np.float32)
    return [Layer(front, (head | hair).astype(float), 1.2), Layer(back, np.ones(shape), 6.0)]


def fence(shape: tuple[int, int]) -> list[Layer]:
    """Bars at 0.7 m, a ball at 1.4 m, and lights and a soft background at 5 m."""
    y, x = np.mgrid[: shape[0], : shape[1]] / shape[0]
    back = texture(shape, 1, 1.5)
    back[int(0.8 * shape[0]) :, int(0.26 * shape[0]) :][:2, :2] = 8.0
    bars = np.mod(x + y / 3, 0.4) < 0.08
    ball = ((x - 0.75) / 0.3) ** 2 + ((y - 0.52) / 0.36) ** 2 < 1
    return [
        Layer(texture(shape, 3, 1.0) * np.float32(0.4), bars.astype(float), 0.7),
        Layer(texture(shape, 2, 1.0) * np.array([1.2, 0.9, 0.7], np.float32), ball.astype(float), 1.4),
        Layer(back, np.ones(shape), 5.0),
    ]


def encoded(light: np.ndarray) -> np.ndarray:
    """Clipped at white and encoded as sRGB (IEC 61966-2-1)."""
    light = np.clip(np.asarray(light, np.float64), 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def decibels(one: np.ndarray, other: np.ndarray, where: np.ndarray | None = None) -> float:
    """Peak signal to noise of encoded pictures [dB]."""
    error = (one - other) ** 2
    return float(-10 * np.log10((error if where is None else error[where]).mean()))


@dataclass(frozen=True)
class Trial:
    """A scene before a lens: `name`, f-number (None: wide open), focus [m], (left, top) of the scene in `FRAME`."""

    name: str
    f_number: float | None
    focus: float
    corner: tuple[int, int] = (20, 15)
    parts: int = 2

    def renderer(self, shape: tuple[int, int], margin: int = 0) -> Renderer:
        lens = load_lens(name=self.name)
        tangent = widest_tangent(lens.focal_length, (36.0, 27.0))
        fans, f_number = traced(lens, tangent), self.f_number or lens.f_number
        place = Place(shape, *(n - margin for n in self.corner), FRAME)
        optics = Optics(fans, f_number, 1e3 * self.focus, PITCH, distortion=1.0, block=place.block(1))
        return Renderer(optics, place, parts=self.parts)

    def layer(self, distance: np.ndarray | float, renderer: Renderer) -> np.ndarray:
        return renderer.layers.of(renderer.layers.infinity * (1 - self.focus / np.asarray(distance, np.float64)))

    def rendered(self, layers: Sequence[Layer], *, known: bool = False) -> np.ndarray:
        """(H, W, 3) what the renderer makes of what a pinhole sees of `layers`; `known`: and of what is behind that.

        Without distortion, but with spots about their chief rays; the picture is continued by mirrored pixels.
        """
        optics, m = self.renderer(layers[0].alpha.shape).optics, self.margin(layers)
        layers = [part.continued(m) for part in layers]
        light, distance = flattened(layers)
        renderer = self.renderer(distance.shape, m)
        hidden = None
        if known:
            shows = [distance == part.distance for part in layers]
            behind, away = flattened(layers[1:])
            for k in range(1, len(layers) - 1):
                further, farther = flattened(layers[k + 1 :])
                behind = np.where(shows[k][..., None], further, behind)
                away = np.where(shows[k], farther, away)
            hidden = behind.astype(np.float32), self.layer(away, renderer)
        picture = renderer.render(light, self.layer(distance, renderer), 2, hidden=hidden)
        heights = np.linspace(0, optics.corner, len(optics.shift))
        bend = Bend.of(heights, np.ones_like(heights), renderer.place.axis, math.hypot(*FRAME) / 2, optics.shift)
        return (picture if bend is None else bend.light(picture))[m:-m, m:-m]

    def margin(self, layers: Sequence[Layer]) -> int:
        """How far light comes from [px], about."""
        renderer = self.renderer(layers[0].alpha.shape)
        present = [int(self.layer(part.distance, renderer)) for part in layers]
        reach = max(renderer.extent(k).radius.max() for k in present) + np.abs(renderer.optics.shift).max()
        return min(math.ceil(reach) + 2, min(layers[0].alpha.shape) - 1)

    def traced(self, layers: Sequence[Layer], seed: int, **more: int) -> np.ndarray:
        """(H, W, 3) the reference."""
        renderer = self.renderer(layers[0].alpha.shape)
        lens, margin = renderer.optics.fans.lens, self.margin(layers)
        reference = Reference(lens, renderer.optics.f_number, self.focus, PITCH, renderer.place.axis, margin, **more)
        return reference.render(layers, seed)

    def band(self, layers: Sequence[Layer]) -> np.ndarray:
        """(H, W) bool: where blur mixes what lies on both sides of an edge of a layer."""
        from scipy.ndimage import distance_transform_edt

        renderer = self.renderer(layers[0].alpha.shape)
        edges = np.zeros(layers[0].alpha.shape, bool)
        for part in layers:
            for axis in (0, 1):
                step = np.diff(part.alpha, axis=axis) != 0
                edges[: step.shape[0], : step.shape[1]] |= step
        blur = max(abs(renderer.layers.blur(int(self.layer(part.distance, renderer)))) for part in layers)
        return np.asarray(distance_transform_edt(~edges) <= blur / 2 + 1)

