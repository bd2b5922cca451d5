"""Which meshpilot this is, and which Istio it stands in for."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Final

ISTIO_VERSION: Final = "1.29.1"
"""The release whose behaviour is served; tools compare it with that of proxies."""

try:
    VERSION: Final = installed_version("meshpilot")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0+checkout"  # type: ignore[misc]  # one value a process

FULL_VERSION: Final = f"{ISTIO_VERSION}-meshpilot-Clean"
"""As `/version` and the metric `pilot_info` say it: version, revision, status of the sources."""
