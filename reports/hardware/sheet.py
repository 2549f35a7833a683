"""The page of `isp cost`, and the table that it prints."""

from __future__ import annotations

from collections.abc import Sequence

from isp.cost.accounting import StageAccount
from isp.cost.energy import memory_pj, operation_pj
from isp.cost.numbering import OPERATIONS
from isp.cost.target import NUMBERS, Sourced, energy_facts
from reports.estimate import Estimate
from reports.hardware.build import HardwareCost
from reports.model import Quantity, Report, Section, Verdict

_WORDS = {
    "add": "+ -", "multiply": "×", "divide": "/", "compare": "< min max", "select": "select", "special": "√ exp log",
    "convert": "cast (free)", "bitwise": "bits",
}  # fmt: skip


def as_report(cost: HardwareCost) -> Report:
    """The page: limits, operations, memory, traffic and energy, the camera's modes, and the ISP's file."""
    parts = [_limits(cost), _operations(cost), _memory(cost), _energy(cost), _modes(cost), _file(cost)]
    account = cost.account
    skipped = ", ".join(account.skipped)
    notes = [f"Stages that change nothing here and are left out: {skipped}."] if skipped else []
    return Report(
        title=f"{account.profile} on {cost.target.name}, {cost.camera}",
        inputs=(),
        verdict=Verdict(cost.sentence),
        quantities=tuple(q for _, quantities in parts for q in quantities),
        sections=tuple(section for section, _ in parts),
        notes=(
            "Counted from the definitions of the stages as they are written; a maker's own circuit for the same "
            "picture would have tables and shifts where these have divisions and roots.",
            *notes,
        ),
    )


Part = tuple[Section, list[Quantity]]


def _limits(cost: HardwareCost) -> Part:
    quantities = [
        Quantity(f"limits.{c.key}", c.label, "limits", (Estimate(c.value, unit=c.unit),),
                 note=f"{'fits' if c.fits else 'does not fit'}: {c.note}")
        for c in cost.fit.checks
    ]  # fmt: skip
    cut = cost.fit.cut
    notes = []
    if cut is not None and cut.count > 1:
        notes.append(f"{cut.count} strips of up to {cut.width} px, {cost.account.reach} px of overlap at each inner "
                     f"edge: {cut.read:.4g} times the pixels.")  # fmt: skip
    return Section("limits", "Limits", tuple(notes)), quantities


def _operations(cost: HardwareCost) -> Part:
    from reports.figures.hardware import stacked

    stages = cost.account.stages
    quantities = []
    for stage in stages:
        block = cost.target.blocks.get(stage.name)
        of = f"{block}; " if block else ""
        if stage.count is None:
            value, words = Estimate.missing(stage.reason, "1/px"), ""
        else:
            value = Estimate(stage.count.total, unit="1/px")
            each = [f"{number:.4g} {_WORDS[kind]}" for kind, number in stage.count.operations.items() if number]
            words = f"{of}{', '.join(each) or 'none'}; {_accesses(stage)}"
        quantities.append(Quantity(f"operations.{stage.name}", stage.name, "operations", (value,), note=words))
    counted = [s for s in stages if s.count is not None]
    kinds = [kind for kind in OPERATIONS if kind != "convert"]
    parts = {_WORDS[kind]: [s.count.operations[kind] for s in counted if s.count] for kind in kinds}
    figure = stacked(
        "Operations per pixel", [s.name for s in counted], parts, "operations per pixel",
        caption="Per pixel of what the stage gives, all channels; each operation counts as one.",
    )  # fmt: skip
    total = cost.account.operations
    notes = (
        f"{total / 1e9:.4g} billion operations a frame, {total * cost.fps / 1e12:.4g} trillion a second.",
        "Before a semicolon: the ISP's own block for this work, where its file names one (an estimate).",
    )
    return Section("operations", "Operations and memory accesses", notes, (figure,)), quantities


