"""An assistant that keeps its contacts through MCP: each call is checked against the schema of its tool.

scenario.py DOCUMENT URL KEY
"""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.exceptions import ToolError
from jsonschema import Draft202012Validator
from tools import server

NUMBER = "4479000000002"


def passed(step):
    print(f"ok {step}")


class Assistant:
    """Calls tools with what their schemas allow."""

    def __init__(self, client, tools):
        self.client = client
        self.schemas = {tool.name: Draft202012Validator(tool.input_schema) for tool in tools}

    async def call(self, tool, **arguments):
        self.schemas[tool].validate(arguments)
        return (await self.client.call_tool(tool, arguments)).structured_content

    async def refused(self, tool, **arguments):
        """What the service says of a call that it refuses."""
        try:
            await self.client.call_tool(tool, arguments)
        except ToolError as error:
            return str(error)
        raise AssertionError(f"{tool} was not refused")


async def contacts(assistant):
    call, refused = assistant.call, assistant.refused
    body = {"username": "ann", "phone_number": "+44 20 7946 0001", "display_name": "Ann", "meta": {"CITY": "London"}}
    ann = await call("createContact", **body, **{"Idempotency-Key": "ann-1"})
    assert (ann["username"], ann["phone_number"]) == ("ann", "+442079460001"), ann
    passed("create a contact")
    ben = (await call("createAddressBookContact", alias="ben", msisdn=NUMBER))["record"]
    assert (ben["alias"], ben["msisdn"]) == ("ben", NUMBER), ben
    passed("create an address book contact")
    assert await call("getContact", id=ann["id"]) == ann
    assert ann["meta"]["CITY"] == "London" and ann["avatar_url"] is None, ann
    passed("read the contact")
    assert (await call("getAddressBookContact", contact=NUMBER))["record"] == ben
    passed("read the address book contact by its number")
    page = await call("listContacts", limit=1)
    assert page["has_more"] and [it["id"] for it in page["data"]] == [ben["id"]], page
    passed("list the first page")
    page = await call("listContacts", limit=1, starting_after=ben["id"])
    assert not page["has_more"] and page["data"] == [ann], page
    passed("list the second page")
    book = await call("listAddressBookContacts", sortField="alias", sortDir="ASC", limit=1)
    assert book["total"] == 2 and [it["alias"] for it in book["records"]] == ["ann"], book
    passed("list the address book")
    changed = await call("updateContact", id=ann["id"], display_name="Annie", meta={"CITY": "Paris"}, **{"If-Match": "*"})
    assert (changed["display_name"], changed["meta"]["CITY"]) == ("Annie", "Paris"), changed
    passed("update the contact")
    cleared = await call("updateContact", id=ann["id"], display_name=None)
    assert cleared["display_name"] == "ann", cleared
    passed("clear a member with null")
    renamed = (await call("updateAddressBookContact", contact=NUMBER, alias="benny"))["record"]
    assert renamed["alias"] == "benny", renamed
    passed("update the address book contact")
    said = await refused("createContact", username="bob", phone_number="12")
    assert "400" in said and "phone_number" in said, said
    print("cannot get a typed validation error: the client has no types; the messages were compared")
    said = await refused("createContact", **body)
    assert "409" in said and "username" in said, said
    print("cannot get a typed conflict: the client has no types; the messages were compared")
    await call("deleteContact", id=ann["id"])
    assert "404" in await refused("getContact", id=ann["id"])
    assert (await call("deleteAddressBookContact", contact=NUMBER))["success"]
    passed("delete both")


async def audiences(assistant):
    call = assistant.call
    cat = await call("createContact", username="cat", phone_number="+44 7900 000003", meta={"NAME": "Cat"})
    group = await call("createGroup", name="friends")
    members = await call("changeGroupMembers", id=group["id"], add=[cat["id"]])
    assert (members["member_count"], members["data"][0]["outcome"]) == (1, "added"), members
    shown = await call("getContact", id=cat["id"], expand="groups")
    assert shown["groups"][0]["name"] == "friends", shown
    grouped = await call("listAddressBookGroupContacts", group="friends")
    assert grouped["records"][0]["alias"] == "cat", grouped
    opt_out = await call("createOptOut", phone_number="0044 7900 000003")
    assert opt_out["phone_number"] == cat["phone_number"], opt_out
    passed("group a contact and opt its number out")
    wanted = {"recipients": [{"group": "friends"}], "template": {"text": "Hello {{NAME}}!"}}
    audience = await call("createAudience", **wanted)
    assert audience["counts"]["excluded"] == 1 and audience["exclusions"][0]["reason"] == "opted_out", audience
    await call("deleteOptOut", opt_out=opt_out["phone_number"])
    audience = await call("createAudience", **wanted)
    assert [it["text"] for it in audience["recipients"]] == ["Hello Cat!"], audience
    kept = await call("createAudience", **wanted, keep=True)
    recipients = await call("listAudienceRecipients", id=kept["id"])
    assert recipients["data"][0]["text"] == "Hello Cat!", recipients
    passed("resolve an audience")
    resolved = await call(
        "resolveAddressBookAliases", aliases=["cat"], template="Hello {{NAME}}!", fields={"cat": {"NAME": "Kitty"}}
    )
    assert [it["text"] for it in resolved["records"]] == ["Hello Kitty!"], resolved
    passed("resolve aliases with fields of their own")


