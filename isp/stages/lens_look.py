"""Lens look: the picture as another lens would have taken it, by the rays of its prescription.

Every pixel's distance says how far out of focus it is; its light is spread over the spot that rays traced through the
lens leave on the sensor (`isp.lens_look`): cat's eye and swirl by the rims that cut the beam, bright or soft edges by
spherical aberration, fringes by dispersion, the iris's polygon. What is near hides what is far, and the edges of what
is blurred in front are soft over what lies behind. Without depth only what needs none is applied: the lens's own
sharpness, fall-off, distortion and glare.

The picture is taken to be what a sensor `sensor_width` wide sees behind the lens. A phone's own blur of the same scene
is taken into account: blur circles add as the squares of their diameters (exact for the second moment).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.errors import InputError, UsageError
from isp.lenses import Lens, lens_names, load_lens
from isp.lenses.lens import WIDEST_FIELD
from isp.lenses.prescription import Prescription
from isp.parameters import Param
from isp.stage import Context, Plain, Stage
from isp.values import Companions, Float32, Picture

if TYPE_CHECKING:
    from isp.lens_look.bend import Bend
    from isp.lens_look.renderer import Place, Renderer
    from isp.lens_look.spots import Optics

IDEAL = "ideal"
LARGEST = 0.1
"""Blur circles grow to this share of the frame's diagonal; what is nearer is not blurred more."""
FAR = 10.0
"""Distance in focus where none matters [m]."""
_GLARE_RADIUS = 0.2
"""Half width of the veil, relative to the frame's diagonal."""
_GLARE_PIXELS = 192
"""Longest side of the copy that the veil is made of [px]."""


class LensParam(Param):
    """A `Param` whose plain value is a name of the catalogue, or the `Prescription` that a lens file holds."""

    def check(self, value: Any) -> Any:
        return value if isinstance(value, Prescription) else super().check(value)


