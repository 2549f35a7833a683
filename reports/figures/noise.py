"""Noise as plots: over the level, over frequency, and the photon-transfer curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isp.values import Float64
from reports.figures.style import INK, ink, legend, line, plot
from reports.metrics.emva import PhotonTransfer
from reports.metrics.noise import DynamicRange
from reports.metrics.nps import NoiseSpectrum
from reports.model import Figure

LEVELS_DB = (0, 10, 20)
"""SNR to which the dynamic range is told [dB]."""


def snr_curve(results: Mapping[str, DynamicRange]) -> Figure:
    """Signal-to-noise ratio over exposure, with the levels that end the dynamic range."""

    def draw(axes: Any) -> None:
        for i, (label, result) in enumerate(results.items()):
            if len(result.exposure):
                stops = np.log2(result.exposure / result.top)
                axes.plot(stops, 20 * np.log10(result.snr), marker=".", label=label, linewidth=1.5, **line(i))
        for level in LEVELS_DB:
            axes.axhline(level, color=INK, linewidth=0.8, alpha=0.6, linestyle=":")
        axes.set_xlabel("exposure relative to the brightest patch [stops]")
        axes.set_ylabel("SNR [dB]")
        legend(axes)

    told = "; ".join(f"{label}: {result.stops}" for label, result in results.items())
    return plot(
        "Signal to noise over the level", draw,
        caption=f"Dotted: 20, 10 and 0 dB. Dynamic range down to 0 dB: {told}.",
        alt=f"Signal-to-noise ratio over exposure. Dynamic range: {told}.",
    )  # fmt: skip


def noise_spectra(results: Mapping[str, NoiseSpectrum]) -> Figure:
    """Power of luma and chroma noise over frequency; white noise is level."""

    def draw(axes: Any) -> None:
        for i, (label, result) in enumerate(results.items()):
            for power, name, width in ((result.luma, "luma", 1.8), (result.chroma, "chroma", 0.9)):
                if (power > 0).any():
                    shown = np.where(power > 0, power, np.nan)
                    axes.semilogy(result.frequency, shown, label=f"{label} {name}", linewidth=width, **line(i))
        axes.set_xlim(0, 0.5)
        axes.set_xlabel("frequency [cycles/pixel]")
        axes.set_ylabel("power [px² · light²]")
        legend(axes)

    told = "; ".join(f"{label}: {result.grain}" for label, result in results.items())
    return plot(
        "Noise power spectrum", draw,
        caption="Thick: luma, thin: chroma. White noise is a level line, smoothing makes it fall to the right. "
        f"Grain: {told}.",
        alt=f"Noise power over spatial frequency. Grain: {told}.",
    )  # fmt: skip


def photon_transfer_curve(results: Mapping[str, PhotonTransfer]) -> Figure:
    """Temporal variance over the signal, with the line whose slope is the gain."""

    def draw(axes: Any) -> None:
        for i, (label, result) in enumerate(results.items()):
            signal, variance, fit = _transfer(result)
            lit = (signal > 0) & (variance > 0)
            color = ink(i)
            for keep, face in ((lit & result.used, color), (lit & ~result.used, "none")):
                axes.loglog(signal[keep], variance[keep], "o", ms=4, markeredgecolor=color, markerfacecolor=face)
            shown = lit & np.isfinite(fit) & (fit > 0)
            axes.loglog(signal[shown], fit[shown], label=label, linewidth=1.5, **line(i))
        axes.set_xlabel("signal above black [DN]")
        axes.set_ylabel("temporal variance [DN²]")
        legend(axes)

    told = "; ".join(f"{label}: {result.gain_dn_per_e}" for label, result in results.items())
    return plot(
        "Photon transfer", draw,
        caption=f"Points: pairs of flats, filled if they are part of the fit. Line: the fit. Gain: {told}.",
        alt=f"Temporal variance over signal on logarithmic axes, with the fitted line. Gain: {told}.",
    )  # fmt: skip


def _transfer(result: PhotonTransfer) -> tuple[Float64, Float64, Float64]:
    """Signal above black, variance, and the fitted variance there."""
    slope, offset = result.fit
    return result.mean - float(result.black_dn), result.variance, slope * result.mean + offset
