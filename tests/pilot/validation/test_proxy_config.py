"""Settings of proxies."""

from pilot.model.declared_proxy_config import DeclaredProxyConfig
from tests.pilot.validation.samples import refused


def test_there_are_no_fewer_threads_than_none() -> None:
    assert refused(DeclaredProxyConfig, "{concurrency: -1}") == ["spec.concurrency"]
    assert refused(DeclaredProxyConfig, "{concurrency: 0, image: {imageType: distroless}}") == []
