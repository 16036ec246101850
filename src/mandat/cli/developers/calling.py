"""Commands of the application developer: request, approve, call, sign."""

import sys
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from cyclopts import Parameter

from mandat.cli.options import AnyText, ApiOptions, JsonFlag, UsageFault
from mandat.cli.output import say, say_json

NO_OPTIONS = ApiOptions()


def request(
    *,
    rule: Annotated[list[str], Parameter(negative_iterable="")],
    redirection: str | None = None,
    allowed_ip: Annotated[list[str] | None, Parameter(negative_iterable="")] = None,
    as_json: JsonFlag = False,
    options: ApiOptions = NO_OPTIONS,
) -> int:
    """Ask a customer for rights: prints the consumer key and the address to send her to.

    Parameters
    ----------
    rule
        A method and a path, such as "GET /me". May be repeated.
    redirection
        Where her browser goes after she confirmed.
    allowed_ip
        An address or network from which the key may be used. May be repeated.
    as_json
        Print {"consumerKey": ..., "validationUrl": ..., "state": ...}.
    """
    with options.client() as client:
        pending = client.request_permission(_rules(rule), redirection, allowed_ip)
    if as_json:
        say_json(
            {
                "consumerKey": pending.consumer_key,
                "validationUrl": pending.validation_url,
                "state": pending.state,
            }
        )
    else:
        say(f"consumer key    {pending.consumer_key}")
        say(f"validation URL  {pending.validation_url}")
        say(f"state           {pending.state}")
    return 0


def approve(
    validation_url: str,
    /,
    *,
    login: str,
    password: AnyText,
    refuse: Annotated[bool, Parameter(negative="")] = False,
    validity: str | None = None,
    as_json: JsonFlag = False,
) -> int:
    """Answer a permission request as a customer with a browser would. For tests and demos.

    Parameters
    ----------
    validation_url
        As the application got it.
    login
        The customer's login.
    password
        The customer's password.
    refuse
        Refuse instead of confirming.
    validity
        Seconds, at least 60, or "unlimited"; what the page proposes when not given.
    as_json
        Print {"outcome": ..., "redirection": ..., "said": ...}.
    """
    from mandat.client.approval import approve as answer

    outcome = answer(validation_url, login=login, password=password, refuse=refuse, validity=_validity(validity))
    if as_json:
        say_json({"outcome": outcome.outcome, "redirection": outcome.redirection, "said": outcome.said})
    elif outcome.redirection is not None:
        say(f"{outcome.outcome.capitalize()}. The browser is sent to {outcome.redirection}")
    else:
        say(f"{outcome.outcome.capitalize()}. The page says: {outcome.said}")
    return 0


def call(
    method: str,
    path: str,
    /,
    *,
    body: AnyText | None = None,
    unsigned: Annotated[bool, Parameter(negative="")] = False,
    as_json: JsonFlag = False,
    options: ApiOptions = NO_OPTIONS,
) -> int:
    """Make one signed call and print its JSON answer.

    Parameters
    ----------
    method
        GET, POST, PUT or DELETE.
    path
        Below the version, with its query: /me, /domain/zone/example.org/record?fieldType=MX, /v2/...
    body
        JSON text, or @FILE for a file, or @- for standard input.
    unsigned
        Send no signature, for routes that need none.
    as_json
        Print the answer on one line instead of indented.
    """
    from mandat.protocol.strict_json import JsonFault, parse_json

    data = None if body is None else parse_json(_body(body))
    if isinstance(data, JsonFault):
        raise UsageFault(f"--body is not JSON: {data.why}")
    with options.client() as client:
        try:
            answer = client.call(_method(method), path, data, not unsigned)
        except ValueError as error:
            raise UsageFault(f"This call cannot be made: {error}") from error
    say_json(answer, pretty=not as_json)
    return 0


def sign(
    method: str,
    url: str,
    /,
    *,
    body: AnyText = "",
    timestamp: int | None = None,
    as_json: JsonFlag = False,
    options: ApiOptions = NO_OPTIONS,
) -> int:
    """Print the headers that sign a call, for use with any other tool. Nothing is sent.

    Parameters
    ----------
    method
        GET, POST, PUT or DELETE.
    url
        The whole URL, exactly as it will be sent.
    body
        The body exactly as it will be sent, or @FILE, or @- for standard input.
    timestamp
        Unix seconds by the server's clock; this machine's clock when not given.
    as_json
        Print an object instead of header lines.
    """
    import time

    from mandat.protocol.signature import sign as signature_of

    keys = _keys_for(url, options)
    now = int(time.time()) if timestamp is None else timestamp
    signature = signature_of(
        keys.application_secret, keys.consumer_key, method=_method(method), url=url, body=_body(body), timestamp=now
    )
    headers = {
        "X-Ovh-Application": keys.application_key,
        "X-Ovh-Consumer": keys.consumer_key,
        "X-Ovh-Timestamp": str(now),
        "X-Ovh-Signature": signature,
    }
    if as_json:
        say_json(headers)
    else:
        say("\n".join(f"{name}: {value}" for name, value in headers.items()))
    return 0


class _Keys(NamedTuple):
    """What a signature is made with."""

    application_key: str
    application_secret: str
    consumer_key: str


def _keys_for(url: str, options: ApiOptions) -> _Keys:
    """The three keys for a call of `url`, from the options, the environment, or `ovh.conf`."""
    from mandat.client.config import find_settings

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or not url.isascii() or " " in url:
        raise UsageFault(f"{url} is not a whole http(s) URL in the form in which it is sent.")
    given = {
        "application_key": options.application_key,
        "application_secret": options.application_secret,
        "consumer_key": options.consumer_key,
    }
    endpoint = options.endpoint or f"{parts.scheme}://{parts.netloc}"
    found = find_settings(endpoint, given, config_file=options.config_file)
    if not found.application_key or not found.application_secret or not found.consumer_key:
        raise UsageFault(
            "Signing needs --application-key, --application-secret and --consumer-key, or OVH_... for them."
        )
    return _Keys(found.application_key, found.application_secret, found.consumer_key)


def _rules(texts: list[str]) -> list[str]:
    for text in texts:
        if len(text.split(maxsplit=1)) != 2:
            raise UsageFault(f'--rule {text!r} is not a method and a path, such as "GET /me".')
    return texts


def _validity(text: str | None) -> int | Literal["unlimited"] | None:
    if text is None or text == "unlimited":
        return text  # type: ignore[return-value]
    if not (text.isascii() and text.isdigit()):
        raise UsageFault(f"--validity {text} is neither a number of seconds nor unlimited.")
    return int(text)


def _method(text: str) -> str:
    if not (text.isascii() and text.isalpha()):
        raise UsageFault(f"{text!r} is no HTTP method.")
    return text.upper()


def _body(given: str) -> bytes:
    if not given.startswith("@"):
        return given.encode("utf-8", "surrogateescape")
    try:
        return sys.stdin.buffer.read() if given == "@-" else Path(given[1:]).read_bytes()
    except OSError as error:
        raise UsageFault(f"{given[1:]} cannot be read: {error.strerror}") from error
