"""What a lens makes of a scene of flat layers, by brute force: the reference for the renderer of the lens look.

Every pixel of every layer is a point that sends rays, stratified over the beam, through the prescription; a ray that
crosses a nearer layer on its way to the lens loses what that covers there. Where it lands on the sensor its light is
shared by the four pixels around. Nothing is blurred, interpolated over the field or laid behind one another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isp.lens_look.fans import WAVELENGTHS
from isp.lenses import Lens
from isp.lenses.beam import Source, beam, chief, launch


@dataclass(frozen=True)
class Layer:
    """`light` (H, W, 3) and `alpha` (H, W) of a plane at `distance` [m] from the entrance pupil."""

    light: np.ndarray
    alpha: np.ndarray
    distance: float


@dataclass(frozen=True)
class Reference:
    """A lens at `f_number`, focused at `focus` [m], behind which the picture's pixels have a pitch [mm].

    `axis` is the (x, y) of the optical axis in the picture [px]; a picture is continued by `margin` mirrored pixels.
    """

    lens: Lens
    f_number: float
    focus: float
    pitch: float
    axis: tuple[float, float]
    margin: int
    rays: int = 400
    bins: int = 64

    def sensor(self) -> tuple[float, float]:
        """Plane of the smallest spot of a point in focus [mm], and image height per tangent of the field angle."""
        distance = 1e3 * self.focus
        fan = self.lens.rays(0, WAVELENGTHS[1][1], self.f_number, 20_000, 7, distance_mm=distance)
        across = fan.slope_x**2 + fan.slope_y**2
        plane = -float((fan.x * fan.slope_x + fan.y * fan.slope_y).sum() / across.sum())
        near = self.lens.rays(math.degrees(1e-3), None, self.f_number, 16, distance_mm=distance)
        return plane, (near.center_mm + plane * near.center_slope) / math.tan(1e-3)

    def render(self, layers: Sequence[Layer], seed: int) -> np.ndarray:
        """(H, W, 3) float64: the picture; `layers` from near to far, the last without holes."""
        m = self.margin
        padded = [
            (np.pad(part.light, ((m, m), (m, m), (0, 0)), "reflect"), np.pad(part.alpha, m, "reflect"), part.distance)
            for part in layers
        ]
        height, width = padded[0][1].shape
        y, x = np.mgrid[:height, :width].astype(np.float64)
        x, y = x - m - self.axis[0], y - m - self.axis[1]
        radius = np.hypot(x, y)
        edges = np.linspace(radius.min(), radius.max() + 1e-6, self.bins + 1)
        number = np.digitize(radius, edges) - 1
        plane, scale = self.sensor()
        total = np.zeros((3, height * width))
        for place, (light, alpha, distance) in enumerate(padded):
            fronts = [(a, d) for _, a, d in padded[:place]]
            for k in range(self.bins):
                rows, columns = np.nonzero((number == k) & (alpha > 0))
                if not rows.size:
                    continue
                middle = float(radius[rows, columns].mean())
                cosine, sine = x[rows, columns] / radius[rows, columns], y[rows, columns] / radius[rows, columns]
                for c in range(3):
                    for w, nm in enumerate(WAVELENGTHS[c]):
                        rng = np.random.Generator(np.random.Philox([seed, place * 1000 + k * 9 + 3 * c + w]))
                        spot, weight, sights = self._bundle(middle, plane, scale, 1e3 * distance, nm, fronts, rng)
                        px = columns[:, None] + cosine[:, None] * spot[0] - sine[:, None] * spot[1]
                        py = rows[:, None] + sine[:, None] * spot[0] + cosine[:, None] * spot[1]
                        share = (alpha * light[..., c])[rows, columns, None] * (weight / 3)
                        share = np.broadcast_to(share, px.shape)
                        for (front, _), (qx, qy) in zip(fronts, sights, strict=True):
                            fx = columns[:, None] + cosine[:, None] * qx - sine[:, None] * qy
                            fy = rows[:, None] + sine[:, None] * qx + cosine[:, None] * qy
                            share = share * (1 - _bilinear(front, fx, fy))
                        _splat(total[c], px, py, share, width, height)
        picture = total.reshape(3, height, width)[:, m : height - m, m : width - m]
        return np.moveaxis(picture, 0, 2)

    def _bundle(self, radius, plane, scale, distance, nm, fronts, rng):
        """Of the rays of a point `radius` px from the axis: landing places relative to it, weights, and where they are
        seen to cross each front layer, relative to the point; along the radius and across it [px].
        """
        tangent = radius * self.pitch / scale
        angle = math.atan(tangent)
        away = distance / math.cos(angle)
        source = Source(math.degrees(angle), away)
        opening = self.lens.opening(self.f_number)
        prescription = self.lens.prescription
        grid = beam(prescription, source, self.lens.reference_nm, opening, 64)
        if grid is None:
            return (np.zeros(1), np.zeros(1)), np.zeros(1), [(np.zeros(1), np.zeros(1)) for _ in fronts]
        n = math.ceil(math.sqrt(self.rays * grid.passes.size / grid.passes.sum()))
        step = grid.u[1] - grid.u[0]
        (u0, u1), (v0, v1) = ((a[0] - step, a[-1] + step) for a in (grid.u, grid.v))
        u = u0 + (np.arange(n)[None, :] + rng.random((n, n))) * (u1 - u0) / n
        v = v0 + (np.arange(n)[:, None] + rng.random((n, n))) * (v1 - v0) / n
        traced = launch(prescription, source, nm, u, v)
        with np.errstate(invalid="ignore"):
            passes = np.minimum(traced.clearance, opening.clearance(traced.stop_x, traced.stop_y)) > 0
        at = prescription.length + self.lens.best_focus(self.f_number) + plane
        middle = launch(
            prescription, source, self.lens.reference_nm,
            np.array([chief(prescription, source, self.lens.reference_nm)]), np.zeros(1),
        ).at(at)[0]
        x, y = traced.at(at)
        spot = (x[passes] - middle) / self.pitch, y[passes] / self.pitch
        area = (u1 - u0) * (v1 - v0) / n**2
        weight = np.full(passes.sum(), area / self._axis(distance) * math.cos(angle) ** 3)
        sights = []
        # towards the scene the picture is upside down; the ray leaves from (u cos, v) at depth u sin
        ax, ay, az = -u[passes] * math.cos(angle), -v[passes], u[passes] * math.sin(angle)
        for _, front in fronts:
            part = (1e3 * front - az) / (distance - az)
            qx = (ax + (tangent * distance - ax) * part) / (1e3 * front)
            qy = (ay - ay * part) / (1e3 * front)
            sights.append(((qx - tangent) * scale / self.pitch, qy * scale / self.pitch))
        return spot, weight, sights

    def _axis(self, distance: float) -> float:
        return self.lens.rays(0, None, self.f_number, 4096, distance_mm=distance).area_mm2


def _bilinear(plane, x, y):
    h, w = plane.shape
    x, y = np.clip(x, 0, w - 1.001), np.clip(y, 0, h - 1.001)
    i, j = x.astype(np.intp), y.astype(np.intp)
    fx, fy = x - i, y - j
    top = plane[j, i] * (1 - fx) + plane[j, i + 1] * fx
    return top * (1 - fy) + (plane[j + 1, i] * (1 - fx) + plane[j + 1, i + 1] * fx) * fy


def _splat(total, x, y, share, width, height):
    i, j = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    fx, fy = x - i, y - j
    inside = (i >= 0) & (j >= 0) & (i < width - 1) & (j < height - 1)
    i, j, fx, fy, share = i[inside], j[inside], fx[inside], fy[inside], share[inside]
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            total += np.bincount((j + dy) * width + i + dx, share * wx * wy, total.size)
