"""Laws for every call, however strange: an answer below 500, and nothing changed unless it was 200."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.nature import CountingEntropy
from mandat.enforcement.assertion_verifier import Asserted
from mandat.sandbox.api.operations import SECTIONS, WORK
from mandat.sandbox.api.routing import Routes
from mandat.sandbox.cloud.catalogue import FLAVORS, IMAGES
from mandat.sandbox.dns.names import TargetFault
from mandat.sandbox.dns.targets import FIELD_TYPES, parse_target
from mandat.sandbox.dns.zone import build_zone
from mandat.sandbox.operating.seeds import seed
from mandat.sandbox.serving.calls import Call, CallDesk
from mandat.sandbox.store.cloud import Project, add_project
from mandat.sandbox.store.database import open_database, transaction
from mandat.sandbox.store.vps import Vps, add_vps
from mandat.sandbox.store.zones import list_refreshed
from mandat.sandbox.vps.models import IMAGES as VPS_IMAGES
from mandat.sandbox.zone_content import Soa, ZoneContent, ZoneRecord

CALLER = Asserted("aa111-mandat", 7, 9)
NOW = 1_800_000_000.0  # stands still, so that no task comes due between two looks
ENTROPY = CountingEntropy()
SERVICES = ["/domain/zone/example.org", "/cloud/project/PROJECT", "/vps/SERVER", "/vps/somebody-elses"]
TEMPLATES = [resource.path for section in SECTIONS for resource in section.resources]
SEGMENTS = st.sampled_from(
    ["domain", "zone", "example.org", "other.example", "record", "refresh", "soa", "status", "me", "", "%2F", "5", "-1"]
)
PATHS = st.one_of(
    st.lists(SEGMENTS, max_size=6).map("/".join),
    st.sampled_from(["record", "record/1", "refresh", "soa", "status"]).map("domain/zone/example.org/{}".format),
    st.tuples(st.sampled_from(TEMPLATES), st.sampled_from(["1", "x", "GRA1", "2026-01-31T08:00:00+00:00"])).map(
        lambda drawn: fill(*drawn)
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["A", "TXT", "192.0.2.1", "www", "", 60, 2**31, 2**63, "example.org"]),
)
MEMBERS = st.sampled_from(
    [
        "fieldType", "target", "subDomain", "ttl", "id", "zone", "server", "email", "serial", "x", "zoneFile", "name",
        "DnsRecords", "minimized", "publicKey", "region", "flavorId", "imageId", "userData", "network", "displayName",
    ]
)  # fmt: skip
DOCUMENTS = st.one_of(
    SCALARS,
    st.dictionaries(st.one_of(MEMBERS, st.text(max_size=5)), st.one_of(SCALARS, st.lists(SCALARS, max_size=2))),
    st.fixed_dictionaries(
        {"fieldType": st.sampled_from(FIELD_TYPES), "target": st.text()},
        optional={"subDomain": st.text(max_size=20), "ttl": SCALARS},
    ),
    st.fixed_dictionaries({"zoneFile": st.one_of(st.text(), st.sampled_from(["a A 192.0.2.1", "$INCLUDE x"]))}),
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=5),
            "region": st.just("GRA1"),
            "flavorId": st.just(FLAVORS[0].id),
            "imageId": st.just(IMAGES[0].id),
            "userData": st.one_of(st.text(), st.text().map("#cloud-config\n{}".format)),
        }
    ),
    st.fixed_dictionaries({"imageId": st.sampled_from([*VPS_IMAGES, "x"])}),
)
BODIES = st.one_of(st.binary(max_size=50), DOCUMENTS.map(lambda document: json.dumps(document).encode()))


class NoHosting:
    """A machine on which nothing can be isolated, but anything may be asked for."""

    http_port = 8704

    def obstacle(self):
        return None


def fill(template, value):
    """A path of that template, in a service of the caller where it needs one."""
    for service in SERVICES:
        head = "/".join(service.split("/")[:-1])
        if template.startswith(f"{head}/{{"):
            template = service + template.removeprefix(f"{head}/{{").partition("}")[2]
            break
    while "{" in template:
        before, _, rest = template.partition("{")
        template = before + value + rest.partition("}")[2]
    return template.removeprefix("/")


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("any-call")
    seed(folder, accounts=[], zones={"example.org": CALLER.account, "other.example": "bb222-mandat"})
    opened = open_database(folder)
    with transaction(opened):
        add_project(opened, Project("PROJECT", CALLER.account, "Web", 0))
        add_vps(opened, Vps("SERVER", CALLER.account, next(iter(VPS_IMAGES))))
    yield opened
    opened.close()


def snapshot(connection):
    tables = ("zone", "record", "idempotency", "task", "restore_point", "ssh_key", "instance", "operation", "vps")
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]),
    path=PATHS,
    query=st.sampled_from(["", "fieldType=A", "subDomain=%FF", "a=b&", "fieldType=A&fieldType=A"]),
    body=BODIES,
    keys=st.lists(st.text(max_size=8), max_size=2),
)
def test_every_call_is_answered_and_only_a_success_changes_anything(connection, method, path, query, body, keys):
    desk = CallDesk(Routes(SECTIONS), WORK, hosting=NoHosting(), clock=lambda: NOW, entropy=ENTROPY)
    before = snapshot(connection)

    with transaction(connection):
        outcome = desk.perform(connection, Call(method, f"/1.0/{path}", query, body, tuple(keys)), CALLER)

    answer = json.loads(outcome.body)
    assert outcome.status in (200, 400, 403, 404, 409)
    if outcome.status != 200 or method in ("GET", "HEAD"):
        assert snapshot(connection) == before
    if outcome.status != 200:
        assert {"class", "message", "errorCode", "httpCode"} <= set(answer) <= {
            "class", "message", "errorCode", "httpCode", "details",
        }  # fmt: skip
    for content in list_refreshed(connection):
        build_zone(content)


SOA = Soa("ns.example.org.", "hostmaster.example.org.", 1, 60, 60, 60, 60)
TARGETS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='0123456789 ."\\=,-abcNSEWm', max_size=60),
    st.lists(st.sampled_from(["0", "10", ".", "a.b.", '"x y"', "alpn=h2", "port=1", "00ff", "N", "E", "1m"])).map(
        " ".join
    ),
)


@settings(max_examples=500)
@given(kind=st.sampled_from(FIELD_TYPES), target=TARGETS)
def test_every_target_is_refused_or_can_be_served(kind, target):
    try:
        parse_target(kind, target, (b"example", b"org"))
    except TargetFault:
        return
    zone = build_zone(ZoneContent("example.org", SOA, (ZoneRecord(1, kind, "x", target, 60),)))
    ((records),) = zone.nodes[b"x", b"example", b"org"].values()

    from dnslib import RR, DNSRecord

    packed = DNSRecord(rr=[RR("x.example.org", records[0].type_number, rdata=records[0].data)]).pack()
    assert len(packed) > 12
