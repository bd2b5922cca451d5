"""Prints a token that an API server makes for a service account: `token_request.py SERVER_JSON NAMESPACE ACCOUNT`.

Comes in: a file with the address, the directory and the administrator's token of an API server. Goes out: a token as
kubelet projects it into pods.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main(server_file: str, namespace: str, account: str) -> None:
    """Asks for it."""
    sys.path[:0] = [str(ROOT), str(ROOT / "generated")]
    from tests.kubernetes.api_server import ApiServer

    said = json.loads(Path(server_file).read_text())
    server = ApiServer(said["url"], Path(said["directory"]), said["token"])
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    made = server.request("POST", path, {"spec": {"audiences": ["istio-ca"], "expirationSeconds": 600}})
    print(made["status"]["token"])


if __name__ == "__main__":
    main(*sys.argv[1:])
