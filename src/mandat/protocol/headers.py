"""Names of the headers of the wire, lower case, as bytes where the hot path compares them. Source: wire.md 4, 8."""

APPLICATION = b"x-ovh-application"
CONSUMER = b"x-ovh-consumer"
TIMESTAMP = b"x-ovh-timestamp"
SIGNATURE = b"x-ovh-signature"
BATCH = b"x-ovh-batch"
QUERY_ID = "X-Ovh-QueryID"

# Set by the gateway alone; a caller's own are dropped in every spelling. See docs/reference/headers.md.
ASSERTION = "X-Mandat-Assertion"
ACCOUNT = "X-Mandat-Account"
APPLICATION_ID = "X-Mandat-Application"
CREDENTIAL_ID = "X-Mandat-Credential"
CALLER_ADDRESS = "X-Mandat-Caller-Address"
PUBLIC_ORIGIN = "X-Mandat-Public-Origin"

# The authority's word to the gateway, for its log: the value of the reason it refused for. Never passed on.
REFUSED_FOR = "X-Mandat-Refused-For"
IDEMPOTENCY_KEY = "Idempotency-Key"
