from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from ca import signer, template, validate
from ca.errors import InvalidOutputError
from ca.template import Template
from tests.ca.makers import APP, NOON, ec_key, make_root, rsa_key

ROOT = make_root(rsa_key())
AS_CA = x509.BasicConstraints(ca=True, path_length=None)
OTHER_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")])
LEAF = template.build_leaf(
    ec_key().public_key(), (APP,), timedelta(hours=1), ROOT.issuer, wants_common_name=False, now=NOON, serial=42
)


def test_what_was_meant_passes() -> None:
    validate.check(signer.sign(LEAF, rsa_key()), LEAF, ROOT.certificate)


@pytest.mark.parametrize(
    ("signed", "said"),
    [
        (replace(LEAF, subject=OTHER_NAME), "subject"),
        (replace(LEAF, issuer=OTHER_NAME), "issuer"),
        (replace(LEAF, serial=43), "serial number"),
        (replace(LEAF, public_key=ec_key(1).public_key()), "another key"),
        (replace(LEAF, not_before=NOON), "notBefore"),
        (replace(LEAF, not_after=NOON + timedelta(hours=2)), "notAfter"),
        (replace(LEAF, extensions=LEAF.extensions[1:]), "extensions"),
        (replace(LEAF, extensions=(*LEAF.extensions, (x509.OCSPNoCheck(), False))), "extensions"),
        (
            replace(LEAF, extensions=tuple((each, not critical) for each, critical in LEAF.extensions)),
            "extension 2.5.29.15",
        ),
        (
            replace(LEAF, extensions=(*LEAF.extensions[:4], (template.subject_alternative_names((f"{APP}2",)), True))),
            "extension 2.5.29.17",
        ),
        (
            replace(
                LEAF,
                extensions=(*LEAF.extensions[:2], (AS_CA, True), *LEAF.extensions[3:]),
            ),
            "extension 2.5.29.19",
        ),
    ],
)
def test_every_difference_is_refused(signed: Template, said: str) -> None:
    with pytest.raises(InvalidOutputError, match=f"BUG: invalid certificate: .*{said}"):
        validate.check(signer.sign(signed, rsa_key()), LEAF, ROOT.certificate)


def test_signature_of_another_key_is_refused() -> None:
    with pytest.raises(InvalidOutputError, match="does not verify"):
        validate.check(signer.sign(LEAF, rsa_key(1)), LEAF, ROOT.certificate)


def test_leaf_that_outlives_its_issuer_is_refused_though_it_was_meant() -> None:
    long = replace(LEAF, not_after=ROOT.certificate.not_valid_after_utc + timedelta(seconds=1))
    with pytest.raises(InvalidOutputError, match="when its issuer does"):
        validate.check(signer.sign(long, rsa_key()), long, ROOT.certificate)


def test_issuer_of_another_name_is_refused() -> None:
    other = make_root(rsa_key(), name="other.domain")
    with pytest.raises(InvalidOutputError):
        validate.check(signer.sign(LEAF, rsa_key()), LEAF, other.certificate)
