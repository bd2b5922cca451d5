"""What injection refuses, and how.

InjectionError            this pod cannot be injected: the review is answered with allowed=false and str(error)
├── TemplateMissingError       a template was asked for that the configuration lacks
└── InvalidAnnotationsError    values of annotations that injection reads are malformed
ConfigurationError        an injector configuration, values or a mesh configuration that cannot be used: keep the last
"""


class InjectionError(Exception):
    """This pod cannot be injected; the text is for whoever created it."""


class TemplateMissingError(InjectionError):
    """A template was asked for that the configuration lacks."""


class InvalidAnnotationsError(InjectionError):
    """Values of annotations that injection reads are malformed."""


class ConfigurationError(Exception):
    """A configuration that cannot be used as a whole; whoever loads it keeps the one before."""
