"""Makes an MCP server of the document: every operation is a tool, whose schema is a schema.

tools.py DOCUMENT
"""

import asyncio
import json
import sys

import httpx2
from fastmcp import Client, FastMCP
from jsonschema import Draft202012Validator


def server(document, url, headers):
    """An MCP server that calls the service."""
    client = httpx2.AsyncClient(base_url=url, headers=headers)
    return FastMCP.from_openapi(document, client=client)


async def check(document):
    operations = {
        operation["operationId"] for path in document["paths"].values() for operation in path.values()
    }
    async with Client(server(document, "http://127.0.0.1", {})) as client:
        tools = await client.list_tools()
    assert {tool.name for tool in tools} == operations
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        # A schema that refuses everything is a schema, too.
        assert tool.description, tool.name


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        asyncio.run(check(json.load(file)))
