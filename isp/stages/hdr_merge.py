"""HDR merge: several frames of one scene become one linear mosaic, brighter than any of them could hold.

The frames are staggered exposures (long, middle, short) or the two readings of a dual-gain pixel. With v the mosaic of
a frame (black 0, white 1) and r the light per unit of v, relative to the most sensitive frame, r v estimates the light
x, in that frame's units: 1 is where it saturates, and the result reaches up to the largest r. Exposure, gain and
white levels say r, `r = (t G / span) of the most sensitive / (t G / span)`, span being white minus black [DN].

Each pixel is the mean of the frames weighted by the inverse variance of each (M. Granados, B. Ajdin, M. Wand, C.
Theobalt, H.-P. Seidel, H. Lensch, "Optimal HDR reconstruction with linear digital cameras", CVPR 2010, eq. 6 to 8),

    x = sum s w r v / sum s w,   1 / w = r S x + r^2 O

with the noise model S v + O of each, evaluated at an estimate of x rather than at the noisy sample itself, which would
favour samples that happen to be low. Two gains read the same electrons, so the noise of the photons is common to them
and w has the noise of reading O alone. The share s of a frame is 1 where it can be trusted, and falls smoothly to 0:

- towards saturation, over 0.1 below `knee` less 3 sigma: before noise begins to be cut off. What decides is the mean
  of the 8 nearest sites of the same colour: the sample itself would bias its own weight. Its own value counts from
  `knee` on.
- where the frame disagrees with those shorter than itself: there something has moved. Of the differences d that are
  left beyond `tolerance` of the light (errors of the ratios, of linearity), three statistics are held against their
  variance V: the sum over 5x5 pixels, (sum d)^2 / sum V, which sees what has changed brightness by less than the noise
  of a pixel; the sum of squares, q = n sum d^2 / sum V for n pixels, which sees texture, as (sqrt(2 q) -
  sqrt(2 n - 1))^2 (R. A. Fisher's normal approximation of chi-squared); and the pixel's own d^2 / V. Up to `threshold`
  squared they mean noise, from twice that on motion.

The frames are joined from the shortest to the longest, each compared with what the shorter ones gave, so that where
all others disagree the shortest remains: one moment everywhere, no ghosts, and no object that is in none of the frames
it is taken from. Dual gain needs no such test.

The noise model that goes on is that of the merged frame below 1, of order S x + O: equal at 0 and at one half. Above 1
fewer frames contribute and there is more noise than it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError, ProfileError
from isp.parameters import Param
from isp.stage import Context, Plain, Stage, as_array
from isp.stages.noise import site_noise
from isp.values import Float64, NoiseModel

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph, Image

_RAMP = 0.1
"""Of white, over which a frame's share falls to 0 below saturation."""
_MARGIN = 3.0
"""Distance of that ramp's end from `knee` [sigma]."""
_WINDOW = 2
"""Pixels to each side over which frames are compared."""
_LEAST = 1e-12
"""Variance of a frame without noise."""
_TINY = 1e-20


