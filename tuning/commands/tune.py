"""`isp tune`: make a profile from captures of charts, from reference pictures, or from another program's tuning."""

from __future__ import annotations

import typer

from tuning.commands.calibrate import calibrate
from tuning.commands.demo import demo
from tuning.commands.exchange_cmd import export, import_
from tuning.commands.fit import fit
from tuning.commands.look_cmd import look

app = typer.Typer(help="Make profiles: calibrate from charts, fit to pictures, exchange with other programs.")
app.command("calibrate")(calibrate)
app.command("fit")(fit)
app.command("look")(look)
app.command("import")(import_)
app.command("export")(export)
app.command("demo")(demo)
