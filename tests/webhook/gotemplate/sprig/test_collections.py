"""Sprig's functions about lists, maps and defaults."""

from typing import Any

import pytest

from webhook.gotemplate import sprig
from webhook.gotemplate.errors import ExecutionError
from webhook.gotemplate.template import parse_template


def render(text: str, data: Any = None) -> str:
    found: dict[str, Any] = {"l": ["a", "b", "a", ""], "m": {"x": 1, "y": {"z": 2}}}
    return parse_template("t", text, sprig.FUNCTIONS).render(found if data is None else data)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{{"" | default "d"}} {{default "d" "v"}} {{coalesce "" nil 3}} {{empty 0}}', "d v 3 true"),
        ('{{ternary "y" "n" true}} {{all 1 "a"}} {{any 0 ""}}', "y true false"),
        ("{{append .l 1}} {{prepend .l 1}} {{push .l 1}}", "[a b a  1] [1 a b a ] [a b a  1]"),
        (
            "{{first .l}} {{last (list 1 2)}} {{rest .l}} {{initial .l}} {{reverse (list 1 2)}}",
            "a 2 [b a ] [a b a] [2 1]",
        ),
        (
            '{{uniq .l}} {{compact .l}} {{without .l "a"}} {{has "b" .l}} {{has 1 nil}}',
            "[a b ] [a b a] [b ] true false",
        ),
        ("{{slice .l 1 3}} {{chunk 2 .l}} {{concat .l (list 1)}} {{tuple 1 2}}", "[b a] [[a b] [a ]] [a b a  1] [1 2]"),
        ('{{dict "a" 1 "b"}} {{get .m "x"}} {{get .m "q"}}| {{hasKey .m "y"}}', "map[a:1 b:] 1 | true"),
        ('{{$d := dict}}{{$_ := set $d "k" 1}}{{$d}} {{unset $d "k"}}', "map[k:1] map[]"),
        ('{{keys .m}} {{values .m}} {{pick .m "x"}} {{omit .m "x"}}', "[x y] [1 map[z:2]] map[x:1] map[y:map[z:2]]"),
        ('{{pluck "x" .m (dict "x" 5)}} {{dig "y" "z" 0 .m}} {{dig "y" "q" 7 .m}}', "[1 5] 2 7"),
        (
            '{{merge (dict "a" 1) (dict "a" 2 "b" 3)}} {{mergeOverwrite (dict "a" 1) (dict "a" 2)}}',
            "map[a:1 b:3] map[a:2]",
        ),
        ('{{merge (dict "y" (dict "q" 1)) .m}}', "map[x:1 y:map[q:1 z:2]]"),
        ('{{$c := deepCopy .m}}{{$_ := set $c.y "z" 9}}{{.m.y.z}} {{deepEqual .m $c}}', "2 false"),
        (
            '{{typeOf 1.5}} {{typeIs "string" ""}} {{typeIsLike "*int" 1}} {{kindOf .l}} {{kindIs "map" .m}}',
            "float64 true true slice true",
        ),
    ],
)
def test_results(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{{fail "no"}}', "error calling fail: no"),
        ("{{first 1}}", "Cannot find list on type int"),
        ("{{slice .l 3 1}}", "slice bounds out of range"),
        ("{{chunk 0 .l}}", "chunk size must be positive"),
    ],
)
def test_complaints(text: str, message: str) -> None:
    with pytest.raises(ExecutionError, match=message):
        render(text)