class HdrMerge(Stage):
    """Merge the frames of a set, exposures or gains, into one linear mosaic; a single frame stays as it is."""

    name = "hdr_merge"
    takes = ("mosaic",)
    cfas = ("bayer", "ryyb", "quad", "nona", "hexadeca", "mono", "other")
    merges = True
    parameters = (
        Param(
            "ratios", "from_file", "Digital numbers per light of each frame, in their order: exposure x gain, any unit",
            lower=1e-9, upper=1e9, shapes=((None,),), sources=("from_file",),
        ),
        Param(
            "kind", "from_file", "staggered (exposures one after another); dual_gain (the same electrons read twice); "
            "from_file: dual_gain if all exposure times are equal",
            choices=("staggered", "dual_gain"), sources=("from_file",), structural=True,
        ),
        Param(
            "threshold", 4.0, "Disagreement of staggered frames from which on it means motion", unit="sigma", lower=1,
            upper=100, tune="search",
        ),
        Param(
            "tolerance", 0.02, "Share of the light by which frames may differ for reasons other than noise and motion",
            lower=0, upper=0.5, tune="search",
        ),
        Param(
            "knee", 0.95, "Share of white above which a sample of a longer frame does not count", lower=0.3,
            upper=0.999, tune="search",
        ),
    )

    def source(self, name: str, word: str, context: Context) -> Plain:
        times = [frame.info.exposure for frame in context.frames]
        if name == "kind":
            return "dual_gain" if len(set(times)) == 1 and times[0] else "staggered"
        gains = [frame.info.iso for frame in context.frames]
        for number, (time, gain) in enumerate(zip(times, gains, strict=True), 1):
            if not time:
                raise InputError(f"frame {number} of the set says no exposure time; give hdr_merge.ratios, one number "
                                 "per frame: exposure x gain")
            if not gain and any(gains):
                raise InputError(f"frame {number} of the set says no ISO, but others do; give hdr_merge.ratios, one "
                                 "number per frame: exposure x gain")
        # without any ISO the gain is taken to be the same for all
        return tuple(float(t or 0) * float(g or 1) for t, g in zip(times, gains, strict=True))

    def identity(self, values: Mapping[str, Plain], context: Context) -> bool:
        return len(context.frames) < 2

    def structure(self, values: Mapping[str, Plain], context: Context) -> dict[str, str | int]:
        return {"frames": len(context.frames), "motion": int(values["kind"] == "staggered")}

    def reach(self, structure: Mapping[str, str | int]) -> int:
        frames = int(structure["frames"])
        if frames < 2:
            return 0
        around = 2 * int(structure.get("block", 1))
        return around + (_WINDOW * (frames - 1) if structure["motion"] else 0)

    def prepare(self, values: Mapping[str, Plain], context: Context) -> dict[str, NDArray[Any]]:
        if not context.frames:
            return {}
        if context.shading is not None:
            raise ProfileError("hdr_merge must come before lens_shading, which moves the saturation level")
        light = units(values, context)
        order = np.argsort(-light, kind="stable")  # the shortest, whose units are the largest, first
        shot, read = (_noise(context.frames)[i][order] * light[order] ** (i + 1) for i in (0, 1))
        light = light[order]
        knee = float(values["knee"])
        top = knee - _MARGIN * np.sqrt(shot / light * knee + read / light**2)
        gate = np.stack([light * top, 1 / (_RAMP * light), light, 1 / ((1 - knee) * light)], axis=1)
        if values["kind"] == "dual_gain":
            shot = np.zeros_like(shot)
        return {
            "frame": np.stack([order.astype(np.float64), light, shot, np.maximum(read, _LEAST)], axis=1),
            "gate": gate,
            "motion": np.array([float(values["threshold"]) ** 2, float(values["tolerance"])]),
        }

    def advance(self, values: Mapping[str, Plain], context: Context) -> Context:
        if len(context.frames) < 2:
            return context
        light = units(values, context)
        chosen = context.frames[int(np.argmin(light))]
        noise = None
        if all(frame.noise is not None for frame in context.frames):
            sites = np.stack([site_noise(frame) for frame in context.frames])  # frame, S or O, site
            noise = _merged(sites, light, values["kind"] == "dual_gain")
        clip = tuple(float(c) for c in light.max() * as_array(chosen.clip))
        resolved = {**chosen.resolved, self.name: values}
        return chosen.but(frames=(), noise=noise, clip=clip, resolved=resolved)

    def define(self, graph: Graph, image: Image, arrays: Arrays, structure: Mapping[str, str | int]) -> Image:
        import halide as hl

        from isp.engine.graph import tree_sum

        x, y = graph.x, graph.y
        count = int(structure["frames"])
        if count < 2:
            return graph.plane("single", image[x, y])
        table = arrays["frame"]

        def light(k: int) -> Image:
            number = hl.clamp(hl.i32(table[k, 0]), 0, count - 1)
            return graph.plane(f"light{k}", image[x, y, number] * table[k, 1])

        def variance(k: int, at: Expr) -> Expr:
            return table[k, 2] * hl.max(at, hl.f32(0)) + table[k, 3]

        merged = light(0)
        lights = [merged]
        shares: list[Expr] = [hl.f32(1)]
        for k in range(1, count):
            new = light(k)
            share = _unsaturated(graph, new, arrays["gate"], k, 2 * int(structure.get("block", 1)))
            if structure["motion"]:
                known = merged[x, y]
                weights = [s / variance(j, known) for j, s in enumerate(shares)]
                noise = hl.f32(1) / tree_sum(weights) + variance(k, known)
                still = _still(graph, k, share, new[x, y], known, noise, arrays["motion"])
                share = graph.plane(f"share{k}", share[x, y] * still, stored=True)
            lights.append(new)
            shares.append(share[x, y])
            at = merged[x, y] + share[x, y] * (new[x, y] - merged[x, y])
            weights = [s / variance(j, at) for j, s in enumerate(shares)]
            total = tree_sum([w * one[x, y] for w, one in zip(weights, lights, strict=True)])
            merged = graph.plane(f"merged{k}", total / tree_sum(weights), stored=k < count - 1)
        return merged


