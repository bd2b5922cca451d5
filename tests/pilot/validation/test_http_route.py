"""HTTP routes: each rule, and what is just within it."""

import pytest

from pilot.model.virtual_service import VirtualService
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{hosts: [a], http: [{}]}", "spec.http[0]"),
        ("{hosts: [a], http: [{route: [{destination: {host: a}}], redirect: {uri: /x}}]}", "spec.http[0]"),
        ("{hosts: [a], http: [{redirect: {uri: /x}, fault: {abort: {httpStatus: 500}}}]}", "spec.http[0].fault"),
        ("{http: [{delegate: {name: d}}]}", "spec.http[0].delegate"),
        ("{hosts: [a], http: [{redirect: {}}]}", "spec.http[0].redirect"),
        ("{hosts: [a], http: [{redirect: {scheme: ftp}}]}", "spec.http[0].redirect.scheme"),
        ("{hosts: [a], http: [{redirect: {uri: /, redirectCode: 200}}]}", "spec.http[0].redirect.redirectCode"),
        (
            '{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: 1, retryOn: "5xx, 503"}}]}',
            "spec.http[0].retries.retryOn",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{headers: {a b: {exact: c}}}]}]}",
            'spec.http[0].match[0].headers["a b"]',
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], corsPolicy: {allowHeaders: [a b, '*']}}]}",
            "spec.http[0].corsPolicy.allowHeaders[0]",
        ),
        (
            "{hosts: [a], http: [{directResponse: {status: 200}, fault: {abort: {httpStatus: 500}}}]}",
            "spec.http[0].fault",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{headers: {a: {prefix: ''}}}]}]}",
            "spec.http[0].match[0].headers.a.prefix",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], rewrite: {uriRegexRewrite: {match: a}}}]}",
            "spec.http[0].rewrite.uriRegexRewrite.rewrite",
        ),
        (
            (
                "{hosts: [a], http: [{route: [{destination: {host: a}}], headers: {request: {set: {host: a}, add: "
                "{':authority': b}}}}]}"
            ),
            "spec.http[0].headers",
        ),
        ("{hosts: [a], http: [{directResponse: {status: 601}}]}", "spec.http[0].directResponse.status"),
        ("{hosts: [a], http: [{route: [{destination: {host: a}}], rewrite: {}}]}", "spec.http[0].rewrite"),
        (
            (
                "{hosts: [a], http: [{route: [{destination: {host: a}}], rewrite: {uriRegexRewrite: "
                '{match: "(", rewrite: x}}}]}'
            ),
            "spec.http[0].rewrite.uriRegexRewrite.match",
        ),
        (
            (
                "{hosts: [a], http: [{route: [{destination: {host: a}}], rewrite: {authority: b}, headers: "
                "{request: {set: {host: c}}}}]}"
            ),
            "spec.http[0].headers",
        ),
        ("{hosts: [a], http: [{route: [{destination: {host: a}}], timeout: 0s}]}", "spec.http[0].timeout"),
        ("{hosts: [a], http: [{route: [{destination: {host: a}}], timeout: 1.0005s}]}", "spec.http[0].timeout"),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: -1}}]}",
            "spec.http[0].retries.attempts",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {retryOn: 5xx}}]}",
            "spec.http[0].retries.attempts",
        ),
        (
            '{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: 1, retryOn: "5xx,600"}}]}',
            "spec.http[0].retries.retryOn",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: 1, perTryTimeout: 0s}}]}",
            "spec.http[0].retries.perTryTimeout",
        ),
        ("{hosts: [a], http: [{route: [{destination: {host: a}}], fault: {}}]}", "spec.http[0].fault"),
        (
            (
                "{hosts: [a], http: [{route: [{destination: {host: a}}], fault: {delay: {fixedDelay: 1s, "
                "percentage: {value: 0.00001}}}}]}"
            ),
            "spec.http[0].fault.delay.percentage.value",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], fault: {delay: {exponentialDelay: 1s}}}]}",
            "spec.http[0].fault.delay.exponentialDelay",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], fault: {abort: {grpcStatus: not_found}}}]}",
            "spec.http[0].fault.abort.grpcStatus",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], fault: {abort: {http2Error: X}}}]}",
            "spec.http[0].fault.abort.http2Error",
        ),
        (
            (
                "{hosts: [a], http: [{route: [{destination: {host: a}}], mirror: {host: a}, mirrors: "
                "[{destination: {host: b}}]}]}"
            ),
            "spec.http[0].mirror",
        ),
        (
            '{hosts: [a], http: [{route: [{destination: {host: a}}], corsPolicy: {allowOrigins: [{prefix: ""}]}}]}',
            "spec.http[0].corsPolicy.allowOrigins[0]",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], corsPolicy: {allowMethods: [get]}}]}",
            "spec.http[0].corsPolicy.allowMethods[0]",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], corsPolicy: {maxAge: 1500ms}}]}",
            "spec.http[0].corsPolicy.maxAge",
        ),
        (
            '{hosts: [a], http: [{route: [{destination: {host: a}}], corsPolicy: {exposeHeaders: [""]}}]}',
            "spec.http[0].corsPolicy.exposeHeaders[0]",
        ),
        (
            '{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{headers: {x: {regex: ""}}}]}]}',
            "spec.http[0].match[0].headers.x.regex",
        ),
        (
            (
                "{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{headers: "
                '{"@request.auth.claims.sub": {exact: a}}}]}]}'
            ),
            'spec.http[0].match[0].headers["@request.auth.claims.sub"]',
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{sourceNamespace: A_B}]}]}",
            "spec.http[0].match[0].sourceNamespace",
        ),
        (
            '{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{sourceLabels: {"a b": c}}]}]}',
            'spec.http[0].match[0].sourceLabels["a b"]',
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]}]}",
            "spec.http[0].route",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(VirtualService, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], fault: {abort: {percentage: {value: 1}}}}]}",
            "spec.http[0].fault.abort",
        ),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}], mirror: {host: b}, mirrorPercent: 5}]}",
            "spec.http[0].mirrorPercent",
        ),
        (
            '{hosts: [a], http: [{directResponse: {status: 200, body: {string: "xxxxxxxx"}}}, {redirect: {uri: /}}]}',
            "spec.http[1]",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        "{hosts: [a], http: [{route: [{destination: {host: a}}]}]}",
        "{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: 0}}]}",
        '{hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: 2, retryOn: "5xx,503"}}]}',
        "{hosts: [a], http: [{delegate: {name: d}, directResponse: {status: 600}}]}",
        '{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{withoutHeaders: {a: {regex: "*"}}}]}]}',
        (
            "{hosts: [a], http: [{rewrite: {authority: b}, route: [{destination: {host: a}, headers: {request: "
            "{set: {host: c}}}}]}]}"
        ),
        '{hosts: [a], http: [{route: [{destination: {host: a}}], corsPolicy: {allowMethods: ["*"], maxAge: 2s}}]}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == []
