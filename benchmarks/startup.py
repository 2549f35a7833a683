"""What waiting there is: first-ever run, second start, a moved slider, imports.

    python benchmarks/startup.py

The goals: `natural` compiles in under 8 s the first time; later starts add under 0.5 s; a changed number compiles
nothing; `import isp` under 0.2 s and `isp --help` under 0.5 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = """
import time
start = time.perf_counter()
from isp import Pipeline, read_profile
from isp.demo import demo_frame
frame = demo_frame(256, 192)
ready = time.perf_counter()
profile = read_profile("natural")
first = Pipeline(profile).run(frame)
done = time.perf_counter()
moved = Pipeline(profile.with_settings(["tone_curve.contrast=1.5", "sharpen.amount=0.2"])).run(frame)
print(f"{done - ready:.2f} {first.compiled} {moved.compiled}")
"""


def timed(command: list[str], **env: str) -> tuple[float, str]:
    """Wall seconds and standard output of a command."""
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **env})
    return time.perf_counter() - start, done.stdout.strip()


def main() -> None:
    """Print the figures."""
    isp = str(Path(sys.executable).parent / "isp")
    with tempfile.TemporaryDirectory() as cache:
        for name in ("first-ever run", "second start"):
            _, text = timed([sys.executable, "-c", RUN], MOBILE_ISP_CACHE=cache)
            seconds, compiled, moved = text.split()
            print(f"{name}: {seconds} s, {compiled} programs compiled; after moving two sliders: {moved} compiled")
    bare = min(timed([sys.executable, "-c", "pass"])[0] for _ in range(5))
    print(f"import isp: {min(timed([sys.executable, '-c', 'import isp'])[0] for _ in range(5)) - bare:.3f} s")
    print(f"isp --help: {min(timed([isp, '--help'])[0] for _ in range(5)):.2f} s")


if __name__ == "__main__":
    main()
