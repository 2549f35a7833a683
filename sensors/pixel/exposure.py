"""One exposure of the pixel array as one Halide program: light at the photosites in, digital numbers out.

The order is that of the silicon: the lens blurs and shades the light, the filters and the crosstalk between unlike
neighbours share it out, photons arrive (Poisson), the well clips, charge is binned where the sensor bins charge, read
noise is added, the analogue gain applied, the converter rounds and clips, and codes are averaged where the sensor bins
codes. Words as in EMVA 1288 release 4: mean electrons, gain K [DN/e-], PRNU, DSNU.

Every random number belongs to a place: the fixed pattern to the photosite of this unit of the sensor, the rest to the
photosite in this exposure. So neither tiles, threads nor a crop change a value.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine.programs import obtain
from isp.engine.runtime import Program
from sensors.pixel import random

NUMBERS = (
    "light",  # seconds: the planes hold electrons per second
    "scale",  # share of the light that is not scattered
    "veil0",  # scattered light over the whole frame, per plane
    "veil1",
    "veil2",
    "prnu",
    "dark_e",
    "hot_e",
    "full_well_e",
    "dsnu_e",
    "gain",  # DN per electron of one photosite
    "read_dn",  # rms at the converter
    "pedestal",
    "top",  # highest code
    "crosstalk",
    "width",
    "height",
)
"""Run-time numbers of the program, in the order of their array."""

KEYS = ("seed0", "seed1", "unit0", "unit1", "exposure", "readout", "hot", "dead", "site0", "site1", "site2", "site3")
"""Run-time integers: keys of the temporal and of the fixed pattern, exposure and readout number, shares of hot and dead
photosites in 2^-32, and the plane that each of the four sites of the filter pattern sees."""

HOT, DEAD = 1, 2
"""Codes in the defect map."""

RESULTS = {"codes": "uint16", "signal": "float32", "defects": "uint8"}
"""What a program can give: the digital numbers, the mean electrons before any noise, or the map of defects."""

_TILE = (256, 32)
"""Photosites of a tile."""
_REGISTERS = 128
"""Sums that the convolution keeps in registers."""
_FIXED, _DRAWN, _READ = 0, 1, 2


@dataclass(frozen=True)
class Structure:
    """What the compiled program depends on.

    `result` one of `RESULTS`; `channels` planes of light; `taps` side of the lens kernel [px], odd; `block` side of the
    same-colour blocks [px]; `binning` side of the bins; `charge` True where charge is binned, else codes are.
    """

    result: str
    channels: int
    taps: int
    block: int
    binning: int
    charge: bool

    def program(self) -> Program:
        """The compiled program: planes, kernels, shading, site gains, row and column noise, numbers, keys, result."""
        return obtain(f"{self} {_digest()}", 9, f"exposure ({self.result})", _Builder(self).build)


def numbers(**values: float) -> NDArray[np.float32]:
    """The array of `NUMBERS`."""
    return np.array([values[name] for name in NUMBERS], np.float32)


def keys(sites: Sequence[int], **values: int) -> NDArray[np.uint32]:
    """The array of `KEYS`; `sites` are the planes of the four sites of the filter pattern."""
    named = values | {f"site{i}": plane for i, plane in enumerate(sites)}
    return np.array([named[name] for name in KEYS], np.uint32)


@cache
def _digest() -> str:
    digest = hashlib.sha256()
    for file in (__file__, random.__file__):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


class _Builder:
    """Builds the program of one structure. x, y are photosites, except in `output`, where they are output pixels."""

    def __init__(self, structure: Structure) -> None:
        self.s = structure

    def build(self) -> tuple[Any, list[Any]]:
        import halide as hl

        self.x, self.y, self.c = hl.Var("x"), hl.Var("y"), hl.Var("c")
        planes = hl.ImageParam(hl.Float(32), 3, "planes")
        kernels = hl.ImageParam(hl.Float(32), 3, "kernels")
        self.mesh = hl.ImageParam(hl.Float(32), 3, "mesh")
        self.sites = hl.ImageParam(hl.Float(32), 2, "sites")
        self.rows = hl.ImageParam(hl.Float(32), 1, "rows")
        self.columns = hl.ImageParam(hl.Float(32), 1, "columns")
        self.numbers = hl.ImageParam(hl.Float(32), 1, "numbers")
        self.keys = hl.ImageParam(hl.UInt(32), 1, "keys")
        total, blurred = self._blur(planes, kernels)
        light = self._stored("light", self._light(blurred))
        output, stored = self._result(light)
        _schedule(output, [light, *stored], (total, blurred), self)
        inputs = [planes, kernels, self.mesh, self.sites, self.rows, self.columns, self.numbers, self.keys]
        return output, inputs

    def number(self, name: str) -> Any:
        """One of `NUMBERS`."""
        return self.numbers[NUMBERS.index(name)]

    def key(self, name: str) -> Any:
        """One of `KEYS`."""
        return self.keys[KEYS.index(name)]

    def _stored(self, name: str, value: Any) -> Any:
        import halide as hl

        func = hl.Func(name)
        func[self.x, self.y] = value
        return func

    def _blur(self, planes: Any, kernels: Any) -> tuple[Any, Any]:
        """The planes convolved with the lens kernel of each channel: the sums and their result."""
        import halide as hl

        x, y, c, r = self.x, self.y, self.c, self.s.taps // 2
        taps = hl.RDom([(0, self.s.taps), (0, self.s.taps)], "taps")
        total, blurred = hl.Func("total"), hl.Func("blurred")
        total[x, y, c] = hl.f32(0)
        # a convolution: the kernel is the image of a point, so it is read backwards
        total[x, y, c] += kernels[2 * r - taps.x, 2 * r - taps.y, c] * planes[x + taps.x - r, y + taps.y - r, c]
        blurred[x, y, c] = total[x, y, c]
        return total, blurred

    def _channel(self, x: Any, y: Any) -> Any:
        """The plane that photosite (x, y) sees."""
        import halide as hl

        if self.s.channels == 1:
            return hl.i32(0)
        b = self.s.block
        right, below = (x // b) % 2 == 1, (y // b) % 2 == 1
        site = [hl.cast(hl.Int(32), self.key(f"site{i}")) for i in range(4)]
        return hl.select(below, hl.select(right, site[3], site[2]), hl.select(right, site[1], site[0]))

    def _light(self, blurred: Any) -> Any:
        """Mean electrons of each photosite before crosstalk."""
        import halide as hl

        x, y, s = self.x, self.y, self.s
        c = self._channel(x, y)

        values = [blurred[x, y, plane] for plane in range(s.channels)]
        value = values[0] if s.channels == 1 else hl.mux(c, values)
        value = hl.max(value, hl.f32(0)) * self._shading(c) * self.number("scale")
        veil = hl.mux(c, [self.number(f"veil{i}") for i in range(3)])
        gain = self.sites[x % self.sites.dim(0).extent(), y % self.sites.dim(1).extent()]
        return (value + veil) * gain * self.number("light")

    def _shading(self, c: Any) -> Any:
        """Relative illumination, bilinear between the points of the mesh, which spans the sensor edge to edge."""
        import halide as hl

        def place(position: Any, size: Any, count: Any) -> tuple[Any, Any]:
            at = (hl.f32(position) + hl.f32(0.5)) / size * hl.f32(count - 1)
            first = hl.clamp(hl.i32(hl.floor(at)), 0, hl.max(count - 2, 0))
            return first, hl.clamp(at - hl.f32(first), 0.0, 1.0)

        across, down = self.mesh.dim(0).extent(), self.mesh.dim(1).extent()
        i, u = place(self.x, self.number("width"), across)
        j, v = place(self.y, self.number("height"), down)
        i1, j1 = hl.min(i + 1, across - 1), hl.min(j + 1, down - 1)
        return _mix(
            _mix(self.mesh[i, j, c], self.mesh[i1, j, c], u), _mix(self.mesh[i, j1, c], self.mesh[i1, j1, c], u), v
        )

    def _crosstalk(self, light: Any) -> Any:
        """Each photosite exchanges a share of its light with the four neighbours under another filter."""
        import halide as hl

        x, y = self.x, self.y
        if self.s.channels == 1:
            return light[x, y]
        own, here = self._channel(x, y), light[x, y]
        exchanged = hl.f32(0)
        for u, v in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
            exchanged = exchanged + hl.select(self._channel(u, v) != own, light[u, v] - here, hl.f32(0))
        return here + self.number("crosstalk") * exchanged

    def _words(self, keys: str, number: Any, purpose: int) -> tuple[Any, ...]:
        import halide as hl

        def u32(value: Any) -> Any:
            return hl.cast(hl.UInt(32), value)

        counter = (u32(self.x), u32(self.y), u32(number), u32(hl.Expr(purpose)))
        return random.philox(counter, (self.key(f"{keys}0"), self.key(f"{keys}1")))

    def _defect(self, word: Any) -> tuple[Any, Any]:
        hot, dead = self.key("hot"), self.key("dead")
        return word < hot, (word >= hot) & (word - hot < dead)

    def _electrons(self, clean: Any, drawn: tuple[Any, ...]) -> Any:
        """Electrons in the well at the end of the exposure, with the offset of the photosite."""
        import halide as hl

        zero = hl.f32(0)
        fixed = self._words("unit", hl.Expr(0), _FIXED)
        hot, dead = self._defect(fixed[2])
        mean = clean * (hl.f32(1) + self.number("prnu") * random.normal(fixed[0]))
        mean += self.number("dark_e") + hl.select(hot, self.number("hot_e") * random.exponential(fixed[3]), zero)
        mean = hl.select(dead, zero, hl.max(mean, zero))
        collected = hl.min(random.poisson(mean, drawn[0]), self.number("full_well_e"))
        return collected + self.number("dsnu_e") * random.normal(fixed[1])

    def _code(self, electrons: Any, word: Any, share: float) -> Any:
        """The converter's code (int32) for so many electrons in `1/share` photosites."""
        import halide as hl

        volts = self.number("pedestal") + self.number("gain") * hl.f32(share) * electrons
        noise = self.number("read_dn") * random.normal(word) + self.rows[self.y] + self.columns[self.x]
        return hl.i32(hl.clamp(hl.round(volts + noise), hl.f32(0), self.number("top")))

    def _members(self) -> list[tuple[Any, Any]]:
        """The photosites joined in output pixel (x, y): its same-colour block, then same-colour neighbours."""
        n, b = self.s.binning, self.s.block
        if self.s.channels == 1 or n <= b:
            return [(self.x * n + i, self.y * n + j) for j in range(n) for i in range(n)]
        m = n // b

        def first(at: Any, step: int) -> Any:
            return (at // 2 * 2 * m + at % 2 + 2 * step) * b

        steps = [(k, i) for k in range(m) for i in range(b)]
        return [(first(self.x, h) + i, first(self.y, k) + j) for k, j in steps for h, i in steps]

    def _joined(self, name: str, single: Any, join: Callable[[Any, Any], Any] = operator.add) -> Any:
        """The photosites of each output pixel joined, as a Func of its own: inside the output, its tails and its copies
        Halide would take minutes over the places of sixteen interleaved photosites."""
        return self._stored(name, reduce(join, (single[member] for member in self._members())))

    def _result(self, light: Any) -> tuple[Any, list[Any]]:
        """The output and the Funcs to keep beside `light`."""
        import halide as hl

        s = self.s
        output = hl.Func("output")
        place = (self.x, self.y)
        if s.result == "defects":
            hot, dead = self._defect(self._words("unit", hl.Expr(0), _FIXED)[2])
            found = self._stored("found", hl.select(dead, hl.u8(DEAD), hl.select(hot, hl.u8(HOT), hl.u8(0))))
            worst = self._joined("worst", found, hl.max)
            output[place] = worst[place]
            return output, [found, worst]
        clean = self._crosstalk(light)
        if s.result == "signal":
            single = self._stored("clean", clean)
            joined = self._joined("joined", single)
            output[place] = joined[place]
            return output, [single, joined]
        drawn = self._words("seed", self.key("exposure"), _DRAWN)
        electrons = self._electrons(clean, drawn)
        if s.charge and s.binning > 1:
            well = self._stored("well", electrons)
            charge = self._joined("charge", well)
            word = self._readout(self._words("seed", self.key("exposure"), _READ))
            output[place] = hl.u16(self._code(charge[place], word, 1.0 / s.binning**2))
            return output, [well, charge]
        code = self._code(electrons, self._readout(drawn), 1.0)
        if s.binning == 1:
            output[place] = hl.u16(code)
            return output, []
        codes = self._stored("codes", code)
        added = self._joined("added", codes)
        total, count = added[place], s.binning**2
        whole, rest = total // count, 2 * (total % count)
        up = (rest > count) | ((rest == count) & (whole % 2 == 1))
        output[place] = hl.u16(whole + hl.select(up, 1, 0))
        return output, [codes, added]

    def _readout(self, words: tuple[Any, ...]) -> Any:
        """The word of this readout of the exposure: up to three gains read the same electrons."""
        import halide as hl

        return hl.mux(hl.cast(hl.Int(32), self.key("readout")), [words[1], words[2], words[3]])


def _mix(a: Any, b: Any, share: Any) -> Any:
    return a + share * (b - a)


def _schedule(output: Any, stored: list[Any], blur: tuple[Any, Any], builder: _Builder) -> None:
    import halide as hl

    from isp.engine.build import host_target

    lanes = host_target().natural_vector_size(hl.Float(32))
    exact = hl.TailStrategy.GuardWithIf
    xo, yo, xi, yi = (hl.Var(name) for name in ("xo", "yo", "xi", "yi"))
    x, y = builder.x, builder.y
    width, height = (max(side // builder.s.binning, 4) for side in _TILE)
    output.tile(x, y, xo, yo, xi, yi, width, height, exact).parallel(yo).vectorize(xi, lanes, exact)
    if builder.s.result == "defects":
        for func in stored:
            func.compute_at(output, xo).vectorize(x, lanes)
        return
    for func in stored:
        func.compute_at(output, xo).vectorize(x, lanes)
    # a block of sums stays in registers while the taps go by, a column of them at a time: a row of light serves several
    total, blurred = blur
    across, down = hl.Var("across"), hl.Var("down")
    rows = _REGISTERS // (2 * lanes)
    blurred.compute_at(output, xo).tile(x, y, across, down, x, y, 2 * lanes, rows, hl.TailStrategy.RoundUp)
    blurred.vectorize(x, lanes).unroll(x).unroll(y)
    total.compute_at(blurred, across).vectorize(x, lanes).unroll(x).unroll(y)
    taps = total.rvars(0)
    total.update().reorder(x, y, taps[1], taps[0]).vectorize(x, lanes).unroll(x).unroll(y).unroll(taps[1])
