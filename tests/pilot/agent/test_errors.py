import grpc
import pytest

from pilot.agent import errors


@pytest.mark.parametrize(
    "code", ["CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNAVAILABLE"]
)
def test_a_passing_failure_is_retriable(code: str) -> None:
    assert errors.SigningError(grpc.StatusCode[code], "try again").is_retriable


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "INVALID_ARGUMENT", "PERMISSION_DENIED", "UNIMPLEMENTED"])
def test_a_refusal_is_not_retriable(code: str) -> None:
    assert not errors.SigningError(grpc.StatusCode[code], "no").is_retriable


def test_the_code_is_in_the_message() -> None:
    error = errors.SigningError(grpc.StatusCode.UNAUTHENTICATED, "who are you")
    assert str(error) == "UNAUTHENTICATED: who are you"


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.AgentError)]
    assert len(classes) > 5
    assert [each.__name__ for each in classes if each.__name__ not in (errors.__doc__ or "")] == []
