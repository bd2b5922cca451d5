import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca import signer
from ca.errors import GenerationError
from ca.signer import PrivateKey
from ca.template import Template
from tests.ca.makers import NOON, ec_key, make_leaf, make_root, rsa_key


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key(), "1.2.840.113549.1.1.11"),
        (ec_key(), "1.2.840.10045.4.3.2"),
        (ec_key(0, ec.SECP384R1), "1.2.840.10045.4.3.3"),
        (ec_key(0, ec.SECP521R1), "1.2.840.10045.4.3.4"),
    ],
)
def test_hash_goes_with_the_key(key: PrivateKey, algorithm: str) -> None:
    root = make_root(key)
    leaf = make_leaf(root, ec_key(1).public_key())
    assert leaf.signature_algorithm_oid.dotted_string == algorithm
    leaf.verify_directly_issued_by(root.certificate)


def test_rsa_leaf_is_the_same_for_the_same_template() -> None:
    root = make_root(rsa_key())
    one, other = (make_leaf(root, ec_key().public_key()).public_bytes(Encoding.DER) for _ in range(2))
    assert one == other


def test_template_that_the_library_refuses_is_an_error_of_ours() -> None:
    name = x509.Name([])
    bad = Template(name, name, ec_key().public_key(), 0, NOON, NOON, ())
    with pytest.raises(GenerationError):
        signer.sign(bad, ec_key())
