from collections.abc import Iterable

import pytest

from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.chain import Chain
from ca.authn.client_certificate import ClientCertificateAuthenticator
from ca.authn.connections import Connection, Connections
from ca.authn.grpc_call import GrpcAuthentication
from ca.authn.local_issuer import LocalIssuer
from ca.errors import UnauthenticatedError
from tests.ca.makers import APP, MESH, ec_key

ISSUER = LocalIssuer(ec_key())
Metadata = Iterable[tuple[str, str | bytes]]


class Context:
    """What a gRPC call tells of itself."""

    def __init__(self, peer: str, metadata: Metadata | None = ()) -> None:
        self._peer = peer
        self._metadata = metadata

    def peer(self) -> str:
        return self._peer

    def invocation_metadata(self) -> Metadata | None:
        return self._metadata


def authentication() -> GrpcAuthentication:
    connections = Connections()
    connections.add("unix:/run/x/1", Connection("10.0.0.1:5", (APP,)))
    connections.add("unix:/run/x/2", Connection("10.0.0.2:5", ()))
    chain = Chain((ClientCertificateAuthenticator(), LocalTokenAuthenticator(ISSUER, MESH)))
    return GrpcAuthentication(chain, connections)


def bearer(token: str) -> Metadata:
    return (("user-agent", "test"), ("authorization", f"Bearer {token}"))


def test_call_has_the_address_of_the_tls_client() -> None:
    call = authentication().read(Context("unix:/run/x/1"))
    assert (call.peer, call.is_secure, call.certificate_names) == ("10.0.0.1:5", True, (APP,))


def test_plaintext_call_has_the_address_that_grpc_saw() -> None:
    call = authentication().read(Context("ipv4:10.0.0.3:5", None))
    assert (call.peer, call.is_secure, call.certificate_names) == ("ipv4:10.0.0.3:5", False, ())


@pytest.mark.parametrize("value", ["bearer x", "Istio x", "Bearer", "x", ""])
def test_only_the_bearer_prefix_makes_a_token(value: str) -> None:
    assert authentication().read(Context("unix:/run/x/2", (("authorization", value),))).bearer is None


def test_first_bearer_token_counts() -> None:
    headers = (("authorization", "Basic x"), ("authorization", "Bearer a"), ("authorization", "Bearer b"))
    read = authentication().read(Context("unix:/run/x/2", headers)).bearer
    assert read is not None
    assert read.reveal() == "a"


@pytest.mark.parametrize(("ids", "taken"), [([], ""), (["a"], "a"), (["a", "b"], "")])
def test_cluster_id_counts_when_there_is_one(ids: list[str], taken: str) -> None:
    headers = tuple(("clusterid", each) for each in ids)
    assert authentication().read(Context("unix:/run/x/2", headers)).cluster_id == taken


def test_binary_headers_are_passed_over() -> None:
    headers: Metadata = (("trace-bin", b"\xff"), ("clusterid", "a"))
    assert authentication().read(Context("unix:/run/x/2", headers)).cluster_id == "a"


async def test_stream_has_its_identities_by_certificate_or_token() -> None:
    assert await authentication().authenticate(Context("unix:/run/x/1")) == (APP,)
    token = bearer(ISSUER.issue("shop", "cart"))
    assert await authentication().authenticate(Context("unix:/run/x/2", token)) == (
        "spiffe://cluster.local/ns/shop/sa/cart",
    )


async def test_plaintext_stream_has_none_whatever_it_says() -> None:
    token = bearer(ISSUER.issue("shop", "cart"))
    assert await authentication().authenticate(Context("ipv4:10.0.0.3:5", token)) is None


@pytest.mark.parametrize("peer", ["unix:/run/x/2", "unix:/run/x/gone"])
async def test_tls_stream_without_credentials_is_refused(peer: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await authentication().authenticate(Context(peer))


async def test_certificate_request_over_plaintext_is_refused() -> None:
    with pytest.raises(UnauthenticatedError):
        await authentication().identify(Context("ipv4:10.0.0.3:5", bearer(ISSUER.issue("shop", "cart"))))
