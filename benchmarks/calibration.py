"""How fast is this machine beside the one the reference figures come from? One factor: 2.0 = half as fast.

Best of five of three kinds of work: Python objects, upb protobuf, RSA-2048 signatures. Divide measured CPU seconds by
the factor before comparing them with the reference.
"""

import math
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.protobuf import struct_pb2

REFERENCE = {"objects": 0.1242, "protobuf": 0.0725, "signing": 0.078}
"""CPU seconds of the same work on the reference machine."""


def _objects() -> None:
    table = {}
    for number in range(200_000):
        table[f"outbound|{number}||svc"] = (number, str(number))
    sum(value[0] for value in table.values())


def _protobuf() -> None:
    message = struct_pb2.Struct()
    for number in range(20_000):
        message[f"key-{number}"] = "value"
    data = message.SerializeToString()
    for _ in range(10):
        struct_pb2.Struct.FromString(data)


def _signing(key: rsa.RSAPrivateKey) -> None:
    for _ in range(300):
        key.sign(b"x", padding.PKCS1v15(), hashes.SHA256())


def _best(work: Callable[[], None]) -> float:
    figures = []
    for _ in range(5):
        start = time.process_time()
        work()
        figures.append(time.process_time() - start)
    return min(figures)


def factor() -> float:
    """The geometric mean over the three kinds of work."""
    key = rsa.generate_private_key(65537, 2048)
    here = {"objects": _best(_objects), "protobuf": _best(_protobuf), "signing": _best(lambda: _signing(key))}
    return math.exp(sum(math.log(here[kind] / REFERENCE[kind]) for kind in here) / len(here))
