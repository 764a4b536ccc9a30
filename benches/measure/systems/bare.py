"""The upper bound: the same web framework without application logic."""

from ..http import free_port, wait_for
from .addressbook import PROGRAM
from .system import System


class Bare(System):
    name = "bare actix-web"
    token = "Bearer none"
    contacts = "/contacts"

    def __init__(self, _folder):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.start([PROGRAM.parent / "examples/bare", str(port)])
        wait_for(self.base, self.process)

    def one(self, _contact_id):
        return "/contact"
