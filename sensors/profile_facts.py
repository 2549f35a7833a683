"""What the catalogue tells a profile that names a sensor: black and white level of its raw frames.

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
    return {"stages": {"black_level": {"level": sensor.pedestal, "white": level}}}


CATALOGUE = Catalogue()
