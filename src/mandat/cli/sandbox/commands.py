"""`mandat sandbox` and what stands below it. Those below work on the sandbox's data, whether it runs or not."""

from cyclopts import App

from mandat.cli import running
from mandat.cli.sandbox import faults
from mandat.cli.sandbox.ledger import ledger

app = App(name="sandbox", group="Run")
app.default(running.sandbox)
app.command(faults.app)
app.command(ledger)
