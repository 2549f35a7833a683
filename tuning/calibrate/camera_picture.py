"""Raw frames as one linear colour picture in which nothing has moved one colour by another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError
from isp.values import Float64, Picture, RawFrame
from tuning.calibrate.planes import check_alike, linear_planes, span_of

_BRIGHT = 0.9
"""Quantile of each colour that the gains make equal: chart grounds and paper lie there."""
_DARKEST = 0.005
"""Level of that quantile [of white] below which there is nothing to see."""
_GAINS = (0.1, 32.0)
"""What the stage `white_balance` takes."""


def camera_picture(frames: Sequence[RawFrame], mesh: ArrayLike | None = None) -> tuple[Picture, Float64]:
    """The mean of frames of one scene as a picture, and the gains of R, G and B that were applied.

    Parameters
    ----------
    frames : sequence of RawFrame
        Of one camera and one setup.
    mesh : (rows, columns, 4), optional
        Lens-shading gains that span the frame.

    Returns
    -------
    (Picture, (3,) float64)
        Linear camera RGB whose bright parts are about neutral, each colour interpolated linearly from its own sites
        (blocks of one colour by `remosaic` before that).

    Raises
    ------
    UsageError
        No frames, or frames that differ in size.
    NumericError
        Frames that are dark, or have no colour.
    """
    from isp.pipeline import Pipeline
    from isp.profile import Profile
    from isp.values import Mosaic

    check_alike(frames, "picture")
    first = frames[0]
    planes = linear_planes(first)
    if len(planes) != 4:
        raise NumericError(f"a frame of CFA {first.cfa} has no colours to compare")
    tops = {name: float(np.quantile(plane, _BRIGHT)) for name, plane in planes.items()}
    green = (tops["Gr"] + tops["Gb"]) / 2
    if min(tops.values()) < _DARKEST:
        raise NumericError(f"the frame is too dark: its bright parts are at {100 * green:.1f} % of white")
    gains = np.array([np.clip(green / top, *_GAINS) for top in (tops["R"], green, tops["B"])])
    shading: list[Any] = []
    if mesh is not None:
        shading = [("lens_shading", {"mesh": np.asarray(mesh).tolist(), "placement": []})]
    blocks = ["remosaic"] if first.cfa.block > 1 else []
    stages: list[Any] = [
        *shading, ("white_balance", {"mode": "manual", "gains": gains.tolist()}), *blocks,
        ("demosaic", {"method": "bilinear"}),
    ]  # fmt: skip
    data = np.mean([frame.data for frame in frames], axis=0, dtype=np.float64)
    repeats = [-(-n // m) for n, m in zip(first.shape, first.black.shape, strict=True)]
    black = np.tile(first.black, repeats)[: first.shape[0], : first.shape[1]]
    mosaic = Mosaic(((data - black) / span_of(first)).astype(np.float32), first.cfa)
    value = Pipeline(Profile.from_stages(stages, start="mosaic")).run(mosaic, tap="demosaic").value
    if not isinstance(value, Picture):
        raise NumericError("demosaic gave no picture")
    return value, gains
