from ca.authn.caller import Call
from ca.secret import Secret


def test_call_prints_without_its_token() -> None:
    call = Call("127.0.0.1:5", is_secure=True, bearer=Secret("eyJhbGciOi"))
    assert "eyJ" not in repr(call)
    assert "<redacted>" in repr(call)
