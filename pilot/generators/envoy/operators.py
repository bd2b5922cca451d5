"""Format strings with operators (`%REQ(:PATH)%`), as access logs and header values have them.

In: text of the user. Out: what is wrong with its syntax, or None. Which operators there are depends on the Envoy, so
unknown names are no mistake here. Source: Envoy, access log format strings.
"""

import re
from typing import Final

_OPERATOR: Final = re.compile(r"%%|%[A-Z0-9_]+(?:\([^)]*\))?(?::[0-9]+)?%")


def operator_error(text: str) -> str | None:
    """Why Envoy would refuse the text; None where its operators are well formed."""
    if "%" in _OPERATOR.sub("", text):
        return f"expected %OPERATOR%, or %% for a percent sign, got {text[:80]!r}"
    return None
