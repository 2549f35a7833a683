"""From captures of known targets to numbers of a profile; each function stands alone and says how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.calibrate.chart_patches import Patches as Patches
    from tuning.calibrate.chart_patches import patches_from as patches_from
    from tuning.calibrate.color_fit import ccm as ccm
    from tuning.calibrate.color_result import ColorFit as ColorFit
    from tuning.calibrate.darks import black_level as black_level
    from tuning.calibrate.defect_search import defects as defects
    from tuning.calibrate.geometry import distortion as distortion
    from tuning.calibrate.geometry import lateral_color as lateral_color
    from tuning.calibrate.greens import green_imbalance as green_imbalance
    from tuning.calibrate.matrix_table import MatrixTable as MatrixTable
    from tuning.calibrate.matrix_table import color_matrices as color_matrices
    from tuning.calibrate.noise_model import noise as noise
    from tuning.calibrate.patch_classes import class_weights as class_weights
    from tuning.calibrate.residual_table import ResidualLut as ResidualLut
    from tuning.calibrate.residual_table import residual_lut as residual_lut
    from tuning.calibrate.shading_mesh import lens_shading as lens_shading
    from tuning.calibrate.strength_search import noise_reduction as noise_reduction
    from tuning.calibrate.strength_search import sharpening as sharpening
    from tuning.calibrate.tone_points import tone_curve as tone_curve
    from tuning.calibrate.white_points import WhiteBalance as WhiteBalance
    from tuning.calibrate.white_points import white_balance as white_balance

_HOME: dict[str, str] = {
    "ColorFit": "color_result",
    "MatrixTable": "matrix_table",
    "Patches": "chart_patches",
    "ResidualLut": "residual_table",
    "WhiteBalance": "white_points",
    "ccm": "color_fit",
    "class_weights": "patch_classes",
    "color_matrices": "matrix_table",
    "patches_from": "chart_patches",
    "residual_lut": "residual_table",
    "white_balance": "white_points",
    "black_level": "darks",
    "defects": "defect_search",
    "distortion": "geometry",
    "green_imbalance": "greens",
    "lateral_color": "geometry",
    "lens_shading": "shading_mesh",
    "noise": "noise_model",
    "noise_reduction": "strength_search",
    "sharpening": "strength_search",
    "tone_curve": "tone_points",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = lazily(__name__, _HOME)
