"""The graph a stage's definition builds: pixels and parameters as Halide expressions.

Coordinates: x is the column and y the row, counted from a red site of the mosaic (even x and even y are red for
every Bayer phase), because the host places each frame's top-left pixel at the coordinate its CFA phase asks for.
So one definition, and one compiled program, serves all phases. On a CFA of k x k blocks of one colour they count from
the first pixel of a red block: x // k is the number of the block, and even numbers are red.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import halide as hl

Expr = Any  # hl.Expr; the package carries no type information


class Image:
    """Pixels as an expression: ``image[x, y]`` of a plane, ``image[x, y, c]`` of a colour picture."""

    def __init__(self, source: Any, channels: int, node: Node | None = None) -> None:
        self.source = source
        self.channels = channels
        self.node = node

    def __getitem__(self, index: tuple[Any, ...]) -> Expr:
        return hl.f32(self.source[index])


class _Element:
    """One value of a Func that computes several."""

    def __init__(self, func: Any, number: int) -> None:
        self._func, self._number = func, number

    def __getitem__(self, index: tuple[Any, ...]) -> Expr:
        return self._func[index][self._number]


class Array:
    """A parameter array as an expression, indexed as in NumPy: ``matrix[row, column]``."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def __getitem__(self, index: Any) -> Expr:
        axes = index if isinstance(index, tuple) else (index,)
        return hl.f32(self.source[tuple(reversed(axes)) if len(axes) > 1 else axes[0]])


class Arrays:
    """The arrays of one stage, by name: ``arrays["gain"][0]``; ``arrays.length("table")`` is a length as i32."""

    def __init__(self, sources: Mapping[str, Any], lengths: Mapping[str, Expr]) -> None:
        self._sources = sources
        self._lengths = lengths

    def __getitem__(self, name: str) -> Array:
        return Array(self._sources[name])

    def length(self, name: str) -> Expr:
        """Number of entries along the first axis (rows) of an array."""
        return self._lengths[name]


@dataclass
class Node:
    """One Func of the graph and how it wants to be stored."""

    func: Any
    channels: int
    stored: bool
    by_site: int
    """Period of the sites its expression selects by [px]; 0 if it selects by none."""
    woven: bool = False
    """True if channels are innermost in memory."""
    rolling: Node | None = None
    """The node that this one is computed for, a few rows at a time and only once; None for a whole tile at a time."""
    rows: int = 1
    """Rows unrolled together, in whole groups of this many."""
    fan: int = 1
    """Planes unrolled together, in whole groups of this many."""
    group: int = 1
    """Columns are computed in whole groups of so many pixels, so that `x // group` is one number for each vector."""
    sums: Any = None
    """The Func with the running sums, where this one only keeps them."""
    window: Any = None
    """The `halide.RDom` that they run over."""


