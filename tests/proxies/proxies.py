"""The service behind Caddy and nginx, configured as in packaging/ but for ports and certificates."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
UPSTREAM = "127.0.0.1:8080"
HOST = "contacts.example.com"
# Where the service is under a path.
SHARED = "www.example.com"
PREFIX = "/contacts-api"
# How long something may take that takes milliseconds.
PATIENCE = 30
# More than all sockets on the way to a client that does not read can hold.
ENDLESS = 100_000_000
# An address of this machine that no other client has.
CLIENT = "127.0.0.5"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.02)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


class Process:
    """A program that runs in the foreground; its output goes to a file."""

    def __init__(self, command, log, **options):
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)

    def wait_until(self, condition):
        def ended_or_met():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.process.args[0]} ended: {self.log.read_text()}")
            return condition()

        wait_until(ended_or_met, f"{self.process.args[0]} does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Service:
    def __init__(self, folder):
        key = folder / "first-key"
        database = f"sqlite://{folder}/addressbook.db"
        command = [os.environ["ADDRESSBOOK"], "--bind", "127.0.0.1:0", "--database-url", database]
        command += ["--trust-proxy", "--first-key-file", str(key)]
        self.process = Process(command, folder / "service.log")
        self.process.wait_until(lambda: '"started"' in self.process.log.read_text())
        self.address = re.search(r"http://(\S+?)/", self.process.log.read_text())[1]
        self.key = key.read_text().strip()

    def logged(self, request_id):
        lines = [line for line in self.process.log.read_text().splitlines() if request_id in line]
        return [json.loads(line) for line in lines]


class Caddy:
    def __init__(self, folder, upstream):
        folder.mkdir()
        self.http, self.https = free_port(), free_port()
        text = (PACKAGING / "caddy/Caddyfile").read_text()
        assert UPSTREAM in text
        # A certification authority of its own instead of a public one.
        options = f"{{\nadmin off\nlocal_certs\nskip_install_trust\nhttp_port {self.http}\nhttps_port {self.https}\n}}\n"
        config = folder / "Caddyfile"
        config.write_text(options + text.replace(UPSTREAM, upstream))
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
        self.process = Process(command, folder / "log", env=environment)
        self.authority = folder / "caddy/pki/authorities/local/root.crt"
        certificates = folder / "caddy/certificates/local"
        names = [HOST, SHARED]
        self.process.wait_until(lambda: all((certificates / name / f"{name}.crt").exists() for name in names))
        self.process.wait_until(lambda: accepts(self.https) and accepts(self.http))


class Nginx:
    def __init__(self, folder, upstream):
        shutil.copytree(PACKAGING / "nginx", folder)
        self.http, self.https = free_port(), free_port()
        self.authority = folder / "certificate.pem"
        key = folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
            + ["-addext", f"subjectAltName=DNS:{HOST},DNS:{SHARED}"]
            + ["-keyout", str(key), "-out", str(self.authority)],
            check=True,
            capture_output=True,
        )
        site = folder / "addressbook.conf"
        text = site.read_text()
        for old, new in [
            (rf"{re.escape(UPSTREAM)}", upstream),
            (r"listen \[::\]:\d+( ssl http2)?;\n", ""),
            (r"listen 443 ", f"listen 127.0.0.1:{self.https} "),
            (r"listen 80;", f"listen 127.0.0.1:{self.http};"),
            (r"ssl_certificate /.*;", f"ssl_certificate {self.authority};"),
            (r"ssl_certificate_key /.*;", f"ssl_certificate_key {key};"),
        ]:
            text, count = re.subn(old, new, text)
            assert count > 0, old
        site.write_text(text)
        # What Debian's nginx.conf says, as far as it matters here.
        temporary = "".join(
            f"{name}_temp_path {folder}/{name};\n" for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        )
        main = folder / "nginx.conf"
        main.write_text(
            f"daemon off;\npid {folder}/pid;\nerror_log stderr info;\nuser root;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}include {site};\n}}\n"
        )
        self.process = Process(["nginx", "-p", str(folder), "-c", str(main)], folder / "log")
        self.process.wait_until(lambda: accepts(self.https) and accepts(self.http))


class Upstream:
    """A server whose response and whose reading of a body pause in the middle, until the client has seen the first half. Its
    export never ends."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.half_received, self.half_read = threading.Event(), threading.Event()
        self.in_time = None
        self.sent = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.answer(connection)

    def answer(self, connection):
        received = b""
        while b"\r\n\r\n" not in received:
            read = connection.recv(65536)
            if not read:
                return
            received += read
        if received.startswith(b"PUT"):
            while b"first half" not in received:
                received += connection.recv(65536)
            self.half_read.set()
            while b"second half" not in received:
                received += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nread")
            return
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        if b"/export " in received:
            connection.sendall(head)
            chunk = b"10000\r\n" + 0x10000 * b"x" + b"\r\n"
            try:
                while self.sent < ENDLESS:
                    connection.sendall(chunk)
                    self.sent += len(chunk)
            except OSError:
                pass
            return
        connection.sendall(head + b"b\r\nfirst half\n\r\n")
        self.in_time = self.half_received.wait(PATIENCE)
        connection.sendall(b"c\r\nsecond half\n\r\n0\r\n\r\n")

    def close(self):
        self.listener.close()


