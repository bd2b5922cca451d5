from datetime import timedelta
from typing import Any

import pytest

from pilot.agent.errors import OptionError
from pilot.agent.options import Address, Renewal
from pilot.agent.token import BearerToken, FixedToken
from pilot.view.proxy import ProxyKind
from tests.pilot.agent.examples import options


def test_the_node_id_has_four_parts() -> None:
    assert options().node_id == "sidecar~127.0.0.21~reviews-v1-a.default~default.svc.cluster.local"


def test_the_identity_is_made_of_trust_domain_namespace_and_service_account() -> None:
    assert options(trust_domain="me@here").spiffe_id == "spiffe://me.here/ns/default/sa/bookinfo-reviews"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ip": "localhost"}, "expected an ip address, got 'localhost'"),
        ({"pod": "a~b"}, "expected the name of a pod, got 'a~b'"),
        ({"pod": ""}, "expected the name of a pod"),
        ({"namespace": "a b"}, "namespace 'a b'"),
        ({"service_account": ""}, "service account ''"),
        ({"trust_domain": "a/b"}, "trust domain 'a/b'"),
        ({"kind": ProxyKind.ZTUNNEL}, "got ztunnel"),
        ({"drain": timedelta(seconds=-1)}, "expected positive times"),
        ({"lifetime": timedelta(0)}, "expected positive times"),
    ],
)
def test_nonsense_is_refused_with_the_name_of_the_proxy(change: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match="proxy ") as caught:
        options(**change)
    assert words in str(caught.value)


@pytest.mark.parametrize(("fraction", "jitter"), [(0, 0.1), (1, 0), (0.95, 0.1), (0.5, 1), (-0.5, 0.1)])
def test_a_renewal_must_lie_within_the_life_of_a_certificate(fraction: float, jitter: float) -> None:
    with pytest.raises(OptionError, match="is not within a certificate's life"):
        Renewal(fraction, jitter)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert (str(Address("::1", 80)), str(Address("127.0.0.1", 80))) == ("[::1]:80", "127.0.0.1:80")


def test_a_token_does_not_show_in_the_options() -> None:
    assert "s3cret" not in repr(options(token=FixedToken(BearerToken("s3cret"))))
