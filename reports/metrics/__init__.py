"""Metrics: plain functions on arrays, usable on any picture. Each returns `Estimate`s: values with an interval.

Loaded when asked for: ``from reports.metrics import slanted_edge``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from reports.metrics.artifacts import false_color as false_color
    from reports.metrics.artifacts import zipper as zipper
    from reports.metrics.color_difference import delta_c as delta_c
    from reports.metrics.color_difference import delta_e_76 as delta_e_76
    from reports.metrics.color_difference import delta_e_2000 as delta_e_2000
    from reports.metrics.color_difference import delta_h as delta_h
    from reports.metrics.color_difference import parts_2000 as parts_2000
    from reports.metrics.cpiq import acutance as acutance
    from reports.metrics.emva import cfa_planes as cfa_planes
    from reports.metrics.emva import photon_transfer as photon_transfer
    from reports.metrics.geometry import distortion as distortion
    from reports.metrics.lateral import lateral_color as lateral_color
    from reports.metrics.leaves import texture_mtf as texture_mtf
    from reports.metrics.metamerism import sensitivity_metamerism as sensitivity_metamerism
    from reports.metrics.noise import dynamic_range as dynamic_range
    from reports.metrics.noise import snr as snr
    from reports.metrics.nps import noise_spectrum as noise_spectrum
    from reports.metrics.patch_colors import patch_errors as patch_errors
    from reports.metrics.perceptual import flip as flip
    from reports.metrics.sfr import slanted_edge as slanted_edge
    from reports.metrics.similarity import ms_ssim as ms_ssim
    from reports.metrics.similarity import psnr as psnr
    from reports.metrics.similarity import ssim as ssim
    from reports.metrics.tone import exposure_error as exposure_error
    from reports.metrics.tone import tone_response as tone_response
    from reports.metrics.uniformity import shading as shading
    from reports.metrics.veil import glare as glare
    from reports.metrics.visual import pixels_per_degree as pixels_per_degree
    from reports.metrics.visual import visual_noise as visual_noise
    from reports.metrics.white import white_error as white_error

_HOME: dict[str, str] = {
    "acutance": "cpiq",
    "cfa_planes": "emva",
    "delta_c": "color_difference",
    "delta_e_2000": "color_difference",
    "delta_e_76": "color_difference",
    "delta_h": "color_difference",
    "distortion": "geometry",
    "dynamic_range": "noise",
    "exposure_error": "tone",
    "false_color": "artifacts",
    "flip": "perceptual",
    "glare": "veil",
    "lateral_color": "lateral",
    "ms_ssim": "similarity",
    "noise_spectrum": "nps",
    "parts_2000": "color_difference",
    "patch_errors": "patch_colors",
    "photon_transfer": "emva",
    "pixels_per_degree": "visual",
    "psnr": "similarity",
    "sensitivity_metamerism": "metamerism",
    "shading": "uniformity",
    "slanted_edge": "sfr",
    "snr": "noise",
    "ssim": "similarity",
    "texture_mtf": "leaves",
    "tone_response": "tone",
    "visual_noise": "visual",
    "white_error": "white",
    "zipper": "artifacts",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = lazily(__name__, _HOME)