class Response:
    def __init__(self, output):
        head, self.body = re.split(r"\r\n\r\n", output, maxsplit=1)
        status, *headers = head.split("\r\n")
        self.version, self.status = status.split()[0], int(status.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in headers)}

    def json(self):
        return json.loads(self.body)


class Proxied:
    """What holds behind each of them."""

    proxy_class = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.service = Service(cls.folder)
        cls.addClassCleanup(cls.service.process.stop)
        cls.proxy = cls.start(cls.service.address, "proxy")

    @classmethod
    def start(cls, upstream, name):
        proxy = cls.proxy_class(cls.folder / name, upstream)
        cls.addClassCleanup(proxy.process.stop)
        return proxy

    def command(self, path, *options, host=HOST, proxy=None, scheme="https"):
        proxy = proxy or self.proxy
        port = proxy.https if scheme == "https" else proxy.http
        command = ["curl", "--silent", "--show-error", "--no-buffer", "--cacert", str(proxy.authority)]
        command += ["--max-time", str(2 * PATIENCE), "--resolve", f"{host}:{port}:127.0.0.1"]
        return [*command, *options, f"{scheme}://{host}:{port}{path}"]

    def request(self, path, *options, **where):
        key = ["--header", f"Authorization: Bearer {self.service.key}"]
        command = self.command(path, "--include", "--header", "Expect:", *key, *options, **where)
        output = subprocess.run(command, capture_output=True, check=False)
        self.assertEqual(output.returncode, 0, output.stderr)
        return Response(output.stdout.decode())

    def create(self, username, number, **where):
        contact = json.dumps({"username": username, "phone_number": number})
        created = self.request("/v1/contacts", "--json", contact, **where)
        self.assertEqual(created.status, 201, created.body)
        return created

    def test_clients_speak_http_2_over_tls(self):
        response = self.request("/readyz", "--http2")
        self.assertEqual((response.version, response.status), ("HTTP/2", 200))
        response = self.request("/readyz", "--http1.1")
        self.assertEqual((response.version, response.status), ("HTTP/1.1", 200))
        # Without TLS, there is a redirection, and nothing is passed on.
        response = self.request("/v1/contacts", scheme="http")
        self.assertEqual(response.status, 308)
        self.assertRegex(response.headers["location"], f"^https://{HOST}(:\\d+)?/v1/contacts$")

    def test_urls_are_those_of_clients(self):
        forged = []
        for header in ["Prefix: /evil", "Host: evil.example", "Proto: http", "For: 203.0.113.9"]:
            forged += ["--header", f"X-Forwarded-{header}"]
        for host, prefix in [(HOST, ""), (SHARED, PREFIX)]:
            base = f"https://{host}:{self.proxy.https}{prefix}"
            document = self.request(f"{prefix}/openapi.json", *forged, host=host).json()
            self.assertEqual([server["url"] for server in document["servers"]], [base])
            page = self.request(f"{prefix}/docs/", host=host)
            self.assertEqual(page.status, 200)
        redirection = self.request(PREFIX, host=SHARED)
        self.assertIn(redirection.status, [302, 308])
        self.assertTrue(redirection.headers["location"].endswith(f"{PREFIX}/"), redirection.headers)

    def test_paths_are_passed_on_as_they_were_sent(self):
        group = json.dumps({"name": "a/b c%"})
        created = self.request("/addressbook/groups", "--json", group)
        self.assertEqual(created.status, 200, created.body)
        for host, prefix in [(HOST, ""), (SHARED, PREFIX)]:
            found = self.request(f"{prefix}/addressbook/groups/a%2Fb%20c%25?expand=contacts", host=host)
            self.assertEqual(found.status, 200, found.body)
            self.assertEqual(found.json()["record"]["name"], "a/b c%")

    def test_the_log_has_the_address_of_the_client(self):
        forged = ["--header", "X-Forwarded-For: 203.0.113.9", "--header", "Authorization: Bearer wrong"]
        command = self.command("/v1/contacts", "--include", "--interface", CLIENT, *forged)
        response = Response(subprocess.run(command, capture_output=True, check=True).stdout.decode())
        self.assertEqual(response.status, 401)
        [event] = self.service.logged(response.headers["x-request-id"])
        self.assertEqual(event["client"], CLIENT, event)

    def test_responses_arrive_while_they_are_being_sent(self):
        for host, prefix in [(HOST, ""), (SHARED, PREFIX)]:
            upstream = Upstream()
            self.addCleanup(upstream.close)
            proxy = self.start(upstream.address, f"download-{host}")
            command = self.command(f"{prefix}/v1/contacts", host=host, proxy=proxy)
            with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
                self.assertEqual(client.stdout.readline(), b"first half\n")
                upstream.half_received.set()
                self.assertEqual(client.stdout.read(), b"second half\n")
            self.assertTrue(upstream.in_time, "the first half came only with the second one")

    def test_responses_to_slow_clients_are_not_stored(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        proxy = self.start(upstream.address, "slow")
        with subprocess.Popen(self.command("/v1/contacts/export", proxy=proxy), stdout=subprocess.PIPE) as client:
            self.assertEqual(client.stdout.read(1), b"x")
            # The client reads no further. Everybody is held back in the end, or has taken it all.
            before = -1
            while before < upstream.sent < ENDLESS:
                before = upstream.sent
                time.sleep(1)
            client.kill()
        self.assertLess(upstream.sent, ENDLESS)

    def test_bodies_are_passed_on_while_they_arrive(self):
        for host, prefix in [(HOST, ""), (SHARED, PREFIX)]:
            upstream = Upstream()
            self.addCleanup(upstream.close)
            proxy = self.start(upstream.address, f"upload-{host}")
            options = ["--upload-file", "-", "--header", "Expect:"]
            command = self.command(f"{prefix}/v1/imports/1/file", *options, host=host, proxy=proxy)
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
                client.stdin.write(b"first half")
                client.stdin.flush()
                self.assertTrue(upstream.half_read.wait(PATIENCE), "the first half was held back")
                client.stdin.write(b"second half")
                client.stdin.close()
                self.assertEqual(client.stdout.read(), b"read")

    def test_changes_are_streamed(self):
        position = self.request("/v1/changes").json()["next"]
        options = ["--header", "Accept: text/event-stream", "--header", f"Authorization: Bearer {self.service.key}"]
        with subprocess.Popen(self.command(f"/v1/changes?since={position}", *options), stdout=subprocess.PIPE) as feed:
            self.addCleanup(feed.kill)
            created = self.create("streamed", "+4479000000001").json()["id"]
            while created not in (line := feed.stdout.readline().decode()):
                self.assertNotEqual(line, "", "the stream has ended")
            self.assertIsNone(feed.poll())
            feed.kill()

    def test_large_files_are_imported(self):
        rows = "".join(f"user{number:06},+4420794{number:05}\n" for number in range(60_000))
        file = self.folder / "contacts.csv"
        file.write_text("username,phone_number\n" + rows)
        self.assertGreater(file.stat().st_size, 1_000_000)
        for host, prefix in [(HOST, ""), (SHARED, PREFIX)]:
            created = self.request(f"{prefix}/v1/imports", "--json", "{}", host=host)
            self.assertEqual(created.status, 201, created.body)
            options = ["--upload-file", str(file), "--header", "Content-Type: text/csv"]
            sent = self.request(created.json()["file_path"], *options, host=host)
            self.assertLess(sent.status, 300, sent.body)

    def test_limits_are_those_of_the_service(self):
        for host, prefix in [(HOST, ""), (SHARED, PREFIX)]:
            body = self.folder / "body.json"
            body.write_text(json.dumps({"username": "x" * 100_000}))
            refused = self.request(f"{prefix}/v1/contacts", "--json", f"@{body}", host=host)
            self.assertEqual(refused.status, 413)
            self.assertEqual(refused.json()["error"]["code"], "payload_too_large", refused.body)


class BehindCaddy(Proxied, unittest.TestCase):
    proxy_class = Caddy


class BehindNginx(Proxied, unittest.TestCase):
    proxy_class = Nginx


if __name__ == "__main__":
    unittest.main(verbosity=2)
