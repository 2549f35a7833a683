"""A work bench for one stage: a frame it can take, a context with every fact in it, and the stage resolved on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isp.cfa import Cfa
from isp.engine.adjoint import Adjoint
from isp.engine.execute import Plan, block_of, moved
from isp.engine.plan import Placed, channels
from isp.engine.segment import Step, make_step
from isp.engine.strips import FrameSource, SegmentSource, collect
from isp.profile import Profile, resolve_entry
from isp.stage import BLOCKS, Context, Stage
from isp.stages import find_stage, stage_names
from isp.values import ColorCalibration, Companions, FrameInfo, GainMesh, NoiseModel, Statistics

VARIANTS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "linearize": (
        {"table": [float(v) for v in range(0, 2048, 2)]},
        {"points": [[10.5, 5], [300.5, 300], [1030.5, 4000]]},
    ),
    "defect_correction": (
        {}, {"map": [[1, 2], [2, 2], [0, 3]], "phase_detect": [[2, 1, 0.8], [3, 1, 0]], "phase_period": [8, 6]},
    ),
    "chromatic_aberration": (
        {"red": [0.008, -0.002], "blue": [-0.004, 0.0, 0.001], "centre": [0.45, 0.5]},
        {"red": [[0.2, 0.001], [0.8, 0.01]], "blue": [0.003], "strength": -1.0},
    ),
    "distortion": (
        {"radial": [0.03, -0.01, 0.002], "tangential": [0.001, -0.002], "scale": 1.02, "frame": "keep"},
        {"radial": [[1.01, 0.02, 0, 0], [1.0, 0.03, 0.01, 0], [0.99, 0.02, 0, 0.01]], "tangential": [0.001, 0.001],
         "centre": [0.45, 0.55], "frame": "widest"},
    ),
    "demosaic": (
        *({"method": m} for m in ("bilinear", "malvar2004", "menon2007", "zhang2005", "kiku2014", "adaptive")),
        {"method": "adaptive", "bend": 0.0},
    ),
    "remosaic": tuple({"method": m} for m in ("directional", "guided", "fast", "nearest")),
    "highlights": ({"method": "clip"}, {"method": "reconstruct"}),
    "white_balance": ({}, {"mode": "manual", "gains": [1.9, 1.0, 1.6]}, {"mode": "temperature", "temperature": 4500.0}),
    "lens_shading": ({}, {"strength": 0.8, "luminance": 0.4}),
    "vignette": ({"amount": 1.5, "roundness": 0.6}, {"amount": -0.7}),
    "glare": ({"amount": 0.1, "tint": [1.0, 0.9, 0.8]},),
    "local_tone": ({"detail": 1.2},),
    "hue_saturation": (
        {"hue": [8, -6, 5, 0, 10, -9, 4, 2], "saturation": [1.3, 0.7, 1.0, 1.2, 0.8, 1.1, 0.9, 1.4],
         "lightness": [1.1, 0.9, 1.0, 1.05, 0.8, 1.2, 1.0, 0.95]},
    ),
    "look_lut": (
        {"file": (np.stack(np.meshgrid(*3 * [np.linspace(0, 1, 5)], indexing="ij")[::-1], 3) ** 1.1).tolist()},
        {"file": (np.indices((3, 3, 3))[::-1].transpose(1, 2, 3, 0) / 2.1 + 0.01).tolist(), "transfer": "log"},
    ),
    "noise_reduction": (
        {"strength": 1.2, "chroma": 1.3}, {"strength": 1.2, "method": "dct_fast"},
        {"strength": 1.2, "method": "bisquare"},
    ),
    "defringe": ({"purple": 0.8, "green": 0.6, "radius": 3},),
    "chroma_noise_reduction": ({"strength": 1.2, "scales": 2},),
    "monochrome": ({"weights": [0.3, 0.5, 0.25], "filter": "orange", "filter_strength": 0.7},),
    "toning": ({"hue": [70, -100], "chroma": [0.06, 0.05], "strength": 0.8},),
    "grain": ({"granularity": 12, "radius": 9, "format": 3},),
    "tone_curve": ({}, {"points": [[0, 0], [0.1, 0.16], [0.4, 0.55], [1.2, 1]]}),
    "encode": ({}, {"space": "display_p3", "gamut": "clip"}, {"transfer": "linear"},
               {"space": "rec2020", "transfer": "pq"}, {"space": "rec2020", "transfer": "hlg"}),
}
"""Parameters that bring every part of a stage's definition into play; stages not named run with their defaults."""
BLOCK_VARIANTS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "demosaic": ({"method": "malvar2004"}, {"method": "adaptive"}),
}
"""The same for mosaics of same-colour blocks, where fewer do."""

MATRIX = np.array([[0.72, -0.21, -0.08], [-0.45, 1.25, 0.22], [-0.06, 0.17, 0.62]])


def cases(family: str = "bayer", *, derivatives: bool = False) -> list[Any]:
    """(stage name, parameters, first domain) of every registered fused stage, as pytest parameters.

    With another `family`, of the stages that take a mosaic of it. For `derivatives` all but the first of each stage are
    marked `full`: they take many times as long to compile as the stage.
    """
    import pytest

    found = []
    for name in stage_names():
        stage = find_stage(name)
        mosaic = {"raw", "mosaic"} & set(stage.takes)
        if stage.kind not in ("fused", "guided") or ((mosaic or family != "bayer") and family not in stage.cfas):
            continue
        for place, domain in enumerate(stage.takes if family == "bayer" else sorted(mosaic)):
            few = BLOCK_VARIANTS if family in BLOCKS and name in BLOCK_VARIANTS else VARIANTS
            for number, given in enumerate(few.get(name, ({},))):
                label = f"{name}-{domain}" + (f"-{number}" if number else "")
                marks = (pytest.mark.full,) if derivatives and (place or number) else ()
                found.append(pytest.param(name, given, domain, id=label, marks=marks))
    return found


