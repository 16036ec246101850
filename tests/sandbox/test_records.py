"""Records: create, read, list, change, delete."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.sandbox import ALICE


def test_a_created_record_comes_back_whole_and_as_sent(zone):
    target = '"v=spf1 include:_spf.example.net  ~all"'

    made = zone.add("TXT", "www", target, 60)

    assert made == {
        "id": made["id"], "zone": zone.name, "fieldType": "TXT", "subDomain": "www", "target": target, "ttl": 60,
    }  # fmt: skip
    assert zone.call("GET", f"/record/{made['id']}").json() == made


def test_record_ids_need_more_than_32_bits_and_fit_javascript(zone):
    assert 1 << 31 < zone.add("A", "www", "192.0.2.1")["id"] < 1 << 53


def test_absent_and_null_name_and_time_mean_the_zone_itself_and_its_default(zone):
    absent = zone.call("POST", "/record", body={"fieldType": "A", "target": "192.0.2.1"}).json()
    null = {"fieldType": "A", "target": "192.0.2.2", "subDomain": None, "ttl": None}
    given_null = zone.call("POST", "/record", body=null).json()

    assert (absent["subDomain"], absent["ttl"]) == ("", 0)
    assert (given_null["subDomain"], given_null["ttl"]) == ("", 0)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"apex", "www-a", "www-txt", "mail-a"}),
        ("?fieldType=A", {"apex", "www-a", "mail-a"}),
        ("?subDomain=www", {"www-a", "www-txt"}),
        ("?fieldType=A&subDomain=WWW", {"www-a"}),
        ("?fieldType=A&subDomain=", {"apex"}),
        ("?fieldType=A&subDomain=null", {"apex", "www-a", "mail-a"}),
        ("?fieldType=null&subDomain=mail", {"mail-a"}),
        ("?fieldType=SRV", set()),
    ],
)
def test_the_list_is_narrowed_by_type_and_exact_name(zone, query, wanted):
    ids = {
        "apex": zone.add("A", "", "192.0.2.1")["id"],
        "www-a": zone.add("A", "www", "192.0.2.1")["id"],
        "www-txt": zone.add("TXT", "www", "hello")["id"],
        "mail-a": zone.add("A", "mail", "192.0.2.1")["id"],
    }

    listed = zone.call("GET", f"/record{query}").json()

    assert set(listed) & set(ids.values()) == {ids[name] for name in wanted}


def test_a_change_touches_only_what_it_names(zone):
    made = zone.add("A", "www", "192.0.2.1", 300)

    answer = zone.call("PUT", f"/record/{made['id']}", body={"target": "192.0.2.9", "subDomain": None})

    assert (answer.status_code, answer.content) == (200, b"null")
    assert zone.call("GET", f"/record/{made['id']}").json() == made | {"target": "192.0.2.9"}


def test_a_change_may_repeat_what_cannot_change(zone):
    made = zone.add("A", "www", "192.0.2.1")

    assert zone.call("PUT", f"/record/{made['id']}", body=made | {"ttl": 60}).content == b"null"
    assert zone.call("GET", f"/record/{made['id']}").json()["ttl"] == 60


@pytest.mark.parametrize("member", [{"fieldType": "AAAA"}, {"id": 5}, {"zone": "other.example"}])
def test_a_change_of_what_cannot_change_is_refused(zone, member):
    made = zone.add("A", "www", "192.0.2.1")

    answer = zone.call("PUT", f"/record/{made['id']}", body={"ttl": 60} | member)

    assert answer.status_code == 400
    assert answer.json()["details"] == {"field": next(iter(member))}
    assert zone.call("GET", f"/record/{made['id']}").json() == made


def test_a_deleted_record_is_gone_and_says_so_in_other_words_than_a_missing_zone(zone):
    made = zone.add("A", "www", "192.0.2.1")

    assert zone.call("DELETE", f"/record/{made['id']}").content == b"null"

    for method in ("GET", "PUT", "DELETE"):
        answer = zone.call(method, f"/record/{made['id']}", body={"ttl": 60} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["message"]) == (404, "This record does not exist")


def test_a_record_of_another_zone_is_not_reached_through_this_one(zone, sandbox):
    made = zone.add("A", "www", "192.0.2.1")

    answer = sandbox.call("GET", f"/domain/zone/zone119.example/record/{made['id']}", account=ALICE)

    assert answer.status_code == 404


def test_a_trailing_slash_makes_no_difference(zone):
    body = {"fieldType": "A", "target": "192.0.2.1"}

    assert zone.call("POST", "/record/", body=body).status_code == 200
    assert zone.call("GET", "/record/").json() == zone.call("GET", "/record").json()


def test_a_body_on_get_is_ignored(zone):
    assert zone.call("GET", "/record", body=b'{"fieldType":').status_code == 200


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b" {} "])
def test_a_void_call_takes_no_body_or_an_empty_one(zone, body):
    assert zone.call("POST", "/refresh", body=body).content == b"null"


def test_head_is_answered_like_get_without_a_body(zone):
    answer = zone.call("HEAD", "/record")

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 2


def test_a_full_zone_takes_no_more(zone):
    from mandat.sandbox.domain import records_api
    from mandat.sandbox.store.database import open_database

    connection = open_database(zone.sandbox.folder)
    with connection:
        connection.executemany(
            "INSERT INTO record (id, zone, field_type, sub_domain, target, ttl)"
            " VALUES (?, ?, 'A', 'x', '192.0.2.1', 0)",
            [(number, zone.name) for number in range(records_api.MAX_RECORDS)],
        )
    connection.close()

    answer = zone.call("POST", "/record", body={"fieldType": "A", "target": "192.0.2.1"})

    assert answer.status_code == 403
    assert "5000 records" in answer.json()["message"]


def test_many_writers_at_once_lose_and_double_nothing(zone):
    def add(number: int) -> int:
        made = zone.add("A", f"host{number}", f"192.0.2.{number}")
        zone.refresh()
        return made["id"]

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(add, range(100)))

    assert len(set(ids)) == 100
    assert set(ids) <= set(zone.call("GET", "/record").json())
    for number in range(100):
        assert zone.sandbox.answers(f"host{number}.{zone.name}", "A") == [f"A 192.0.2.{number}"]
