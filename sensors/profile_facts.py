"""What the catalogue tells a profile that names a sensor: black and white level and phase-detect pixels of its frames.

The entry point group ``isp.sensors`` offers `CATALOGUE`; files are read when a name is looked up, not before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isp.errors import IspError


class Catalogue(Mapping[str, Mapping[str, Any]]):
    """Facts by the name of a sensor, a phone (its main camera) or a phone's camera (`phone/camera`)."""

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        from isp.errors import UsageError
        from sensors.catalog import load_camera

        try:
            return _facts(load_camera(name).sensor)
        except UsageError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        from sensors.catalog import load, names
        from sensors.sensor import Phone

        for name in names():
            yield name
            try:
                found = load(name)
            except IspError:
                # a broken file of the user must not break profiles that name another sensor
                continue
            if isinstance(found, Phone):
                yield from (camera.name for camera in found.cameras.values())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _facts(sensor: Any) -> dict[str, Any]:
    from sensors.catalog.derived import octaves

    white = {iso: sensor.white_level(iso, sensor.default_mode) for iso in octaves(sensor)}
    same = len(set(white.values())) == 1
    level: Any = next(iter(white.values())) if same else {"iso": white}
    stages = {"black_level": {"level": sensor.pedestal, "white": level}}
    sites, period = phase_detect(sensor)
    if sites:
        stages["defect_correction"] = {"phase_detect": sites, "phase_period": period}
    return {"stages": stages}


def phase_detect(sensor: Any) -> tuple[list[list[float]], list[int]]:
    """Pixels of a frame in `default_mode` that gather less than their neighbours: x, y, response; and their period.

    Where photosites of different blocks are joined, none are named.
    """
    import math

    import numpy as np

    detect, n = sensor.phase_detect, sensor.mode(sensor.default_mode).bin
    if detect is None or not detect.sites or n > max(sensor.block, 1):
        return [], []
    across, down = (math.lcm(period, n) for period in (detect.period_x, detect.period_y))
    gains = np.ones((down, across))
    for x, y, response in detect.sites:
        gains[y :: detect.period_y, x :: detect.period_x] = response
    pixels = gains.reshape(down // n, n, across // n, n).mean(axis=(1, 3))
    sites = [[float(x), float(y), float(pixels[y, x])] for y, x in np.argwhere(pixels != 1)]
    return sites, [across // n, down // n]


CATALOGUE = Catalogue()
