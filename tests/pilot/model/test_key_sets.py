"""Key sets: what is one, and the one that no token is signed with."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pilot.model.key_sets import UNUSABLE, KeySets, KeySource, is_url, key_set, key_set_error
from pilot.model.object_store import ObjectStore, apply_events
from pilot.model.objects import Event


def test_the_unusable_key_is_a_point_of_the_curve_without_a_private_half() -> None:
    assert key_set_error(UNUSABLE) is None
    (key,) = jwt.PyJWKSet.from_json(UNUSABLE).keys
    assert isinstance(key.key, ec.EllipticCurvePublicKey)
    assert "d" not in json.loads(UNUSABLE)["keys"][0]


def test_no_token_is_good_by_the_unusable_key() -> None:
    token = jwt.encode({"iss": "x"}, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    (key,) = jwt.PyJWKSet.from_json(UNUSABLE).keys
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, key, algorithms=["ES256"])


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys":[]}', '{"keys":[{}]}', '{"keys":[1]}', '{"keys":{"kty":1}}'])
def test_what_is_no_key_set(text: str) -> None:
    assert key_set_error(text)


def test_urls() -> None:
    assert is_url("https://a.b/c")
    assert is_url("http://127.0.0.1:80")
    for text in ("", "ftp://a", "https://", "https:///x", "http://a:99999", "issuer"):
        assert not is_url(text)


def test_keys_are_found_by_their_place() -> None:
    plain, discovered = KeySource("https://a"), KeySource("https://a", is_discovery=True)
    sets = [key_set(plain, "keys"), key_set(discovered, failure="why")]
    store, _ = apply_events(ObjectStore(), [Event(each.key, each) for each in sets])
    found = KeySets.of(store)
    assert found.keys == {plain.name: "keys"}
    assert found.failures == {discovered.name: "why"}
