"""What `isp cost --json` prints."""

from __future__ import annotations

from typing import Any

from isp.cost.accounting import StageAccount
from isp.cost.target import Sourced, energy_facts
from reports.hardware.build import HardwareCost


def as_plain(cost: HardwareCost) -> dict[str, Any]:
    """For `--json`: every number, with its unit in its name, and every source."""
    account, target = cost.account, cost.target
    return {
        "profile": account.profile,
        "camera": cost.camera,
        "mode": cost.mode,
        "isp": target.name,
        "raw": {"width": account.raw[0], "height": account.raw[1], "bits": account.raw_bits, "fps": cost.fps},
        "bits": account.bits,
        "fits": cost.fit.fits,
        "reasons": list(cost.fit.reasons),
        "checks": [vars(c) for c in cost.fit.checks],
        "streamed": cost.fit.streamed,
        "strips": None if cost.fit.cut is None else vars(cost.fit.cut),
        "stages": [_stage(cost, s) for s in account.stages],
        "skipped": list(account.skipped),
        "whole": {
            "operations_per_frame": account.operations,
            "line_buffer_bytes": cost.line_bits / 8,
            "latency_lines": account.latency,
            "reach_px": account.reach,
            "table_bytes": sum(s.table_bits(account.bits) for s in account.stages) / 8,
            "energy_j_per_frame": None if cost.energy is None else cost.energy.total,
            "power_w": None if cost.energy is None else cost.energy.total * cost.fps,
        },
        "traffic_bytes_per_frame": cost.traffic,
        "modes": [
            {"mode": name, "width": s.width, "height": s.height, "fps": s.fps, "pixel_rate": s.pixel_rate,
             "fits": None if check is None else check.fits}
            for name, s, check in cost.modes
        ],
        "constants": {name: _sourced(f) for name, f in {**target.facts, **energy_facts()}.items()},
    }  # fmt: skip


def _stage(cost: HardwareCost, stage: StageAccount) -> dict[str, Any]:
    count = stage.count
    head = {"stage": stage.name, "block": cost.target.blocks.get(stage.name), "reach_px": stage.reach}
    if count is None:
        return {**head, "not_available": stage.reason}
    return {
        **head,
        "operations_per_pixel": {**count.operations, "total": count.total},
        "reads_per_pixel": count.reads,
        "writes_per_pixel": count.writes,
        "table_reads_per_pixel": count.table_reads,
        "line_buffer_bytes": cost.account.line_bits(stage, cost.line_width) / 8,
        "line_buffers": [
            {"of": each.name, "lines": each.lines, "planes": each.planes, "density": float(each.density)}
            for each in count.lines
        ],
        "latency_lines": count.latency,
        "tables": dict(count.tables),
        "table_bytes": stage.table_bits(cost.account.bits) / 8,
        "registers": count.registers,
        "energy_j_per_frame": None if cost.energy is None else cost.energy.stages[stage.name],
    }  # fmt: skip


def _sourced(fact: Sourced) -> dict[str, Any]:
    return {"value": fact.value, "unit": fact.unit, "source": fact.source, "estimated": fact.estimated}