def info() -> FrameInfo:
    """What a complete file would say."""
    rng = np.random.Generator(np.random.Philox(5))
    mesh = GainMesh(1 + rng.random((5, 7, 4), np.float32), (0.05, 0.1), (0.2, 0.15))
    return FrameInfo(
        iso=400, exposure=0.01, neutral=(0.5, 1.0, 0.62), baseline_exposure=0.5, self_describing=True,
        calibrations=(ColorCalibration(2856, MATRIX * 1.05), ColorCalibration(6504, MATRIX)),
        noise=NoiseModel((4e-3,) * 4, (1e-4,) * 4), lens_shading=mesh,
        linearization=np.arange(0, 2048, 2, dtype=np.float32),
    )


def context(domain: str, shape: tuple[int, int], cfa: str = "RGGB", **info_changes: Any) -> Context:
    """A context as it would be in front of a stage that takes `domain`."""
    from dataclasses import replace

    facts = replace(info(), **info_changes)
    base = Context(Cfa(cfa), shape, facts, (64.0, 60.0, 68.0, 66.0), 1023.0)
    if domain == "raw":
        return base
    thumbnail = np.broadcast_to(np.array([0.15, 0.3, 0.19], np.float32), (6, 8, 3)) * np.linspace(0.2, 1.5, 8)[:, None]
    statistics = Statistics(thumbnail.astype(np.float32), np.zeros((6, 8, 3), np.float32), 8)
    return base.but(
        noise=facts.noise, clip=(2.0, 1.0, 1.6), neutral=(0.5, 1.0, 0.62), white_xy=(0.345, 0.359), temperature=5000.0,
        statistics=statistics, companions=Companions(),
    )


def pixels(domain: str, shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    """Smooth structure with edges and noise, in the range the domain usually has."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[: shape[0], : shape[1]] / 23.0
    base = 0.45 + 0.25 * np.sin(x * 1.3 + y) * np.cos(y * 1.7) + 0.15 * (np.sin(x + 2 * y) > 0.3)
    if channels(domain) == 3:
        base = base[..., None] * np.array([0.8, 1.0, 1.15]) + 0.04 * np.sin(x)[..., None]
    data = base + 0.04 * rng.standard_normal(base.shape)
    if domain == "raw":
        return np.clip(data * 900 + 64, 0, 1023).astype(np.uint16)
    return data.astype(np.float32)


@dataclass
class Bench:
    """One stage resolved for one frame."""

    stage: Stage
    values: dict[str, Any]
    context: Context
    domain: str

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any], domain: str, ctx: Context) -> Bench:
        profile = Profile.from_stages([(name, dict(given))], start=domain)
        resolved = resolve_entry(profile.stages[0], ctx, profile)
        return cls(find_stage(name), dict(resolved.values), ctx, domain)

    @property
    def gives(self) -> str:
        return self.stage.gives or self.domain

    def step(self, values: Mapping[str, Any] | None = None) -> Step:
        values = values or self.values
        ctx = self.context.but(resolved={self.stage.name: values})
        return make_step(self.stage, values, ctx, self.domain)

    def plan(self, data: np.ndarray, values: Mapping[str, Any] | None = None) -> Plan:
        after = self.stage.advance(values or self.values, self.context)
        placed = Placed(self.step(values), self.gives, self.context, after)
        return Plan([placed], data.dtype.name, self.domain, "float32")

    @property
    def placed(self) -> bool:
        """True where the result depends on the position in the frame by definition."""
        return not self.step().arrays.keys().isdisjoint({"mesh", "place", "rows"})

    def run(self, data: np.ndarray, values: Mapping[str, Any] | None = None) -> np.ndarray:
        return self.plan(data, values).run(data, self.context)

    def adjoint(self) -> Adjoint:
        """Its derivative: one program for parameters and pixels (digital numbers have none)."""
        step = self.step()
        return Adjoint([step], (channels(self.domain), channels(self.gives)), source_gradient=self.domain != "raw")

    def check_pixel_gradient(self, data: np.ndarray) -> None:
        """The derivative of a weighted sum with respect to all pixels, in one direction, against differences."""
        import pytest

        rng = np.random.Generator(np.random.Philox(9))
        shape = self.shape if channels(self.gives) == 1 else (*self.shape, 3)
        weights = rng.standard_normal(shape).astype(np.float32) + 0.3
        gradient = self.adjoint()(data, weights, self.context.phase, block_of(self.context, self.domain))
        direction = rng.standard_normal(data.shape)

        def loss(width: float) -> float:
            moved = (data + width * direction).astype(np.float32)
            return float(np.sum(self.run(moved).astype(np.float64) * weights))

        slopes = [(loss(width) - loss(-width)) / (2 * width) for width in (2e-4, 4e-4)]
        assert gradient.source is not None
        found = float(np.sum(gradient.source.astype(np.float64) * direction))
        size = float(np.linalg.norm(gradient.source)) * 0.05 + 1e-6
        assert found == pytest.approx((4 * slopes[0] - slopes[1]) / 3, rel=0.02, abs=size)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of what it gives."""
        return self.stage.advance(self.values, self.context).shape

    def strips(self, data: np.ndarray, rows: int) -> np.ndarray:
        """What `run` gives, computed in strips of a given number of rows."""
        plan = self.plan(data)
        segment = plan.segments[0]
        source = FrameSource(data, self.context.phase, block_of(self.context, self.domain))
        grid = moved(source.grid, plan.runs[0])
        return collect(SegmentSource(segment, segment.program(), source, grid, rows), rows)
