"""The command line: parse, call, print. One module per topic; each command imports what it needs when it runs.

`main` is the entry; `operators`, `developers` and `sandbox` hold the topics by who types them; `running` starts
programs.
"""
