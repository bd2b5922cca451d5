"""Which source of the control plane's certificate counts. What each does is tested with it, and in test_trust.py."""

from pathlib import Path

import pytest
from cryptography import x509

from ca.authn.local_issuer import utc_now
from ca.authority import Authority
from ca.errors import ProviderError, TlsPolicyError
from ca.rotation import ServingRotation
from pilot import serving, settings
from pilot.settings import Settings
from tests.ca.makers import ec_key, make_root, split

ROOT = make_root(ec_key(), utc_now())


def loaded(environ: dict[str, str] | None = None, **flags: object) -> Settings:
    return settings.load({"config_dir": Path("/x"), **flags}, environ or {})


async def chosen(found: Settings, *, has_ca: bool = True) -> serving.Serving | None:
    authority = Authority(ROOT) if has_ca else None
    return await serving.choose(found, authority, None, "pilot.example:15012", lambda _: "", lambda: "")


async def test_our_own_ca_signs_for_every_name_we_are_called_by() -> None:
    found = await chosen(loaded({"ISTIOD_CUSTOM_HOST": "a.example, b.example", "REVISION": "blue"}, namespace="mesh"))
    assert isinstance(found, ServingRotation)
    names = found.serving.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "a.example",
        "b.example",
        "istio-pilot.mesh.svc",
        "istiod-blue.mesh.svc",
        "istiod-remote.mesh.svc",
        "istiod.mesh.svc",
        "localhost",
        "pilot.example",
    ]


async def test_clients_may_also_lead_to_the_roots_of_a_registration_authority() -> None:
    other = make_root(ec_key(7), utc_now(), name="other")
    found = await serving.choose(loaded(), Authority(ROOT), None, "", lambda _: "", lambda: other.roots)
    assert found is not None
    assert len(split(found.serving.roots)) == 2


@pytest.mark.parametrize(
    ("environ", "has_ca"), [({}, False), ({"PILOT_CERT_PROVIDER": "none"}, True), ({"PILOT_CERT_PROVIDER": "x"}, True)]
)
async def test_nobody_issues_one_where_nobody_can(environ: dict[str, str], has_ca: bool) -> None:
    assert await chosen(loaded(environ), has_ca=has_ca) is None


async def test_policy_is_of_the_certificate_whoever_presents_it() -> None:
    found = await chosen(loaded({"COMPLIANCE_POLICY": "fips-140-2"}))
    assert found is not None
    assert found.serving.policy.is_fips
    with pytest.raises(TlsPolicyError):
        await chosen(loaded(tls_cipher_suites="NONSENSE"))


async def test_removed_provider_is_an_error() -> None:
    with pytest.raises(ProviderError, match="removed"):
        await chosen(loaded({"PILOT_CERT_PROVIDER": "kubernetes"}))
