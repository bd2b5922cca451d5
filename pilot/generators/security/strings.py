"""Values of authorization policies as Envoy's matchers of text.

In: values as written: exact, `prefix*`, `*suffix`, `*` for any but none. Out: matchers. Source: xDS behaviour 7.7.
"""

from collections.abc import Sequence
from typing import Any, Final

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.regex import quote

JWT: Final = "envoy.filters.http.jwt_authn"
PAYLOAD: Final = "payload"
SPIFFE: Final = "spiffe://"

_TAILS: Final = frozenset({"a", "sa"})
_SEGMENT: Final = MetadataMatcher.PathSegment


def regex(pattern: str) -> Any:
    """A `StringMatcher` by regular expression."""
    return StringMatcher(safe_regex=RegexMatcher(regex=pattern))


def pattern(value: str, *, ignore_case: bool = False) -> Any:
    """A `StringMatcher` for a value."""
    if value == "*":
        return regex(".+")
    if value.startswith("*"):
        return StringMatcher(suffix=value[1:], ignore_case=ignore_case)
    if value.endswith("*"):
        return StringMatcher(prefix=value[:-1], ignore_case=ignore_case)
    return StringMatcher(exact=value, ignore_case=ignore_case)


def principal(value: str) -> Any:
    """A `StringMatcher` for an identity without its scheme."""
    if value == "*":
        return regex(".+")
    if value.startswith("*"):
        return regex(f"{SPIFFE}.*{quote(value[1:])}")
    return pattern(SPIFFE + value)


def namespace(value: str) -> Any:
    """A `StringMatcher` for identities of a namespace."""
    parts = [quote(each) for each in value.split("*")]
    # `*a` must not find its end in the `/sa/` of every identity
    star = "[^/]*" if len(parts) > 1 and parts[-1] in _TAILS else ".*"
    return regex(f".*/ns/{star.join(parts)}/.*")


def account(value: str) -> Any:
    """A `StringMatcher` for identities of a service account, `namespace/name`."""
    own, _, name = value.partition("/")
    return regex(f"{SPIFFE}.+/ns/{quote(own)}/(.+/|)sa/{quote(name)}(/.+)?")


def header(name: str, value: str, *, ignore_case: bool = False) -> Any:
    """A `HeaderMatcher`."""
    if value == "*":
        return HeaderMatcher(name=name, present_match=True)
    return HeaderMatcher(name=name, string_match=pattern(value, ignore_case=ignore_case))


def cidr(value: str) -> Any:
    """A `CidrRange` from `address/bits`."""
    address, _, bits = value.partition("/")
    return CidrRange(address_prefix=address, prefix_len=UInt32Value(value=int(bits)))


def payload(path: Sequence[str], value: Any) -> Any:
    """A `MetadataMatcher` for a claim of the token; `value` is a `ValueMatcher`."""
    keys = [_SEGMENT(key=each) for each in (PAYLOAD, *path)]
    return MetadataMatcher(filter=JWT, path=keys, value=value)


def claim(path: Sequence[str], values: Sequence[str]) -> Any:
    """A `MetadataMatcher` for a claim that is one of the values, or a list that has one of them."""
    texts = [ValueMatcher(string_match=pattern(each)) for each in values]
    one = texts[0] if len(texts) == 1 else ValueMatcher(or_match=OrMatcher(value_matchers=texts))
    listed = ValueMatcher(list_match=ListMatcher(one_of=one))
    return payload(path, ValueMatcher(or_match=OrMatcher(value_matchers=[listed, one])))


def metadata(name: str, key: str, value: str) -> Any:
    """A `MetadataMatcher` for another filter's metadata; a value in brackets is one of a list."""
    if value.startswith("[") and value.endswith("]") and len(value) > 2:
        one = ValueMatcher(list_match=ListMatcher(one_of=ValueMatcher(string_match=pattern(value[1:-1]))))
    else:
        one = ValueMatcher(string_match=pattern(value))
    return MetadataMatcher(filter=name, path=[_SEGMENT(key=key)], value=one)
