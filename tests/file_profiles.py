"""Profiles that name a file beside them, and a raw frame to develop with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isp.values import ColorCalibration, RawFrame


def written(folder: Path, text: str) -> Path:
    """A profile of this text in a folder."""
    path = folder / "p.yaml"
    path.write_text(text)
    return path


def frame(height: int, width: int) -> RawFrame:
    """Noise, with all that colours need."""
    data = np.random.Generator(np.random.Philox(1)).integers(64, 1000, (height, width)).astype(np.uint16)
    return RawFrame.from_array(
        data, "RGGB", 64, 1023, neutral=(0.5, 1.0, 0.6), calibrations=(ColorCalibration(6504, np.eye(3)),)
    )
