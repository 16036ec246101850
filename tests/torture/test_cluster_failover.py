"""R7: the primary is lost under load, the standby takes over. Nothing acknowledged is lost, and calls go on.

Short: one fail-over. Full (MANDAT_TORTURE=full): ten, each with a new standby of the new primary.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from support.ports import free_ports
from support.postgres_cluster import Cluster
from support.serving import serve_to_the_end
from support.waiting import wait_for
from torture.cluster import (
    FULL,
    SEED,
    SHOP,
    SHOP_RULES,
    Node,
    Watch,
    check_on_postgres,
    granted,
    quietly,
    shop,
    wait_for_confirmations,
)
from torture.load import Customer, Load, logged_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if FULL else 300)]

FAIL_OVERS = 10 if FULL else 1
NOTICED_SECONDS = 1.0
"""How long nobody is primary: what watches the servers has to notice first."""

WRITABLE_SECONDS = 10.0
HEALTHY_SECONDS = 5.0


@dataclass
class Served:
    """A node that serves on the cluster, and its customers."""

    cluster: Cluster
    node: Node
    people: list[Customer]

    def violations(self) -> list[str]:
        return check_on_postgres(self.node.journal, self.node.folder / "keys", self.cluster.url("mandat"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with closing(Cluster()) as cluster:
        cluster.primary.execute("CREATE DATABASE mandat")
        yield from _served(cluster, tmp_path_factory.mktemp("failover"))


def _served(cluster: Cluster, folder: Path) -> Iterator[Served]:
    node = Node(folder / "node", free_ports(1))
    with shop() as url:
        node.set_up(
            [node.origin],
            f'workers = 2\nstorage = "{cluster.url("mandat")}"\n[postgres]\nha = true\n'
            f'[[upstream]]\nprefix = "/shop"\ndescribes = false\nurl = "{url}"\n',
        )
        refused = serve_to_the_end(node.config)
        assert (refused.returncode, "synchronous_standby_names" in refused.stderr) == (1, True), refused.stderr
        cluster.replicate_synchronously()
        node.populate()
        with node.started(), logged_in(node) as people:
            yield Served(cluster, node, people)


def test_r7_what_was_acknowledged_outlives_the_loss_of_the_primary(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(SEED)
    keys = granted(served.people[0], 4)
    for number in range(FAIL_OVERS):
        if number:
            served.cluster.replace_standby()
        with Load(served.people), Watch([served.node], keys) as watch:
            wait_for_confirmations(served.node.journal)
            time.sleep(dice.uniform(0.1, 0.8))  # the moment of the loss is what is drawn here
            figures = fail_over(served, watch)
            wait_for_confirmations(served.node.journal)
        with capsys.disabled():
            print(f"\nR7 seed {SEED} fail-over {number + 1}: {figures}")
        assert served.violations() == []
        assert watch.without_advice() == 0
        assert set(watch.counts()) <= {200, 503}
    assert served.node.journal.count("revoke", "ok") > 3


def fail_over(served: Served, watch: Watch) -> str:
    """Kills the primary, promotes the standby a second later; insists on the bounds and says the figures."""
    lost = time.monotonic()
    served.cluster.primary.kill()
    asked = httpx2.post(
        f"{served.node.origin}/1.0/auth/credential",
        json={"accessRules": SHOP_RULES},
        headers={"X-Ovh-Application": served.node.key},
        timeout=15,
    )
    assert (asked.status_code, "Retry-After" in asked.headers) == (503, True)
    time.sleep(max(0.0, lost + NOTICED_SECONDS - time.monotonic()))
    promoted = time.monotonic()
    served.cluster.fail_over()
    wait_for_confirmations(served.node.journal, 1, seconds=WRITABLE_SECONDS)
    writable = time.monotonic() - lost
    assert writable <= WRITABLE_SECONDS
    time.sleep(1.0)  # what is judged now is a whole second of calls
    healthy = watch.healthy_since(promoted)
    assert healthy <= HEALTHY_SECONDS
    counts = dict(watch.counts(since=lost))
    return f"writable {writable:.2f} s after the loss, healthy {healthy:.2f} s after the promotion, calls {counts}"


def test_commits_that_no_standby_confirms_are_503_and_not_acknowledged(served: Served) -> None:
    customer = served.people[0]
    served.cluster.replace_standby()
    key, other = granted(customer, 2)
    served.cluster.standby.stop()
    began = time.monotonic()
    assert customer.revoke(key) == 503
    assert time.monotonic() - began < 8
    assert customer.call(other, path=SHOP) == 200, "reads go on"
    served.cluster.standby.start()
    wait_for(lambda: quietly(customer), what="a confirmation with the standby back", seconds=10)
    assert served.violations() == []
