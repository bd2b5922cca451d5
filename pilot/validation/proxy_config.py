"""ProxyConfig objects: settings of proxies.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (ProxyConfig).
"""

from pilot.model.declared_proxy_config import DeclaredProxyConfig
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings


def proxy_config(checked: DeclaredProxyConfig) -> Findings:
    """Everything that is wrong with a ProxyConfig."""
    spec = checked.spec
    labels = spec.selector.match_labels if spec.selector is not None else None
    yield from forms.selector(labels, ("spec", "selector", "matchLabels"))
    if spec.concurrency is not None and spec.concurrency < 0:
        yield Finding(("spec", "concurrency"), f"expected a number of 0 or more, got {spec.concurrency}")
