"""Secrets come, change and go without anything else."""

from tests.pilot.model.meshes import edit, mesh_of, remove
from tests.pilot.model.pems import pair, secret, tls_secret


def test_a_secret_changes_secrets_alone() -> None:
    before = mesh_of("{kind: Namespace, metadata: {name: web}}")
    after, change = edit(before, tls_secret("web", "cert"))
    assert change
    assert (change.full, change.credentials, change.hosts) == (False, True, frozenset())
    assert [str(each) for each in change.updated] == ["Secret web/cert"]
    assert set(after.credentials.secrets["web"]) == {"cert"}
    same, change = edit(after, tls_secret("web", "cert"))
    assert not change
    assert same.credentials is after.credentials
    gone, change = remove(same, "Secret", "web", "cert")
    assert change.credentials
    assert gone.credentials.secrets == {}


def test_secrets_of_another_namespace_stay_the_same_objects() -> None:
    before = mesh_of(tls_secret("web", "cert") + tls_secret("other", "cert"))
    after, _ = edit(before, tls_secret("other", "cert", "b"))
    assert after.credentials.secrets["web"] is before.credentials.secrets["web"]
    assert after.credentials.config_maps == {}


def test_a_certificate_that_cannot_be_served_is_a_problem_until_it_can() -> None:
    before = mesh_of(secret("web", "cert", tls_crt=pair("a")[0], tls_key=pair("b")[1]))
    assert [str(each) for each in before.problems] == [
        "Secret web/cert: expected the key of the certificate, got another one: it is not served"
    ]
    after, _ = edit(before, tls_secret("web", "cert"))
    assert after.problems == ()
    assert mesh_of(secret("web", "token", token="x")).problems == ()
