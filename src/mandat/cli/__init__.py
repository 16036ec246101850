"""The command line: parse, call, print. One module per topic; each command imports what it needs when it runs."""
