"""A security policy that cannot be read refuses, for those that it selects, until a good version comes."""

from typing import Any

from pilot.model.authorization_policy import AuthorizationAction, UnreadablePolicy
from pilot.model.objects import ObjectKey
from pilot.model.peer_authentication import MtlsMode, PeerAuthentication
from pilot.sources.decode import decode_object
from pilot.sources.file_index import FileContent, FileIndex
from pilot.sources.file_objects import decode_file
from pilot.sources.stand_ins import stand_in

KEY = ObjectKey("AuthorizationPolicy", "shop", "p")
TEXT = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p, namespace: shop}}
spec: {{selector: {{matchLabels: {{app: web}}}}, action: {action}, {rules}}}
"""
GOOD = TEXT.format(action="DENY", rules="rules: []")
BROKEN = TEXT.format(action="DENY", rules="rulez: []")


def read(index: FileIndex, text: str) -> Any:
    """The object that is served after the file says this."""
    index.apply({"a.yaml": FileContent(decode_file(text, False))})
    return index.live.get(KEY)


def test_an_unreadable_policy_refuses_for_the_workloads_that_it_selects() -> None:
    found = read(FileIndex(), BROKEN)
    assert isinstance(found, UnreadablePolicy)
    assert found.spec.selector is not None
    assert found.spec.selector.match_labels == {"app": "web"}
    assert found.spec.action is AuthorizationAction.DENY


def test_an_unknown_action_is_to_deny() -> None:
    found = read(FileIndex(), TEXT.format(action="DENNY", rules="rules: []"))
    assert isinstance(found, UnreadablePolicy)
    assert found.spec.action is AuthorizationAction.DENY


def test_an_unreadable_selector_selects_the_namespace() -> None:
    value = {
        "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"selector": {"matchLabel": {}}, "action": "ALLOW"},
    }
    found = stand_in(KEY, value)
    assert isinstance(found, UnreadablePolicy)
    assert found.spec.selector is None
    assert found.spec.action is AuthorizationAction.ALLOW


def test_a_good_version_stays_and_comes() -> None:
    index = FileIndex()
    good = read(index, GOOD)
    assert read(index, BROKEN) is good
    assert index.problems()[0].message.endswith("its last good version stays")
    other = FileIndex()
    assert isinstance(read(other, BROKEN), UnreadablePolicy)
    assert "until it is right it refuses" in other.problems()[0].message
    assert read(other, GOOD) == good
    assert read(other, BROKEN) == good


def test_a_stand_in_follows_its_document_and_goes_with_it() -> None:
    index = FileIndex()
    read(index, BROKEN)
    found = read(index, BROKEN.replace("app: web", "app: db"))
    assert found.spec.selector.match_labels == {"app": "db"}
    assert read(index, "") is None


def test_an_unreadable_mode_is_strict() -> None:
    spec = {"selector": {"matchLabels": {"app": "web"}}, "mtls": {"mode": "STRIKT"}}
    metadata = {"name": "p", "namespace": "shop", "annotations": {"a": "b"}}
    value: dict[str, object] = {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication"}
    value |= {"metadata": metadata, "spec": spec}
    found = decode_object(value).fallback
    assert isinstance(found, PeerAuthentication)
    assert found.spec.mtls is not None
    assert found.spec.mtls.mode is MtlsMode.STRICT
    assert found.spec.selector is not None
    assert found.metadata.annotations == {"a": "b"}


def test_nothing_stands_in_for_other_kinds_or_for_nameless_ones() -> None:
    assert stand_in(ObjectKey("VirtualService", "shop", "p"), {}) is None
    nameless: dict[str, object] = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {},
        "spec": {"x": 1},
    }
    assert decode_object(nameless).fallback is None
