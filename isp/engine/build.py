"""From steps to a scheduled Halide program. Everything that knows Halide's scheduling language is here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import halide as hl

from isp.engine.graph import Arrays, Graph, Image, Node
from isp.engine.segment import Segment
from isp.stage import blamed

_TYPES = {"uint8": hl.UInt(8), "uint16": hl.UInt(16), "uint32": hl.UInt(32), "float32": hl.Float(32)}


_GROUP, _ROW, _SET, _MEMBER = (hl.Var(name) for name in ("group", "row", "set", "member"))


@dataclass
class Built:
    """An unscheduled program: its inputs in argument order, its output, and the Funcs between."""

    inputs: list[Any]
    output: Any
    graph: Graph
    segment: Segment


@cache
def host_target() -> Any:
    """This machine, with `strict_float`: without it results change in the last bits with tile size and position."""
    return hl.get_host_target().with_feature(hl.TargetFeature.StrictFloat)


def build_segment(segment: Segment, graph: Graph | None = None) -> Built:
    """The segment's definitions, chained into one graph, which may be given."""
    graph = Graph() if graph is None else graph
    dims = 2 if segment.source.channels == 1 else 3
    source = hl.ImageParam(_TYPES[segment.source.dtype], dims, "source")
    inputs: list[Any] = [source]
    image = Image(source, segment.source.channels)
    params = []
    for number, step in enumerate(segment.steps):
        named = {
            name: hl.ImageParam(hl.Float(32), step.arrays[name].ndim, f"{step.stage.name}{number}_{name}")
            for name in sorted(step.arrays)
        }
        params.append(named)
        inputs += named.values()
    limits = hl.ImageParam(hl.Float(32), 1, "datapath") if segment.datapath else None
    if limits is not None:
        inputs.append(limits)
    if limits is not None and segment.round_source:
        image = _quantized(graph, image, limits, segment)
    for number, (step, named) in enumerate(zip(segment.steps, params, strict=True)):
        lengths = {name: param.dim(param.dimensions() - 1).extent() for name, param in named.items()}
        image = define(graph, image, step, Arrays(named, lengths))
        if limits is not None and number >= segment.raw:
            image = _quantized(graph, image, limits, segment)
    return Built(inputs, _output(graph, image, segment), graph, segment)


def define(graph: Graph, image: Image, step: Any, arrays: Arrays) -> Image:
    """One step's definition appended to the graph; a stencil's input is stored first."""
    graph.stage = step.stage.name
    graph.block = int(step.structure.get("block", 1))
    if step.reach:
        graph.store(image)
    with blamed(step.stage):
        result: Image = step.stage.define(graph, image, arrays, step.structure)
    return result


def _quantized(graph: Graph, image: Image, limits: Any, segment: Segment) -> Image:
    rounding = segment.datapath.rounding if segment.datapath else ""

    def code(value: Any) -> Any:
        codes = value * limits[0]
        if rounding == "nearest_even":
            codes = hl.round(codes)
        elif rounding == "truncate":
            codes = hl.floor(codes)
        else:
            # in whole numbers of halves all is exact, where adding a half rounds up what lies just below it
            codes = hl.floor((hl.floor(codes * hl.f32(2)) + hl.f32(1)) * hl.f32(0.5))
        return hl.clamp(codes / limits[0], limits[1], limits[2])

    # stored: a value that is used often would carry its rounding into every use
    if image.channels == 1:
        return graph.plane("fixed", code(image[graph.x, graph.y]), stored=True)
    return graph.rgb("fixed", lambda c: code(image[graph.x, graph.y, c]), stored=True)


def _output(graph: Graph, image: Image, segment: Segment) -> Any:
    x, y, c = graph.x, graph.y, graph.c
    if image.node is not None and image.node.by_site:
        graph.store(image)
    output = hl.Func("output")
    place = (x, y) if segment.sink.channels == 1 else (x, y, c)
    value = image[place]
    dtype = segment.sink.dtype
    if dtype != "float32":
        top = float(2 ** (8 if dtype == "uint8" else 16) - 1)
        value = hl.cast(_TYPES[dtype], hl.clamp(value, 0.0, 1.0) * hl.f32(top) + hl.f32(0.5))
    output[place] = value
    return output


