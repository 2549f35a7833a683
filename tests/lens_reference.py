"""What a lens makes of a scene of flat layers, by brute force: the reference for the renderer of the lens look.

Every pixel of every layer is a point that sends rays, stratified over the beam, through the prescription, at its own
distance; a ray that crosses a nearer layer on its way to the lens loses what that covers there. Where it lands on the
sensor, seen without the lens's distortion of what is in focus, its light is shared by the four pixels around. Nothing
is blurred or laid behind one another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isp.lens_look.fans import WAVELENGTHS
from isp.lenses import Lens
from isp.lenses.beam import Source, beam, chief, launch

STRIDE = 2
"""Each pixel takes every second ray of its bundle along both sides, from a random one on."""


@dataclass(frozen=True)
class Layer:
    """`light` (H, W, 3) and `alpha` (H, W) of a plane at `distance` [m] from the entrance pupil."""

    light: np.ndarray
    alpha: np.ndarray
    distance: float

    def continued(self, margin: int) -> Layer:
        """It with so many mirrored pixels around it."""
        m = margin
        light = np.pad(self.light, ((m, m), (m, m), (0, 0)), "reflect")
        return Layer(light, np.pad(self.alpha, m, "reflect"), self.distance)


def flattened(layers: Sequence[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """What a pinhole sees of layers, from near to far: light (H, W, 3) float32, distance (H, W)."""
    light = layers[-1].light.astype(np.float64)
    distance = np.full(light.shape[:2], layers[-1].distance)
    for layer in layers[-2::-1]:
        light = light + layer.alpha[..., None] * (layer.light - light)
        distance = np.where(layer.alpha > 0.5, layer.distance, distance)
    return light.astype(np.float32), distance


@dataclass(frozen=True)
class Reference:
    """A lens at `f_number`, focused at `focus` [m], behind which the picture's pixels have a pitch [mm].

    `axis` is the (x, y) of the optical axis in the picture [px]; a picture is continued by `margin` mirrored pixels.
    Of `side` x `side` rays over a beam's bounds, each pixel sends 1 / STRIDE² in each of nine wavelengths. Pixels
    in one of `bins` rings about the axis share their bundles; rings should be no wider than a pixel or two.
    """

    lens: Lens
    f_number: float
    focus: float
    pitch: float
    axis: tuple[float, float]
    margin: int
    side: int = 48
    bins: int = 96

    def sensor(self) -> tuple[float, float]:
        """Plane of the smallest spot of a point in focus [mm], and image height per tangent of the field angle."""
        distance = 1e3 * self.focus
        fan = self.lens.rays(0, WAVELENGTHS[1][1], self.f_number, 20_000, 7, distance_mm=distance)
        across = fan.slope_x**2 + fan.slope_y**2
        plane = -float((fan.x * fan.slope_x + fan.y * fan.slope_y).sum() / across.sum())
        near = self.lens.rays(math.degrees(1e-3), None, self.f_number, 16, distance_mm=distance)
        return plane, (near.center_mm + plane * near.center_slope) / math.tan(1e-3)

    @cached_property
    def heights(self) -> tuple[np.ndarray, np.ndarray]:
        """Image heights of points in focus [mm], and those that a lens without distortion would give them."""
        plane, scale = self.sensor()
        at = self._image(plane)
        prescription, reference = self.lens.prescription, self.lens.reference_nm
        tangents, heights = np.linspace(0, 0.6, 121), []
        for tangent in tangents:
            angle = math.atan(tangent)
            source = Source(math.degrees(angle), 1e3 * self.focus / math.cos(angle))
            u = np.array([chief(prescription, source, reference)])
            heights.append(float(launch(prescription, source, reference, u, np.zeros(1)).at(at)[0][0]))
        last = int(np.argmin(np.isfinite([*heights, np.nan])))
        return np.array(heights[:last]), scale * tangents[:last]

    def _image(self, plane: float) -> float:
        """Place of the sensor on the axis of the prescription [mm]."""
        return self.lens.prescription.length + self.lens.best_focus(self.f_number) + plane

    def _straight(self, x, y):
        """Places on the sensor [mm] seen without distortion."""
        height = np.hypot(x, y)
        factor = np.interp(height, *self.heights) / np.maximum(height, 1e-9)
        return x * factor, y * factor

    def render(self, layers: Sequence[Layer], seed: int) -> np.ndarray:
        """(H, W, 3) float64: the picture; `layers` from near to far, the last without holes."""
        m = self.margin
        padded = [part.continued(m) for part in layers]
        height, width = padded[0].alpha.shape
        y, x = np.mgrid[:height, :width].astype(np.float64)
        x, y = x - m - self.axis[0], y - m - self.axis[1]
        radius = np.maximum(np.hypot(x, y), 1e-6)
        number = np.digitize(radius, np.linspace(radius.min(), radius.max() + 1e-6, self.bins + 1)) - 1
        sensor = self.sensor()
        total = np.zeros((3, height * width))
        for place, part in enumerate(padded):
            light, alpha, distance = part.light, part.alpha, part.distance
            fronts = padded[:place]
            # white is white in every colour
            brightness = {
                nm: self.lens.rays(0, nm, self.f_number, 4096, distance_mm=1e3 * distance).area_mm2
                for colour in WAVELENGTHS for nm in colour
            }
            for k in range(self.bins):
                held = (number == k) & (alpha > 0)
                if not held.any():
                    continue
                rows, columns = np.nonzero(held)
                turn = (x[held] / radius[held])[:, None], (y[held] / radius[held])[:, None]
                random = np.random.Generator(np.random.Philox([seed, 1000 * place + k]))
                for c in range(3):
                    for nm in WAVELENGTHS[c]:
                        sent = self._bundle(float(radius[held].mean()), sensor, 1e3 * distance, nm, fronts, random)
                        chosen = self._chosen(len(rows), random)
                        spot, weight, sights = sent[0][:, chosen], sent[1][chosen], sent[2][:, :, chosen]
                        share = (alpha * light[..., c])[held][:, None] * weight * (STRIDE**2 / 3 / brightness[nm])
                        crossed = [
                            (front.alpha, *_placed(columns, rows, turn, sight))
                            for front, sight in zip(fronts, sights, strict=True)
                        ]
                        _splat(total[c], *_placed(columns, rows, turn, spot), share, crossed, width, height)
        return np.moveaxis(total.reshape(3, height, width)[:, m : height - m, m : width - m], 0, 2)

    def _chosen(self, count: int, random: np.random.Generator) -> np.ndarray:
        """(count, rays) indices into a bundle: a lattice for each pixel, somewhere."""
        steps = np.arange(0, self.side, STRIDE)
        lattice = (steps[:, None] * self.side + steps).ravel()
        start = random.integers(0, STRIDE, (2, count))
        return lattice + (start[0] * self.side + start[1])[:, None]

    def _bundle(self, radius, sensor, distance, nm, fronts, random):
        """Of side² rays from a point `radius` px from the axis: (2, n) where they land, (n,) their beam [mm²] times
        cos³, 0 for those that are stopped, and (fronts, 2, n) where they are seen to cross each nearer layer; places
        relative to the point, along the radius and across it [px].
        """
        plane, scale = sensor
        tangent = radius * self.pitch / scale
        angle = math.atan(tangent)
        source = Source(math.degrees(angle), distance / math.cos(angle))
        prescription, opening = self.lens.prescription, self.lens.opening(self.f_number)
        grid = beam(prescription, source, self.lens.reference_nm, opening, 64)
        n = self.side
        if grid is None:
            return np.zeros((2, n * n)), np.zeros(n * n), np.zeros((len(fronts), 2, n * n))
        step = grid.u[1] - grid.u[0]
        (u0, u1), (v0, v1) = ((a[0] - step, a[-1] + step) for a in (grid.u, grid.v))
        u = u0 + (np.arange(n)[None, :] + random.random((n, n))) * (u1 - u0) / n
        v = v0 + (np.arange(n)[:, None] + random.random((n, n))) * (v1 - v0) / n
        traced = launch(prescription, source, nm, u, v)
        with np.errstate(invalid="ignore"):
            passes = np.minimum(traced.clearance, opening.clearance(traced.stop_x, traced.stop_y)) > 0
        at = self._image(plane)
        centre = chief(prescription, source, self.lens.reference_nm)
        middle = launch(prescription, source, self.lens.reference_nm, np.array([centre]), np.zeros(1))
        x, y = self._straight(*traced.at(at))
        spot = np.where(passes, np.stack([x - self._straight(*middle.at(at))[0], y]) / self.pitch, 0.0).reshape(2, -1)
        weight = np.where(passes, (u1 - u0) * (v1 - v0) / n**2 * math.cos(angle) ** 3, 0.0).ravel()
        # the picture shows the scene upright: the ray enters at (-u cos, -v), and u sin in front of the pupil
        sights = np.zeros((len(fronts), 2, n * n))
        for sight, front in zip(sights, (part.distance for part in fronts), strict=True):

            def crossing(u, front=front):
                ax, az = -u * math.cos(angle), u * math.sin(angle)
                part = (1e3 * front - az) / (distance - az)
                return ax + (tangent * distance - ax) * part, part

            qx, part = crossing(u)
            # seen from where the chief ray enters, as the picture is
            sight[:] = np.stack([qx - crossing(centre)[0], -v * (1 - part)]).reshape(2, -1)
            sight *= scale / (1e3 * front * self.pitch)
        return spot, weight, sights


def _placed(columns, rows, turn, spot):
    cosine, sine = turn
    return columns[:, None] + cosine * spot[0] - sine * spot[1], rows[:, None] + sine * spot[0] + cosine * spot[1]


def _bilinear(plane, x, y):
    h, w = plane.shape
    x, y = np.clip(x, 0, w - 1.001), np.clip(y, 0, h - 1.001)
    i, j = x.astype(np.intp), y.astype(np.intp)
    fx, fy = x - i, y - j
    top = plane[j, i] * (1 - fx) + plane[j, i + 1] * fx
    return top * (1 - fy) + (plane[j + 1, i] * (1 - fx) + plane[j + 1, i + 1] * fx) * fy


def _splat(total, x, y, share, crossed, width, height):
    """Share light among the four pixels about where it lands; each looks past the nearer layers from its middle."""
    i, j = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    held = (i >= 0) & (j >= 0) & (i < width - 1) & (j < height - 1) & (share != 0)
    crossed = [(front, fx[held] - x[held], fy[held] - y[held]) for front, fx, fy in crossed]
    fx, fy, i, j, share = (x - i)[held], (y - j)[held], i[held], j[held], share[held]
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            light = share * wx * wy
            for front, across, down in crossed:
                light = light * (1 - _bilinear(front, i + dx + across, j + dy + down))
            total += np.bincount((j + dy) * width + i + dx, light, total.size)
