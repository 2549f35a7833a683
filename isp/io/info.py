"""What a raw file says, as plain data: for `isp info` and for reports."""

from __future__ import annotations

import os
from typing import Any

from isp.values import RawFrame


def describe(frame: RawFrame, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Everything a frame says beside its pixels, ready for JSON.

    Parameters
    ----------
    frame : RawFrame
    path : the file it came from; only its name is shown

    Returns
    -------
    dict
        Sizes in px, levels in DN, temperatures in K, exposure in s; None where the file says nothing.
    """
    info = frame.info
    height, width = frame.shape
    noise = info.noise
    mesh = info.lens_shading
    return {
        "file": os.path.basename(os.fspath(path)) if path is not None else frame.origin.name,
        "sha256": frame.origin.sha256 or None,
        "make": info.make or None,
        "model": info.model or None,
        "width": width,
        "height": height,
        "megapixels": round(width * height / 1e6, 3),
        "cfa": str(frame.cfa),
        "cfa_family": frame.cfa.family,
        "black": frame.black.tolist(),
        "white": frame.white,
        "orientation": info.orientation,
        "iso": info.iso,
        "exposure_seconds": info.exposure,
        "f_number": info.f_number,
        "focal_length_mm": info.focal_length,
        "baseline_exposure_ev": info.baseline_exposure,
        "neutral": list(info.neutral) if info.neutral is not None else None,
        "analog_balance": list(info.analog_balance),
        "calibrations": [
            {
                "illuminant": c.illuminant or None,
                "temperature_kelvin": c.temperature,
                "color_matrix": c.color_matrix.tolist(),
                "forward_matrix": c.forward_matrix.tolist() if c.forward_matrix is not None else None,
                "camera_calibration": c.camera_calibration.tolist(),
            }
            for c in info.calibrations
        ],
        "noise_profile": {"shot": list(noise.shot), "read": list(noise.read)} if noise is not None else None,
        "lens_shading": {
            "rows": mesh.gains.shape[0],
            "columns": mesh.gains.shape[1],
            "planes": ["R", "Gr", "Gb", "B"],
            "largest_gain": float(mesh.gains.max()),
        }
        if mesh is not None
        else None,
        "linearization_entries": int(info.linearization.size) if info.linearization is not None else None,
        "warnings": list(info.warnings),
    }