async def batches(assistant):
    call = assistant.call
    dan = await call("createContact", username="dan", phone_number="+44 7900 000004")
    # Eve is new, Dan is there already, and Fay lacks a phone number.
    items = [
        {"username": "eve", "phone_number": "+44 7900 000005"},
        {"username": "dan", "display_name": "Daniel"},
        {"username": "fay"},
    ]
    applied = await call("applyContactBatch", mode="upsert", match_by="username", contacts=items)
    assert applied["counts"] == {"created": 1, "updated": 1, "unchanged": 0, "failed": 1}, applied
    results = [(it["index"], it["status"]) for it in applied["results"]]
    assert results == [(0, "created"), (1, "updated"), (2, "failed")], applied
    failed = applied["results"][2]["error"]
    assert (failed["code"], failed["details"][0]["field"]) == ("validation_failed", "phone_number"), failed
    assert (await call("getContact", id=dan["id"]))["display_name"] == "Daniel"
    passed("apply a batch")


async def searches(assistant):
    call = assistant.call
    [cat] = (await call("listContacts", username="cat"))["data"]
    [dan] = (await call("listContacts", username="dan"))["data"]
    field = await call("declareField", key="NAME", type="text")
    while field["state"] != "ready":
        await asyncio.sleep(0.05)
        field = await call("getField", id=field["id"])
    found = (await call("listContacts", search="ani"))["data"]
    assert [(it["id"], it["match_type"]) for it in found] == [(dan["id"], "part")], found
    # Dan has no NAME, and so comes last.
    where = 'meta.NAME = "Cat" OR username = "dan"'
    ordered = (await call("listContacts", filter=where, order_by="meta.NAME"))["data"]
    assert [it["id"] for it in ordered] == [cat["id"], dan["id"]], ordered
    assert (await call("countContacts", filter=where))["count"] == 2
    segment = await call("createSegment", name="chosen", filter=where)
    members = (await call("listSegmentMembers", id=segment["id"]))["data"]
    assert [it["id"] for it in members] == [dan["id"], cat["id"]], members
    passed("find contacts")


async def imports(assistant):
    call = assistant.call
    opened = (await call("createImport", mode="upsert"))["id"]

    async def reached(state):
        """The import, as soon as it is in a state."""
        for _ in range(200):
            current = await call("getImport", id=opened)
            if current["state"] == state:
                return current
            await asyncio.sleep(0.05)
        raise AssertionError(f"{current} is not {state}")

    rows = "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n"
    await call("putImportFile", id=opened, body=rows)
    planned = await reached("planned")
    counts = planned["counts"]
    assert (counts["rows"], counts["create"], counts["reject"]) == (3, 2, 1), planned
    await call("commitImport", id=opened, digest=planned["digest"])
    assert (await reached("committed"))["counts"]["applied"] == 2
    [gil] = (await call("listContacts", username="gil"))["data"]
    assert gil["phone_number"] == "+447900000006", gil
    await call("undoImport", id=opened)
    assert (await reached("undone"))["counts"]["undone"] == 2
    assert "404" in await assistant.refused("getContact", id=gil["id"])
    passed("import a file")


async def main(path, url, key):
    with open(path) as file:
        document = json.load(file)
    async with Client(server(document, url, {"Authorization": f"Bearer {key}"})) as client:
        assistant = Assistant(client, await client.list_tools())
        await contacts(assistant)
        await audiences(assistant)
        await batches(assistant)
        await searches(assistant)
        await imports(assistant)
    async with Client(server(document, url, {})) as client:
        said = await Assistant(client, []).refused("listContacts")
        assert "401" in said, said
    print("cannot get a typed error without a key: the client has no types; the messages were compared")


asyncio.run(main(*sys.argv[1:]))
