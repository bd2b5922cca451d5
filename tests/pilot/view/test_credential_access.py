"""What a proxy may have depends on whom it proves to be."""

from pilot.model.gateway import GatewayServer, Server, ServerTLSSettings
from pilot.resources import Origin
from pilot.view.credential_access import NOTHING, access_of, lookup_names
from tests.pilot.model.meshes import edit, mesh_of
from tests.pilot.model.pems import tls_secret

IDENTITY = "spiffe://cluster.local/ns/web/sa/gw"


def server(credential: str, *, roots: str = "", converted: bool = False, account: str = "") -> GatewayServer:
    """A server of a Gateway of namespace web."""
    return GatewayServer(
        origin=Origin("Gateway", "web", "g"),
        namespace="web",
        name="g",
        server=Server(tls=ServerTLSSettings(credential_name=credential, ca_cert_credential_name=roots)),
        hosts=("*",),
        is_converted=converted,
        service_account=account,
    )


def test_nothing_without_an_identity() -> None:
    credentials = mesh_of(tls_secret("web", "cert")).credentials
    assert access_of(credentials, "", ()) is NOTHING
    assert access_of(credentials, "spiffe://cluster.local/other", ()) is NOTHING


def test_the_namespace_of_the_identity_and_the_same_object_for_the_same_rights() -> None:
    snapshot = mesh_of(tls_secret("web", "cert") + tls_secret("other", "cert"))
    found = access_of(snapshot.credentials, IDENTITY, ())
    assert (found.namespace, found.may_list, set(found.secrets)) == ("web", True, {"cert"})
    assert access_of(snapshot.credentials, IDENTITY.replace("gw", "second"), ()) is found
    after, _ = edit(snapshot, tls_secret("other", "cert", "b"))
    assert access_of(after.credentials, IDENTITY, ()) is found
    after, _ = edit(snapshot, tls_secret("web", "cert", "b"))
    assert access_of(after.credentials, IDENTITY, ()) is not found


def test_references_count_where_they_were_granted() -> None:
    credentials = mesh_of(tls_secret("web", "cert") + tls_secret("other", "cert")).credentials
    own, foreign = "kubernetes-gateway://web/cert", "kubernetes-gateway://other/cert"
    found = access_of(credentials, IDENTITY, (server(own), server(foreign)))
    assert found.references == {own, own + "-cacert"}
    found = access_of(credentials, IDENTITY, (server(foreign, converted=True),))
    assert set(found.referenced) == {"other/cert"}
    found = access_of(credentials, IDENTITY, (server("", roots=own + "-cacert"),))
    assert found.references == {own + "-cacert"}


def test_roots_of_a_reference_may_be_in_a_secret_of_their_own() -> None:
    credentials = mesh_of(tls_secret("web", "cert") + tls_secret("web", "cert-cacert")).credentials
    found = access_of(credentials, IDENTITY, (server("kubernetes-gateway://web/cert"),))
    assert set(found.referenced) == {"web/cert", "web/cert-cacert"}


def test_references_are_for_the_account_and_namespace_of_the_gateway() -> None:
    credentials = mesh_of(tls_secret("web", "cert")).credentials
    theirs = (server("kubernetes-gateway://web/cert", converted=True, account="gw"),)
    assert access_of(credentials, IDENTITY, theirs).references
    assert not access_of(credentials, IDENTITY.replace("/gw", "/thief"), theirs).references
    assert not access_of(credentials, IDENTITY.replace("/web/", "/other/"), theirs).references


def test_roots_are_looked_for_with_the_suffix_first() -> None:
    assert tuple(lookup_names("a-cacert")) == tuple(lookup_names("a")) == ("a-cacert", "a")


def test_secrets_of_the_proxys_own_cluster_come_first_and_it_says_who_may_read() -> None:
    own = mesh_of(tls_secret("web", "both", "own") + tls_secret("web", "own", "own")).credentials
    open_ = mesh_of(tls_secret("web", "both", "far") + tls_secret("web", "far", "far")).credentials
    found = access_of(own, IDENTITY, (), open_)
    assert set(found.secrets) == {"both", "own", "far"}
    assert found.secrets["both"] is open_.secrets["web"]["both"]
    assert found.may_list
    closed = mesh_of(tls_secret("web", "both", "far") + BINDING_OF_NOBODY).credentials
    assert not access_of(own, IDENTITY, (), closed).may_list
    assert access_of(own, IDENTITY, (), mesh_of("").credentials).secrets is own.secrets["web"]


BINDING_OF_NOBODY = """
---
kind: RoleBinding
metadata: {name: nobody, namespace: kube-system}
roleRef: {kind: Role, name: r}
"""