def _accesses(stage: StageAccount) -> str:
    count = stage.count
    if count is None:
        return ""
    tables = f", {count.table_reads:.4g} table" if count.table_reads else ""
    return f"{count.reads:.4g} reads, {count.writes:.4g} writes{tables}"


def _memory(cost: HardwareCost) -> Part:
    from reports.figures.hardware import stacked

    account, width = cost.account, cost.line_width
    quantities = []
    shown: list[StageAccount] = []
    for stage in account.stages:
        if stage.count is None or not (stage.count.lines or stage.count.latency or stage.count.tables):
            continue
        shown.append(stage)
        size = Estimate(account.line_bits(stage, width) / 8192, unit="KiB")
        lines = [f"{each.lines} of {_bare(each.name, stage.name)}{_times(each.planes)}" for each in stage.count.lines]
        words = [f"latency {stage.count.latency} lines"] if stage.count.latency else []
        words += [f"lines: {', '.join(lines[:6])}{', ...' if len(lines) > 6 else ''}"] if lines else []
        words += [f"table {name}: {entries} entries, {entries * account.bits / 8192:.3g} KiB"
                  for name, entries in stage.count.tables.items()]  # fmt: skip
        quantities.append(Quantity(f"memory.{stage.name}", stage.name, "memory", (size,), note="; ".join(words)))
    quantities += [
        Quantity("memory.total", "all line buffers", "memory", (Estimate(cost.line_bits / 8192, unit="KiB"),)),
        Quantity("memory.latency", "latency of the whole", "memory", (Estimate(account.latency, unit="lines"),)),
    ]
    figure = stacked(
        "Line buffers", [s.name for s in shown],
        {"lines": [account.line_bits(s, width) / 8192 for s in shown],
         "tables": [s.table_bits(account.bits) / 8192 for s in shown]}, "KiB",
        caption=f"(rows - 1) x {width} px x {account.bits} bits for each value that is kept.",
    )  # fmt: skip
    notes = (f"Rows of {width} px, {account.bits} bits a value.",)
    return Section("memory", "Line buffers, latency, tables", notes, (figure,)), quantities


def _bare(name: str, stage: str) -> str:
    return name.removeprefix(f"{stage}_").partition("$")[0]


def _times(planes: int) -> str:
    return f" x {planes}" if planes > 1 else ""


def _energy(cost: HardwareCost) -> Part:
    from reports.figures.hardware import stacked

    if cost.energy is None:
        why = cost.fit.reasons[0] if cost.fit.reasons else "the frame cannot be cut into strips"
        return Section("energy", "Traffic and energy", (f"n.a.: {why}.",)), []
    energy, facts, bits = cost.energy, energy_facts(), cost.account.bits
    quantities = [
        Quantity(f"energy.traffic_{i}", name, "energy", (Estimate(size / 1e6, unit="MB"),),
                 note=f"{size * cost.fps / 1e9:.3g} GB/s")
        for i, (name, size) in enumerate(cost.traffic.items())
    ]  # fmt: skip
    why = "an estimate of the right order: no leakage, clocks or wires between blocks"
    chip = sum(energy.stages.values())
    for key, label, value in (
        ("chip", "on the chip", chip), ("memory", "external memory", energy.memory), ("total", "a frame", energy.total)
    ):
        quantities.append(Quantity(f"energy.{key}", f"energy, {label}", "energy",
                                   (Estimate(1000 * value, unit="mJ", reason=why),),
                                   note=f"{value * cost.fps:.3g} W at {cost.fps:.4g}/s"))  # fmt: skip
    for kind, pj in operation_pj(bits).items():
        if kind == "convert":
            continue
        source = facts["multiply_pj" if kind in ("multiply", "divide", "special") else "add_pj"].source
        factor = next((facts[k] for k in (f"{kind}_add", f"{kind}_multiply") if k in facts), None)
        reason = source if factor is None else f"{source}; times {factor.value:g}: {factor.source}"
        quantities.append(Quantity(f"energy.{kind}", f"an operation {_WORDS[kind]}", "energy",
                                   (Estimate(pj, unit="pJ", reason=reason),),
                                   note=f"{bits} bits, 45 nm{_mark(factor)}"))  # fmt: skip
    largest = cost.line_bits / 8
    quantities.append(Quantity("energy.line", "a bit of a line buffer", "energy",
                               (Estimate(memory_pj(max(largest, 1)), unit="pJ", reason=facts["sram_pj_bit"].source),),
                               note="of all line buffers in one memory, 45 nm; smaller ones take less"))  # fmt: skip
    stages = [s for s in cost.account.stages if energy.stages[s.name] > 0]
    figure = stacked(
        "Energy of a frame on the chip", [s.name for s in stages],
        {"energy": [1000 * energy.stages[s.name] for s in stages]}, "mJ",
        caption=f"Arithmetic, line buffers and tables, times {energy.scale:g} for the process; an estimate.",
    )  # fmt: skip
    how = "is processed while it streams in" if cost.fit.streamed else "is written to memory and read again"
    return Section("energy", "Traffic and energy", (f"The raw frame {how}.",), (figure,)), quantities


