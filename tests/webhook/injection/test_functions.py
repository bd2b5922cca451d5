"""The functions that Istio adds for its templates."""

from typing import Any

import pytest

from webhook.gotemplate.template import parse_template
from webhook.injection.functions import build_functions
from webhook.injection.messages import Message, decode
from webhook.injection.pod_object import Struct

POD = {
    "containers": [
        {"name": "a", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}]},
        {"name": "istio-proxy", "ports": [{"containerPort": 90}]},
    ]
}


def render(text: str, **more: Any) -> str:
    proxy = decode({"statusPort": 15020, "proxyMetadata": {"B": "2", "A": "1"}}, "ProxyConfig")
    data = {
        "M": Struct({"annotations": {"k": "v"}}, "ObjectMeta"),
        "S": Struct(POD, "PodSpec"),
        "P": Message(proxy, "ProxyConfig"),
        "V": {"a": 15020.0, "b": None, "c": {"d": None, "e": [1.0]}},
        **more,
    }
    return parse_template("t", text, build_functions({"HOME": "/here"})).render(data)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{annotation .M `k` 1}} {{annotation .M `z` .V.a}} {{isset .M.Annotations `k`}}", "v 15020 true"),
        ("{{valueOrDefault `` `d`}} {{valueOrDefault nil 1}} {{valueOrDefault 0 1}}", "d 1 0"),
        (
            "{{excludeInboundPort 15020. ``}} {{excludeInboundPort `0` `1`}} {{excludeInboundPort 5 `4,5`}}",
            "15020 1 4,5",
        ),
        ("{{includeInboundPorts .S.Containers}} {{applicationPorts .S.Containers}}", "80,90 80"),
        ("{{protoToJSON .P}} {{protoToJSON nil}}", '{"proxyMetadata":{"A":"1","B":"2"}} {}'),
        ("{{range (index .S.Containers 0).Ports}}{{structToJSON .}}{{end}} {{structToJSON nil}}", None),
        ('{{toJSON .M.Annotations}} {{(fromJSON `{"a":1}`).a}} {{fromJSON `x`}}', '{"k":"v"} 1 {}'),
        ("{{toYaml (omitNil .V) | indent 2}}", "a: 15020\n  c:\n    e:\n    - 1\n  "),
        (
            "{{toJsonMap (strdict `a` `1`) (strdict `a` `2` `b`)}} {{mergeMaps (strdict `x` `y`)}}",
            '{"a":"2","b":""} map[x:y]',
        ),
        (
            "{{omit (strdict `a` `1` `b` `2`) `a`}} {{directory `/a/b`}} {{contains `a` `ba`}} {{toLower `A`}}",
            "map[b:2] /a/ true a",
        ),
        ("{{env `HOME` `x`}} {{env `PATH` `none`}}", "/here none"),
        (
            "{{appendMultusNetwork `` `n`}} {{appendMultusNetwork `a` `n`}} {{appendMultusNetwork `a, n` `n`}}",
            "n a, n a, n",
        ),
        ('{{appendMultusNetwork `[{"name":"a"}]` `n`}}', '[{"name":"a"}, {"name": "n"}]'),
        ('{{appendMultusNetwork `[{"name":"n"}]` `n`}}{{appendMultusNetwork `[bad]` `n`}}', '[{"name":"n"}][bad]'),
        ("{{kubevirtInterfaces `k`}}{{excludeInterfaces `e`}}{{`x` | quote}}", 'ke"x"'),
    ],
)
def test_results(text: str, output: str | None) -> None:
    if output is None:
        output = '{"name":"http","containerPort":80}{"containerPort":53,"protocol":"UDP"} {}'
    assert render(text) == output
