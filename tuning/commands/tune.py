"""`isp tune`: make a profile from captures of charts, from reference pictures, or from another program's tuning."""

from __future__ import annotations

import typer

from tuning.commands.fit import fit

app = typer.Typer(help="Make profiles: calibrate from charts, fit to pictures, exchange with other programs.")
app.command("fit")(fit)
