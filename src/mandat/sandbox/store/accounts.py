"""Profiles of accounts: what `GET /me` says about a customer."""

import json
import sqlite3
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """A customer as the provider knows her. `account` is the account id that the gateway asserts."""

    account: str
    first_name: str = "Sandbox"
    last_name: str = "Customer"
    email: str = "customer@sandbox.example"
    organisation: str | None = None
    city: str | None = None
    country: str = "FR"
    language: str = "en_GB"
    currency: str = "EUR"
    subsidiary: str = "FR"


def find_profile(connection: sqlite3.Connection, account: str) -> AccountProfile | None:
    """The seeded profile of `account`; None for a customer who signed up later."""
    row = connection.execute("SELECT profile FROM account WHERE account = ?", (account,)).fetchone()
    return None if row is None else AccountProfile(**json.loads(row[0]))


def add_profile(connection: sqlite3.Connection, profile: AccountProfile) -> None:
    """Stores `profile` unless the account has one already."""
    connection.execute(
        "INSERT INTO account (account, profile) VALUES (?, ?) ON CONFLICT (account) DO NOTHING",
        (profile.account, json.dumps(asdict(profile))),
    )