def render_schedule(built: Built, tile: tuple[int, int], target: Any, lanes: int = 0) -> None:
    """The generic schedule: tiles in parallel, stored Funcs local to a tile, everything vectorised along x.

    `lanes` are those of float32 if none are given.
    """
    graph, output, segment = built.graph, built.output, built.segment
    x, y, c = graph.x, graph.y, graph.c
    xo, yo, xi, yi = (hl.Var(name) for name in ("xo", "yo", "xi", "yi"))
    lanes = lanes or target.natural_vector_size(hl.Float(32))
    # without guards inside tiles, whose trimming would take most of the time to compile: outputs have whole tiles of
    # rows and at least one tile of columns (`SegmentSource.strip` sees to it)
    output.split(x, xo, xi, tile[0], hl.TailStrategy.ShiftInwards)
    output.split(y, yo, yi, tile[1], hl.TailStrategy.RoundUp)
    output.reorder(xi, yi, xo, yo).parallel(yo)
    if segment.sink.channels == 3:
        output.bound(c, 0, 3).reorder(c, xi, yi, xo, yo).unroll(c)
        if segment.sink.interleaved:
            buffer = output.output_buffer()
            buffer.dim(0).set_stride(3)
            buffer.dim(2).set_stride(1).set_bounds(0, 3)
    output.vectorize(xi, lanes).never_partition_all()
    for node in graph.nodes:
        if node.stored:
            _schedule_node(node, output, xo, lanes, graph)


def _schedule_node(node: Node, output: Any, at: Any, lanes: int, graph: Graph) -> None:
    func = node.func
    if node.sums is not None:
        _schedule_sums(node, output, at, lanes, graph)
        return
    if node.rolling is not None:
        consumer = node.rolling.func
        func.store_at(consumer, graph.c).compute_at(consumer, _GROUP)
    else:
        func.compute_at(output, at)
    func.vectorize(graph.x, lanes)
    if node.channels > 1:
        func.bound(graph.c, 0, node.channels).reorder(graph.c, graph.x, graph.y).unroll(graph.c)
    if node.woven:
        func.reorder_storage(graph.c, graph.x, graph.y)
    if node.by_site:
        func.align_bounds(graph.x, node.by_site).align_bounds(graph.y, node.by_site)
        if node.by_site == 2:
            func.unroll(graph.y, 2)
    if node.rows > 1:
        func.align_bounds(graph.y, node.rows).split(graph.y, _GROUP, _ROW, node.rows).unroll(_ROW)
    if node.fan > 1:
        func.align_bounds(graph.c, node.fan).split(graph.c, _SET, _MEMBER, node.fan)
        func.reorder(_MEMBER, graph.x, graph.y, _SET).unroll(_MEMBER)
    if node.group > 1:
        func.align_bounds(graph.x, node.group)
    func.never_partition_all()


def _schedule_sums(node: Node, output: Any, at: Any, lanes: int, graph: Graph) -> None:
    """Each vector of pixels runs once over the window, with one running sum per channel in registers."""
    x, y, c = graph.x, graph.y, graph.c
    vector, lane = hl.Var("vector"), hl.Var("lane")
    func, sums = node.func, node.sums
    func.compute_at(output, at).bound(c, 0, node.channels).split(x, vector, lane, lanes, hl.TailStrategy.RoundUp)
    func.reorder(c, lane, vector, y).unroll(c).vectorize(lane)
    func.align_bounds(y, 2).unroll(y, 2).never_partition_all()
    sums.compute_at(func, vector).bound_extent(c, node.channels).reorder(c, x, y).unroll(c).vectorize(x, lanes)
    window = list(sums.rvars(0))
    sums.update().reorder(c, x, *window, y).unroll(c).vectorize(x, lanes)
    sums.never_partition_all()
