"""DNS of the sandbox: targets as text, refreshed zones in memory, answers as bytes, one server for UDP and TCP."""
