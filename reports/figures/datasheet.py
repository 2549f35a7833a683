"""Plots of a sensor's datasheet: signal to noise, dynamic range over ISO, spectral curves, sharpness, colour errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from reports.estimate import NORMAL
from reports.figures.style import DASHES, INK, SERIES, plot
from reports.metrics.emva import PhotonTransfer
from reports.metrics.metamerism import Metamerism
from reports.metrics.sfr import SlantedEdge
from reports.model import Figure

if TYPE_CHECKING:
    from sensors.sensitivity import Sensitivity

FILTERS = {"R": SERIES[1], "G": SERIES[2], "B": SERIES[0], "Y": SERIES[4]}
"""Colours of curves by the letter of the filter."""
DB_PER_STOP = 6.0206


def snr_curve(found: PhotonTransfer, dark_e: float, prnu: float) -> Figure:
    """SNR over signal: pairs as measured, and what follows from the file's dark noise [e-] and PRNU."""

    def draw(axes: Any) -> None:
        signal = (found.mean - float(found.black_dn)) / float(found.gain_dn_per_e)
        with np.errstate(divide="ignore", invalid="ignore"):
            snr = 20 * np.log10((found.mean - float(found.black_dn)) / np.sqrt(found.variance))
        lit = (signal > 0) & np.isfinite(snr)
        top = float(signal[lit].max()) if lit.any() else 1e4
        line = np.geomspace(1, max(top, 10.0), 200)
        axes.semilogx(line, 10 * np.log10(line), color=INK, linewidth=0.9, linestyle=DASHES[2], label="photons alone")
        file = 20 * np.log10(line / np.sqrt(dark_e**2 + line))
        axes.semilogx(line, file, color=SERIES[0], label="file, temporal")
        total = 20 * np.log10(line / np.sqrt(dark_e**2 + line + (prnu * line) ** 2))
        axes.semilogx(line, total, color=SERIES[1], linestyle=DASHES[1], label="file, with PRNU")
        axes.semilogx(signal[lit], snr[lit], "o", ms=4, color=SERIES[0], markerfacecolor="none", label="measured")
        axes.set(xlabel="signal [e-]", ylabel="SNR [dB]", ylim=(-5, 1.12 * max(10 * np.log10(line[-1]), 10)))
        axes.legend(fontsize=8)

    return plot(
        "Signal to noise over signal", draw,
        caption="Circles: temporal noise of pairs of frames; they rise above the curve where photosites saturate.",
        alt=f"Signal-to-noise ratio over signal. Largest: {found.snr_max_db}.",
    )  # fmt: skip


def range_over_iso(found: Mapping[float, PhotonTransfer], stated: Mapping[float, float]) -> Figure:
    """Dynamic range over ISO, measured and as the file has it [dB]."""

    def draw(axes: Any) -> None:
        axes.semilogx(list(stated), list(stated.values()), color=SERIES[0], base=2, label="file")
        ranges = {iso: each.dynamic_range_db for iso, each in found.items() if each.dynamic_range_db.known}
        sure = {iso: v for iso, v in ranges.items() if found[iso].read_noise_e.known}
        if sure:
            low, high = (np.abs([v.interval[end] - v for v in sure.values()]) for end in (0, 1))
            axes.errorbar(list(sure), list(sure.values()), [low, high], fmt="o", ms=4, lw=1, capsize=2, color=SERIES[1],
                          label="measured")  # fmt: skip
        least = {iso: float(v) for iso, v in ranges.items() if iso not in sure}
        if least:
            axes.plot(list(least), list(least.values()), "^", ms=5, color=SERIES[1], markerfacecolor="none",
                      label="at least")  # fmt: skip
        axes.set_xticks(list(stated), [f"{iso:g}" for iso in stated], rotation=45)
        axes.minorticks_off()
        axes.set(xlabel="ISO", ylabel="dynamic range [dB]")
        stops = axes.secondary_yaxis("right", functions=(lambda d: d / DB_PER_STOP, lambda s: s * DB_PER_STOP))
        stops.set_ylabel("[stops]")
        axes.legend(fontsize=8)

    told = "; ".join(f"ISO {iso:g}: {each.dynamic_range_db:.1f} dB" for iso, each in found.items())
    return plot(
        "Dynamic range over ISO", draw,
        caption="Saturation over dark noise and half an electron (EMVA 1288). Triangles: rounding hides the dark "
        "noise, so the range is at least this.",
        alt=f"Dynamic range over ISO. Measured: {told}.",
    )  # fmt: skip


