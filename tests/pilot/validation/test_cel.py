"""What parses as an expression, and where what does not is broken."""

import pytest

from pilot.validation.cel import expression_fault


@pytest.mark.parametrize(
    "text",
    [
        "response.code >= 400",
        "response.code == 500 || request.headers['x'] == \"y\" && !(a.b in [1, 2.5, 0x1F, 3u,])",
        "has(request.auth) ? request.auth.x : {'a': 1, 'b': [true, null]}",
        "xs.all(x, x > 0) && m.map(k, v, k + v) == r'\\d' && T{f: 1}.f.size() == -1",
        "metadata.filter_metadata['a'] == b'''c''' // why",
        "xds.node.id.matches('^a')",
    ],
)
def test_an_expression_has_no_fault(text: str) -> None:
    assert expression_fault(text) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("response.code >=", "at 1:17: expected a name or a value, got nothing"),
        ("", "at 1:1: expected a name or a value, got nothing"),
        ("a == 500 || has(request.headers['x'])", "at 1:13: expected a field such as a.b as the argument of has()"),
        ("a\n  b", "at 2:3: expected the end"),
        ("a $ b", 'at 1:3: unexpected "$"'),
        ("if", 'at 1:1: expected a name or a value, got "if"'),
        ("f(a", 'at 1:4: expected ",", got nothing'),
        ("'open", 'at 1:1: unexpected "\'"'),
        ("xs.all(1, true)", "expected a name as the first argument of all()"),
        ("(" * 200 + "a" + ")" * 200, "nested too deep"),
    ],
)
def test_what_is_none_says_where(text: str, place: str) -> None:
    assert place in (expression_fault(text) or "")
