"""A lens on one sheet: its section with rays, illumination, beam shapes, spots, blur discs, MTF and colour errors."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.errors import NumericError, UsageError
from isp.lenses.beam import Source, beam, chief
from isp.lenses.glass import AIR
from isp.lenses.trace import follow
from isp.values import Float64

if TYPE_CHECKING:
    from isp.lenses.lens import Lens

FORMATS = ("svg", "png")
SIZE = (13.0, 11.0)
"""Of the sheet [inch]."""
DPI = 110
CORNER = 21.633
"""Image height of the corner of 36 x 24 mm [mm]."""
HEIGHTS = (0.0, 0.35, 0.7, 1.0)
"""Of the spots, in `CORNER`."""
LINES = (10.0, 20.0, 40.0)
"""Of the MTF [cycles/mm]."""
BLUR = 1.0
"""Defocus of the blur discs [mm]."""
COLORS = {450.0: "#3060c0", 550.0: "#2a9d4b", 640.0: "#d04030"}
"""Wavelengths of the spots [nm] and their ink."""
INKS = ("#222222", "#2a6fb0", "#c8641e", "#7a4fb0")
"""Of field angles."""
STYLE = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9,
         "axes.titlelocation": "left", "svg.hashsalt": "isp", "figure.constrained_layout.use": True}


def draw(lens: Lens, form: str, f_number: float | None = None) -> bytes:
    """The sheet as the bytes of an SVG or PNG file; the same lens gives the same bytes.

    Raises
    ------
    UsageError
        `form` is neither of `FORMATS`.
    """
    if form not in FORMATS:
        raise UsageError(f"a drawing as {form!r} is not known; allowed: {' | '.join(FORMATS)}")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        sheet = Figure(figsize=SIZE, dpi=DPI)
        rows = sheet.add_gridspec(4, 1, height_ratios=(1.7, 1.05, 1.0, 1.5))
        angles = field_angles(lens)
        sheet.suptitle(
            f"{lens.name}    f = {lens.focal_length:.2f} mm    f/{f_number or lens.f_number:.2f}"
            f"    back focus {lens.back_focus:.2f} mm    {lens.prescription.patent}", x=0.01, ha="left", fontsize=12,
        )
        _section(sheet.add_subplot(rows[0]), lens, angles)
        spots, discs = (rows[i].subgridspec(1, len(angles)) for i in (1, 2))
        for i, angle in enumerate(angles):
            _spot(sheet.add_subplot(spots[i]), lens, angle, f_number)
            _disc(sheet.add_subplot(discs[i]), lens, angle, f_number)
        curves = rows[3].subgridspec(1, 4)
        for i, curve in enumerate((_light, _modulation, _foci, _colour)):
            curve(sheet.add_subplot(curves[i]), lens, angles, f_number)
        data = io.BytesIO()
        sheet.savefig(data, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})
    return data.getvalue()


def field_angles(lens: Lens) -> list[float]:
    """Angles [degrees] of `HEIGHTS`; of a lens that covers less, as parts of what it covers."""
    found = lens.field_angle(np.array(HEIGHTS) * CORNER)
    if np.isnan(found).any():
        found = np.array(HEIGHTS) * lens.covered_field
    return [float(a) for a in found]


def _section(axes: Any, lens: Lens, angles: list[float]) -> None:
    axes.set_aspect("equal")
    axes.set_axis_off()
    surfaces, vertices = lens.prescription.surfaces, lens.prescription.vertices
    outlines = []
    for surface, vertex in zip(surfaces, vertices, strict=True):
        x = np.linspace(-1, 1, 121) * surface.semi_diameter
        outlines.append((vertex + surface.sag(np.abs(x))[0], x))
    for i, (z, x) in enumerate(outlines):
        if surfaces[i].stop:
            for side in (1, -1):
                r = surfaces[i].semi_diameter
                axes.plot([vertices[i]] * 2, [side * r, side * (r + 6)], color="black", lw=2.5)
        elif i + 1 < len(outlines) and surfaces[i].glass != AIR:
            back_z, back_x = outlines[i + 1]
            shade = str(0.97 - 0.25 * min(surfaces[i].glass.index(lens.reference_nm) - 1.4, 0.6))
            axes.fill([*z, *back_z[::-1]], [*x, *back_x[::-1]], facecolor=shade, edgecolor="none")
            for end in (0, -1):
                axes.plot([z[end], back_z[end]], [x[end], back_x[end]], color="black", lw=0.6)
        if not surfaces[i].stop:
            axes.plot(z, x, color="black", lw=0.8)
    plane = lens.prescription.length + lens.best_focus()
    for angle, ink in zip(angles[:3:2], INKS[:3:2], strict=True):
        for z, x in _paths(lens, angle, plane):
            axes.plot(z, x, color=ink, lw=0.6)
    half = max(float(np.nan_to_num(lens.image_height(angles[-1]))), 10.0)
    axes.plot([plane] * 2, [-half, half], color="black", lw=1)
    axes.plot([-15, plane], [0, 0], color="0.6", lw=0.4, ls=(0, (12, 3, 2, 3)))


def _paths(lens: Lens, angle: float, plane: float) -> list[tuple[Float64, Float64]]:
    """(z, x) of the fan of rays in the drawing's plane."""
    source, prescription = Source(angle), lens.prescription
    grid = beam(prescription, source, lens.reference_nm, lens.opening(), 64)
    if grid is None:
        return []
    lit = np.flatnonzero(grid.passes[len(grid.v) // 2])
    u = np.linspace(grid.u[lit[0]], grid.u[lit[-1]], 7)
    middle = chief(prescription, source, lens.reference_nm)
    if u[0] < middle < u[-1]:
        u[np.argmin(np.abs(u - middle))] = middle
    turn = math.radians(angle)
    pupil = lens.entrance_pupil.position
    z, x = pupil - u * math.sin(turn), u * math.cos(turn)
    direction = (np.array(math.sin(turn)), np.array(0.0), np.array(math.cos(turn)))
    before = -15.0
    points = [(np.full(u.shape, before), x + (before - z) * math.tan(turn))]
    state = None
    for _, state in follow(prescription, lens.reference_nm, (x, np.zeros_like(u), z), direction):
        points.append((state[2], state[0]))
    if state is not None:
        points.append((np.full(u.shape, plane), state[0] + (plane - state[2]) * state[3] / state[5]))
    return [(np.array([p[0][i] for p in points]), np.array([p[1][i] for p in points])) for i in range(len(u))]


def _spot(axes: Any, lens: Lens, angle: float, f_number: float | None) -> None:
    axes.set_aspect("equal")
    reach = 0.0
    for nm, ink in COLORS.items():
        try:
            rays = lens.rays(angle, nm, f_number, 1200)
        except NumericError:
            continue
        x, y = 1e3 * (rays.x - rays.center_mm), 1e3 * rays.y
        axes.scatter(y, x, s=1.2, color=ink, lw=0, alpha=0.6, rasterized=True)
        reach = max(reach, float(np.abs(x).max()), float(np.abs(y).max()))
    if not reach:
        _dark(axes)
        return
    radius = lens.spot_radius(angle, 0, None, f_number)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[])
    axes.set_title(f"spot at {angle:.1f}°: RMS {radius:.0f} µm")
    axes.set_ylabel("µm")


def _disc(axes: Any, lens: Lens, angle: float, f_number: float | None) -> None:
    pictures = []
    for defocus in (-BLUR, BLUR):
        try:
            made = lens.psf(angle, defocus, None, f_number, size=129)
        except NumericError:
            _dark(axes)
            return
        # outwards is up
        pictures.append(made.array.T[::-1] / np.quantile(made.array[made.array > 0], 0.99))
    axes.imshow(np.hstack(pictures), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{BLUR:g} mm before, and behind focus")


def _dark(axes: Any) -> None:
    axes.text(0.5, 0.5, "no light", ha="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])


def _light(axes: Any, lens: Lens, angles: list[float], f_number: float | None) -> None:
    at = np.linspace(0, angles[-1], 17)
    axes.plot(at, lens.relative_illumination(at, f_number), color=INKS[0], label="illumination")
    axes.plot(at, lens.cats_eye(at, f_number), color=INKS[2], ls="--", label="cat's eye, height / width")
    axes.set(ylim=(0, 1.05), xlabel="field angle [°]", title="illumination and beam shape")
    _legend(axes)


def _modulation(axes: Any, lens: Lens, angles: list[float], f_number: float | None) -> None:
    # the beams of the illumination, which are traced
    at = np.linspace(0, angles[-1], 17)

    def over_field(angles: Float64, measure: Callable[[float], tuple[Float64, Float64]]) -> Float64:
        """(angles, 2, lines), NaN where it is dark."""
        found = []
        for angle in angles:
            try:
                found.append(measure(float(angle)))
            except NumericError:
                found.append((np.full(len(LINES), math.nan),) * 2)
        return np.array(found)

    contrast = over_field(at, lambda angle: lens.mtf(angle, LINES, 0.0, None, f_number))
    limit = over_field(at[::2], lambda angle: lens.diffraction_limit(angle, LINES, None, f_number))
    for i, (line, ink) in enumerate(zip(LINES, INKS, strict=False)):
        for k, dash in enumerate(("--", "-")):
            axes.plot(at, contrast[:, k, i], color=ink, ls=dash, label=f"{line:g} / mm" if k else None)
            axes.plot(at[::2], limit[:, k, i], color=ink, ls=dash, lw=0.5)
    axes.plot([], [], color="0.4", lw=0.5, label="diffraction alone")
    axes.set(ylim=(0, 1.05), xlabel="field angle [°]", title="MTF, sagittal and (dashed) tangential")
    _legend(axes, 2)


def _legend(axes: Any, columns: int = 1) -> None:
    """Below the plot: within it, there is a lens whose curves run through it."""
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.23), ncols=columns)


def _foci(axes: Any, lens: Lens, angles: list[float], f_number: float | None) -> None:
    at = np.linspace(0, angles[-1], 17)
    foci = np.array([lens.field_curvature(float(a), f_number) for a in at])
    axes.plot(foci[:, 1], at, color=INKS[0], label="sagittal focus")
    axes.plot(foci[:, 0], at, color=INKS[0], ls="--", label="tangential focus")
    axes.axvline(0, color="0.7", lw=0.5)
    axes.set(xlabel="behind best focus [mm]", ylabel="field angle [°]", title="field curvature; distortion (top)")
    _legend(axes)
    above = axes.twiny()
    above.plot(100 * lens.distortion(at[1:]), at[1:], color=INKS[2])
    above.set_xlabel("distortion [%]", color=INKS[2])


def _colour(axes: Any, lens: Lens, angles: list[float], f_number: float | None) -> None:
    at = np.linspace(0, angles[-1], 17)
    for nm, ink in COLORS.items():
        axes.plot(1e3 * lens.lateral_color(at, nm), at, color=ink,
                  label=f"{nm:g} nm, focus {lens.longitudinal_color(nm):+.3f} mm")
    axes.set(xlabel=f"image height − that at {lens.reference_nm:.0f} nm [µm]", ylabel="field angle [°]",
             title="lateral and longitudinal colour")
    _legend(axes)
