"""What Schemathesis cannot know of the service."""

import hashlib
import json
import re
from urllib.parse import unquote, urlsplit

import jsonschema_rs
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import (
    AllowHeaderMismatch,
    EnsureResourceAvailability,
    RejectedPositiveData,
    UnsupportedMethodResponse,
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each body a key of its own: Schemathesis sends many under one, and all but the first would be
    answered with 422. The same body still comes under the same key."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and case.meta and case.meta.generation.mode.is_positive:
        mark = hashlib.sha256(json.dumps(case.body, default=str).encode()).hexdigest()[:16]
        case.headers["Idempotency-Key"] = key.removesuffix(mark)[: 255 - len(mark)] + mark
    # Nobody changes anything meanwhile.
    wait = str((case.query or {}).get("wait"))
    if case.operation.path == "/v1/changes" and re.fullmatch("([0-9]|[1-5][0-9]|60)s", wait):
        case.query["wait"] = "0s"


# A thing has an address in each dialect, and some have another one by their phone number.

# The phone number of every contact and opt-out that an answer has shown, by its id.
numbers = {}
# The ids of what was deleted, through whichever dialect, or may have been: the answer to a repeated
# `Idempotency-Key` shows a thing as it was when it was made.
gone = set()


def digits(number):
    return re.sub(r"\D", "", number).lstrip("0")


@schemathesis.hook
def after_call(context, case, response):
    if not 200 <= response.status_code < 300:
        return
    if case.method == "DELETE":
        # By id, or in the address book by number.
        name = unquote(urlsplit(response.request.url).path.rpartition("/")[2])
        gone.add(name.lower())
        gone.update(id for id, number in numbers.items() if number == digits(name))
    elif "application/json" in response.headers.get("content-type", [""])[0]:
        body = response.json()
        for thing in [body, body.get("record"), *body.get("data", []), *body.get("records", [])]:
            if isinstance(thing, dict) and "id" in thing:
                number = thing.get("phone_number") or thing.get("msisdn")
                if number:
                    numbers[thing["id"]] = digits(number)
                if "idempotent-replayed" in response.headers:
                    gone.add(thing["id"])


# What clients of the v1 family update with. It answers as PATCH does, and is not in the document.
UNDOCUMENTED = ("/v1/contacts/{id}", "PUT")


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def is_valid_without_nulls(case):
    """Whether all that was wrong with a request were nulls in members of its body that may be absent: they are taken
    for absent, which the schemas do not say on purpose. (A required one that is null is refused: see `bad_bodies` in
    `tests/api`.)"""
    negated = {location for location, component in case.meta.components.items() if component.mode.is_negative}
    rest = without_nulls(case.body)
    if negated != {ParameterLocation.BODY} or rest == case.body:
        return False
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path][case.operation.method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.is_valid({**schema, "components": document["components"]}, rest)


def is_about_inexact_numbers(response):
    """Whether a body was refused for its numbers alone: `meta` is any JSON, and no schema without a union says
    which numbers 64 bits hold."""
    error = response.json()["error"]
    return {detail["code"] for detail in error.get("details", [])} == {"inexact_number"}


def failed_alone(response):
    """Whether it is the answer to a batch with an item that failed: an invalid item is a result, not an invalid
    request. (What is wrong with the rest of the body is refused: see `batch` in `tests/api`.)"""
    return response.status_code == 200 and response.json().get("counts", {}).get("failed", 0) > 0


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """False for what is no failure."""
    path, method = UNDOCUMENTED
    if isinstance(failure, UnsupportedMethodResponse):
        return (case.operation.path, failure.method) != UNDOCUMENTED
    if isinstance(failure, AllowHeaderMismatch):
        return case.operation.path != path or failure.missing_methods or failure.undocumented_methods != [method]
    if isinstance(failure, AcceptedNegativeData):
        return not (is_valid_without_nulls(case) or failed_alone(response))
    if isinstance(failure, RejectedPositiveData):
        return not is_about_inexact_numbers(response)
    if isinstance(failure, EnsureResourceAvailability):
        return not any(str(name).lower() in gone for name in (case.path_parameters or {}).values())
    return True
