"""An estimate of the energy of a frame: operations, memories on the chip, external memory.

Published energies of 45 nm (``isp/targets/energy.yaml``), between the published widths: additions linear in the width,
multiplications as a power of it; a bit of memory on the chip as a power of the memory's size. All but external memory
is scaled to the ISP's process. Without leakage, clocks and wires between blocks: a lower bound of the right order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from isp.cost.accounting import Account, Split, StageAccount
from isp.cost.target import Target, energy_facts


@dataclass(frozen=True)
class Energy:
    """Energy of a frame [J].

    Parameters
    ----------
    stages : by stage: arithmetic and memories on the chip
    memory : external
    scale : of what is on the chip, against 45 nm
    """

    stages: Mapping[str, float]
    memory: float
    scale: float

    @property
    def total(self) -> float:
        """Of the whole frame [J]."""
        return sum(self.stages.values()) + self.memory


def operation_pj(bits: int) -> Mapping[str, float]:
    """Energy of each class of operation on numbers of so many bits, in 45 nm [pJ]; a conversion is wiring."""
    facts = energy_facts()
    add = _line(facts["add_pj"].value, bits)
    multiply = _power(facts["multiply_pj"].value, bits)
    return {
        "add": add,
        "multiply": multiply,
        "convert": 0.0,
        **{kind: add * facts[f"{kind}_add"].value for kind in ("compare", "select", "bitwise")},
        **{kind: multiply * facts[f"{kind}_multiply"].value for kind in ("divide", "special")},
    }


def memory_pj(size: float) -> float:
    """Energy of a bit read from or written to a memory of `size` bytes on the chip, in 45 nm [pJ]."""
    return _power(energy_facts()["sram_pj_bit"].value, max(size, 1024))


def estimate(account: Account, target: Target, cut: Split, *, streamed: bool) -> Energy:
    """The energy of a frame on an ISP; 45 nm and 20 pJ/bit where its file does not say."""
    scale = target.number("energy_scale") or 1.0
    traffic = sum(account.traffic(cut, streamed=streamed).values()) * 8
    width = min(cut.width, account.raw[0])
    operations = operation_pj(account.bits)
    stages = {s.name: _stage(s, account, operations, width) * cut.read * scale * 1e-12 for s in account.stages}
    return Energy(stages, traffic * (target.number("dram_pj_bit") or 20.0) * 1e-12, scale)


def _stage(stage: StageAccount, account: Account, operations: Mapping[str, float], width: int) -> float:
    """Of a frame, in 45 nm [pJ]."""
    if stage.count is None:
        return 0.0
    across = -(-width * stage.size[0] // account.raw[0])
    found = sum(operations[kind] * number for kind, number in stage.count.operations.items())
    for each in stage.count.lines:
        found += each.accesses * account.bits * memory_pj(each.bits(across, account.bits) / 8)
    tables = stage.table_bits(account.bits) / 8
    found += stage.count.table_reads * account.bits * memory_pj(tables)
    return found * stage.pixels


def _line(points: Sequence[tuple[float, float]], at: float) -> float:
    (x0, y0), (x1, y1) = points[0], points[-1]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


def _power(points: Sequence[tuple[float, float]], at: float) -> float:
    """Through the points, straight between and beyond them on logarithmic axes."""
    number = next((i for i in range(1, len(points) - 1) if at < points[i][0]), len(points) - 1)
    (x0, y0), (x1, y1) = points[number - 1], points[number]
    return y0 * exp(log(y1 / y0) * log(at / x0) / log(x1 / x0))
