"""An instance that reaches standbys alone does not serve as if it reached the primary."""

import json
import subprocess

from load import Client
from postgres import PORT
from processes import Failed, Process, request, wait_until

ADDRESS = "127.0.0.1:8120"


def run(cluster, folder, binary, key):
    primary = cluster.primary()
    first, second = (f"{node.address}:{PORT}" for node in cluster.nodes if node is not primary)
    command = [str(binary), "--bind", ADDRESS, "--database-url"]
    process = Process([*command, f"postgres://postgres@{first}/postgres"], folder / "standby.log")
    wait_until(lambda: request(f"http://{ADDRESS}/healthz")[0] == 200, "an instance on a standby runs", 30)
    status, text = request(f"http://{ADDRESS}/readyz")
    if (status, json.loads(text)["reason"]) != (503, "the database is read-only"):
        raise Failed(f"an instance on a standby is ready: {status} {text}")
    contact = {"username": "standby", "phone_number": "+4479000000001"}
    status, text = Client(ADDRESS, key).request("POST", "/v1/contacts", contact)
    if status != 503:
        raise Failed(f"a create on a standby: {status} {text}")
    process.stop()
    url = f"postgres://postgres@{first},{second}/postgres?target_session_attrs=read-write"
    ended = subprocess.run([*command, url], capture_output=True, text=True, timeout=60, check=False)
    if ended.returncode == 0 or "none of the servers in the database URL can be written to" not in ended.stderr:
        raise Failed(f"standbys are taken for a primary: {ended.stderr}")
    print("standbys are not taken for a primary", flush=True)
