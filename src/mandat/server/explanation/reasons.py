"""The reasons whose words need nothing but the details that the caller was told: check, why, advice."""

from typing import Final

from mandat.protocol.refusals import Reason

SIMPLE: Final = {
    Reason.MALFORMED_REQUEST: (
        "framing",
        "The bytes were not one clear HTTP request.",
        "Let the caller use an ordinary HTTP library; look at proxies that rewrite requests.",
    ),
    Reason.NON_CANONICAL_TARGET: (
        "target",
        "The path could be read in more than one way.",
        "Send it in its plain form: no empty or dot segments, no needless escapes; %2F only where the API takes it.",
    ),
    Reason.METHOD_NOT_ALLOWED: ("method", "The method is none of GET, HEAD, POST, PUT, DELETE.", "Use one of them."),
    Reason.BATCH_NOT_SUPPORTED: ("headers", "The call has X-Ovh-Batch, which is not signed.", "Make single calls."),
    Reason.MISSING_APPLICATION: ("headers", "X-Ovh-Application is missing.", "Send the application key."),
    Reason.MISSING_CREDENTIAL: (
        "headers",
        "A header of the signature is missing or there twice.",
        "Sign the call; see whether a proxy in between drops or doubles headers.",
    ),
    Reason.MALFORMED_KEY: (
        "headers",
        "A header of the signature does not have its form.",
        "Look for quotes, blanks and cut-off keys in the caller's configuration.",
    ),
    Reason.TOO_MANY_FAILURES: (
        "address",
        "This address failed to authenticate too often just now.",
        "Find the caller with a wrong key behind this address; the budget refills by limits.failures_per_second.",
    ),
    Reason.BODY_TOO_LARGE: ("body", "The body is larger than limits.max_body_bytes.", "Send less, or raise the limit."),
    Reason.NO_BUFFER_LEFT: (
        "body",
        "Too many bodies were being received at once (limits.body_budget_bytes).",
        "Try again; raise the limit if this is your ordinary load.",
    ),
    Reason.MALFORMED_BODY: (
        "body",
        "The signature was right, but the body is not one strict JSON value.",
        "Send JSON in UTF-8 without duplicate keys, NaN or a Content-Encoding.",
    ),
    Reason.UNKNOWN_ROUTE: (
        "route",
        "Nothing answers at this path: it is below no upstream.prefix, and no page.",
        "Compare the path with the [[upstream]] blocks of the configuration.",
    ),
    Reason.STORAGE_UNAVAILABLE: (
        "storage",
        "Grants could not be read, or the replay memory did not answer; without them no call passes.",
        "See /readyz and the process log; look at the database, and at Redis if there is one.",
    ),
    Reason.INTERNAL_ERROR: (
        "gateway",
        "A fault of Mandat.",
        "Look for this query id in the process log, and report what stands there.",
    ),
}
