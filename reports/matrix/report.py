"""The page of a matrix run."""

from __future__ import annotations

from pathlib import Path

from isp.errors import OutputError
from reports.estimate import Estimate, summary
from reports.figures.matrix import heat_map, mean_over, trend
from reports.matrix.measure import METRICS
from reports.matrix.plan import AXES, read_plan, software
from reports.matrix.work import JOURNAL, RESULTS, Count, Results, run_matrix
from reports.model import Report, Section, Verdict

PAGE = "report.html"


def matrix_report(
    path: str | Path,
    output: str | Path,
    *,
    scheduler: str | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Count | None = None,
) -> Path:
    """Run the matrix described by the file `path` into the folder `output`.

    Returns
    -------
    Path
        Of ``report.html``; beside it ``results.json`` and ``journal.jsonl``.

    Raises
    ------
    ProfileError, LimitError
        See `reports.matrix.plan.read_plan`.
    OutputError, InputError, UsageError
        See `reports.matrix.work.run_matrix`, whose arguments these are.
    """
    from isp.io import atomic_write
    from reports.page import render

    plan = read_plan(path)
    page = Path(output) / PAGE
    if page.exists() and not (overwrite or resume):
        raise OutputError(f"{page}: exists; give --resume to go on, or --overwrite to start anew")
    results = run_matrix(
        plan, output, scheduler=scheduler, jobs=jobs, overwrite=overwrite, resume=resume, progress=progress
    )
    text = render(as_report(results, Path(path).name))
    with atomic_write(page, overwrite=True) as file:
        file.write(text.encode())
    return page


def as_report(results: Results, name: str) -> Report:
    """The report of a finished matrix; `name` is what it is called."""
    failed = [cell for cell in results.cells if cell.error]
    notes = []
    if failed:
        reasons = list(dict.fromkeys(cell.error for cell in failed))
        more = f", and {len(reasons) - 3} other reasons" if len(reasons) > 3 else ""
        notes.append(f"{len(failed)} of {len(results.cells)} cells are n.a.: {'; '.join(reasons[:3])}{more}")
    if results.torn:
        notes.append(f"{results.torn} bytes of an interrupted record were dropped from {JOURNAL}")
    return Report(
        title=f"Matrix {name}",
        inputs=(),
        verdict=Verdict(_sentence(results)),
        sections=tuple(_section(results, metric) for metric in results.plan.metrics),
        repeat=tuple(
            (word, _text(value))
            for word, value in {**results.plan.describe(), "numbers": RESULTS, **software()}.items() if value != []
        ),
        notes=tuple(notes),
    )


def _section(results: Results, metric: str) -> Section:
    about = METRICS[metric]
    notes, figures = [], []
    for scene in results.plan.axes["scene"]:
        cells = [cell for cell in results.cells if cell.at["scene"] == scene]
        missing = summary([cell.metrics[metric] for cell in cells])
        if missing:
            notes.append(f"{scene}: n.a.: {missing}")
            continue
        title = f"{about.label}, {scene}"
        if len(results.plan.axes["iso"]) > 1:
            figures.append(trend(cells, metric, f"{title}, over ISO", about.symbol))
        if len({(c.at["profile"], c.at["sensor"], c.at["illuminant"]) for c in cells}) > 1:
            figures.append(heat_map(cells, metric, title, about.symbol))
    return Section(metric, about.label, (*_by_profile(results, metric), *notes), tuple(figures))


def _by_profile(results: Results, metric: str) -> tuple[str, ...]:
    """The mean of each profile over all of its cells that have the metric."""
    if len(results.plan.axes["profile"]) < 2:
        return ()
    scenes = [
        s for s in results.plan.axes["scene"]
        if all(c.metrics[metric].known for c in results.cells if c.at["scene"] == s)
    ]
    means: dict[str, Estimate] = {}
    for profile in results.plan.axes["profile"]:
        cells = [c.metrics[metric] for c in results.cells if c.at["profile"] == profile and c.at["scene"] in scenes]
        if cells:
            means[profile] = mean_over(cells)
    better = {"higher": "higher is better", "lower": "lower is better"}.get(METRICS[metric].better, "")
    if not means:
        return ()
    listed = ", ".join(f"{name} {estimate}" for name, estimate in means.items())
    return (f"Mean of all cells{f' ({better})' if better else ''}: {listed}.",)


def _sentence(results: Results) -> str:
    counts = [
        f"{len(values)} {axis if axis != 'iso' else 'ISO value'}{'s' * (len(values) > 1)}"
        for axis in AXES if (values := results.plan.axes[axis]) and (len(values) > 1 or axis in AXES[:3])
    ]
    good = sum(not cell.error for cell in results.cells)
    whole = "all measured" if good == len(results.cells) else f"{good} measured"
    return f"{len(results.cells)} cells: {', '.join(counts)}; {whole}."


def _text(value: object) -> str:
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


