"""Android's `noise_model.c`: the noise of a camera over ISO as C functions, in the form of AOSP's CameraITS.

    S = A iso + B,      O = C iso^2 + D max(iso / max_analog, 1)^2

for the planes R, Gr, Gb, B (CameraITS, tools/dng_noise_model.py, Apache-2.0, describes the form). Fitted here by least
squares of relative errors over the ISO of the profile's table; A, C and D are not below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isp.errors import NumericError, ProfileError, UsageError
from isp.profile import Profile
from isp.values import Float64
from tuning.exchange.camera_facts import NO_LIGHT, facts_of, needed

_FAR = 0.02
"""Relative error of the fitted form beyond which the user is told."""
_LEAST = 1e-12
"""Variance that counts as none."""


@dataclass(frozen=True)
class NoiseLaw:
    """The law's four constants for R, Gr, Gb, B (4,), and its largest relative errors over the table."""

    a: Float64
    b: Float64
    c: Float64
    d: Float64
    max_analog: float
    worst_shot: float
    worst_read: float


def noise_law(noise: Mapping[float, Float64], max_analog: float) -> NoiseLaw:
    """The law nearest to a table of S and O.

    Parameters
    ----------
    noise : mapping of ISO to (2, 4)
    max_analog : float
        Highest ISO that the sensor reaches by analogue gain; beyond it the gain is digital.
    """
    from scipy.optimize import lsq_linear

    iso = np.array(sorted(noise))
    tables = np.array([noise[i] for i in iso])
    shot, read = np.maximum(tables[:, 0], _LEAST), np.maximum(tables[:, 1], _LEAST)
    digital = np.maximum(iso / max_analog, 1.0)
    one = np.ones_like(iso)
    forms = ((np.stack([iso, one], 1), shot, [0.0, -np.inf]), (np.stack([iso**2, digital**2], 1), read, [0.0, 0.0]))
    found, worst = [], []
    for basis, wanted, low in forms:
        scale = np.abs(basis).max(axis=0)
        planes = []
        for plane in wanted.T:
            answer = lsq_linear(basis / scale / plane[:, None], np.ones(len(iso)), (low, np.inf))
            if not answer.success:
                raise NumericError(f"noise model: no law fits the table: {answer.message}")
            planes.append(answer.x / scale)
        found.append(np.array(planes))
        worst.append(float(np.abs(basis @ found[-1].T / wanted - 1).max()))
    return NoiseLaw(found[0][:, 0], found[0][:, 1], found[1][:, 0], found[1][:, 1], max_analog, *worst)


def noise_model_text(profile: Profile, max_analog: float | None) -> tuple[str, list[str]]:
    """The C file, and a line where the law is far from the table.

    Raises
    ------
    ProfileError
        The profile states no noise model over two ISO or more.
    """
    facts = facts_of(profile)
    needed(facts, {"noise": "black_level.noise"}, "noise_model_c", profile.name)
    if len(facts.noise) < 2 or NO_LIGHT in facts.noise:
        raise ProfileError(f"{profile.name}: export to noise_model_c needs black_level.noise over two iso or more")
    top = max(facts.noise) if max_analog is None else max_analog
    if not top > 0:
        raise UsageError(f"the highest analogue ISO {top:g} must be above 0")
    law = noise_law(facts.noise, top)
    notes = [
        f"black_level.noise: {what} of the law is off by up to {error:.0%}"
        for what, error in (("S", law.worst_shot), ("O", law.worst_read)) if error > _FAR
    ]  # fmt: skip
    if max_analog is None:
        notes.append(f"the highest analogue ISO is taken as {top:g}, the table's last")
    return _SOURCE.format(
        **{key: ", ".join(f"{v:.9e}" for v in getattr(law, key)) for key in "abcd"}, top=f"{top:.1f}"
    ), notes  # fmt: skip


_SOURCE = """/* Noise of the camera over sensitivity: variance S x + O of a linear value x (black 0, white 1).
 * Planes: R, Gr, Gb, B. */

static const double noise_model_A[] = {{ {a} }};
static const double noise_model_B[] = {{ {b} }};
static const double noise_model_C[] = {{ {c} }};
static const double noise_model_D[] = {{ {d} }};

double compute_noise_model_entry_S(int plane, int sens) {{
    double s = noise_model_A[plane] * sens + noise_model_B[plane];
    return s < 0.0 ? 0.0 : s;
}}

double compute_noise_model_entry_O(int plane, int sens) {{
    double digital_gain = sens / {top} < 1.0 ? 1.0 : sens / {top};
    double o = noise_model_C[plane] * sens * sens + noise_model_D[plane] * digital_gain * digital_gain;
    return o < 0.0 ? 0.0 : o;
}}
"""
