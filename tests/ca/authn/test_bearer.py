import pytest

from ca.authn.bearer import LocalTokenAuthenticator
from ca.authn.caller import Call
from ca.authn.local_issuer import LocalIssuer
from ca.errors import CredentialError
from ca.secret import Secret
from ca.spiffe import TrustDomain
from tests.ca.makers import MESH, ec_key

ISSUER = LocalIssuer(ec_key())
TOKEN = ISSUER.issue("demo", "app")


def call(token: str | None = TOKEN, cluster_id: str = "") -> Call:
    return Call(
        "10.0.0.1:5", is_secure=True, bearer=Secret(token) if token is not None else None, cluster_id=cluster_id
    )


async def test_token_gives_one_id_of_the_meshs_trust_domain() -> None:
    caller = await LocalTokenAuthenticator(ISSUER, TrustDomain("my.mesh")).authenticate(call())
    assert caller.identities == ("spiffe://my.mesh/ns/demo/sa/app",)


async def test_accepted_audiences_are_configurable() -> None:
    authenticator = LocalTokenAuthenticator(ISSUER, MESH, audiences=("other", "third"))
    await authenticator.authenticate(call(ISSUER.issue("demo", "app", audience="third")))
    with pytest.raises(CredentialError):
        await authenticator.authenticate(call())


@pytest.mark.parametrize("token", [None, "", "garbage"])
async def test_call_without_a_good_token_is_refused(token: str | None) -> None:
    with pytest.raises(CredentialError):
        await LocalTokenAuthenticator(ISSUER, MESH).authenticate(call(token))


@pytest.mark.parametrize("cluster_id", ["", "Kubernetes", "alias"])
async def test_own_cluster_may_be_named_by_its_aliases(cluster_id: str) -> None:
    authenticator = LocalTokenAuthenticator(ISSUER, MESH, cluster_ids=("Kubernetes", "alias"))
    await authenticator.authenticate(call(cluster_id=cluster_id))


async def test_token_of_another_cluster_is_refused() -> None:
    with pytest.raises(CredentialError, match="cluster 'elsewhere': expected one of Kubernetes"):
        await LocalTokenAuthenticator(ISSUER, MESH).authenticate(call(cluster_id="elsewhere"))
