"""Refractive indices: from a catalogue's Sellmeier coefficients, or from the index and Abbe number of a patent.

Where only an index and an Abbe number are known, the third number that a dispersion curve needs comes from Schott's
normal line, P(g,F) = 0.6438 - 0.001682 V (Schott, TIE-29: Refractive index and dispersion), on which most glasses lie;
the curve is Conrady's, n = a + b / x + c / x^3.5 with x the wavelength [µm] (Conrady, Applied Optics and Optical
Design, part II, 1960). `docs/lenses.md` says how far it is from measured glasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

LINES = {"d": 587.5618, "e": 546.0740, "F": 486.1327, "C": 656.2725, "F'": 479.9914, "C'": 643.8469, "g": 435.8343}
"""Wavelengths of the spectral lines that name indices [nm] (ISO 7944)."""
_ABBE = {"d": ("F", "C"), "e": ("F'", "C'")}
"""The lines whose difference an Abbe number of a main line is made of (ISO 7944)."""
SHORTEST, LONGEST = 360.0, 1000.0
"""Wavelengths that the curves stand for [nm]."""


@dataclass(frozen=True)
class Glass:
    """A medium's index over wavelength.

    Parameters
    ----------
    kind : str
        ``"constant"``, ``"conrady"`` or ``"sellmeier"``: what `coefficients` are.
    coefficients : tuple of float
        n; a, b [µm], c [µm^3.5]; or B1, B2, B3, C1, C2, C3 [µm²].
    """

    kind: str
    coefficients: tuple[float, ...]

    def index(self, wavelength_nm: float) -> float:
        """Index at a wavelength [nm], against air."""
        x = wavelength_nm / 1000
        if self.kind == "constant":
            return self.coefficients[0]
        if self.kind == "conrady":
            a, b, c = self.coefficients
            return float(a + b / x + c / x**3.5)
        strengths, poles = np.reshape(self.coefficients, (2, 3))
        return float(np.sqrt(1 + np.sum(strengths * x * x / (x * x - poles))))


AIR = Glass("constant", (1.0,))


def glass_of(index: float, abbe: float | None, line: str = "d") -> Glass:
    """The medium with this index at a line and this Abbe number; without one, an index that does not change.

    Parameters
    ----------
    index : float, at least 1
    abbe : float or None
        Vd = (nd - 1) / (nF - nC), or Ve = (ne - 1) / (nF' - nC').
    line : "d" or "e"
    """
    if abbe is None:
        return Glass("constant", (index,))
    basis = {name: np.array([1, 1000 / nm, (1000 / nm) ** 3.5]) for name, nm in LINES.items()}
    blue, red = _ABBE[line]
    partial = 0.6438 - 0.001682 * abbe
    rows = [
        basis[line],
        basis[blue] - basis[red],
        basis["g"] - basis["F"] - partial * (basis["F"] - basis["C"]),
    ]
    found = np.linalg.solve(np.array(rows), np.array([index, (index - 1) / abbe, 0]))
    return Glass("conrady", tuple(float(v) for v in found))


@cache
def glass_catalog() -> dict[str, Glass]:
    """The catalogue glasses by name: Sellmeier coefficients that Schott publishes."""
    found = {}
    for line in (files("isp") / "lenses" / "glasses.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, *numbers = line.split()
            found[name] = Glass("sellmeier", tuple(float(n) for n in numbers))
    return found
