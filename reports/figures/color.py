"""Figures of colour: the chart as measured and as it should be, errors in a*b*, white points, ΔE00 patch by patch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import D65, rgb_to_xyz, srgb_encoded
from isp.errors import UsageError
from isp.values import Float64
from reports.figures.style import INK, as_svg, canvas, ink, line, plot
from reports.light import lab_to_xyz
from reports.metrics.patch_colors import PatchErrors
from reports.model import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 6
"""Patches in a row of the chart."""
LIGHT = 50.0
"""L* from which black letters read better than white ones."""
TEMPERATURES = (2500, 3000, 4000, 5000, 6500, 10000)
"""Black bodies named on the locus [K]."""
NARROWEST = 0.02
"""Half the side of the u'v' diagram at least."""
MARKS = ("o", "s", "^", "D", "v", "P")


def chart_map(results: Mapping[str, PatchErrors]) -> Figure:
    """Each patch as measured (left half) and as it should be (right half), with its ΔE00; one chart for each input."""
    _some(results)
    columns = min(len(results), 2)
    rows = -(-len(results) // columns)
    with canvas(4.6 * columns, 3.3 * rows) as figure:
        for place, (label, result) in enumerate(results.items(), 1):
            axes = figure.add_subplot(rows, columns, place)
            _chart(axes, result)
            axes.set_title(f"{label}: mean ΔE00 {result.mean:.2f}", fontsize=9)
        worst = "; ".join(f"{label}: {_worst(result)}" for label, result in results.items())
        return Figure(
            as_svg(figure), "Colour chart, patch by patch",
            "Left half of each patch: as measured. Right half: as it should be. The number is ΔE00; "
            "colours outside sRGB are clipped.",
            f"Colour chart with measured and reference colours. Worst patches: {worst}.", columns > 1,
        )  # fmt: skip


def ab_errors(results: Mapping[str, PatchErrors]) -> Figure:
    """Arrows in the a*b* plane from where each patch should be to where it is."""
    _some(results)

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=INK, lw=0.6, alpha=0.5)
        axes.axvline(0, color=INK, lw=0.6, alpha=0.5)
        first = next(iter(results.values()))
        axes.plot(*first.reference[:, 1:].T, ls="", marker="o", ms=4, mfc="none", mec=INK, mew=0.9, label="reference")
        for number, (label, result) in enumerate(results.items()):
            kept = np.isfinite(result.de00)
            start, end = result.reference[kept, 1:], result.measured[kept, 1:]
            for a, b in zip(start, end, strict=True):
                axes.plot(*np.stack([a, b]).T, lw=1.3, **line(number))
            axes.plot(*end.T, ls="", marker=MARKS[number % len(MARKS)], ms=4, color=ink(number), label=label)
        axes.set(xlabel="a*  (green - red)", ylabel="b*  (blue - yellow)", aspect="equal")
        axes.set_axisbelow(True)
        _legend(axes)
        axes.set_adjustable("datalim")

    chromas = "; ".join(f"{label}: chroma {float(r.chroma):.0f} % of the reference" for label, r in results.items())
    return plot(
        "Colour errors in the a*b* plane", draw, size=(4.6, 4.4),
        caption="From the circle, where a patch should be, to where it is. Away from the middle is more saturated.",
        alt=f"Error vectors of the patches in the a*b* plane. {chromas}.",
    )  # fmt: skip


def white_points(results: Mapping[str, PatchErrors]) -> Figure:
    """The neutral patches of each input in the u'v' diagram, with D65 and the colours of black bodies."""
    _some(results)

    def draw(axes: Axes) -> None:
        white = _uv(np.array([D65[0], D65[1], 1 - D65[0] - D65[1]])[None])[0]
        spots = [r.white.uv[np.isfinite(r.white.uv).all(1)] for r in results.values()]
        reach = max([NARROWEST, *(1.15 * float(np.abs(spot - white).max()) for spot in spots if len(spot))])
        locus = _locus()
        axes.plot(*locus.T, color=INK, lw=1.0, alpha=0.7, label="black bodies")
        for kelvin in TEMPERATURES:
            at = _uv_of_kelvin(kelvin)
            if np.abs(at - white).max() < 0.95 * reach:
                axes.plot(*at, marker="|", color=INK, ms=6)
                axes.annotate(f"{kelvin} K", (at[0], at[1]), (5, -4), textcoords="offset points", fontsize=7)
        axes.plot(*white, marker="+", ms=13, mew=1.4, color=INK, ls="", label="D65")
        for number, (label, spot) in enumerate(zip(results, spots, strict=True)):
            mark = MARKS[number % len(MARKS)]
            axes.plot(*spot.T, ls="", marker=mark, ms=4.5, color=ink(number), alpha=0.85, label=label)
        axes.set(xlabel="u'", ylabel="v'", aspect="equal")
        axes.set(xlim=(white[0] - reach, white[0] + reach), ylim=(white[1] - reach, white[1] + reach))
        _legend(axes)

    angles = "; ".join(f"{label}: {result.white.reproduction}" for label, result in results.items())
    return plot(
        "White of the neutral patches", draw, size=(4.6, 4.2),
        caption="Chromaticity u'v' (CIE 1976) of the grey patches; in a balanced picture they lie on D65.",
        alt=f"Chromaticities of the grey patches. Reproduction angle: {angles}.",
    )  # fmt: skip


def patch_bars(results: Mapping[str, PatchErrors]) -> Figure:
    """ΔE00 of every patch of every input as bars."""
    _some(results)
    names = next(iter(results.values())).names

    def draw(axes: Axes) -> None:
        share = 0.8 / len(results)
        for number, (label, result) in enumerate(results.items()):
            at = np.arange(len(result.de00)) - 0.4 + (number + 0.5) * share
            told = f"{label}: mean {result.mean:.2f}"
            axes.bar(at, np.nan_to_num(result.de00), share * 0.9, color=ink(number), label=told)
        axes.set_xticks(np.arange(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set(ylabel="ΔE00", xlim=(-0.7, len(names) - 0.3))
        axes.grid(False, axis="x")
        _legend(axes)

    worst = "; ".join(f"{label}: {_worst(result)}" for label, result in results.items())
    return plot(
        "ΔE00 patch by patch", draw, size=(9.2, 3.4), wide=True,
        caption="Bars in the order of the inputs; no bar: left out. About 1 is just noticed side by side.",
        alt=f"Bars of the colour difference of each patch. Worst patches: {worst}.",
    )  # fmt: skip


def _chart(axes: Axes, result: PatchErrors) -> None:
    from matplotlib.patches import Rectangle

    measured, reference = _hex(result.measured), _hex(result.reference)
    for number, (got, wanted, off) in enumerate(zip(measured, reference, result.de00, strict=True)):
        row, column = divmod(number, COLUMNS)
        known = np.isfinite(off)
        # the reference lies below the measured half, so that no seam shows between the two
        for width, color in ((0.92, wanted), (0.46, got if known else wanted)):
            axes.add_patch(Rectangle((column + 0.04, row + 0.04), width, 0.92, color=color, lw=0))
        # on the half whose lightness is known, so that it can always be read
        letters = "black" if result.reference[number, 0] > LIGHT else "white"
        text = f"{off:.1f}" if known else "n.a."
        axes.text(column + 0.73, row + 0.5, text, color=letters, ha="center", va="center", fontsize=8)
    axes.set(xlim=(0, COLUMNS), ylim=(-(-len(measured) // COLUMNS), 0), aspect="equal")
    axes.axis("off")


def _legend(axes: Axes) -> None:
    """Above the axes, where nothing is drawn."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=8, columnspacing=1.2, handlelength=1.4)


def _hex(lab: Float64) -> list[str]:
    rgb = srgb_encoded(np.nan_to_num(lab_to_xyz(lab) @ np.linalg.inv(rgb_to_xyz("srgb")).T))
    return ["#" + "".join(f"{code:02x}" for code in np.rint(one * 255).astype(int)) for one in rgb]


def _worst(result: PatchErrors) -> str:
    return ", ".join(f"{name} {off:.1f}" for name, off in result.worst(3)) or result.mean.reason


def _uv(xyz: ArrayLike) -> Float64:
    given = np.asarray(xyz, np.float64)
    return np.asarray(given[:, :2] * (4.0, 9.0) / (given @ (1.0, 15.0, 3.0))[:, None])


def _uv_of_kelvin(kelvin: float) -> Float64:
    from isp.color.temperature import chromaticity

    x, y = chromaticity(kelvin)
    return np.asarray(_uv([[x, y, 1 - x - y]])[0])


def _locus() -> Float64:
    return np.stack([_uv_of_kelvin(kelvin) for kelvin in 1e6 / np.linspace(20.0, 500.0, 97)])


def _some(results: Mapping[str, PatchErrors]) -> None:
    if not results:
        raise UsageError("a figure needs the results of at least one picture")
