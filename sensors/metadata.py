"""What a frame says of itself: exposure, noise, colour and lens shading, as a phone's DNG would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isp.values import FrameInfo, GainMesh, NoiseModel
from sensors.plan import Plan, Reading

MESH = (13, 17)
"""Rows and columns of the lens-shading map written with a frame."""
_FLAT = 1e-4
"""Relative illumination this near to 1 everywhere needs no map."""


def frame_info(plan: Plan, reading: Reading) -> FrameInfo:
    """Everything a raw file carries beside the pixels, of the region computed."""
    shot, read = plan.sensor.noise_model(reading.iso, plan.mode)
    info = FrameInfo(
        make=plan.sensor.maker or "simulated",
        model=plan.camera.name,
        iso=reading.iso,
        exposure=reading.exposure,
        f_number=plan.lens.f_number,
        focal_length=plan.lens.focal_mm,
        noise=NoiseModel((shot,) * 4, (read,) * 4),
        lens_shading=gain_mesh(plan),
        self_describing=True,
    )
    if len(plan.letters) < 3:
        return info
    from sensors.color import calibrate, neutral

    return replace(info, neutral=neutral(plan.effective, plan.light), calibrations=calibrate(plan.effective))


def gain_mesh(plan: Plan) -> GainMesh | None:
    """The map that undoes the lens's relative illumination over the region, normalised to 1 at its least."""
    mesh = plan.shading
    if float(mesh.min()) > 1 - _FLAT:
        return None
    rows, columns = MESH
    v = np.linspace(0, 1, rows) * (mesh.shape[0] - 1)
    u = np.linspace(0, 1, columns) * (mesh.shape[1] - 1)
    j, i = np.minimum(v.astype(int), mesh.shape[0] - 2), np.minimum(u.astype(int), mesh.shape[1] - 2)
    fv, fu = (v - j)[:, None, None], (u - i)[None, :, None]
    top = mesh[j][:, i] * (1 - fu) + mesh[j][:, i + 1] * fu
    bottom = mesh[j + 1][:, i] * (1 - fu) + mesh[j + 1][:, i + 1] * fu
    gains = 1 / np.maximum(top * (1 - fv) + bottom * fv, 1e-3)
    # R, Gr, Gb, B; of two greens both see the same lens
    planes = [0, 1, 1, 2] if gains.shape[2] == 3 else [0, 0, 0, 0]
    n = plan.mode.bin
    x, y, width, height = plan.region
    whole = (plan.size[1] / n, plan.size[0] / n)
    return GainMesh(
        (gains / gains.min())[..., planes].astype(np.float32),
        (-y / height, -x / width),
        (whole[0] / height / (rows - 1), whole[1] / width / (columns - 1)),
    )