def _mark(fact: Sourced | None) -> str:
    return ", an estimate" if fact is not None and fact.estimated else ""


def _modes(cost: HardwareCost) -> Part:
    quantities = []
    for name, stream, check in cost.modes:
        note = f"{stream.width} x {stream.height} at {stream.fps:.4g}/s"
        note += "" if check is None else f"; {'fits' if check.fits else 'does not fit'} {cost.target.name}"
        quantities.append(Quantity(f"modes.{name}", name, "modes",
                                   (Estimate(stream.pixel_rate / 1e9, unit="Gpx/s"),), note=note))  # fmt: skip
    for mode in cost.target.modes:
        note = f"{cost.target.name}, as its maker states: {mode.cameras} x {mode.megapixels:g} MP at {mode.fps:g}/s"
        quantities.append(Quantity(f"modes.stated_{len(quantities)}", mode.name, "modes",
                                   (Estimate(mode.pixel_rate / 1e9, unit="Gpx/s"),), note=note))  # fmt: skip
    budget = "" if cost.target.number("pixel_rate") else f"No pixel rate of {cost.target.name} is published."
    return Section("modes", "Rates of the camera's modes", (budget,) if budget else ()), quantities


def _file(cost: HardwareCost) -> Part:
    quantities, words = [], []
    for name, fact in cost.target.facts.items():
        if isinstance(fact.value, int | float):
            value = Estimate(fact.value, unit=fact.unit if fact.unit != "1" else "", reason=fact.source)
            note = NUMBERS[name].doc + _mark(fact)
            quantities.append(Quantity(f"file.{name}", name.replace("_", " "), "file", (value,), note=note))
        else:
            words.append(f"{name}: {fact.source}")
    about = f"{cost.target.maker}: {cost.target.description}."
    return Section("file", "What the ISP's file says", (about, *words)), quantities


def rows(cost: HardwareCost) -> Sequence[Sequence[str]]:
    """The table that the command prints: a row for each stage."""
    found = []
    for stage in cost.account.stages:
        if stage.count is None:
            found.append([stage.name, "n.a.", "", "", "", "", stage.reason])
            continue
        bits, count = cost.account.bits, stage.count
        lines, tables = cost.account.line_bits(stage, cost.line_width), stage.table_bits(bits)
        block = cost.target.blocks.get(stage.name, "")
        found.append([
            stage.name, f"{count.total:.4g}", f"{count.reads + count.writes + count.table_reads:.4g}",
            f"{lines / 8192:.1f}" if lines else "", str(count.latency or ""),
            f"{tables / 8192:.1f}" if tables else "", block,
        ])  # fmt: skip
    return found
