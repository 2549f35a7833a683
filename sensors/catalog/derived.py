"""What follows from a sensor's values: size, modes with their timing, noise by ISO; plain data for tables and JSON."""

from __future__ import annotations

import math
from typing import Any

from sensors.sensor import Mode, Sensor


def geometry(sensor: Sensor) -> dict[str, Any]:
    """Megapixels, active size and diagonal [mm], crop factor, name of the pattern, share of estimated values."""
    width, height = sensor.size_mm
    estimates = [fact.estimated for fact in sensor.facts.values()]
    return {
        "megapixels": sensor.width * sensor.height / 1e6,
        "size_mm": [width, height],
        "diagonal_mm": math.hypot(width, height),
        "crop_factor": sensor.crop_factor,
        "pattern": sensor.output_cfa().family,
        "estimated_share": sum(estimates) / len(estimates) if estimates else 0.0,
    }


def mode_rows(sensor: Sensor) -> list[dict[str, Any]]:
    """Each mode: size [px], pitch [um], pattern, frames per second, output rate [px/s], rolling shutter [s]."""
    return [_mode_row(sensor, mode) for mode in sensor.modes.values()]


def _mode_row(sensor: Sensor, mode: Mode) -> dict[str, Any]:
    width, height = sensor.output_size(mode)
    frame = sensor.frame_time(mode)
    return {
        "mode": mode.name,
        "method": mode.method,
        "width": width,
        "height": height,
        "pitch_um": sensor.output_pitch_um(mode),
        "cfa": str(sensor.output_cfa(mode)),
        "block": sensor.output_cfa(mode).block,
        "fps": 1 / frame,
        "pixel_rate": width * height / frame,
        "rolling_shutter_s": sensor.row_time(mode) * height,
    }


def noise_rows(sensor: Sensor, mode: str | Mode | None = None) -> list[dict[str, Any]]:
    """By ISO, an octave apart, for `mode` (the default one): gain, white, saturation, noise, dynamic range, S and O.

    Electrons are sums over the photosites of an output pixel; noise without light includes quantisation.
    """
    used = sensor.mode(sensor.default_mode if mode is None else mode)
    return [_noise_row(sensor, used, iso) for iso in octaves(sensor)]


def octaves(sensor: Sensor) -> list[float]:
    """The sensor's ISO range in octaves from its lowest, and its highest."""
    count = math.floor(math.log2(sensor.iso_max / sensor.iso_base) + 1e-9)
    isos = [sensor.iso_base * 2**i for i in range(count + 1)]
    return isos if math.isclose(isos[-1], sensor.iso_max) else [*isos, sensor.iso_max]


def _noise_row(sensor: Sensor, mode: Mode, iso: float) -> dict[str, Any]:
    shot, read = sensor.noise_model(iso, mode)
    return {
        "iso": iso,
        "mode": mode.name,
        "dn_per_e": sensor.output_gain(iso, mode),
        "white_dn": sensor.white_level(iso, mode),
        "saturation_e": sensor.saturation_e(iso, mode),
        "read_e": sensor.output_read_e(iso, mode),
        "dynamic_range_ev": sensor.dynamic_range_ev(iso, mode),
        "shot": shot,
        "read": read,
    }
