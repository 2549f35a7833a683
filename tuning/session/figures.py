"""Figures of a calibration's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64
from reports.charts.references import PATCHES
from reports.estimate import Estimate
from reports.figures.style import DASHES, INK, SERIES, as_svg, canvas, ink, line, plot
from reports.model import Figure
from tuning.calibrate.defect_search import DefectMap
from tuning.calibrate.noise_model import NoiseCalibration
from tuning.calibrate.shading_mesh import LensShading
from tuning.calibrate.strength_search import StrengthTable
from tuning.calibrate.tone_points import ToneFit
from tuning.calibrate.white_points import WhiteBalance
from tuning.session.color_steps import ChartColors

SITE_COLORS = {"R": "#d1462b", "Gr": "#4f9a3e", "Gb": "#2a9d9d", "B": "#3b78c4", "Y": "#777777"}
_MOST_POINTS = 1200
"""Tiles drawn of each ISO: more make the page heavy, not clearer."""


def noise_lines(found: NoiseCalibration) -> Figure:
    """Variance over level of every ISO, with the fitted lines."""

    def draw(axes: Any) -> None:
        for n, level in enumerate(found.levels):
            used = np.flatnonzero(level.used)
            used = used[:: max(1, len(used) // _MOST_POINTS)]
            lit = used[level.mean[used] > 1e-3]
            axes.loglog(level.mean[lit], level.variance[lit], ".", ms=2, alpha=0.25, color=ink(n), rasterized=True)
            shot, read = (np.mean([float(e) for e in part.values()]) for part in (level.shot, level.read))
            x = np.geomspace(max(1e-3, float(level.mean[used].min())), 1, 60)
            axes.loglog(x, shot * x + read, linewidth=1.4, label=f"ISO {level.iso:g}", **line(n))
        axes.set(xlabel="level [of white]", ylabel="variance [of white²]")
        axes.legend(fontsize=8)

    return plot(
        "Noise over level", draw,
        caption="Points: tiles of all colours. Lines: S x + O, the mean of the colours.",
        alt="Variance over level on logarithmic axes, a rising line for each ISO.",
    )  # fmt: skip


def noise_over_iso(found: NoiseCalibration) -> Figure:
    """S and O over ISO with the forms a ISO + b and c ISO² + d."""
    isos = np.array([level.iso for level in found.levels])
    with canvas(9.4, 3.0) as figure:
        for axes, name, label in zip(figure.subplots(1, 2), ("shot", "read"), ("S", "O"), strict=True):
            for site in found.levels[0].shot:
                values = [getattr(level, name)[site] for level in found.levels]
                axes.loglog(isos, np.maximum([float(v) for v in values], 1e-12), "o", ms=4, mfc="none",
                            color=SITE_COLORS.get(site, INK), label=site)  # fmt: skip
            first, last = (found.a, found.b) if name == "shot" else (found.c, found.d)
            if first.known and last.known:
                x = np.geomspace(isos.min(), isos.max(), 60)
                form = float(first) * (x if name == "shot" else x**2) + float(last)
                axes.loglog(x, np.where(form > 0, form, np.nan), color=INK, linewidth=0.9, linestyle=DASHES[2])
            axes.set(xlabel="ISO", ylabel=f"{label} [{'of white' if name == 'shot' else 'of white²'}]")
            axes.set_xticks(isos, [f"{iso:g}" for iso in isos])
            axes.minorticks_off()
        axes.legend(fontsize=8)
        image = as_svg(figure)
    return Figure(
        image, "Noise model over ISO", "Circles: the table. Dotted: S = a ISO + b, O = c ISO² + d.",
        "S and O over ISO, measured for each colour and as fitted.", wide=True,
    )  # fmt: skip


def shading_maps(found: LensShading) -> Figure:
    """Gain of green, and of red and blue relative to it, of the first and the last light."""
    ccts = list(dict.fromkeys([next(iter(found.meshes)), list(found.meshes)[-1]]))
    with canvas(9.4, 2.3 * len(ccts) + 0.2) as figure:
        rows = figure.subplots(len(ccts), 3, squeeze=False)
        for cct, row in zip(ccts, rows, strict=True):
            mesh = found.meshes[cct]
            green = mesh[..., 1:3].mean(-1)
            for axes, values, name in zip(
                row, (green, mesh[..., 0] / green, mesh[..., 3] / green), ("green", "red / green", "blue / green"),
                strict=True,
            ):  # fmt: skip
                _map(axes, values, f"{name}, {cct:.0f} K", figure, "viridis")
        image = as_svg(figure)
    return Figure(image, "Gains", "Gain of green, and those of red and blue relative to it.",
                  "Maps of lens-shading gains over the frame.", wide=True)  # fmt: skip


def shading_left(found: LensShading) -> Figure:
    """What the mesh leaves of the shading, for each light."""
    most = max(0.5, max(float(np.nanmax(np.abs(r))) for r in found.residuals.values()))
    shown = dict(list(found.residuals.items())[:6])
    with canvas(9.4, 2.3 * -(-len(shown) // 3) + 0.2) as figure:
        rows = figure.subplots(-(-len(shown) // 3), min(3, len(shown)), squeeze=False)
        for axes in rows.ravel()[len(shown) :]:
            axes.set_visible(False)
        for axes, (cct, left) in zip(rows.ravel(), shown.items(), strict=False):
            worst = np.take_along_axis(left, np.nanargmax(np.abs(left), -1)[..., None], -1)[..., 0]
            _map(axes, worst, f"{cct:.0f} K", figure, "RdBu", (-most, most))
        image = as_svg(figure)
    return Figure(
        image, "Shading left [%]",
        "Of the colour that is farthest off, against the middle; predicted on cells that were not fitted.",
        "Maps of the shading that is left after correction.", wide=True,
    )  # fmt: skip


def white_curve(found: WhiteBalance) -> Figure:
    """B/G over R/G of the lights, and the curve through them."""

    def draw(axes: Any) -> None:
        axes.plot(found.curve[:, 1], found.curve[:, 2], color=SERIES[0])
        for cct, (red, _, blue) in found.neutrals.items():
            axes.plot(red, blue, "o", ms=5, color=SERIES[1], mfc="none")
            axes.annotate(f"{cct:.0f} K", (red, blue), xytext=(6, 3), textcoords="offset points", fontsize=8)
        axes.set(xlabel="R/G of a neutral", ylabel="B/G of a neutral")
        axes.margins(0.16)

    return plot("White-balance curve", draw, caption="Circles: neutrals measured on the greys of the charts.",
                alt="Blue over green against red over green of neutrals under each light.")  # fmt: skip


def patch_errors(found: ChartColors) -> Figure:
    """ΔE00 of every patch under each light."""

    def draw(axes: Any) -> None:
        errors = {cct: found.patch_errors(cct) for cct in found.table.fits}
        for i, (cct, each) in enumerate(errors.items()):
            axes.plot(range(24), each, "osD^vP"[i % 6], ms=4, color=SERIES[i % 6], label=f"{cct:.0f} K")
        axes.set_xticks(range(24), PATCHES, rotation=60, ha="right")
        axes.tick_params(axis="x", labelsize=8)
        most = max(float(np.nanmax(each)) for each in errors.values())
        axes.set(ylabel="ΔE00", ylim=(0, max(1.25 * most, 0.5)))
        axes.legend(ncols=len(errors), loc="upper right")

    told = "; ".join(f"{cct:.0f} K: mean {float(mean):.2f}" for cct, mean in found.table.own.items())
    return plot(
        "Colour errors of the patches", draw, size=(9.4, 3.4), wide=True,
        caption=f"CIEDE2000 by the light's own matrix. {told}.", alt=f"CIEDE2000 of 24 patches. {told}.",
    )  # fmt: skip


def defect_places(found: DefectMap) -> Figure:
    """Where the defects are."""

    def draw(axes: Any) -> None:
        for kind, mask, marker, color in (("hot", ~found.dead, ".", SERIES[1]), ("dead", found.dead, "x", SERIES[0])):
            x, y = found.positions[mask].T
            axes.plot(x, y, marker, ms=4, color=color, label=f"{int(mask.sum())} {kind}", linestyle="none")
        axes.set(xlim=(0, found.shape[1]), ylim=(found.shape[0], 0), aspect="equal", xlabel="x [px]", ylabel="y [px]")
        axes.legend(fontsize=8, loc="upper right", frameon=True, facecolor="none")

    return plot("Defects", draw, caption="Pixels of the map.", alt="Places of hot and dead pixels in the frame.")


def tone(found: ToneFit) -> Figure:
    """Wanted and reached response."""
    from isp.color.spaces import srgb_encoded

    def draw(axes: Any) -> None:
        stops = np.log2(found.scene)
        axes.plot(stops, 255 * srgb_encoded(found.wanted), "o", ms=4, mfc="none", color=SERIES[1], label="wanted")
        axes.plot(stops, 255 * srgb_encoded(found.response), color=SERIES[0], label="fitted")
        axes.set(xlabel="light in front of the stage [EV]", ylabel="8-bit code")
        axes.legend(fontsize=8)

    return plot("Tone curve", draw, caption=f"Root mean square difference: {found.residual}.",
                alt="Codes over light, as wanted and as fitted.")  # fmt: skip


def strength(found: StrengthTable) -> Figure:
    """A strength over ISO."""

    def draw(axes: Any) -> None:
        known = {iso: v for iso, v in found.values.items() if v.known}
        axes.plot(list(known), [float(v) for v in known.values()], "o-", ms=4, color=SERIES[0])
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(found.values), [f"{iso:g}" for iso in found.values])
        axes.minorticks_off()
        axes.set(xlabel="ISO", ylabel=found.parameter, ylim=(0, None))

    return plot("Strength over ISO", draw, caption=f"Found so that the picture measures {found.target:g}.",
                alt=f"{found.parameter} over ISO.")  # fmt: skip


def drift(means: Float64, names: Mapping[str, Estimate]) -> Figure:
    """Mean level of each colour over the frames."""

    def draw(axes: Any) -> None:
        for column, name in zip(np.asarray(means).T, names, strict=True):
            axes.plot(range(1, len(column) + 1), column, "o-", ms=4, color=SITE_COLORS.get(name, INK), label=name)
        axes.set(xlabel="dark frame", ylabel="mean [DN]")
        axes.set_xticks(range(1, len(means) + 1))
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.legend(fontsize=8, ncols=4)

    return plot("Black level over the frames", draw, caption="Without defective pixels; frames of longer exposure lie "
                "higher by their dark current.", alt="Mean of every dark frame, for each colour.")  # fmt: skip


def green_map(cells: ArrayLike) -> Figure:
    """Imbalance over the frame."""
    values = 100 * np.asarray(cells)
    most = max(0.1, float(np.abs(values).max()))
    with canvas(4.6, 3.0) as figure:
        _map(figure.add_subplot(), values, "(Gr - Gb) / mean [%]", figure, "PiYG", (-most, most))
        image = as_svg(figure)
    return Figure(image, "Green imbalance", "Of cells of an even field.", "Map of the imbalance of the greens.")


def _map(axes: Any, values: Float64, title: str, figure: Any, cmap: str,
         limits: tuple[float, float] | None = None) -> None:  # fmt: skip
    low, high = limits or (None, None)
    shown = axes.imshow(values, cmap=cmap, vmin=low, vmax=high, aspect=0.75 * values.shape[1] / values.shape[0])
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    bar = figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7)
