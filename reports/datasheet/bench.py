"""A sensor on the test bench: frames of it under even light, without light and of an edge, and what they say.

All that is measured here is read from raw frames and what a raw file states (black and white level), as it would be
from a camera in the laboratory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64, RawFrame

if TYPE_CHECKING:
    from reports.metrics.emva import PhotonTransfer
    from reports.metrics.sfr import SlantedEdge
    from sensors.optics import Lens
    from sensors.sensor import Camera, Mode, Sensor

LEVELS = (0.03, 0.06, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
"""Levels of the photon transfer, as shares of saturation: beyond it, so that saturation is seen."""
FEWER = (0.15, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25)
"""Levels at each ISO of a series."""
SIDE = 192
"""Width and height of the plane of one colour that is evaluated [px]; less where `MOST` does not allow it."""
MOST = 768
"""Photosites along a side of a frame, at most."""
ANGLE = 5.0
"""Of the edge [degrees]."""
EDGES = 3
"""Pictures of an edge that are averaged."""
EDGE = 160
"""Width and height of the picture of an edge [px]."""
FLATS = 8
"""Even frames that the picture of an edge is divided by, which takes colours and fixed pattern out."""
LUX = 10_000.0
"""Illuminance of the even light [lx]: exposures of milliseconds, in which no dark current gathers."""


@dataclass(frozen=True)
class Bench:
    """A camera set up for measurement.

    Parameters
    ----------
    camera : Camera
    mode : Mode
        Of readout.
    seed : int
        Of the first frame; every frame has one of its own.
    """

    camera: Camera
    mode: Mode
    seed: int = 0

    @property
    def sensor(self) -> Sensor:
        """Behind the camera's lens."""
        return self.camera.sensor

    @property
    def plane_name(self) -> str:
        """The colour evaluated: the first of Gr, Gb, R, B that has no photosites for focusing (Y of a mono sensor)."""
        from reports.metrics import cfa_planes

        detect = self.sensor.phase_detect
        period = 2 * self.sensor.block
        down = math.lcm(period, detect.period_y) if detect else period
        across = math.lcm(period, detect.period_x) if detect else period
        focus = np.zeros((down, across))
        for x, y, _ in detect.sites if detect else ():
            focus[y :: detect.period_y, x :: detect.period_x] = 1  # type: ignore[union-attr]
        planes = cfa_planes(focus, self.sensor.output_cfa("full"))
        order = [name for name in ("Gr", "Gb", "R", "B", "Y") if name in planes]
        return next((name for name in order if not planes[name].any()), order[0])

    def transfer(self, iso: float, levels: tuple[float, ...] = LEVELS, side: int = SIDE) -> PhotonTransfer:
        """Photon transfer of `plane_name` at an ISO: a pair of even frames at each level, and one without light."""
        from reports.metrics import photon_transfer

        seeds = iter(range(self.seed + round(1000 * iso), self.seed + round(1000 * iso) + 1000))
        name = self.plane_name

        def plane(seconds: float) -> NDArray[Any]:
            return self._plane(self._even(seconds, iso, next(seeds), side), name)

        # so long that the brightest colour reaches half of saturation
        probe = self._even(None, iso, next(seeds), side)
        seconds, white = float(probe.info.exposure or 0.0), float(probe.white)
        dark = plane(0.0), plane(0.0)
        black = float(np.mean(dark))
        full = seconds * (white - black) / (float(self._plane(probe, name).mean()) - black)
        return photon_transfer([(plane(full * s), plane(full * s), full * s) for s in levels], dark)

    def edge(self) -> SlantedEdge:
        """A slanted edge in the middle of the camera's view, in the raw frame, all colours brought to one level."""
        from dataclasses import replace

        from reports.metrics import slanted_edge
        from sensors.optics import Lens, Seidel

        lens = self.camera.lens or Lens()
        # what blurs nothing need not be blurred
        plain = replace(lens, diffraction=False, aberrations=Seidel(), psf=None, psf_um=None)
        scene = f"slanted-edge?angle={ANGLE:g}&contrast=4"
        picture = np.mean([self._middle(scene, 0.4, self.seed + i, lens) for i in range(EDGES)], axis=0)
        even = np.mean([self._middle("uniform", 0.5, self.seed + EDGES + i, plain) for i in range(FLATS)], axis=0)
        # dead photosites see nothing in either; even frames are at half of saturation, so the quotient is a share of it
        return slanted_edge(0.5 * picture / np.maximum(even, 0.02 * float(even.max())))

    def _even(self, seconds: float | None, iso: float, seed: int, side: int) -> RawFrame:
        from sensors import capture
        from sensors.optics import Lens

        step = 2 * self.mode.bin * (1 if self.sensor.mono else self.sensor.output_cfa(self.mode).block)
        photosites = min(MOST, side * 2 * self.mode.bin) // step * step
        light: dict[str, Any] = {"target": 0.5} if seconds is None else {"exposure": seconds}
        # a lens without blur: an even field has nothing to blur
        taken: Any = capture(
            "uniform", self.sensor, mode=self.mode_name, size=(photosites, photosites), iso=iso, lux=LUX, seed=seed,
            lens=Lens(diffraction=False), **light,
        )  # fmt: skip
        frame: RawFrame = taken
        return frame

    def _middle(self, scene: str, target: float, seed: int, lens: Lens) -> Float64:
        """The middle of a frame above black [DN]."""
        from sensors import capture

        whole = self.sensor.output_size(self.mode)
        period = self.sensor.output_cfa(self.mode).period
        width, height = (min(EDGE, n) for n in whole)
        left, top = ((n - m) // 2 // period * period for n, m in zip(whole, (width, height), strict=True))
        taken: Any = capture(
            scene, self.sensor, mode=self.mode_name, crop=(left, top, width, height), lux=LUX, seed=seed, target=target,
            lens=lens,
        )  # fmt: skip
        return np.asarray(taken.data - float(np.mean(taken.black)), np.float64)

    @property
    def mode_name(self) -> str:
        """As `sensors.capture` takes it."""
        return self.mode.name if self.mode.method == "none" else f"{self.mode.name}-{self.mode.method}"

    @staticmethod
    def _plane(frame: RawFrame, name: str) -> NDArray[Any]:
        from reports.metrics import cfa_planes

        return cfa_planes(frame.data, frame.cfa)[name]
