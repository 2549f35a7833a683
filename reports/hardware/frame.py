"""A raw frame as a camera of the catalogue would give, without its pixels: enough to resolve and account a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isp.values import Origin, RawFrame

if TYPE_CHECKING:
    from sensors.plan import Plan
    from sensors.sensor import Camera

_LIGHT = 0.18
"""Of every pixel, between black and white: what automatic exposure aims at."""


def even_frame(camera: str | Camera, mode: str | None = None, iso: float | None = None) -> RawFrame:
    """An evenly lit frame of a camera's full size, with all that its file would say.

    Parameters
    ----------
    camera : str or Camera
        A sensor, a phone, or ``phone/camera``.
    mode : str, optional
        Readout mode; by default the one that a phone takes photos in.
    iso : float, optional
        By default the lowest.

    Returns
    -------
    RawFrame
        All pixels are one number in memory, so that 200 megapixels take none.

    Raises
    ------
    UsageError
        A sensor, mode or ISO that cannot be.
    ProfileError
        The sensor's file is wrong.
    """
    from sensors.catalog import load_camera
    from sensors.metadata import frame_info
    from sensors.photograph import plan_capture

    found = load_camera(camera) if isinstance(camera, str) else camera
    plan: Plan = plan_capture("uniform", found, mode=mode or found.sensor.default_mode, iso=iso)
    sensor, reading = plan.sensor, plan.readings[0]
    width, height = sensor.output_size(plan.mode)
    white = sensor.white_level(reading.iso, plan.mode)
    level = np.uint16(round(sensor.pedestal + _LIGHT * (white - sensor.pedestal)))
    return RawFrame(
        np.broadcast_to(level, (height, width)),
        sensor.output_cfa(plan.mode),
        np.array([[sensor.pedestal]]),
        float(white),
        frame_info(plan, reading),
        Origin(f"even light on {found.name}, {plan.mode.name}"),
    )
