"""The measured systems, one class each."""

from .addressbook import Addressbook
from .bare import Bare
from .fastapi import FastApi
from .pgbench import Pgbench
from .pocketbase import PocketBase

__all__ = ["Addressbook", "Bare", "FastApi", "Pgbench", "PocketBase"]
