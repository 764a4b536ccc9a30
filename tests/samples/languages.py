"""How a sample is run in each language, from a file that holds nothing but the sample."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


class Language:
    """A language: files are written by `write`, made ready by `prepare`, run by `command`."""

    ending = ""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)

    def path(self, name):
        return self.folder / f"{name}{self.ending}"

    def write(self, name, source):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(source)

    def prepare(self):
        """Compiles what is to be compiled, and checks the form where a formatter comes with the language."""

    def command(self, name):
        raise NotImplementedError


class Shell(Language):
    ending = ".sh"

    def command(self, name):
        return ["bash", str(self.path(name))]


class JavaScript(Language):
    ending = ".mjs"

    def command(self, name):
        return ["node", str(self.path(name))]


class Python(Language):
    ending = ".py"

    def command(self, name):
        return [sys.executable, str(self.path(name))]


class Go(Language):
    ending = "/main.go"

    def prepare(self):
        unformatted = subprocess.run(["gofmt", "-l", "."], cwd=self.folder, check=True, capture_output=True)
        if unformatted.stdout:
            raise SystemExit(f"gofmt would change {unformatted.stdout.decode()}")
        # The first build compiles the standard library, for all that follow.
        first = min(self.folder.glob("*/main.go"))
        subprocess.run(["go", "build", "-o", os.devnull, str(first)], check=True)

    def command(self, name):
        return ["go", "run", str(self.path(name))]


class Rust(Language):
    ending = ".rs"

    def path(self, name):
        return self.folder / "src" / "bin" / f"{name}.rs"

    def prepare(self):
        for file in ["Cargo.toml", "Cargo.lock"]:
            shutil.copy(HERE / "rust" / file, self.folder)
        # Beside the service's own: what was compiled once is there the next time.
        self.target = HERE.parent.parent / "target" / "samples"
        env = {**os.environ, "CARGO_TARGET_DIR": str(self.target)}
        subprocess.run(["cargo", "fmt", "--check"], cwd=self.folder, check=True)
        subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=self.folder, check=True, env=env)

    def command(self, name):
        return [str(self.target / "debug" / name)]


LANGUAGES = {"Shell": Shell, "JavaScript": JavaScript, "Python": Python, "Go": Go, "Rust": Rust}
