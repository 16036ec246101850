"""One client's connection, its requests in order, and their answers.

`channel` is the socket, `connection` cuts what it brings into requests, `dispatch` decides what becomes of each,
`exchange` carries that out, `record` says afterwards what happened. Each knows only those after it.
"""
