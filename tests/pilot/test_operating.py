"""Settings of what operators look at."""

import socket

from pilot.operating import DebugSettings, LogSettings, operating_from


def test_defaults_are_those_of_istiod() -> None:
    made = operating_from({}, {}, [])
    assert (made.controlz_port, made.controlz_address, made.pod_name) == (9876, "localhost", socket.gethostname())
    assert (made.debug, made.logs) == (DebugSettings(), LogSettings())


def test_flags_and_variables() -> None:
    environ = {
        "ENABLE_DEBUG_ON_HTTP": "false",
        "ENABLE_DEBUG_ENDPOINT_AUTH": "0",
        "DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES": "kiali, monitoring",
        "UNSAFE_ENABLE_ADMIN_ENDPOINTS": "t",
        "METRICS_LOCALHOST_ACCESS_ONLY": "true",
        "POD_NAME": "istiod-1",
    }
    flags = {"log_targets": ("stderr",), "controlz_port": 0, "controlz_address": "*", "log_callers": "ads"}
    made = operating_from(flags, environ, [])
    assert made.debug == DebugSettings(False, False, ("kiali", "monitoring"), True, True)
    assert (made.logs.targets, made.logs.callers, made.controlz_port) == (("stderr",), "ads", 0)
    assert (made.controlz_address, made.pod_name) == ("*", "istiod-1")