def noise_over_iso(found: Mapping[float, PhotonTransfer], stated: Mapping[float, float]) -> Figure:
    """Temporal dark noise over ISO, measured and as the file has it [e-]."""

    def draw(axes: Any) -> None:
        axes.semilogx(list(stated), list(stated.values()), color=SERIES[0], base=2, label="file")
        known = {iso: each.read_noise_e for iso, each in found.items() if each.read_noise_e.known}
        if known:
            low, high = (np.abs([v.interval[end] - v for v in known.values()]) for end in (0, 1))
            axes.errorbar(list(known), list(known.values()), [low, high], fmt="o", ms=4, lw=1, capsize=2,
                          color=SERIES[1], label="measured")  # fmt: skip
        axes.set_xticks(list(stated), [f"{iso:g}" for iso in stated], rotation=45)
        axes.minorticks_off()
        axes.set(xlabel="ISO", ylabel="dark noise [e-]", ylim=(0, None))
        axes.legend(fontsize=8)

    told = "; ".join(f"ISO {iso:g}: {each.read_noise_e}" for iso, each in found.items())
    return plot(
        "Dark noise over ISO", draw, caption="Rounding taken out. No point where rounding hides the noise.",
        alt=f"Temporal dark noise over ISO. Measured: {told}.",
    )  # fmt: skip


def spectral_curves(sensitivity: Sensitivity) -> Figure:
    """Quantum efficiency over wavelength."""
    from sensors.spectrum import WAVELENGTHS

    def draw(axes: Any) -> None:
        for i, (letter, curve) in enumerate(zip(sensitivity.letters, sensitivity.curves, strict=True)):
            axes.plot(WAVELENGTHS, 100 * curve, color=FILTERS.get(letter, SERIES[3]), linestyle=DASHES[i], label=letter)
        axes.set(xlabel="wavelength [nm]", ylabel="quantum efficiency [%]", xlim=(380, 780), ylim=(0, None))
        axes.legend()

    peaks = ", ".join(
        f"{letter} {100 * curve.max():.0f} % at {WAVELENGTHS[int(curve.argmax())]:.0f} nm"
        for letter, curve in zip(sensitivity.letters, sensitivity.curves, strict=True)
    )
    return plot(
        "Spectral sensitivity", draw, caption=f"Electrons per photon, all filters included. Peaks: {peaks}.",
        alt=f"Quantum efficiency over wavelength. Peaks: {peaks}.",
    )  # fmt: skip


def response(found: SlantedEdge, frequency: ArrayLike, ideal: ArrayLike) -> Figure:
    """Response of the raw frame over frequency, measured, and the limit by diffraction and pixel area."""

    def draw(axes: Any) -> None:
        axes.plot(frequency, ideal, color=SERIES[0], label="diffraction and pixel")
        if len(found.frequency):
            half = NORMAL * found.sfr_deviation
            axes.fill_between(found.frequency, found.sfr - half, found.sfr + half, color=SERIES[1], alpha=0.2, lw=0)
            axes.plot(found.frequency, found.sfr, color=SERIES[1], linestyle=DASHES[1], label="slanted edge")
        axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate("Nyquist", (0.5, 1.08), xytext=(4, 0), textcoords="offset points", fontsize=8, va="top")
        axes.set(xlabel="frequency [cycles/pixel]", ylabel="response", xlim=(0, 0.75), ylim=(0, 1.1))
        axes.legend(loc="lower left")

    return plot(
        "Spatial frequency response", draw,
        caption="Along the normal of a neutral edge, all colours of the mosaic together. Band: 95 %.",
        alt=f"Response over frequency. MTF50: {found.mtf50}.",
    )  # fmt: skip


def patch_differences(found: Mapping[str, Metamerism]) -> Figure:
    """ΔE00 of every test colour under each light."""

    def draw(axes: Any) -> None:
        names = next(iter(found.values())).names
        for i, (light, each) in enumerate(found.items()):
            axes.plot(range(len(names)), each.de2000, "osD^vP"[i % 6], ms=4, color=SERIES[i % 6], label=light)
        axes.set_xticks(range(len(names)), [name.partition(" (")[0] for name in names], rotation=60, ha="right")
        axes.tick_params(axis="x", labelsize=8)
        most = max(float(each.de2000.max()) for each in found.values())
        axes.set(ylabel="ΔE00", ylim=(0, max(1.25 * most, 0.5)))  # room for the legend
        axes.legend(ncols=len(found), loc="upper right")

    told = "; ".join(f"{light}: mean {each.de00:.2f}" for light, each in found.items())
    return plot(
        "Colour errors that no matrix can undo", draw, size=(9.4, 3.4), wide=True,
        caption="CIEDE2000 of each patch of ISO 17321-1 with the best matrix for each light.",
        alt=f"CIEDE2000 of 24 patches. {told}.",
    )  # fmt: skip