class LensLook(Stage):
    """Render the picture as if taken through another lens, with its depth of field."""

    name = "lens_look"
    takes = ("scene",)
    kind = "frame"
    parameters = (
        LensParam("lens", "50mm_f1.2_1966", "A lens of the catalogue, an ideal thin one, or one of a lens file",
                  choices=(IDEAL, *lens_names()), files=(".yaml",), named=True),
        Param("focal_length", 0.0, "The lens scaled to this focal length; 0 as it is (ideal: 50)", unit="mm", lower=0,
              upper=1000),
        Param("f_number", 0.0, "Aperture; 0 is wide open (ideal: 1.4)", lower=0, upper=64, tune="search"),
        Param("focus", "given", "Distance in focus; given: what was given with the frame; anywhere: for mode flat only",
              unit="m", lower=0.01, upper=1e5, sources=("given", "anywhere"), tune="search"),
        Param("strength", 1.0, "Factor on the size of every spot", lower=0, upper=2, tune="search"),
        Param("mode", "depth", "flat: no depth, all is in focus; auto: flat where no depth was given",
              choices=("depth", "flat", "auto")),
        Param("sensor_width", 36.0, "Longer side of the sensor behind the lens", unit="mm", lower=1, upper=300),
        Param("disparity", (), "The depth plane holds disparities: 1 / distance = scale v + offset [1/m]",
              shapes=((0,), (2,))),
        Param("phone", (), "Focal length [mm], f-number and longer side of the sensor [mm] of the camera that took the "
              "picture, focused alike; [] for none of its own blur", lower=0.1, upper=1000, shapes=((0,), (3,))),
        Param("edge_refine", 1.0, "Pixels on either side of a depth edge that are divided anew between near and far by "
              "their colour; 0 trusts the depth", unit="px", lower=0, upper=16, integer=True),
        Param("highlights", 1.0, "How much brighter saturated light is taken to be where it is blurred", unit="EV",
              lower=0, upper=6, tune="search"),
        Param("threshold", 0.95, "Light from which on it is taken to be saturated", lower=0.05, upper=100),
        Param("vignetting", 1.0, "Share of the lens's loss of light towards the corners", lower=0, upper=1,
              tune="search"),
        Param("distortion", 1.0, "Share of the lens's distortion", lower=0, upper=1, tune="search"),
        Param("glare", 0.0, "Share of the light that the lens scatters over the picture", lower=0, upper=0.2,
              tune="search"),
        Param("blades", 0.0, "Of the iris; 0 is round", lower=0, upper=20, integer=True),
        Param("blade_angle", 0.0, "Of the middle of a blade, from the right", unit="deg", lower=-180, upper=180),
        Param("onion", (0.0, 0.0), "Rings that turned aspheres leave: modulation of the light, rings over the stop",
              lower=0, upper=60, shapes=((2,),)),
        Param("window", (), "Left, top, width, height: where the picture lies in the frame [px], which it may be cut "
              "from; [] is the frame: 0, 0 and its own size", unit="px", lower=-1e6, upper=1e6, shapes=((0,), (4,)),
              integer=True),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        focus = context.companions.focus
        return "anywhere" if focus is None or word == "anywhere" else focus

    def check(self, values: Mapping[str, Any]) -> None:
        blades = values.get("blades", 0)
        if isinstance(blades, float) and 0 < blades < 3:
            raise ValueError(f"blades {blades:g} is not allowed; allowed: 0, 3..20")
        onion = values.get("onion", (0.0, 0.0))
        if isinstance(onion, tuple) and len(onion) == 2 and onion[0] > 1:
            raise ValueError(f"onion modulates by {onion[0]:g}; allowed: 0..1")

    def wants_statistics(self, values: Mapping[str, Any], context: Context) -> bool:
        return False

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if _deep(values, context):
            if values["focus"] == "anywhere":
                raise InputError(
                    "stage 'lens_look' needs 'focus', the distance in focus, which was not given (--focus METRES)"
                )
            _away(values, context)
        optics, place = self.optics(values, context.shape), _place(values, context.shape)
        bend = _bend(values, optics, place)
        if bend is None:
            return context
        planes = {
            name: bend.plane(plane, context.shape)
            for name, plane in context.companions.planes.items() if name != "defects"
        }
        return context.but(companions=Companions(planes, context.companions.focus))

    def apply(self, value: Picture, values: Mapping[str, Plain], context: Context) -> Picture:
        from isp.engine.runtime import threads
        from isp.lens_look import distance, matte

        light, alpha, sure, count = value.data, None, None, threads()
        renderer = self.renderer(values, context.shape)
        optics = renderer.optics
        with ThreadPoolExecutor(count) as pool:
            if not _deep(values, context) or renderer.layers.infinity == 0:
                layer = np.zeros(context.shape, np.int16)
            else:
                largest = LARGEST * math.hypot(*renderer.place.frame)
                away = _away(values, context)
                layer = distance.numbered(away, values["focus"], renderer.layers, context.shape, largest, pool)
                if values["edge_refine"]:
                    light, layer, alpha, sure = matte.refined(light, layer, int(values["edge_refine"]), pool)
        if values["strength"] or values["vignetting"]:
            light = renderer.render(np.ascontiguousarray(light), layer, count, alpha, sure=sure)
            renderer.tidy()
        bend = _bend(values, optics, renderer.place)
        if bend is not None:
            light = bend.light(light)
        if values["glare"]:
            light = _veiled(light, float(values["glare"]))
        return replace(value, pixels=light)

    def optics(self, values: Mapping[str, Plain], shape: tuple[int, int]) -> Optics:
        """The lens at work in front of a picture (H, W).

        Raises
        ------
        InputError, UsageError
            The lens cannot do that.
        """
        from isp.lens_look import fans
        from isp.lens_look.spots import Optics, shared

        place = _place(values, shape)
        frame = place.frame
        width = float(values["sensor_width"])
        sensor = tuple(width * n / max(frame) for n in frame)
        own, focal_length, f_number = _lens(values)
        tangent = fans.widest_tangent(focal_length, sensor)
        if tangent > math.tan(math.radians(WIDEST_FIELD)):
            raise UsageError(
                f"lens_look: behind {focal_length:.4g} mm a sensor {width:g} mm wide sees "
                f"{math.degrees(math.atan(tangent)):.0f} degrees off the axis; allowed: {WIDEST_FIELD:g}; give a "
                "longer focal_length or a smaller sensor_width"
            )
        lens = _lens_of(values["lens"])
        light = fans.ideal(own, f_number, tangent) if lens is None else fans.traced(lens, tangent)
        # a lens scaled to another focal length sees the world scaled the other way
        scale = own / focal_length
        blades, onion = int(values["blades"]), values["onion"]
        focus = FAR if values["focus"] == "anywhere" else float(values["focus"])
        return shared(Optics(
            light, f_number, 1e3 * focus * scale, width / max(frame) * scale,
            strength=float(values["strength"]), distortion=float(values["distortion"]), blades=blades,
            blade_angle=float(values["blade_angle"]), onion=(onion[0], onion[1]),
            block=place.block(1),
        ))  # fmt: skip

    def renderer(self, values: Mapping[str, Plain], shape: tuple[int, int]) -> Renderer:
        """What renders a picture (H, W)."""
        from isp.lens_look.renderer import Highlights, Renderer, kept

        optics, own = self.optics(values, shape), own_blur(values)
        return Renderer(
            optics, _place(values, shape), float(values["vignetting"]),
            Highlights(float(values["highlights"]), float(values["threshold"])), own_blur=own, kept=kept(optics, own),
        )

    def margin(self, values: Mapping[str, Plain], context: Context) -> int:
        """How far around a pixel the result depends on the picture, but for glare [px]."""
        renderer = self.renderer(values, context.shape)
        layers = [0]
        if _deep(values, context) and renderer.layers.infinity:
            away = 1 - float(values["focus"]) * _away(values, context)
            largest = LARGEST * math.hypot(*renderer.place.frame)
            ends = np.clip(renderer.layers.infinity * np.array([away.min(), away.max()]), -largest, largest)
            first, last = renderer.layers.of(ends)
            layers = list(range(int(first), int(last) + 1))
        bend = _bend(values, renderer.optics, renderer.place)
        moved = 0 if bend is None else math.ceil(bend.moved) + 2
        return renderer.reach(layers) + 2 * int(values["edge_refine"]) + moved


def own_blur(values: Mapping[str, Plain]) -> float:
    """Share of the blur that is still to be added to a picture that a phone's lens has blurred."""
    if not values["phone"]:
        return 1.0
    focal, number, width = values["phone"]
    _, focal_length, f_number = _lens(values)
    wanted = focal_length**2 / f_number / float(values["sensor_width"])
    return math.sqrt(max(1.0 - (focal**2 / number / width / wanted) ** 2, 0.0))


def _lens(values: Mapping[str, Plain]) -> tuple[float, float, float]:
    """Focal length as the lens was built, that to which it is scaled [mm], and the f-number in use."""
    focal_length, f_number = float(values["focal_length"]), float(values["f_number"])
    lens = _lens_of(values["lens"])
    if lens is None:
        own = focal_length or 50.0
        return own, own, f_number or 1.4
    return lens.focal_length, focal_length or lens.focal_length, f_number or lens.f_number


@lru_cache(maxsize=8)
def _lens_of(value: str | Prescription) -> Lens | None:
    """The lens that the parameter stands for; None for the ideal one. A changed file is another prescription."""
    if isinstance(value, Prescription):
        return Lens(value)
    return None if value == IDEAL else load_lens(name=value)


def _place(values: Mapping[str, Plain], shape: tuple[int, int]) -> Place:
    from isp.lens_look.renderer import Place

    if not values["window"]:
        return Place(shape, 0, 0, shape)
    left, top, width, height = (int(v) for v in values["window"])
    if left < 0 or top < 0 or left + shape[1] > width or top + shape[0] > height:
        size = f"{shape[1]}x{shape[0]}"
        raise InputError(f"lens_look: a picture of {size} at {left}, {top} does not lie in a frame of {width}x{height}")
    return Place(shape, left, top, (height, width))


def _deep(values: Mapping[str, Plain], context: Context) -> bool:
    """Whether depth has a part in it."""
    return values["mode"] == "depth" or (values["mode"] == "auto" and "depth" in context.companions.planes)


def _away(values: Mapping[str, Plain], context: Context) -> Float32:
    from isp.lens_look.distance import vergence

    plane = context.companions.planes.get("depth")
    if plane is None:
        raise InputError("stage 'lens_look' needs 'depth', which was not given (--depth FILE); mode: flat does without")
    return vergence(plane, context.shape, values["disparity"])


def _bend(values: Mapping[str, Plain], optics: Optics, place: Place) -> Bend | None:
    """The lens's distortion, and by how much it moves the middle of spots; None where nothing is moved."""
    from isp.lens_look.bend import Bend

    along, across = optics.stretch
    corner = math.hypot(*place.frame) / 2
    heights = np.linspace(0, optics.corner, len(across))
    return Bend.of(heights, across, place.axis, corner, optics.shift * along)


def _veiled(light: Float32, amount: float) -> Float32:
    from isp.lens_look.distance import ROWS
    from isp.lens_look.sheets import smooth
    from isp.stages.glare import veil
    from isp.stages.guide import shrunk

    height, width = light.shape[:2]
    side = -(-max(height, width) // _GLARE_PIXELS)
    small = shrunk(np.maximum(light, 0).astype(np.float64), side)
    scattered = veil(small, _GLARE_RADIUS * math.hypot(*small.shape[:2])).astype(np.float32)
    result = light * np.float32(1 - amount)
    columns = np.stack([smooth(scattered[..., c].T, np.arange(width), side).T for c in range(3)], axis=-1)
    lines = columns.reshape(len(columns), -1)
    for top in range(0, height, ROWS):
        part = result[top : top + ROWS]
        part += np.float32(amount) * smooth(lines, np.arange(top, top + len(part)), side).reshape(part.shape)
    return result
