"""Reviews are read in both versions, and answered in theirs."""

import base64
import json

import pytest

from webhook.review import Answer, Review, ReviewError, decode_review, encode_answer

V1, V1BETA1 = "admission.k8s.io/v1", "admission.k8s.io/v1beta1"


def body(api_version: str = V1, **request: object) -> bytes:
    return json.dumps({"apiVersion": api_version, "kind": "AdmissionReview", "request": request}).encode()


@pytest.mark.parametrize("api_version", [V1, V1BETA1])
def test_a_review_says_what_is_asked(api_version: str) -> None:
    review = decode_review(
        body(
            api_version,
            uid="u",
            kind={"group": "g", "version": "v1", "kind": "K"},
            resource={"group": "g", "version": "v1", "resource": "ks"},
            namespace="ns",
            operation="CREATE",
            object={"a": 1},
            dryRun=True,
        )
    )
    assert review == Review(api_version, "u", "g", "v1", "K", "ks", "ns", "CREATE", {"a": 1}, True)


@pytest.mark.parametrize(
    ("text", "api_version", "uid"),
    [
        (b"{", "", ""),
        (b"\xff", "", ""),
        (b'"text"', "", ""),
        (b'{"kind": "AdmissionReview", "apiVersion": "v9"}', "", ""),
        (body()[:-1].replace(b'"request": {}', b'"x": 1') + b"}", V1, ""),
        (body(uid="u", object=[]), V1, "u"),
    ],
)
def test_what_is_no_review_is_told_as_far_as_it_was_read(text: bytes, api_version: str, uid: str) -> None:
    with pytest.raises(ReviewError, match="expected") as caught:
        decode_review(text)
    assert (caught.value.api_version, caught.value.uid) == (api_version, uid)


def test_an_answer_has_the_version_of_the_question() -> None:
    assert json.loads(encode_answer(Answer(True), V1BETA1, "u")) == {
        "kind": "AdmissionReview", "apiVersion": V1BETA1, "response": {"uid": "u", "allowed": True},
    }  # fmt: skip
    refused = json.loads(encode_answer(Answer(False, "no", ("look",))))
    assert refused == {
        "response": {"uid": "", "allowed": False, "status": {"metadata": {}, "message": "no"}, "warnings": ["look"]}
    }


def test_a_patch_is_base64_of_its_operations() -> None:
    operation = {"op": "add", "path": "/a", "value": "ü"}
    response = json.loads(encode_answer(Answer(True, patch=(operation,)), V1))["response"]
    assert response["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(response["patch"])) == [operation]
