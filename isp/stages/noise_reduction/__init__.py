"""Noise reduction."""
from __future__ import annotations
from isp.stages.noise_reduction.bisquare import NoiseReduction as Old, _stable_terms, _stable, _TINY
from isp.stages.noise import site_noise
from isp.parameters import Param
from isp.stages.noise_reduction.sliding import shrunk
import numpy as np
class NoiseReduction(Old):
    cfas = ("bayer", "ryyb", "mono")
    parameters = (
        Param("strength", 1.0, "x", lower=0, upper=10, tune="gradient"),
        Param("method", "dct", "x", choices=("bisquare","dct"), structural=True))
    def structure(self, values, context):
        return {"method": values["method"], "mono": int(context.cfa.family == "mono")}
    def reach(self, structure):
        return 4 if structure["method"] == "bisquare" else 7 if structure["mono"] else 14
    def prepare(self, values, context):
        if values["method"] == "bisquare":
            return super().prepare(values, context)
        shot, read = site_noise(context)
        c = np.maximum(read + 0.375 * shot**2, _TINY)
        return {"stable": _stable_terms(shot, c), "inverse": np.atleast_1d(1 / (64 * (1.9 * values["strength"]) ** 2 + 1e-9))}
    def define(self, graph, image, arrays, structure):
        if structure["method"] == "bisquare":
            return super().define(graph, image, arrays, structure)
        import halide as hl
        from isp.stages.noise_reduction import sliding, sliding_sums
        shrunk = sliding_sums.shrunk if graph.differentiated else sliding.shrunk
        x, y, c = graph.x, graph.y, graph.c
        inverse = arrays["inverse"][0]
        half = hl.f32(0.5)
        def linear(v, s):
            S, C, k, slope = (arrays["stable"][r, s] for r in range(4))
            t = v / k
            return hl.select(v > k * hl.sqrt(C), (t*t - C)/S, (v - k * hl.sqrt(C)) / slope)
        if structure["mono"]:
            planes = graph.stack("planes", [_stable(image[x, y], [arrays["stable"][r, 0] for r in range(4)])], stored=True)
            calm = shrunk(graph, planes, 1, inverse)
            return graph.plane("linear", linear(calm[x, y, 0], 0))
        sites = graph.stack("sites", [_stable(image[2*x + i, 2*y + j], [arrays["stable"][r, 2*j+i] for r in range(4)]) for j in (0,1) for i in (0,1)], stored=True)
        s = [sites[x, y, i] for i in range(4)]
        a, b, d, e = s[0]+s[1], s[0]-s[1], s[2]+s[3], s[2]-s[3]
        planes = graph.stack("planes", [(a+d)*half,(b+e)*half,(a-d)*half,(b-e)*half], stored=True)
        calm = shrunk(graph, planes, 4, inverse)
        q = [calm[x // 2, y // 2, i] for i in range(4)]
        a, b, d, e = q[0]+q[2], q[1]+q[3], q[0]-q[2], q[1]-q[3]
        back = [(a+b)*half, (a-b)*half, (d+e)*half, (d-e)*half]
        return graph.plane("linear", graph.by_site(*(linear(v, i) for i, v in enumerate(back))), by_site=True)