def units(values: Mapping[str, Plain], context: Context) -> Float64:
    """(n,) light per unit of each frame's mosaic, relative to the most sensitive frame; 1 for that one.

    Raises
    ------
    InputError
        Not one ratio for each frame.
    """
    given = as_array(values["ratios"])
    frames = context.frames
    if given.shape != (len(frames),):
        raise InputError(f"hdr_merge.ratios has {given.size} values for a set of {len(frames)} frames; give one each")
    spans = []
    for frame in frames:
        known = frame.resolved.get("black_level", {"level": frame.black, "white": frame.white})
        spans.append(float(known["white"]) - float(np.mean(as_array(known["level"]))))
    sensitivity = given / np.array(spans)
    return np.asarray(sensitivity.max() / sensitivity)


def _noise(frames: Sequence[Context]) -> Float64:
    """(2, n) S and O of each frame, the mean of its sites: weights hardly notice how they differ."""
    return np.stack([site_noise(frame).mean(axis=1) for frame in frames], axis=1)


def _merged(sites: NDArray[Any], light: Float64, common: bool) -> NoiseModel:
    """The model S x + O that has the merged frame's variance at 0 and at 1/2, where every frame counts."""
    shot = sites[:, 0] * light[:, None]
    read = np.maximum(sites[:, 1] * light[:, None] ** 2, _LEAST)
    dark = 1 / (1 / read).sum(axis=0)
    middle = 1 / (1 / (0.5 * shot + read)).sum(axis=0)
    slope = shot[np.argmin(light)] if common else 2 * (middle - dark)
    return NoiseModel(tuple(slope.tolist()), tuple(dark.tolist()))


def _unsaturated(graph: Graph, light: Image, gate: Any, k: int, step: int) -> Image:
    """The share of frame `k` that its own level leaves it; `step` is the distance of sites of a colour [px]."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y = graph.x, graph.y
    zero, one = hl.f32(0), hl.f32(1)
    near = [light[x + i, y + j] for j in (-step, 0, step) for i in (-step, 0, step) if i or j]
    around = tree_sum(near) * hl.f32(1 / 8)
    level = hl.clamp((gate[k, 0] - around) * gate[k, 1], zero, one)
    own = hl.clamp((gate[k, 2] - light[x, y]) * gate[k, 3], zero, one)
    return graph.plane(f"unsaturated{k}", level * own, stored=True)


def _still(
    graph: Graph, k: int, share: Image, light: Expr, known: Expr, noise: Expr, limits: Any
) -> Expr:
    """1 where frame `k` shows what the shorter ones do, 0 where something has moved."""
    import halide as hl

    from isp.engine.graph import tree_sum

    x, y = graph.x, graph.y
    zero, one, tiny = hl.f32(0), hl.f32(1), hl.f32(_TINY)
    slack = limits[1] * hl.max(hl.max(light, known), zero)
    apart = light - known
    apart = apart - hl.clamp(apart, -slack, slack)
    s = share[x, y]
    terms = graph.stack(f"terms{k}", [s, s * apart, s * apart * apart, s * noise], stored=True)
    places = range(-_WINDOW, _WINDOW + 1)
    rows = graph.stack(
        f"rows{k}", [tree_sum([terms[x + i, y, n] for i in places]) for n in range(4)], stored=True
    )
    number, coherent, squares, expected = (tree_sum([rows[x, y + j, n] for j in places]) for n in range(4))
    expected = hl.max(expected, tiny)
    chi = hl.f32(2) * number
    excess = hl.max(hl.sqrt(chi * squares / expected) - hl.sqrt(hl.max(chi - one, zero)), zero)
    worst = hl.max(coherent * coherent / expected, excess * excess)
    worst = hl.max(worst, apart * apart / noise)
    return hl.clamp(hl.f32(2) - worst / limits[0], zero, one)
