"""A lens: its optical quantities, its rays and its spread functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.lenses import beam as beams
from isp.lenses.beam import Grid, Opening, Source, chief, launch
from isp.lenses.contrast import Modulation, modulation
from isp.lenses.glass import LONGEST, SHORTEST
from isp.lenses.paraxial import Pupil, first_order
from isp.lenses.point_spread import Psf, point_spread, wave_spread
from isp.lenses.prescription import Prescription
from isp.lenses.pupil_function import PupilFunction, pupil_function
from isp.lenses.trace import Traced
from isp.lenses.wavefront import Wavefront, wavefront_of
from isp.values import Float64

NOMINAL = 0.9
"""An f-number down to this share of the computed widest one means wide open: engraved numbers are rounded."""
SMALLEST = 64.0
"""The largest f-number: a beam this narrow still holds enough of the rays that look for it."""
WIDEST_FIELD = 80.0
"""Largest field angle [degrees]."""
ACROSS = 256
"""Rays across a beam whose area is measured, and across one whose light is spread."""

METHODS = ("rays", "waves")
"""Of spread functions."""


class FieldCurvature(NamedTuple):
    """Foci of the tangential (meridional) and sagittal fan close to the chief ray [mm], behind the best axial focus."""

    tangential: float
    sagittal: float


@dataclass(frozen=True)
class Rays:
    """Rays that reach the image.

    Parameters
    ----------
    pupil_x, pupil_y : (N,) float64
        Where they crossed the stop, in its clear radii: 1 is the rim of the stop wide open.
    x, y : (N,) float64
        Where they cross the plane of best axial focus [mm from the axis]; the image lies at +x.
    slope_x, slope_y : (N,) float64
        dx/dz and dy/dz: in a plane `defocus` behind, they are at ``x + defocus * slope_x``.
    weights : (N,) float64
        Share of the light, together 1: all alike, as the beam is lit evenly.
    area_mm2 : float
        Of the beam's cross-section in front of the lens: what `weights` stand for together.
    center_mm, center_slope : float
        x and slope of the chief ray of the lens's reference wavelength: the middle of `Lens.psf`.
    """

    pupil_x: Float64
    pupil_y: Float64
    x: Float64
    y: Float64
    slope_x: Float64
    slope_y: Float64
    weights: Float64
    area_mm2: float
    center_mm: float
    center_slope: float


@dataclass(frozen=True)
class Lens:
    """A lens of a known prescription, focused by its own focal plane.

    Angles are those of the chief ray in front of the lens, for a far object unless a distance is given. All planes
    are measured from the best axial focus at the f-number in use: the plane in which the axial beam of the reference
    wavelength has its smallest RMS radius.

    Parameters
    ----------
    prescription : Prescription
    """

    prescription: Prescription

    @property
    def name(self) -> str:
        """As its file calls it."""
        return self.prescription.name

    @property
    def reference_nm(self) -> float:
        """The wavelength of its table's indices [nm]."""
        return self.prescription.reference_nm

    @property
    def focal_length(self) -> float:
        """[mm], paraxial, at the reference wavelength."""
        return first_order(self.prescription, self.reference_nm).focal_length

    @property
    def back_focus(self) -> float:
        """From the last surface to the paraxial focus [mm]."""
        return first_order(self.prescription, self.reference_nm).back_focus

    @property
    def entrance_pupil(self) -> Pupil:
        """The stop as seen from the front, from the first surface."""
        return first_order(self.prescription, self.reference_nm).entrance_pupil

    @property
    def exit_pupil(self) -> Pupil:
        """The stop as seen from behind, from the last surface."""
        return first_order(self.prescription, self.reference_nm).exit_pupil

    @cached_property
    def f_number(self) -> float:
        """Widest: focal length over the width of the axial beam of real rays."""
        return self.focal_length / (2 * beams.widest(self.prescription))

    @cached_property
    def _axial_area(self) -> float:
        return self.illuminated_area(0.0)

    def opening(self, f_number: float | None = None, blades: int = 0, blade_angle_deg: float = 0.0) -> Opening:
        """The stop at an f-number (None: wide open).

        Raises
        ------
        UsageError
            The lens does not open that wide; the f-number or the number of blades is not one.
        """
        if blades != 0 and not 3 <= blades <= 100:
            raise UsageError(f"{blades} blades; allowed: 0 (round), 3..100")
        if f_number is None:
            return Opening()
        if not f_number <= SMALLEST or f_number < NOMINAL * self.f_number:
            allowed = f"f/{self.f_number:.2f}..f/{SMALLEST:g}"
            raise UsageError(f"{self.name}: f/{f_number:g} is not allowed; allowed: {allowed}")
        if f_number <= self.f_number:
            return Opening()
        ray = beams.axial_fan(self.prescription, self.reference_nm, np.array([self._height(f_number)]))
        return Opening(float(abs(ray.stop_x[0])), blades, blade_angle_deg)

    def _height(self, f_number: float | None) -> float:
        return self.focal_length / (2 * max(f_number or 0.0, self.f_number))

    def best_focus(self, f_number: float | None = None) -> float:
        """From the last surface to the best axial focus [mm]; moves with the f-number by spherical aberration."""
        return self._plane(f_number) - self.prescription.length

    def _plane(self, f_number: float | None) -> float:
        return _best_focus(self.prescription, self._height(f_number))

    def relative_illumination(self, angle_deg: ArrayLike, f_number: float | None = None) -> Float64:
        """Illumination of the image at field angles, 1 on the axis; 0 where no light gets through.

        The area of the beam's cross-section in front of the lens, relative to the axis, times cos³ (Rimmer, Proc.
        SPIE 655, 99, 1986, for a lens without distortion).
        """
        angles = _angles(angle_deg)
        axis = self._axial_area if f_number is None else self.illuminated_area(0.0, f_number)
        areas = [self.illuminated_area(float(a), f_number) for a in angles.flat]
        found: Float64 = np.reshape(areas, angles.shape) / axis * np.cos(np.radians(angles)) ** 3
        return found

    def illuminated_area(self, angle_deg: float, f_number: float | None = None) -> float:
        """Area of the beam from a field angle, perpendicular to it, in front of the lens [mm²]."""
        grid = self._beam(angle_deg, None, self.opening(f_number), math.inf)
        return 0.0 if grid is None else beams.shape(grid)[0]

    def cats_eye(self, angle_deg: ArrayLike, f_number: float | None = None) -> Float64:
        """Height over width of the beam's cross-section in front of the lens: 1 is round; NaN where it is dark."""
        angles, found = _angles(angle_deg), []
        for angle in angles.flat:
            grid = self._beam(float(angle), None, self.opening(f_number), math.inf)
            _, height, width = (math.nan,) * 3 if grid is None else beams.shape(grid)
            found.append(height / width)
        return np.reshape(np.array(found), angles.shape)

    def image_height(
        self, field_deg: ArrayLike, wavelength_nm: float | None = None, f_number: float | None = None,
        distance_mm: float = math.inf,
    ) -> Float64:
        """Where the chief ray crosses the plane of best axial focus [mm]; NaN where there is none."""
        angles, nm = _angles(field_deg), self._wavelength(wavelength_nm)
        rays = beams.chief_rays(self.prescription, angles.ravel(), distance_mm, nm)
        return np.reshape(rays.at(self._plane(f_number))[0], angles.shape)

    def distortion(self, field_deg: ArrayLike) -> Float64:
        """Image height over focal length times tangent, minus 1: positive is pincushion. Not defined on the axis."""
        angles = _angles(field_deg)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Float64 = self.image_height(angles) / (self.focal_length * np.tan(np.radians(angles))) - 1
        return found

    def field_angle(self, image_height_mm: ArrayLike) -> Float64:
        """The field angle [degrees] whose chief ray has this image height [mm]; NaN beyond the lens's field."""
        heights, angles = self._heights
        return np.interp(np.asarray(image_height_mm, np.float64), heights, angles, right=math.nan)

    @property
    def covered_field(self) -> float:
        """Largest field angle [degrees] up to which the chief ray lands further out the larger the angle."""
        return float(self._heights[1][-1])

    @cached_property
    def _heights(self) -> tuple[Float64, Float64]:
        angles = np.arange(0, WIDEST_FIELD + 0.25, 0.5)
        heights = self.image_height(angles)
        # past its field a lens may fold back, or have no chief ray
        rising = np.flatnonzero(~(np.diff(heights) > 0))
        end = int(rising[0]) + 1 if rising.size else len(angles)
        return heights[:end], angles[:end]

    def lateral_color(self, field_deg: ArrayLike, wavelength_nm: float) -> Float64:
        """Image height at a wavelength minus that at the reference wavelength [mm]."""
        return self.image_height(field_deg, wavelength_nm) - self.image_height(field_deg)

    def longitudinal_color(self, wavelength_nm: float) -> float:
        """Paraxial focus at a wavelength [nm], behind (positive) that of the reference wavelength [mm]."""
        return first_order(self.prescription, self._wavelength(wavelength_nm)).back_focus - self.back_focus

    def field_curvature(self, field_deg: float, f_number: float | None = None) -> FieldCurvature:
        """Where narrow beams around the chief ray focus (as Coddington's equations give), from the best axial focus.

        Raises
        ------
        NumericError
            No chief ray gets through.
        """
        source, step = Source(float(_angles(field_deg))), 1e-3
        u = chief(self.prescription, source, self.reference_nm)
        rays = launch(
            self.prescription, source, self.reference_nm, np.array([u - step, u + step, u]), np.array([0, 0, step])
        )
        plane = self._plane(f_number)
        (x, y), slope_x, slope_y = rays.at(plane), rays.dx / rays.dz, rays.dy / rays.dz
        if not np.isfinite(x).all():
            raise NumericError(f"{self.name}: no chief ray at {field_deg:g} degrees; take a smaller field angle")
        return FieldCurvature(float(-(x[1] - x[0]) / (slope_x[1] - slope_x[0])), float(-y[2] / slope_y[2]))

    def rays(
        self, field_deg: float, wavelength_nm: float | None = None, f_number: float | None = None, count: int = 4096,
        seed: int = 0, *, blades: int = 0, blade_angle_deg: float = 0.0, distance_mm: float = math.inf,
    ) -> Rays:
        """Rays from one point, stratified over the beam, in planes near the image.

        Parameters
        ----------
        field_deg : float
        wavelength_nm : float, optional
            Default the reference wavelength.
        f_number : float, optional
            Default wide open.
        count : int
            About as many rays get through.
        seed : int
            Of the place of each ray in its cell (Philox).
        blades, blade_angle_deg : int, float
            See `Opening`.
        distance_mm : float
            Of the point from the entrance pupil.

        Raises
        ------
        NumericError
            No light gets through.
        """
        if not 1 <= count <= 100_000_000:
            raise UsageError(f"{count} rays; allowed: 1..100000000")
        opening, source = self.opening(f_number, blades, blade_angle_deg), Source(field_deg, distance_mm)
        grid = self._lit(field_deg, wavelength_nm, opening, distance_mm)
        step = float(grid.u[1] - grid.u[0])
        side = max(math.sqrt(float(grid.passes.sum()) / count) * step, 1e-9)
        columns, rows = (math.ceil((a[-1] - a[0] + step) / side) for a in (grid.u, grid.v))
        random = np.random.Generator(np.random.Philox(seed))
        places = random.random((2, rows, columns))
        u = grid.u[0] - step / 2 + (np.arange(columns) + places[0]) * side
        v = grid.v[0] - step / 2 + (np.arange(rows)[:, None] + places[1]) * side
        traced = launch(self.prescription, source, self._wavelength(wavelength_nm), u, v)
        with np.errstate(invalid="ignore"):
            passes = np.minimum(traced.clearance, opening.clearance(traced.stop_x, traced.stop_y)) > 0
        if not passes.any():
            raise NumericError(f"{self.name}: none of {count} rays gets through; ask for more")
        x, y = traced.at(self._plane(f_number))
        center, slope = self._chief(field_deg, None, f_number, distance_mm)
        kept = int(passes.sum())
        return Rays(
            traced.stop_x[passes], traced.stop_y[passes], x[passes], y[passes],
            (traced.dx / traced.dz)[passes], (traced.dy / traced.dz)[passes],
            np.full(kept, 1 / kept), kept * side * side, center, slope,
        )

    def psf(
        self, field_deg: float, defocus_mm: float = 0.0, wavelength_nm: float | None = None,
        f_number: float | None = None, *, blades: int = 0, blade_angle_deg: float = 0.0,
        pitch_um: float | None = None, size: int | None = None, distance_mm: float = math.inf,
        method: str = "rays",
    ) -> Psf:
        """The picture of a point.

        Parameters
        ----------
        field_deg : float
        defocus_mm : float
            How far the image plane is behind (positive) the best axial focus.
        wavelength_nm, f_number, blades, blade_angle_deg, distance_mm
            As for `rays`.
        pitch_um : float, optional
            Of a pixel; by default, what makes the blur fill `size` pixels, but a third of the Airy radius at least.
        size : int, optional
            Pixels on a side, odd; by default 65, or what the blur needs at `pitch_um`.
        method : "rays" or "waves"
            Rays, blurred by the diffraction of the opening: for every blur, but close to focus a little too wide. Or
            the interference of the waves over the opening: exact, for blurs of up to some hundred rings.

        Returns
        -------
        Psf
            Radial direction along axis 1, sum 1; `center_mm` is the chief ray of the reference wavelength.

        Raises
        ------
        NumericError
            No light gets through. Of waves: the blur is too wide for them, or directions fold back behind the lens.
        """
        if method not in METHODS:
            raise UsageError(f"a spread function of {method!r} is not known; allowed: {' | '.join(METHODS)}")
        _finite("defocus", defocus_mm, "mm")
        if pitch_um is not None and not 0 < pitch_um < math.inf:
            raise UsageError(f"pitch {pitch_um:g} µm is not allowed; allowed: above 0")
        opening, nm = self.opening(f_number, blades, blade_angle_deg), self._wavelength(wavelength_nm)
        height, slope = self._chief(field_deg, None, f_number, distance_mm)
        center, plane = height + defocus_mm * slope, self._plane(f_number) + defocus_mm
        if method == "waves":
            return wave_spread(
                self._waves(field_deg, nm, f_number, opening, distance_mm), plane, center, nm, pitch_um, size
            )
        grid = self._lit(field_deg, nm, opening, distance_mm)
        return point_spread(grid, plane, center, nm, pitch_um, size)

    def spot_radius(
        self, field_deg: float, defocus_mm: float = 0.0, wavelength_nm: float | None = None,
        f_number: float | None = None,
    ) -> float:
        """RMS distance of the rays from their centroid [µm], without diffraction. Arguments and errors as `psf`."""
        defocus = float(_finite("defocus", defocus_mm, "mm"))
        grid = self._lit(field_deg, wavelength_nm, self.opening(f_number), math.inf)
        x, y = grid.rays.at(self._plane(f_number) + defocus)
        return float(1e3 * math.hypot(np.std(x[grid.passes]), np.std(y[grid.passes])))

    def mtf(
        self, field_deg: float, cycles_per_mm: ArrayLike, defocus_mm: float = 0.0,
        wavelength_nm: ArrayLike | None = None, f_number: float | None = None, *, blades: int = 0,
        blade_angle_deg: float = 0.0, distance_mm: float = math.inf,
    ) -> Modulation:
        """Contrast at spatial frequencies of the image, by diffraction at the aberrated, vignetted opening.

        Parameters
        ----------
        field_deg : float
        cycles_per_mm : array_like
            Of line patterns in the image plane.
        defocus_mm, f_number, blades, blade_angle_deg, distance_mm
            As for `psf`.
        wavelength_nm : array_like, optional
            Of several, the mean of their transfer functions about one point: lateral colour counts.

        Returns
        -------
        Modulation
            Arrays of the shape of `cycles_per_mm`. A beam whose directions fold back has no wavefront over them: the
            contrast is that of its rays, times that of its opening.

        Raises
        ------
        NumericError
            No light gets through; or the blur holds more than 240 cycles, where it has no contrast to speak of.
        """
        opening = self.opening(f_number, blades, blade_angle_deg)
        return self._contrast(field_deg, cycles_per_mm, defocus_mm, wavelength_nm, f_number, opening, distance_mm)

    def diffraction_limit(
        self, field_deg: float, cycles_per_mm: ArrayLike, wavelength_nm: ArrayLike | None = None,
        f_number: float | None = None, *, blades: int = 0, blade_angle_deg: float = 0.0,
    ) -> Modulation:
        """What `mtf` would be without aberrations, in focus: the vignetted opening's own. Arguments as `mtf`."""
        opening = self.opening(f_number, blades, blade_angle_deg)
        return self._contrast(field_deg, cycles_per_mm, 0.0, wavelength_nm, f_number, opening, math.inf, perfect=True)

    def _contrast(
        self, field_deg: float, cycles_per_mm: ArrayLike, defocus_mm: float,
        wavelength_nm: ArrayLike | None, f_number: float | None, opening: Opening, distance_mm: float, *,
        perfect: bool = False,
    ) -> Modulation:
        frequencies, defocus = _finite("a frequency", cycles_per_mm, "cycles/mm"), _finite("defocus", defocus_mm, "mm")
        several = [None] if wavelength_nm is None else np.ravel(wavelength_nm).tolist()
        if not several:
            raise UsageError("no wavelength is given; name one at least")
        waves = [self._wavelength(nm) for nm in several]
        lit = [(self._lit(field_deg, nm, opening, distance_mm), nm) for nm in waves]
        return modulation(lit, self._plane(f_number), float(defocus), frequencies, perfect=perfect)

    def wavefront(
        self, field_deg: float, defocus_mm: float = 0.0, wavelength_nm: float | None = None,
        f_number: float | None = None, *, blades: int = 0, blade_angle_deg: float = 0.0,
        distance_mm: float = math.inf, count: int = 256,
    ) -> Wavefront:
        """The optical path differences of a point's light over the opening, their RMS, and the Strehl ratio.

        Parameters
        ----------
        field_deg, defocus_mm, wavelength_nm, f_number, blades, blade_angle_deg, distance_mm
            As for `psf`.
        count : int
            Samples across the opening, 16..2048.

        Raises
        ------
        NumericError
            No light gets through, or its directions fold back behind the lens.
        """
        if not 16 <= count <= 2048:
            raise UsageError(f"{count} samples across; allowed: 16..2048")
        opening, nm = self.opening(f_number, blades, blade_angle_deg), self._wavelength(wavelength_nm)
        pupil = self._waves(field_deg, nm, f_number, opening, distance_mm)
        return wavefront_of(pupil, self._plane(f_number) + float(_finite("defocus", defocus_mm, "mm")), nm, count)

    def _waves(
        self, field_deg: float, nm: float, f_number: float | None, opening: Opening, distance_mm: float
    ) -> PupilFunction:
        grid = self._lit(field_deg, nm, opening, distance_mm)
        pupil = pupil_function(grid, self._plane(f_number), nm)
        if pupil is None:
            raise NumericError(
                f"{self.name}: rays from {field_deg:g} degrees cross before they leave the lens, or are too few, for a "
                "wavefront over their directions; stop down or take a smaller field angle"
            )
        return pupil

    def _wavelength(self, wavelength_nm: float | None) -> float:
        if wavelength_nm is None:
            return self.reference_nm
        if not SHORTEST <= wavelength_nm <= LONGEST:
            raise UsageError(f"{wavelength_nm:g} nm is not allowed; allowed: {SHORTEST:g}..{LONGEST:g} nm")
        return float(wavelength_nm)

    def _beam(self, field_deg: float, wavelength_nm: float | None, opening: Opening, distance_mm: float) -> Grid | None:
        angle = float(_angles(field_deg))
        if not distance_mm > 2 * self.prescription.length + self.focal_length:
            raise UsageError(f"{distance_mm:g} mm is too near a lens of {self.prescription.length:.0f} mm")
        return _grid(self.prescription, Source(angle, distance_mm), self._wavelength(wavelength_nm), opening)

    def _lit(self, field_deg: float, wavelength_nm: float | None, opening: Opening, distance_mm: float) -> Grid:
        grid = self._beam(field_deg, wavelength_nm, opening, distance_mm)
        if grid is None:
            raise NumericError(
                f"{self.name}: no light gets through at {field_deg:g} degrees; take a smaller field angle"
            )
        return grid

    def _chief(
        self, field_deg: float, wavelength_nm: float | None, f_number: float | None, distance_mm: float
    ) -> tuple[float, float]:
        """Image height [mm] and slope of the chief ray; NaN where there is none."""
        ray = _chief_ray(self.prescription, Source(field_deg, distance_mm), self._wavelength(wavelength_nm))
        return float(ray.at(self._plane(f_number))[0][0]), float(ray.dx[0] / ray.dz[0])


@lru_cache(maxsize=24)
def _grid(prescription: Prescription, source: Source, wavelength_nm: float, opening: Opening) -> Grid | None:
    return beams.beam(prescription, source, wavelength_nm, opening, ACROSS)


@lru_cache(maxsize=1024)
def _chief_ray(prescription: Prescription, source: Source, wavelength_nm: float) -> Traced:
    return beams.chief_rays(prescription, np.array([source.field_deg]), source.distance_mm, wavelength_nm)


@lru_cache(maxsize=256)
def _best_focus(prescription: Prescription, height: float) -> float:
    return beams.best_focus(prescription, height)


def _finite(what: str, values: ArrayLike, unit: str) -> Float64:
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        wrong = array[~np.isfinite(array)].flat[0]
        raise UsageError(f"{what} {wrong:g} {unit} is not allowed; allowed: a finite number")
    return array


def _angles(angle_deg: ArrayLike) -> Float64:
    angles = np.asarray(angle_deg, np.float64)
    if not ((angles >= 0) & (angles <= WIDEST_FIELD)).all():
        raise UsageError(f"field angles must be 0..{WIDEST_FIELD:g} degrees")
    return angles
