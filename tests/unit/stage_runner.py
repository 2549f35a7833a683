"""Runs one stage on an array in a made-up context, and helpers that several stage tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.cfa import Cfa
from isp.engine.execute import Plan
from isp.engine.plan import Placed
from isp.engine.segment import Step, make_step
from isp.profile import Profile, resolve_entry
from isp.stage import Context
from isp.values import NoiseModel

PHASES = ("RGGB", "GRBG", "GBRG", "BGGR")


def around(data: NDArray[Any], cfa: str = "RGGB", noise: tuple[float, float] | None = None, **facts: Any) -> Context:
    """A context for `data`; `noise` is (S, O) of every site."""
    model = None if noise is None else NoiseModel((noise[0],) * 4, (noise[1],) * 4)
    return Context(Cfa(cfa), data.shape[:2], noise=model, **facts)


def resolved(name: str, context: Context, domain: str = "mosaic", **params: Any) -> tuple[Any, dict[str, Any]]:
    """The stage and the plain values of its parameters in `context`."""
    profile = Profile.from_stages([(name, params)], start=domain)
    entry = profile.stages[0]
    return entry.stage, dict(resolve_entry(entry, context, profile).values)


def step_of(name: str, context: Context, domain: str = "mosaic", **params: Any) -> tuple[Step, Context]:
    """The stage ready to be built, and the context it runs in."""
    stage, values = resolved(name, context, domain, **params)
    after = context.but(resolved={name: values})
    return make_step(stage, values, after, domain), after


def run_stage(name: str, data: NDArray[Any], context: Context, domain: str = "mosaic", **params: Any) -> NDArray[Any]:
    """The stage's float32 output for `data` in `context`."""
    step, before = step_of(name, context, domain, **params)
    gives = step.stage.gives or domain
    after = step.stage.advance(before.resolved[name], before)
    return Plan([Placed(step, gives, before, after)], data.dtype.name, domain, "float32").run(data, before)


def site_of(shape: tuple[int, int], cfa: str = "RGGB") -> NDArray[np.intp]:
    """(H, W): 0 R, 1 Gr, 2 Gb, 3 B."""
    (px, py), block = Cfa(cfa).phase, Cfa(cfa).block
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (y + py) // block % 2 * 2 + (x + px) // block % 2


def mosaic_of(rgb: NDArray[Any], cfa: str = "RGGB") -> NDArray[np.float32]:
    """What a sensor of Bayer or block CFA sees of (H, W, 3)."""
    color = np.array([0, 1, 1, 2])[site_of(rgb.shape[:2], cfa)]
    return np.take_along_axis(rgb, color[..., None], 2)[..., 0].astype(np.float32)


def noisy(clean: NDArray[Any], shot: float, read: float, seed: int = 1) -> NDArray[np.float32]:
    """`clean` with Poisson and Gaussian noise of variance shot x + read."""
    rng = np.random.Generator(np.random.Philox(seed))
    electrons = rng.poisson(np.maximum(clean, 0) / shot) * shot
    return (electrons + rng.normal(0, np.sqrt(read), clean.shape)).astype(np.float32)
