"""Into a display's gamut at constant hue: colours beyond its surface lose chroma, and keep hue (Oklab) and luminance.

In Oklab (see `isp.stages.oklab`) a colour of chroma k times its own has the cone roots L + k d, d = roots - L. With A
the matrix from cone signals to the display's RGB and Y the luminance, held in 0..1,

    x(k) = Y c(k) / Y_c(k),   c(k) = A (L + k d)^3,   Y_c its luminance

A factor on linear RGB leaves Oklab's hue alone, so all x(k) are of one hue and of one luminance. How far out a colour
lies is e, in units of the distance to the gamut's surface along the line through the grey of luminance Y,

    e = max over channels of ( (x - Y) / (1 - Y), (Y - x) / Y )

Up to e = KNEE nothing changes, to the bit. Beyond, k is sought for which e(k) is

    e' = KNEE + d / (1 + d / (1 - KNEE)),   d = e - KNEE,   which never reaches 1.

e(k) / k is taken to be linear in k between two known points, at first k = 0 (where it is the slope) and k = 1; this
gives k by a quadratic equation, at which e(k) is known too and takes the place of the point on its own side. Of all
Rec.2020 in sRGB, 99 in 100 colours end within 0.01 of e' and none more than 0.01 outside of it; deep blues end up to
0.2 inside. Hue and luminance do not depend on it.

A price: Rec.2020's own blue has a hue at which sRGB, at its luminance, holds but a third of its chroma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isp.color.spaces import WORKING, conversion, luma
from isp.stages import oklab
from isp.stages.oklab import cubed, root, row
from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Arrays, Expr, Graph

KNEE = 0.8
"""Share of the way to the gamut's surface up to which nothing changes."""
_STEPS = 2
_DARK = 1e-6


def arrays(space: str, scale: float = 1.0) -> dict[str, Float64]:
    """What `compressed` reads, for a display of `space` whose value 1 is the light 1 / `scale`.

    `cones` (4, 3): from the working space to cone signals, and the mean of roots that is L. `lights` (4, 3): from cone
    signals to the display's RGB, less luminance, and to luminance.
    """
    spaces = oklab.arrays()
    rgb = conversion(WORKING, space) @ spaces["rgb"]
    return {
        "cones": np.vstack([spaces["lms"] * scale, spaces["lab"][0]]),
        "lights": np.vstack([rgb - luma(space) @ rgb, luma(space) @ rgb]),
    }


def compressed(graph: Graph, working: list[Expr], rgb: list[Expr], luminance: Expr, arrays: Arrays) -> list[Expr]:
    """The colour `rgb` of the display, which is `working` in the working space, inside 0..1 but for rounding."""
    import halide as hl

    x, y, one = graph.x, graph.y, hl.f32(1)
    cones, lights = arrays["cones"], arrays["lights"]

    def plane(name: str, value: Expr) -> Expr:
        # a name for what is used often: in the derivative it keeps expressions short
        return graph.plane(name, value)[x, y]

    grey = plane("grey", hl.clamp(luminance, hl.f32(0), one))
    above, below = (one / hl.max(v, hl.f32(_DARK)) for v in (one - grey, grey))
    above, below = plane("above", above), plane("below", below)

    def distance(rgb: list[Expr]) -> Expr:
        low = hl.min(rgb[0], hl.min(rgb[1], rgb[2]))
        high = hl.max(rgb[0], hl.max(rgb[1], rgb[2]))
        return hl.max((high - grey) * above, (grey - low) * below)

    e = plane("beyond", distance(rgb))
    d = hl.max(e - hl.f32(KNEE), hl.f32(0))
    wanted = plane("wanted", hl.f32(KNEE) + d / (one + d * hl.f32(1 / (1 - KNEE))))
    roots = graph.stack("roots", [root(graph, row(cones, i, working)) for i in range(3)], stored=True)
    roots_ = [roots[x, y, c] for c in range(3)]
    light = plane("lightness", row(cones, 3, roots_))
    away = [r - light for r in roots_]

    def at(k: Expr, name: str) -> list[Expr]:
        signals = [plane(f"{name}_{i}", cubed(light + k * v)) for i, v in enumerate(away)]
        factor = plane(f"{name}_factor", grey / hl.max(row(lights, 3, signals), hl.f32(_DARK**2)))
        return [grey + row(lights, i, signals) * factor for i in range(3)]

    slope = plane("slope", hl.f32(3) * grey / hl.max(light, hl.f32(1e-3)))
    start = distance([grey + row(lights, i, away) * slope for i in range(3)])
    low, high = (hl.f32(0), plane("start", start)), (one, e)
    for step in range(_STEPS):
        slant = (high[1] - low[1]) / hl.max(high[0] - low[0], hl.f32(_DARK))
        offset = low[1] - slant * low[0]
        under = hl.max(offset * offset + hl.f32(4) * slant * wanted, hl.f32(_DARK))
        guess = hl.f32(2) * wanted / hl.max(offset + hl.sqrt(under), hl.f32(_DARK))
        k = plane(f"k{step}", hl.clamp(guess, low[0], high[0]))
        found = at(k, f"signal{step}")
        if step < _STEPS - 1:
            ratio = plane(f"ratio{step}", distance(found) / hl.max(k, hl.f32(_DARK)))
            over = ratio * k > wanted
            low, high = (
                tuple(plane(f"{end}{i}{step}", hl.select(take, new, old)) for i, (new, old) in
                      enumerate(zip((k, ratio), ends, strict=True)))
                for end, take, ends in (("low", ~over, low), ("high", over, high))
            )
    found = [hl.select(grey < one, v, one) for v in found]
    return [hl.select(e > hl.f32(KNEE), new, old) for new, old in zip(found, rgb, strict=True)]
