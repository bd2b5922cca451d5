import pytest

from pilot.explain.request import parse_request


def test_a_url_and_headers_make_a_request() -> None:
    found = parse_request("https://web.app/a/b?c=d", "post", ["End-User: jason", "Host: other"])
    assert (found.scheme, found.host, found.port, found.path, found.method) == (
        "https",
        "web.app",
        443,
        "/a/b?c=d",
        "POST",
    )
    assert found.header("end-user") == "jason"
    assert found.authority == "other"
    assert found.plain_path == "/a/b"
    assert found.url == "https://web.app/a/b?c=d"
    assert found.header(":method") == "POST"


def test_what_is_missing_is_usual() -> None:
    found = parse_request("web:9080")
    assert (found.scheme, found.port, found.path, found.authority) == ("http", 9080, "/", "web:9080")


@pytest.mark.parametrize(("url", "header"), [("ftp://x", "a: b"), ("http://", "a: b"), ("http://x", "nothing")])
def test_nonsense_is_refused(url: str, header: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_request(url, "GET", [header])
