"""Which clusters Secrets name."""

import base64

from pilot.remote_clusters import wanted_clusters


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_every_key_of_every_secret_is_a_cluster_but_our_own() -> None:
    secrets = {"s/a": {"east": encoded("1"), "own": encoded("2")}, "s/b": {"west": encoded("3")}}
    found, ignored = wanted_clusters(secrets, "own")
    assert {name: each.secret for name, each in found.items()} == {"east": "s/a", "west": "s/b"}
    assert ignored == ("s/a: own is our own cluster",)


def test_a_cluster_is_registered_once() -> None:
    found, ignored = wanted_clusters({"s/a": {"east": encoded("1")}, "s/b": {"east": encoded("2")}}, "own")
    assert found["east"].secret == "s/a"
    assert "registered by s/a already" in ignored[0]


def test_the_content_decides_whether_it_changed_and_is_never_shown() -> None:
    one, _ = wanted_clusters({"s/a": {"east": encoded("private")}}, "own")
    same, _ = wanted_clusters({"s/a": {"east": encoded("private")}}, "own")
    other, _ = wanted_clusters({"s/a": {"east": encoded("rotated")}}, "own")
    assert one["east"].digest == same["east"].digest != other["east"].digest
    assert "private" not in repr(one)


def test_what_is_no_text_is_ignored() -> None:
    found, ignored = wanted_clusters({"s/a": {"east": "%%%"}}, "own")
    assert not found
    assert "expected a kubeconfig" in ignored[0]


def test_who_registered_a_cluster_keeps_it_as_long_as_it_names_it() -> None:
    secrets = {"s/a": {"east": encoded("1")}, "s/b": {"east": encoded("2")}}
    found, ignored = wanted_clusters(secrets, "own", {"east": "s/b"})
    assert found["east"].secret == "s/b"
    assert ignored == ("s/a: east is registered by s/b already",)
    found, ignored = wanted_clusters({**secrets, "s/b": {}}, "own", {"east": "s/b"})
    assert found["east"].secret == "s/a"
    assert not ignored
