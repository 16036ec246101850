"""When what is old is forgotten: what `[retention]` means to storage."""

from mandat.server.configuration.values import RetentionConfig
from mandat.storage.database import Storage

DAY_SECONDS = 86_400


async def forget_old(storage: Storage, retention: RetentionConfig, *, now: float) -> None:
    """Forgets what is older than the settings allow; 0 days keep it for ever.

    Raises:
        StorageUnavailable: what was forgotten before stays so; call again.
    """
    at = int(now)
    if retention.ended_credentials_days:
        before = at - retention.ended_credentials_days * DAY_SECONDS
        await storage.retention.forget_credentials(ended_before=before, at=at)
    if retention.usage_days:
        await storage.retention.forget_uses(last_before=at - retention.usage_days * DAY_SECONDS)
    if retention.calls_days:
        await storage.retention.forget_calls(before=at - retention.calls_days * DAY_SECONDS)
    if retention.history_personal_days:
        await storage.erasure.erase_before(at - retention.history_personal_days * DAY_SECONDS)
