"""Calls tools of two servers by two foreign clients, and prints what they understood, as JSON.

Usage: tools/agents/run CALLS, where CALLS is {"http": URL, "stdio": [PROGRAM, ARGUMENT, ...], "modes": [MODE, ...], "calls": [[TOOL, ARGUMENTS], ...]}.
A mode is a client's: "auto" asks for the newest revision, "legacy" begins with `initialize` as the older ones do. Prints a list of
{"client", "server", "mode", "tools", "answers"}, an answer being {"is_error", "structured", "text"}.
"""

import asyncio
import json
import os
import sys

import fastmcp
import mcp
from fastmcp.client.transports import StdioTransport


def official(server, mode):
    if isinstance(server, list):
        server = mcp.StdioServerParameters(command=server[0], args=server[1:], env=dict(os.environ))
    return mcp.Client(server, mode=mode)


def fast(server, mode):
    if isinstance(server, list):
        server = StdioTransport(server[0], server[1:], env=dict(os.environ))
    return fastmcp.Client(server, mode=mode)


async def official_call(client, tool, arguments):
    result = await client.call_tool(tool, arguments)
    return {"is_error": bool(result.is_error), "structured": result.structured_content, "text": result.content[0].text}


async def fast_call(client, tool, arguments):
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    return {"is_error": bool(result.is_error), "structured": result.structured_content, "text": result.content[0].text}


async def official_tools(client):
    return [tool.name for tool in (await client.list_tools()).tools]


async def fast_tools(client):
    return [tool.name for tool in await client.list_tools()]


CLIENTS = {"mcp": (official, official_tools, official_call), "fastmcp": (fast, fast_tools, fast_call)}


async def main():
    asked = json.loads(sys.argv[1])
    told = []
    for name, (connect, tools, call) in CLIENTS.items():
        for server in ("http", "stdio"):
            for mode in asked["modes"]:
                async with connect(asked[server], mode) as client:
                    answers = [await call(client, tool, arguments) for tool, arguments in asked["calls"]]
                    told.append({"client": name, "server": server, "mode": mode, "tools": await tools(client), "answers": answers})
    print(json.dumps(told))


asyncio.run(main())
