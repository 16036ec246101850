"""Why storage cannot be opened. Each fault carries one sentence that says what is wrong and what to do.

While running, storage raises `StorageUnavailable` and `RecordTampered` (authority) or `SourceUnavailable` (enforcement)
instead; those belong to the rooms that read.
"""

from pathlib import Path


class StorageFault(Exception):
    """Storage cannot be opened as it is. `sentence` is meant for the operator and never holds a secret."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class FolderNotWritable(StorageFault):
    """The folder of databases or keys cannot be created or written."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"The folder {folder} cannot be written ({why}); give its ownership to the user that runs Mandat, "
            "or choose another folder in the configuration."
        )


class NewerDatabase(StorageFault):
    """The database was written by a newer Mandat; this one would damage it."""

    def __init__(self, database: Path | str, revision: str) -> None:
        super().__init__(
            f"The database {database} was written by a newer Mandat (revision {revision}); "
            "run that version, or restore a backup made before the upgrade."
        )


class OlderDatabase(StorageFault):
    """The database lacks migrations of this Mandat."""

    def __init__(self, database: Path | str) -> None:
        super().__init__(
            f"The database {database} is not at this version's layout; stop other versions that use it "
            "and start `mandat serve`, which migrates it."
        )


class MigrationFailed(StorageFault):
    """The database could not be brought up to date. It is as it was before."""

    def __init__(self, database: Path | str, why: str) -> None:
        super().__init__(
            f"The database {database} could not be brought up to date and is as it was before ({why}); "
            "end other programs that use it, make sure that its disk has room, and start again."
        )


class DatabaseUnreadable(StorageFault):
    """The file is there and cannot be read as a database."""

    def __init__(self, database: Path | str, why: str) -> None:
        super().__init__(
            f"The database {database} cannot be read ({why}); if its disk is sound, restore it from a backup."
        )


class RestoreUnfinished(StorageFault):
    """A restore was cut off while it exchanged the files: some of them are of the backup, some are not."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"A restore into {folder} was cut off; run the same `mandat restore FILE` again, it goes on.")


class InstallationMoved(StorageFault):
    """The files were moved to another database, and are kept only as a copy of that moment."""

    def __init__(self, folder: Path, to: str) -> None:
        super().__init__(
            f"The installation in {folder} was moved to {to}; set `storage` to that. "
            "The files are as they were at that moment."
        )


class MoveUnfinished(StorageFault):
    """A move was cut off: the new database has everything, or nothing."""

    def __init__(self, folder: Path, to: str) -> None:
        super().__init__(f"A move of {folder} to {to} was cut off; run the same `mandat migrate` again, it goes on.")


class KeysMissing(StorageFault):
    """A key file is missing though databases exist that only its keys can verify and unseal."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"The key file {file} is missing, and the existing databases are of no use without it; "
            "restore it from your backup of the keys."
        )


class KeysUnreadable(StorageFault):
    """A key file cannot be read, or is not one of ours."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"The key file {file} cannot be used ({why}); restore it from your backup of the keys.")


class KeysExist(StorageFault):
    """Keys were to be created where keys are already. They were left as they are."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"The key file {file} exists already and was left as it is; new keys need an empty folder.")


class KeysOfAnotherInstallation(StorageFault):
    """The keys are readable but did not make the rows of this database."""

    def __init__(self, database: Path | str) -> None:
        super().__init__(
            f"The database {database} belongs to other keys than the ones configured; "
            "point `keys` to the folder that was made together with it."
        )
