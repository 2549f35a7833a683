"""Distortion and lateral colour: where in the scene each channel of a photosite looks.

Radial distances are relative to half the diagonal of the sensor, from its centre. The image of the scene in a channel
of lateral scale s is s times as large as in the reference; the reference image is distorted by the radial polynomial of
Brown (1971) in the direction image -> scene,

    r_scene = r (1 + k1 r^2 + k2 r^4 + k3 r^6),      r = r_image / s,

as DNG's WarpRectilinear does (scene and image change roles there). So positive k1 is barrel distortion. Light that
falls on a photosite comes from one place: no inverse is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from isp.engine.programs import obtain
from isp.engine.runtime import Program, buffer_of
from isp.values import Float64
from sensors.optics.lens import Lens


@dataclass(frozen=True)
class Warp:
    """Geometry of the image, per channel.

    Parameters
    ----------
    distortion : (k1, k2, k3)
        Radial polynomial; radius 1 at the half diagonal.
    scales : one float per channel
        Lateral scale of the channel's image.
    """

    distortion: tuple[float, float, float]
    scales: tuple[float, ...]

    def positions(self, channel: int, x: Float64, y: Float64, frame: tuple[int, int]) -> tuple[Float64, Float64]:
        """Places of the scene that photosites see.

        Only products and sums of single positions: the result of a photosite does not depend on the tile.

        Parameters
        ----------
        channel : int
        x, y : (1, w) and (h, 1) float64
            Photosite centres [photosites].
        frame : (width, height)
            Of the whole sensor [photosites].

        Returns
        -------
        (h, w) float64, twice
            [photosites].
        """
        width, height, scale = float(frame[0]), float(frame[1]), self.scales[channel]
        norm = (width * width + height * height) / 4 * scale * scale
        numbers = np.array([*self.distortion, 1 / scale, 1 / norm, width / 2, height / 2])
        columns, rows = np.ascontiguousarray(x[0], np.float64), np.ascontiguousarray(y[:, 0], np.float64)
        places = np.empty((2, rows.size, columns.size))
        _program()(buffer_of(columns), buffer_of(rows), buffer_of(numbers), buffer_of(places))
        return places[0], places[1]

    def margin(self, frame: tuple[int, int], halo: float = 0) -> float:
        """How far outside the frame any channel looks [photosites], for photosites up to `halo` outside it."""
        width, height = frame
        # the polynomial rises (Lens sees to it), so the border of the frame sees the border of the scene
        x = np.linspace(-halo, width + halo, 1025)[None, :]
        y = np.linspace(-halo, height + halo, 1025)[:, None]
        reach = 0.0
        for channel in range(len(self.scales)):
            for u, v in ((x, y[[0, -1]]), (x[:, [0, -1]], y)):
                sx, sy = self.positions(channel, u, v, frame)
                reach = max(reach, -sx.min(), -sy.min(), sx.max() - width, sy.max() - height)
        return float(reach)


def warp_of(lens: Lens, letters: Sequence[str], size: tuple[int, int] | None = None) -> Warp | None:
    """The warp of a lens, None where it has neither distortion nor lateral colour.

    Parameters
    ----------
    lens : Lens
    letters : sequence of str
        Colours of the channels; a colour the lens does not name is the reference.
    size : (width, height), optional
        Not needed: positions are relative to the frame they are asked for.
    """
    scales = tuple(lens.lateral.get(each, 1.0) for each in letters)
    if not any(lens.distortion) and all(scale == 1 for scale in scales):
        return None
    return Warp(lens.distortion, scales)


@cache
def _program() -> Program:
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return obtain(f"warp {digest}", 4, "warp", _build)


def _build() -> tuple[Any, list[Any]]:
    import halide as hl

    from isp.engine.build import host_target

    columns, rows, numbers = (hl.ImageParam(hl.Float(64), 1, name) for name in ("columns", "rows", "numbers"))
    x, y, axis = hl.Var("x"), hl.Var("y"), hl.Var("axis")
    k1, k2, k3, shrink, norm, centre_x, centre_y = (numbers[i] for i in range(7))
    dx, dy = columns[x] - centre_x, rows[y] - centre_y
    square = (dx * dx + dy * dy) * norm
    factor = (hl.f64(1) + square * (k1 + square * (k2 + square * k3))) * shrink
    output = hl.Func("output")
    output[x, y, axis] = hl.mux(axis, [centre_x + dx * factor, centre_y + dy * factor])
    lanes = host_target().natural_vector_size(hl.Float(64))
    output.bound(axis, 0, 2).reorder(axis, x, y).unroll(axis).parallel(y, 16, hl.TailStrategy.GuardWithIf)
    output.vectorize(x, lanes, hl.TailStrategy.GuardWithIf)
    return output, [columns, rows, numbers]
