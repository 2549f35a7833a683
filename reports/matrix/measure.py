"""What is measured in a cell: the picture against the truth of its frame, by what the scene offers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.color.spaces import rgb_to_xyz, srgb_encoded
from isp.values import Float64, Picture, RawFrame
from reports.estimate import Estimate, bootstrap, mean_of
from reports.light import light_of, luminance, to_lab
from reports.model import Better

if TYPE_CHECKING:
    from sensors import Truth

MIDDLE_GREY = 0.18
"""Reflectance next to which noise is measured."""
NEUTRAL = 0.01
"""Largest distance from the white point of a patch that counts as grey [CIE u'v']."""
LIT = 0.02
"""Least luminance of a grey patch that tells of the white: darker ones tell of black."""
TILE = 64
"""Side of the squares that the interval of PSNR is drawn from [px]."""
BLOCK = 8
"""Side of the squares in which noise is measured, so that shading does not count [px]."""

TEXTURE = 512
"""Most of a texture's side that is measured [px]."""
QUIET = 1e-6
"""Noise below this share of the light is rounding of the arithmetic."""


Place = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Metric:
    """A number of a cell.

    Parameters
    ----------
    label : in words
    symbol : short, for axes
    unit : of the estimate
    better : which values are better
    measure : from a `View` to an estimate
    """

    label: str
    symbol: str
    unit: str
    better: Better
    measure: Callable[[View], Estimate]


@dataclass(frozen=True)
class View:
    """A picture beside its truth, both as light in linear sRGB.

    `light` is scaled so that its mean luminance is that of `ideal`: the exposure of a picture is a matter of taste.
    `places` are what the scene shows, by kind (``patch``, ``edge``, ``texture``) and name.
    """

    light: Float64
    ideal: Float64
    places: Mapping[str, Mapping[str, Place]]
    frame: RawFrame

    @property
    def patches(self) -> Mapping[str, Place]:
        """By name."""
        return self.places.get("patch", {})

    def grey(self) -> str:
        """The neutral patch nearest to middle grey; empty if there is none."""
        near = ""
        for name, place in self.patches.items():
            mean = self.ideal[place].mean((0, 1))
            if _from_white(mean) < NEUTRAL and (not near or self._off(name) < self._off(near)):
                near = name
        return near

    def _off(self, name: str) -> float:
        return abs(math.log(max(float(luminance(self.ideal[self.patches[name]]).mean()), 1e-6) / MIDDLE_GREY))


def measure_cell(
    picture: Picture, truth: Truth, frame: RawFrame, metrics: tuple[str, ...] = ()
) -> dict[str, Estimate]:
    """The metrics of one cell.

    Parameters
    ----------
    picture : Picture
        (H, W, 3), of the size of its frame.
    truth : Truth
    frame : RawFrame
    metrics : names in `METRICS`; all by default

    Returns
    -------
    dict of Estimate
        n.a. with its reason for what the scene does not offer.
    """
    wanted = metrics or tuple(METRICS)
    if picture.shape != truth.ideal.shape:
        (h, w), (height, width) = picture.shape, truth.ideal.shape
        reason = f"the picture has {w}x{h} pixels, its truth {width}x{height}"
        return {name: Estimate.missing(reason, METRICS[name].unit) for name in wanted}
    view = _view(picture, truth, frame)
    return {name: METRICS[name].measure(view) for name in wanted}


def _view(picture: Picture, truth: Truth, frame: RawFrame) -> View:
    space = "srgb" if picture.space == "camera" else picture.space
    light = light_of(picture) @ (np.linalg.solve(rgb_to_xyz("srgb"), rgb_to_xyz(space))).T
    ideal = np.asarray(truth.ideal.pixels, np.float64)
    mean = float(luminance(light).mean())
    scale = float(luminance(ideal).mean()) / mean if mean > 0 else 1.0
    places: dict[str, dict[str, Place]] = {}
    for region in truth.regions:
        xs, ys = np.array(region.get("inner", region["corners"])).T
        rows, columns = (slice(math.ceil(max(v.min(), 0)), int(v.max())) for v in (ys, xs))
        if min(rows.stop - rows.start, columns.stop - columns.start) > 0:
            places.setdefault(region["kind"], {})[str(region["name"])] = rows, columns
    return View(light * scale, ideal, MappingProxyType(places), frame)


def _delta_e(view: View) -> Estimate:
    from reports.metrics import delta_e_2000

    if len(view.patches) < 3:
        return Estimate.missing("the scene has no colour patches")
    pairs = [[part[place].mean((0, 1)) for part in (view.light, view.ideal)] for place in view.patches.values()]
    lab = to_lab(np.array(pairs))
    return mean_of(delta_e_2000(lab[:, 0], lab[:, 1]))


