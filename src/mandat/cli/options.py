"""Options that several commands share, and where their values are found when they are not given."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from mandat.client import Client

JsonFlag = Annotated[bool, Parameter(name="--json", negative="")]
"""Print the result as JSON on one line."""
Switch = Annotated[bool, Parameter(negative="")]
"""A flag without a --no- form."""
AnyText = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""A value that may begin with a hyphen: passwords and bodies do."""

CONFIG_NAME = "mandat.toml"
DEMO_FOLDER = Path("mandat-demo")


class UsageFault(Exception):
    """The command was given something it cannot mean; exit status 2."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """Where the API is and which keys are used. What is not given comes from OVH_... or ovh.conf.

    Parameters
    ----------
    endpoint
        A name such as ovh-eu, or an http(s) URL.
    application_key
        AK.
    application_secret
        AS.
    consumer_key
        CK.
    config_file
        A further ovh.conf.
    """

    endpoint: str | None = None
    application_key: str | None = None
    application_secret: str | None = None
    consumer_key: str | None = None
    config_file: Path | None = None

    def client(self) -> "Client":
        """An SDK client.

        Raises:
            ConfigurationFault: no endpoint, or something unusable.
        """
        from mandat.client import Client

        return Client(
            self.endpoint,
            self.application_key,
            self.application_secret,
            self.consumer_key,
            config_file=self.config_file,
        )


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class AdminOptions:
    """Which installation is meant: --config, --data, $MANDAT_CONFIG, ./mandat.toml, ./mandat-demo, in that order.

    Parameters
    ----------
    config
        The configuration file.
    data
        The folder of a demo, instead of --config.
    """

    config: Path | None = None
    data: Path | None = None


def find_config(
    options: AdminOptions, *, environment: Mapping[str, str] = os.environ, folder: Path | None = None
) -> Path:
    """The configuration file a command means.

    Args:
        options: as given.
        environment: where MANDAT_CONFIG is looked up.
        folder: the current one, when None.

    Raises:
        UsageFault: two are given, or the one that is meant does not exist, or there is none at all.
    """
    if options.config is not None and options.data is not None:
        raise UsageFault("Give --config or --data, not both.")
    folder = folder or Path()
    given = options.config or (options.data / CONFIG_NAME if options.data is not None else None)
    if given is None and environment.get("MANDAT_CONFIG"):
        given = Path(environment["MANDAT_CONFIG"])
    if given is not None:
        if not given.is_file():
            raise UsageFault(f"There is no configuration {given}. Write one with `mandat init`, or name another.")
        return given
    for candidate in (folder / CONFIG_NAME, folder / DEMO_FOLDER / CONFIG_NAME):
        if candidate.is_file():
            return candidate
    raise UsageFault(
        f"There is no configuration: no --config, no --data, no MANDAT_CONFIG, no ./{CONFIG_NAME} and no"
        f" ./{DEMO_FOLDER}/{CONFIG_NAME}. Write one with `mandat init`, or start `mandat demo`."
    )
