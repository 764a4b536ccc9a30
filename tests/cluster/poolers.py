"""PgBouncer between the service and PostgreSQL: it works, or the service refuses to start and says what to do."""

import re
import shutil
import subprocess

from load import Load, Target
from postgres import PORT
from processes import USER, Failed, Process, accepts, as_user, wait_until
from service import Instance

POOLER_PORT = 7432
# What the guide says.
IGNORED = "options"
TIMEOUTS = ["statement_timeout", "idle_in_transaction_session_timeout"]


class PgBouncer:
    def __init__(self, folder, program, database, **settings):
        folder = folder / "pgbouncer"
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, USER, USER)
        lines = ["[databases]", f"postgres = host={database} port={PORT} user=pooled", "[pgbouncer]"]
        lines += ["listen_addr = 127.0.0.1", f"listen_port = {POOLER_PORT}", "unix_socket_dir =", "auth_type = any"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        config = folder / "pgbouncer.ini"
        config.write_text("\n".join(lines) + "\n")
        self.process = Process(as_user([program, str(config)]), folder / "log")
        wait_until(lambda: accepts(POOLER_PORT), "PgBouncer runs", 10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()


URL = f"postgres://postgres@127.0.0.1:{POOLER_PORT}/postgres"


def refusal(binary):
    """What the service says when it does not start."""
    command = [str(binary), "--bind", "127.0.0.1:8090", "--database-url", URL]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "it runs"
    return ended.stderr if ended.returncode else "it has ended"


def expect_refusal(binary, sentence):
    said = refusal(binary)
    if not re.search(sentence, said):
        raise Failed(f"a refusal with {sentence!r} was expected: {said}")
    print("refused:", said.strip().splitlines()[-1], flush=True)


def works(binary, folder, key, number):
    instance = Instance(binary, folder, number, URL, "--database-connections", "4")
    target = Target(f"pooled{number}", instance.address)
    with Load([target], key, writers=6, readers=3):
        wait_until(lambda: len(target.acknowledged) > 300, "300 creates through PgBouncer", 60)
    status = instance.stop()
    if set(target.outcomes) != {("create", 201), ("read", 200)} or status or instance.errors():
        raise Failed(f"through PgBouncer: {target.outcomes} {instance.errors()[:3]}")
    print(f"works: {target.outcomes}", flush=True)


def version(program):
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"PgBouncer (\d+)\.(\d+)", text).groups())


def run(cluster, folder, binary, key, program="pgbouncer"):
    primary = cluster.primary()
    knows_statements = version(program) >= (1, 21)
    print("PgBouncer", ".".join(map(str, version(program))))
    cluster.query("CREATE ROLE pooled SUPERUSER LOGIN", primary)

    def pooler(mode, **settings):
        return PgBouncer(folder, program, primary.address, pool_mode=mode, default_pool_size=20, **settings)

    with pooler("transaction"):
        expect_refusal(binary, "ignore_startup_parameters = options")
    for name in TIMEOUTS:
        with pooler("session", ignore_startup_parameters=IGNORED):
            expect_refusal(binary, f"{name} is not set.*ALTER ROLE … SET {name}")
        cluster.query(f"ALTER ROLE pooled SET {name} = '2700ms'", primary)
    with pooler("session", ignore_startup_parameters=IGNORED):
        works(binary, folder, key, 31)
    if knows_statements:
        with pooler("transaction", ignore_startup_parameters=IGNORED, max_prepared_statements=100):
            works(binary, folder, key, 32)
    lost_statements = {"max_prepared_statements": 0} if knows_statements else {}
    for round_robin in (0, 1):
        with pooler("transaction", ignore_startup_parameters=IGNORED, server_round_robin=round_robin, **lost_statements):
            expect_refusal(binary, "loses its prepared statements")
    cluster.query("DROP ROLE pooled", primary)
