"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Raw = Annotated[
    str | None,
    typer.Option(
        "--raw",
        metavar="KEY=VALUE,...",
        help="The input is a headerless dump: width=1920,height=1080,cfa=RGGB,bits=10,black=64, ...",
    ),
]
InProcess = Annotated[
    bool, typer.Option("--in-process", help="Decode in this process: quicker, for files you trust.")
]
Limit = Annotated[
    list[str] | None, typer.Option("--limit", metavar="NAME=NUMBER", help="Raise a limit, as an error message says.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of every error.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, max=1024, help="Threads; all cores by default.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", min=1, max=1024, help="Frames at once; by default as many as cores and memory allow."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Work on a Dask cluster that runs: tcp://HOST:PORT."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE.PARAM=VALUE", help="Set a parameter, as often as you like."),
]
ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="A YAML file, or the name of a shipped profile: natural, reference.")
]
Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Raw files.")]
