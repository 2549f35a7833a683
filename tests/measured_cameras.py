"""Measured cameras looking at measured reflectances, by sums of their own: the oracle of colour calibrations.

As rawtoaces and the tables of the literature do: power times reflectance times response at 380..730 nm, 10 nm apart;
camera RGB is divided by that of a perfect diffuser, XYZ by its Y.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

WAVELENGTHS = np.arange(380, 731, 10)


@cache
def light(name="D65"):
    """(36,) power of an illuminant of colour-science."""
    return _sampled(_colour().SDS_ILLUMINANTS[name])


@cache
def chart(name="BabelColor Average"):
    """(24, 36) reflectances of a 24-patch chart."""
    return np.stack([_sampled(sd) for sd in _colour().SDS_COLOURCHECKERS[name].values()])


@cache
def observer():
    """(36, 3) CIE 1931."""
    table = _colour().MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    return np.stack([table[float(w)] for w in WAVELENGTHS])


def training(folder: Path):
    """(190, 36) reflectances of rawtoaces."""
    return _table(folder / "spectral" / "training_spectral.json").T


def cameras(folder: Path):
    """Name and (36, 3) response of every camera."""
    return {path.stem: _table(path) for path in sorted((folder / "spectral" / "camera").glob("*.json"))}


def seen(reflectances, response, power):
    """(N, 3) balanced camera RGB, or XYZ, of reflectances."""
    white = power @ response
    scale = white[1] if response is observer() else white
    return (reflectances * power) @ response / scale


def white_of(power):
    """XYZ of a light, Y = 1."""
    xyz = power @ observer()
    return xyz / xyz[1]


def _table(path):
    data = json.loads(path.read_text())["spectral_data"]["data"]["main"]
    at = np.array([float(key) for key in data])
    values = np.array(list(data.values()), float)
    return np.stack([np.interp(WAVELENGTHS, at, column, left=0, right=0) for column in values.T], axis=1)


def _sampled(sd):
    return np.interp(WAVELENGTHS, sd.wavelengths, sd.values)


def _colour():
    import colour

    return colour
