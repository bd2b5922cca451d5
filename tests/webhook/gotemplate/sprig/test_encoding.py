"""Sprig's functions about other notations."""

import pytest

from webhook.gotemplate import sprig
from webhook.gotemplate.errors import ExecutionError, FunctionError
from webhook.gotemplate.sprig.encoding import plain, to_json, version_satisfies
from webhook.gotemplate.template import parse_template
from webhook.gotemplate.values import Enumerated, Object


def render(text: str) -> str:
    return parse_template("t", text, sprig.FUNCTIONS).render({"m": {"b": [1.0, 2.5, None, True], "a": "<é&>"}})


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{toJson .m}}", '{"a":"\\u003cé\\u0026\\u003e","b":[1,2.5,null,true]}'),
        ("{{toRawJson .m.a}}", '"<é&>"'),
        ("{{toPrettyJson .m.b}}", "[\n  1,\n  2.5,\n  null,\n  true\n]"),
        ('{{(fromJson "{\\"a\\":[1]}").a}} {{fromJson "{"}}', "[1] <no value>"),
        (
            '{{b64enc "é"}} {{b64dec "w6k="}} {{b64dec "?"}} {{b32enc "a"}} {{b32dec "ME======"}}',
            "w6k= é illegal base64 data at input byte 0 ME====== a",
        ),
        (
            '{{sha256sum "a" | trunc 8}} {{sha1sum "a" | trunc 8}} {{sha512sum "" | trunc 8}} {{adler32sum "a"}}',
            "ca978112 86f7e437 cf83e135 6422626",
        ),
        (
            '{{base "/a/b.c"}} {{dir "/a/b.c"}} {{ext "/a/b.c"}} {{clean "/a//../b"}} {{isAbs "a"}}{{osBase "/x/y"}}',
            "b.c /a .c /b falsey",
        ),
        ('{{semverCompare "^1.2.0" "1.9.3"}} {{semverCompare ">=1.2, <1.5" "1.5.0"}}', "true false"),
    ],
)
def test_results(text: str, output: str) -> None:
    assert render(text) == output


def test_json_that_is_none_is_an_error_where_it_must_be() -> None:
    for text in ("{{mustFromJson `{`}}", "{{mustFromJson `NaN`}}"):
        with pytest.raises(ExecutionError, match="invalid JSON"):
            render(text)


@pytest.mark.parametrize(
    ("constraint", "version", "holds"),
    [
        ("1.2.3", "v1.2.3", True), ("1.2", "1.2.9", True), ("~1.2.3", "1.2.9", True), ("~1.2.3", "1.3.0", False),
        ("^0.2.3", "0.3.0", False), ("1.x", "1.9.0", True), ("*", "3.0.0", True), ("!=1.0.0", "1.0.0", False),
        (">1.0.0 || <0.5.0", "0.4.0", True), (">=1.0.0-rc.1", "1.0.0", True), ("<=1.0.0", "1.0.0", True),
    ],
)  # fmt: skip
def test_versions(constraint: str, version: str, holds: bool) -> None:
    assert version_satisfies(constraint, version) is holds


@pytest.mark.parametrize(("constraint", "version"), [("x y", "1.0.0"), (">=1", "one"), ("1" * 2000, "1.0.0")])
def test_malformed_versions_are_refused(constraint: str, version: str) -> None:
    with pytest.raises(FunctionError):
        version_satisfies(constraint, version)


def test_structs_and_enumerations_become_json() -> None:
    assert plain([Object(), Enumerated(2, "TWO")]) == [{}, 2]
    assert to_json({"a": 1e21}) == '{"a":1e+21}'
