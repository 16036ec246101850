"""The marketplace's own application at the provider: its key, and its secret, sealed."""

from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select

from mandat.marketplace.store.database import Database
from mandat.marketplace.store.schema import registration
from mandat.marketplace.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Registration:
    """What the developer pasted, once it was found to work.

    `validation_origin` is scheme and host of the validation pages, as the provider named them: where forms may lead.
    """

    application_key: str
    application_secret: str = field(repr=False)
    validation_origin: str


class Registrations:
    """One row; a registration for another endpoint is not found."""

    def __init__(self, database: Database, vault: Vault, *, endpoint: str) -> None:
        self._database = database
        self._vault = vault
        self._endpoint = endpoint

    def save(self, found: Registration, *, at: float) -> None:
        """Replaces what was there."""
        sealed = self._vault.seal(found.application_secret, "application secret", self._endpoint, found.application_key)
        with self._database.writing() as connection:
            connection.execute(delete(registration))
            connection.execute(
                insert(registration).values(
                    id=1,
                    endpoint=self._endpoint,
                    application_key=found.application_key,
                    sealed_secret=sealed,
                    validation_origin=found.validation_origin,
                    at=at,
                )
            )

    def find(self) -> Registration | None:
        """None until the developer pasted keys that work.

        Raises:
            VaultBroken: the secret does not open with this key file.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(registration).where(registration.c.endpoint == self._endpoint)).first()
        if row is None:
            return None
        secret = self._vault.open(row.sealed_secret, "application secret", self._endpoint, row.application_key)
        return Registration(row.application_key, secret, row.validation_origin)
