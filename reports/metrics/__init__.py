"""Metrics: plain functions on arrays, usable on any picture. Each returns `Estimate`s: values with an interval.

Loaded when asked for: ``from reports.metrics import slanted_edge``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.metrics.artifacts import false_color as false_color
    from reports.metrics.artifacts import zipper as zipper
    from reports.metrics.geometry import distortion as distortion
    from reports.metrics.lateral import lateral_color as lateral_color
    from reports.metrics.leaves import texture_mtf as texture_mtf
    from reports.metrics.perceptual import flip as flip
    from reports.metrics.similarity import ms_ssim as ms_ssim
    from reports.metrics.similarity import psnr as psnr
    from reports.metrics.similarity import ssim as ssim

_HOME: dict[str, str] = {
    "distortion": "geometry",
    "false_color": "artifacts",
    "flip": "perceptual",
    "lateral_color": "lateral",
    "ms_ssim": "similarity",
    "psnr": "similarity",
    "ssim": "similarity",
    "texture_mtf": "leaves",
    "zipper": "artifacts",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"reports.metrics.{_HOME[name]}"), name)
    raise AttributeError(f"module 'reports.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
