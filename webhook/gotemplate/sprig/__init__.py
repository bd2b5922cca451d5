"""The functions of Sprig that templates may have: `FUNCTIONS`, by name.

Left out is what reads the clock, the environment or the network, draws random numbers, or makes keys: a template that
names one of those does not parse.
"""

from typing import Final

from webhook.gotemplate.sprig import collections, encoding, numbers, text

FUNCTIONS: Final = {**collections.FUNCTIONS, **encoding.FUNCTIONS, **numbers.FUNCTIONS, **text.FUNCTIONS}
"""By name."""
