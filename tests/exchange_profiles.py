"""A profile that states everything other programs' formats hold."""

from __future__ import annotations

import numpy as np

from isp.profile import Profile, read_profile
from tuning.session.profile_values import with_values

MATRICES = {
    2850.0: [[1.9, -0.7, -0.2], [-0.4, 1.8, -0.4], [0.1, -0.9, 1.8]],
    4200.0: [[1.7, -0.5, -0.2], [-0.3, 1.65, -0.35], [0.05, -0.6, 1.55]],
    6500.0: [[1.6, -0.4, -0.2], [-0.25, 1.6, -0.35], [0.0, -0.5, 1.5]],
}
CURVE = [[2500.0, 1.02, 0.31], [2850.0, 0.95, 0.38], [4500.0, 0.64, 0.53], [6500.0, 0.5, 0.64]]
LAW = (np.array([1.1e-6, 1.0e-6, 1.0e-6, 1.2e-6]), 3e-6, 4e-12, 5e-7)
"""A, B, C and D of the noise, the highest analogue ISO being 1600."""
ISO = (100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0)


def noise_at(iso: float) -> list[list[float]]:
    a, b, c, d = LAW
    return [(a * iso + b).tolist(), [c * iso**2 + d * max(iso / 1600, 1) ** 2] * 4]


def mesh(red: float, blue: float, rows: int = 13, columns: int = 17) -> list:
    """Gains of a lens that falls off by 40 % to the corners, a little more in red or blue."""
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    radius = (x**2 + y**2) / 2
    planes = [1 + (0.66 + extra) * radius**1.2 for extra in (red, 0, 0, blue)]
    return np.round(np.stack(planes, -1), 5).tolist()


def full_profile(**changes: dict) -> Profile:
    """`natural` with facts of a camera; `changes` by stage."""
    noise = {"iso": {i: noise_at(i) for i in ISO}}
    values: dict = {
        "black_level": {"level": [64.0, 63.5, 64.5, 64.0], "white": 1023.0, "noise": noise},
        "lens_shading": {"mesh": {"cct": {2850: mesh(0.1, -0.05), 6500: mesh(0.05, -0.02)}}, "placement": []},
        "white_balance": {"curve": CURVE},
        "ccm": {"matrix": {"cct": MATRICES}},
        "exposure": {"ev": 0.0},
        "tone_curve": {"hue": 1.0, "perceptual": 0.0},
        "saturation": {"amount": 1.0},
        "encode": {"gamut": "clip"},
    }
    for stage, given in changes.items():
        values[stage] = {**values.get(stage, {}), **given}
    made, lacking = with_values(read_profile("natural"), values)
    if lacking:
        raise ValueError(lacking)
    return made
