"""The marketplace in a process of its own, to be killed: `python -m marketplace.child JSON`."""

import json
import sys
from pathlib import Path

from mandat.marketplace.program import run
from mandat.marketplace.settings import MarketplaceSettings

if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    run(
        MarketplaceSettings(**{**options, "folder": Path(options["folder"])}),
        on_ready=lambda: print("ready", flush=True),
    )