class Graph:
    """Collects the Funcs of a segment.

    Attributes
    ----------
    x, y, c : coordinates (column, row, colour) as `halide.Var`; use them to address pixels
    block : side of the same-colour blocks of the mosaic at this point [px]
    differentiated : True where the engine takes the derivative of what is built
    column, row : position in the frame's red-origin grid as expressions; use them where a number depends on position
    bounded : True where ranges count: `within` is then part of the definition
    """

    def __init__(self) -> None:
        self.x, self.y, self.c = hl.Var("x"), hl.Var("y"), hl.Var("c")
        # where a part of a frame is computed on its own, x and y count from that part
        self.origin: tuple[Expr, Expr] | None = None
        self.nodes: list[Node] = []
        self.stage = ""
        self.block = 1
        self.bounded = False
        self._by_site_pending = False

    @property
    def differentiated(self) -> bool:
        """True where the graph is built to be run backwards."""
        return self.origin is not None

    @property
    def column(self) -> Expr:
        return self.x if self.origin is None else self.x + self.origin[0]

    @property
    def row(self) -> Expr:
        return self.y if self.origin is None else self.y + self.origin[1]

    def within(self, value: Expr, low: Expr, high: Expr) -> Expr:
        """`value`, of which only matters what lies between the least that `low` and the most that `high` can be.

        Programs that compute in float32 are not changed by it; those that compute in integers need fewer bits.
        """
        return hl.unsafe_promise_clamped(value, _f32(low), _f32(high)) if self.bounded else value

    def plane(self, name: str, expr: Expr, *, stored: bool = False, by_site: bool = False) -> Image:
        """A one-channel image. `stored` keeps it in tile-local memory instead of computing it at every use.

        `by_site` says that the expression selects by CFA site (its parity in x or y); stored ones then get a
        schedule in which the parity is known at compile time.
        """
        func = hl.Func(f"{self.stage}_{name}")
        func[self.x, self.y] = _f32(expr)
        return self._image(func, 1, stored, by_site)

    def rgb(
        self, name: str, exprs: Sequence[Expr] | Callable[[Any], Expr], *, stored: bool = False, by_site: bool = False
    ) -> Image:
        """A colour picture, from three expressions or from a function of the channel variable."""
        if callable(exprs):
            return self._stack(name, exprs(self.c), 3, stored, by_site)
        return self.stack(name, exprs, stored=stored, by_site=by_site)

    def stack(
        self,
        name: str,
        exprs: Sequence[Expr] | Callable[[Any], Expr],
        *,
        channels: int = 0,
        stored: bool = False,
        by_site: bool = False,
        woven: bool = False,
    ) -> Image:
        """Several planes computed together, read as ``image[x, y, number]``; or `channels` of one function of it.

        `woven` ones lie pixel by pixel in memory, for `unwoven` to read.
        """
        if callable(exprs):
            image = self._stack(name, exprs(self.c), channels, stored, by_site)
        else:
            image = self._stack(name, self.choose(self.c, exprs), len(exprs), stored, by_site)
        if image.node is not None:
            image.node.woven = woven
        return image

    def sums(self, name: str, window: Any, term: Callable[[Any], Expr], channels: int) -> Image:
        """Sums of `term` of the channel over a `halide.RDom`, as a stored stack: many filters of one window.

        They may select by the parity of y, which is known at compile time, but not of x.
        """
        x, y, c = self.x, self.y, self.c
        running = hl.Func(f"{self.stage}_{name}_sums")
        running[x, y, c] = hl.f32(0)
        running[x, y, c] += _f32(term(c))
        func = hl.Func(f"{self.stage}_{name}")
        func[x, y, c] = running[x, y, c]
        image = self._image(func, channels, True, False)
        self.nodes[-1].sums, self.nodes[-1].window = running, window
        return image

    def unwoven(self, image: Image, row: Expr) -> Expr:
        """Pixel x of `row`, where a woven stack of k planes holds k pixels of a row side by side."""
        k = image.channels
        if self.origin is None:
            return image[self.x // k, row, self.x % k]
        # for derivatives: Halide's of an index x % k is wrong
        return self.choose(self.x % k, [image[self.x // k, row, i] for i in range(k)])

    def bundle(
        self, name: str, exprs: Sequence[Expr], planes: int, *, rows: int = 1, fan: int = 1
    ) -> tuple[Image, ...]:
        """Several images of `planes` planes each that one loop computes together, stored; read as ``image[x, y, c]``.

        They share what their expressions have in common. Unlike a `stack`, plane after plane is computed.
        `rows` and `fan` say that the expressions select by y and by c modulo these numbers.
        """
        func = hl.Func(f"{self.stage}_{name}")
        func[self.x, self.y, self.c] = tuple(_f32(e) for e in exprs) if len(exprs) > 1 else _f32(exprs[0])
        node = Node(func, 1, stored=True, by_site=0, rows=rows, fan=fan)
        self.nodes.append(node)
        sources = [_Element(func, i) for i in range(len(exprs))] if len(exprs) > 1 else [func]
        return tuple(Image(source, planes, node) for source in sources)

    def roll(self, parts: Sequence[Image], consumer: Image) -> None:
        """Compute the stored `parts` as `consumer` needs their rows, keeping what its next rows need again."""
        for image in parts:
            if image.node is not None:
                image.node.rolling = consumer.node

    def _stack(self, name: str, expr: Expr, channels: int, stored: bool, by_site: bool) -> Image:
        func = hl.Func(f"{self.stage}_{name}")
        func[self.x, self.y, self.c] = _f32(expr)
        return self._image(func, channels, stored, by_site)

    def choose(self, index: Expr, exprs: Sequence[Expr]) -> Expr:
        """The expression with the number `index` (nested selects: unlike `mux` they have a derivative)."""
        result = _f32(exprs[-1])
        for i in range(len(exprs) - 2, -1, -1):
            result = hl.select(index == i, _f32(exprs[i]), result)
        return result

    def by_site(self, r: Expr, gr: Expr, gb: Expr, b: Expr) -> Expr:
        """One of four expressions by Bayer site; use in a `plane(..., by_site=True)`."""
        even_x, even_y = (v // self.block % 2 == 0 for v in (self.x, self.y))
        return hl.select(even_y, hl.select(even_x, _f32(r), _f32(gr)), hl.select(even_x, _f32(gb), _f32(b)))

    def on_blocks(self) -> Graph:
        """This graph seen in block coordinates, where each block of the mosaic is one site of a Bayer mosaic."""
        seen = copy(self)
        seen.block = 1
        return seen

    def site_color(self, r: Expr, g: Expr, b: Expr) -> Expr:
        """One of three expressions by the colour of the site."""
        return self.by_site(r, g, g, b)

    def grouped(self, image: Image, pixels: int) -> Image:
        """`image`, kept in tile-local memory and computed in whole groups of `pixels` columns.

        What depends on ``x // pixels`` only, as an address, is then read once for a group and not for each pixel.
        """
        self.store(image)
        if image.node is not None:
            image.node.group = pixels
        return image

    def store(self, image: Image) -> None:
        """Keep an image in tile-local memory (called for the input of every stencil)."""
        if image.node is not None and not image.node.stored:
            image.node.stored = True
            self._by_site_pending = False

    def _image(self, func: Any, channels: int, stored: bool, by_site: bool) -> Image:
        # what is inlined into a stored Func decides whether that Func selects by site
        by_site = by_site or (self._by_site_pending and channels == 1)
        self._by_site_pending = by_site and not stored
        node = Node(func, channels, stored, 2 * self.block if by_site else 0)
        self.nodes.append(node)
        return Image(func, channels, node)


def _f32(expr: Any) -> Expr:
    return hl.f32(expr)


def tree_sum(terms: Sequence[Expr]) -> Expr:
    """Sum of expressions as a balanced tree: shorter dependency chains, and the same order on every target."""
    items = list(terms)
    while len(items) > 1:
        items = [items[i] + items[i + 1] if i + 1 < len(items) else items[i] for i in range(0, len(items), 2)]
    return items[0]
