import inspect

import grpc
import pytest

from ca import errors
from ca.errors import CaError, DeniedError, ImpersonationError, SigningError, UnauthenticatedError, status_of

TREE = {name: each for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, CaError)}


def test_every_class_is_drawn_in_the_tree() -> None:
    drawing = inspect.getdoc(errors) or ""
    assert [name for name in TREE if name not in drawing] == []


@pytest.mark.parametrize("name", [name for name, each in TREE.items() if issubclass(each, DeniedError)])
def test_drawn_code_is_the_code(name: str) -> None:
    drawing = inspect.getdoc(errors) or ""
    line = next(line for line in drawing.splitlines() if name in line)
    if name not in ("DeniedError", "SigningError", "InvalidOutputError"):
        assert TREE[name].code.name in line  # type: ignore[attr-defined]


def test_stranger_reads_no_reason() -> None:
    error = UnauthenticatedError((("KubeJWTAuthenticator", "token has expired"),))
    assert status_of(error) == (grpc.StatusCode.UNAUTHENTICATED, "request authenticate failure")
    assert "token has expired" in str(error)


def test_impersonation_has_its_own_opaque_text() -> None:
    code, details = status_of(ImpersonationError("no such pod"))
    assert (code, details) == (grpc.StatusCode.UNAUTHENTICATED, "request impersonation authentication failure")


def test_signing_error_is_framed() -> None:
    assert status_of(errors.CsrError("bad")) == (grpc.StatusCode.INVALID_ARGUMENT, "CSR signing error (bad)")


def test_signing_errors_have_the_kinds_of_the_metric() -> None:
    kinds = {each.kind for each in TREE.values() if issubclass(each, SigningError)}
    assert kinds == {"CSR_ERROR", "TTL_ERROR", "CA_NOT_READY", "CERT_GEN_ERROR"}


def test_foreign_error_is_internal_and_keeps_its_words() -> None:
    assert status_of(KeyError("password")) == (grpc.StatusCode.INTERNAL, "internal error")
