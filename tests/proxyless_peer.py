"""One gRPC process without a proxy: a server, or a client that dials `xds:///...`. gRPC reads its bootstrap only once.

    proxyless_peer.py server ADDRESS:PORT NAME [--mtls]        says "ready", answers every call with NAME
    proxyless_peer.py client TARGET [--mtls]                   reads numbers: makes so many calls, prints the answers

Comes in: GRPC_XDS_BOOTSTRAP. Goes out: a line of JSON for each line read.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE, METHOD = "echo.Echo", "Who"
PATIENCE = 25.0
"""Seconds that one call may take: gRPC waits 15 for a name before it says that nobody has it."""


def serve(address: str, name: str, secure: bool) -> None:
    """Until standard input ends. With mutual TLS it is an xDS server: what it demands comes from the control plane."""
    answer = grpc.unary_unary_rpc_method_handler(lambda _request, _context: name.encode())
    handler = grpc.method_handlers_generic_handler(SERVICE, {METHOD: answer})
    server = grpc.server(ThreadPoolExecutor(4), handlers=[handler], xds=secure)
    plain = grpc.insecure_server_credentials()
    if secure:
        server.add_secure_port(address, grpc.xds_server_credentials(plain))
    else:
        server.add_insecure_port(address)
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(0).wait()


def dial(target: str, secure: bool) -> None:
    """A client: one channel for all calls."""
    if secure:
        channel = grpc.secure_channel(f"xds:///{target}", grpc.xds_channel_credentials())
    else:
        channel = grpc.insecure_channel(f"xds:///{target}")
    call = channel.unary_unary(f"/{SERVICE}/{METHOD}", None, None)
    for line in sys.stdin:
        answers: dict[str, int] = {}
        for _ in range(int(line)):
            try:
                answer = call(b"", timeout=PATIENCE, wait_for_ready=False).decode()
            except grpc.RpcError as error:
                answer = error.code().name
            answers[answer] = answers.get(answer, 0) + 1
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    with_tls = "--mtls" in sys.argv
    role, where, *rest = [each for each in sys.argv[1:] if each != "--mtls"]
    if role == "server":
        serve(where, rest[0], with_tls)
    else:
        dial(where, with_tls)
