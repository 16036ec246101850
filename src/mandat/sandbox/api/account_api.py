"""`/me`: who the customer is that a call speaks for."""

from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import (
    Answer,
    Answered,
    Arguments,
    Desk,
    Model,
    Operation,
    Property,
    Resource,
    Section,
)
from mandat.sandbox.store.accounts import AccountProfile, find_profile

_CURRENCY_SYMBOLS = {"EUR": "\u20ac", "USD": "$", "GBP": "\u00a3", "CAD": "$"}

_NICHANDLE = Model(
    "nichandle.Nichandle",
    "A customer account",
    (
        Property("nichandle", "string", "The account's identifier", read_only=True),
        Property("customerCode", "string", "The customer's code", nullable=True, read_only=True),
        Property("email", "string", "E-mail address"),
        Property("spareEmail", "string", "Second e-mail address", nullable=True),
        Property("firstname", "string", "First name", nullable=True),
        Property("name", "string", "Family name", nullable=True),
        Property("organisation", "string", "Organisation", nullable=True),
        Property("legalform", "string", "Legal form, such as individual or corporation"),
        Property("corporationType", "string", "Kind of corporation", nullable=True),
        Property("companyNationalIdentificationNumber", "string", "The company's registration number", nullable=True),
        Property("nationalIdentificationNumber", "string", "The person's national number", nullable=True),
        Property("vat", "string", "VAT number", nullable=True),
        Property("address", "string", "Street and number", nullable=True),
        Property("city", "string", "City", nullable=True),
        Property("zip", "string", "Postal code", nullable=True),
        Property("area", "string", "Region or state", nullable=True),
        Property("country", "string", "Country, two letters"),
        Property("phone", "string", "Telephone number", nullable=True),
        Property("phoneCountry", "string", "Country of the telephone number", nullable=True),
        Property("fax", "string", "Fax number", nullable=True),
        Property("sex", "string", "Sex", nullable=True),
        Property("birthDay", "string", "Date of birth", nullable=True),
        Property("birthCity", "string", "Place of birth", nullable=True),
        Property("language", "string", "Language of messages, such as en_GB", nullable=True),
        Property("currency", "nichandle.Currency", "Currency of bills", read_only=True),
        Property("ovhCompany", "string", "The provider's company the account is with", read_only=True),
        Property("ovhSubsidiary", "string", "The provider's subsidiary the account is with", read_only=True),
        Property("state", "string", "State of the account", read_only=True),
    ),
)
_CURRENCY = Model(
    "nichandle.Currency",
    "A currency",
    (
        Property("code", "string", "Three letters, such as EUR", read_only=True),
        Property("symbol", "string", "The currency's sign", read_only=True),
    ),
)


def get_me(desk: Desk, arguments: Arguments) -> Answer:
    """The account that the gateway asserted; what the sandbox does not know is null."""
    profile = find_profile(desk.connection, desk.account) or AccountProfile(desk.account)
    known: dict[str, JsonValue] = {
        "nichandle": profile.account,
        "customerCode": profile.account,
        "email": profile.email,
        "firstname": profile.first_name,
        "name": profile.last_name,
        "organisation": profile.organisation,
        "legalform": "corporation" if profile.organisation else "individual",
        "city": profile.city,
        "country": profile.country,
        "language": profile.language,
        "currency": {"code": profile.currency, "symbol": _CURRENCY_SYMBOLS.get(profile.currency, profile.currency)},
        "ovhCompany": "ovh",
        "ovhSubsidiary": profile.subsidiary,
        "state": "complete",
    }
    return Answered({member.name: known.get(member.name) for member in _NICHANDLE.properties})


ME = Section(
    name="me",
    description="Your account",
    resources=(
        Resource(
            "/me",
            "Your account",
            (
                Operation(
                    "GET",
                    "Read your account's details: name, e-mail address, organisation",
                    "nichandle.Nichandle",
                    "account:apiovh:me/get",
                    get_me,
                ),
            ),
        ),
    ),
    models=(_NICHANDLE, _CURRENCY),
)