def _snr(view: View) -> Estimate:
    name = view.grey()
    if not name:
        return Estimate.missing("the scene has no grey patch", "dB")
    blocks = _blocks(luminance(view.light[view.patches[name]]), BLOCK)
    if len(blocks) < 3:
        return Estimate.missing(f"patch {name} is smaller than three squares of {BLOCK} pixels", "dB")
    moments = np.stack([blocks.mean(axis=1), blocks.var(axis=1, ddof=1)], axis=1)
    if moments[:, 0].min() <= 0 or math.sqrt(moments[:, 1].max()) < QUIET * moments[:, 0].max():
        return Estimate.missing(f"patch {name} has no noise or no light", "dB")

    def ratio(items: NDArray[Any]) -> float:
        mean, variance = items.mean(axis=0)
        return 20 * math.log10(mean / math.sqrt(max(variance, 1e-30)))

    return bootstrap(moments, ratio, "dB")


def _white(view: View) -> Estimate:
    from reports.metrics import white_error

    means = {name: view.ideal[place].mean((0, 1)) for name, place in view.patches.items()}
    greys = [name for name, mean in means.items() if _from_white(mean) < NEUTRAL and luminance(mean) > LIT]
    if not greys:
        return Estimate.missing("the scene has no grey patch", "deg")
    seen = np.array([view.light[view.patches[name]].mean((0, 1)) for name in greys])
    return white_error(seen, np.array([means[name] for name in greys])).reproduction


def _mtf50(view: View) -> Estimate:
    from reports.metrics import slanted_edge

    for place in view.places.get("edge", {}).values():
        return slanted_edge(view.light[place]).mtf50
    return Estimate.missing("the scene has no slanted edge", "cycles/pixel")


def _texture(view: View) -> Estimate:
    from reports.metrics import texture_mtf

    for name, place in view.places.get("texture", {}).items():
        if "leaves" in name:
            rows, columns = (_middle(part, TEXTURE) for part in place)
            return texture_mtf(view.light[rows, columns], reference=view.ideal[rows, columns]).mtf50
    return Estimate.missing("the scene has no dead leaves", "cycles/pixel")


def _middle(part: slice, most: int) -> slice:
    start = part.start + max(0, part.stop - part.start - most) // 2
    return slice(start, min(part.stop, start + most))


def _visual(view: View) -> Estimate:
    from reports.metrics import visual_noise

    name = view.grey()
    if not name:
        return Estimate.missing("the scene has no grey patch")
    return visual_noise(view.light[view.patches[name]]).value


def _psnr(view: View) -> Estimate:
    if not view.ideal.any():
        return Estimate.missing("the scene is dark", "dB")
    error = (srgb_encoded(view.light) - srgb_encoded(view.ideal)) ** 2
    tiles = _blocks(error.mean(axis=2), TILE).mean(axis=1)
    if not len(tiles):
        tiles = np.array([error.mean()])
    if tiles.max() <= 0:
        return Estimate.missing("the picture is the truth: its PSNR is infinite", "dB")
    return bootstrap(tiles, lambda mse: -10 * math.log10(max(float(mse.mean()), 1e-30)), "dB")


def _blocks(plane: Float64, side: int) -> Float64:
    """(N, side * side): the whole squares of a plane."""
    down, across = plane.shape[0] // side, plane.shape[1] // side
    part = plane[: down * side, : across * side].reshape(down, side, across, side)
    return part.swapaxes(1, 2).reshape(down * across, side * side)


def _from_white(rgb: Float64) -> float:
    """Distance from D65 in CIE 1976 u'v'."""
    xyz = np.stack([rgb, np.ones(3)]) @ rgb_to_xyz("srgb").T
    total = xyz @ [1.0, 15.0, 3.0]
    uv = np.stack([4 * xyz[:, 0] / total, 9 * xyz[:, 1] / total])
    return float(np.hypot(*(uv[:, 0] - uv[:, 1]))) if total[0] > 0 else math.inf


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "delta_e_2000": Metric("Colour error, mean CIEDE2000 of the patches", "ΔE00", "", "lower", _delta_e),
        "snr": Metric("Signal to noise near middle grey", "SNR", "dB", "higher", _snr),
        "mtf50": Metric("MTF50 of the slanted edge", "MTF50", "cycles/pixel", "higher", _mtf50),
        "texture_mtf50": Metric("MTF50 of dead leaves", "texture MTF50", "cycles/pixel", "higher", _texture),
        "visual_noise": Metric("Visual noise near middle grey", "visual noise", "", "lower", _visual),
        "white_error": Metric("White, reproduction angle", "white error", "deg", "lower", _white),
        "psnr": Metric("PSNR against the ideal picture", "PSNR", "dB", "higher", _psnr),
    }
)
"""Every metric of a cell, by the name that `matrix.yaml` and the results use."""
