"""TLS handshakes in memory: no socket, no time."""

import ssl


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, *, server_name: str | None) -> ssl.SSLObject:
    """Lets the two sides agree and gives the client's; raises what either side objects to."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=server_name)
    waiting = [ours, server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert not waiting, "the handshake came to no end"
    return ours


def anyone() -> ssl.SSLContext:
    """A client that accepts every certificate and would rather speak HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
