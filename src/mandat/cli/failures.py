"""From an exception to a sentence, an advice and an exit status. What is not known here is a bug and shows as one."""

from dataclasses import dataclass

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened and why; what to do next; the exit status."""

    what: str
    advice: str = ""
    status: int = FAILED


def explain(error: Exception) -> Failure | None:
    """The failure that `error` is; None for an exception nobody expects."""
    from cyclopts import CycloptsError

    from mandat.cli.options import UsageFault
    from mandat.server.problems import Problem

    match error:
        case Problem():
            return Failure(error.sentence)
        case UsageFault():
            return Failure(str(error), status=USAGE)
        case CycloptsError():
            return Failure(_words_of(error), "See `mandat --help`, or --help after the command.", USAGE)
    return _explain_authority(error) or _explain_client(error)


def _words_of(error: Exception) -> str:
    """What the command line's library says, where that is a sentence about what was typed."""
    from cyclopts.exceptions import UnknownOptionError, UnusedCliTokensError

    match error:
        case UnusedCliTokensError(unused_tokens=list() as words):
            return f"Too much was given: {' '.join(words)}."
        case UnknownOptionError(token=token) if f"Did you mean {token.keyword or token.value}?" in str(error):
            return f"The option {token.keyword or token.value} stands after --, where there are no options."
    return str(error)


def _explain_authority(error: Exception) -> Failure | None:
    from mandat.authority.interfaces import RecordTampered, StorageUnavailable

    match error:
        case RecordTampered():
            return Failure(f"A stored record does not carry the authority's signature: {error}", "Restore a backup.")
        case StorageUnavailable():
            return Failure(f"Storage does not answer: {error}", "Is the disk full, or the folder not writable?")
    return None


def _explain_client(error: Exception) -> Failure | None:
    from mandat.client import ApiFault, ClientFault, ConfigurationFault, NetworkFault
    from mandat.client.approval import ApprovalFailed

    match error:
        case ConfigurationFault():
            return Failure(str(error), status=USAGE)
        case ApiFault():
            return Failure(f"Refused: {error}", _advice(error))
        case NetworkFault():
            sent = (
                "Nothing was sent."
                if error.nothing_sent
                else "The call may have been carried out: look before you repeat it."
            )
            return Failure(str(error), sent)
        case ApprovalFailed():
            return Failure(str(error))
        case ClientFault():
            return Failure(str(error))
    return None


def _advice(error: Exception) -> str:
    from mandat import client as sdk

    match error:
        case sdk.NotGrantedCall(missing_rule=rule) if rule is not None:
            return f'The customer has not granted it. Ask for it: mandat request --rule "{rule}"'
        case sdk.NotGrantedCall():
            return "The customer has not granted it. Ask for a rule that covers it with `mandat request`."
        case sdk.InvalidCredential() | sdk.NotCredential():
            return "The consumer key does not work (any more). Ask the customer again with `mandat request`."
        case sdk.InvalidKey():
            return "Check the application key; the application may be suspended or deleted."
        case sdk.InvalidSignature():
            return "Check the application secret, and that the endpoint is the server's public address."
        case sdk.QueryTimeOut(delta_seconds=delta):
            return f"Set this machine's clock{'' if delta is None else f' (it is off by {delta} s)'}."
        case sdk.TooManyCalls(retry_after_seconds=seconds) if seconds is not None:
            return f"Try again in {seconds} s."
        case sdk.BadParameters(field=field) if field is not None:
            return f"Correct the field {field}."
    return ""
