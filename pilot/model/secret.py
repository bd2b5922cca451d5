"""Secrets and ConfigMaps as far as a mesh serves them: certificates, keys, roots. Pure data that prints redacted.

Keys that the mesh does not know are not read at all. What they are good for: `credentials.py`.
"""

from typing import ClassVar

from msgspec import field

from pilot.model.confidential import Confidential, Encoded
from pilot.model.objects import Fragment, Object


class SecretData(Fragment, frozen=True):
    """`data` of a Secret: both layouts, as `kubectl create secret tls` and `generic` make them. None: not there."""

    cert: Encoded | None = None
    key: Encoded | None = None
    cacert: Encoded | None = None
    crl: Encoded | None = None
    tls_crt: Encoded | None = field(default=None, name="tls.crt")
    tls_key: Encoded | None = field(default=None, name="tls.key")
    tls_ocsp_staple: Encoded | None = field(default=None, name="tls.ocsp-staple")
    ca_crt: Encoded | None = field(default=None, name="ca.crt")
    ca_crl: Encoded | None = field(default=None, name="ca.crl")
    dockerconfigjson: Encoded | None = field(default=None, name=".dockerconfigjson")


class SecretText(Fragment, frozen=True):
    """`stringData` of a Secret: the same as plain text; an API server would have moved it to `data`."""

    cert: Confidential | None = None
    key: Confidential | None = None
    cacert: Confidential | None = None
    crl: Confidential | None = None
    tls_crt: Confidential | None = field(default=None, name="tls.crt")
    tls_key: Confidential | None = field(default=None, name="tls.key")
    tls_ocsp_staple: Confidential | None = field(default=None, name="tls.ocsp-staple")
    ca_crt: Confidential | None = field(default=None, name="ca.crt")
    ca_crl: Confidential | None = field(default=None, name="ca.crl")
    dockerconfigjson: Confidential | None = field(default=None, name=".dockerconfigjson")


class Secret(Object, frozen=True):
    """core Secret."""

    KIND: ClassVar[str] = "Secret"
    CONFIDENTIAL: ClassVar[bool] = True
    """Faults in it do not show what was there."""

    type: str = ""
    data: SecretData = SecretData()
    string_data: SecretText = SecretText()

    def value(self, name: str) -> Confidential | None:
        """The value of an attribute of the data; None where it is not there."""
        text: Confidential | None = getattr(self.string_data, name)
        encoded: Confidential | None = getattr(self.data, name)
        return text if text is not None else encoded


class ConfigMapData(Fragment, frozen=True):
    """`data` of a ConfigMap."""

    ca_crt: Confidential | None = field(default=None, name="ca.crt")
    ca_crl: Confidential | None = field(default=None, name="ca.crl")


class ConfigMap(Object, frozen=True):
    """core ConfigMap."""

    KIND: ClassVar[str] = "ConfigMap"
    CONFIDENTIAL: ClassVar[bool] = True

    data: ConfigMapData = ConfigMapData()
