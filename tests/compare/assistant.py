"""Asks `delicate mcp` with the Python SDK of the Model Context Protocol.

    pip install mcp==2.3.0
    python tests/compare/assistant.py target/release/delicate

Calls every tool as an assistant would, and ends with an error where an answer lacks a
unit, an interval or a domain, or where what cannot be answered is not refused in words.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters, stdio_client


def value_of(result):
    """The answer of a tool, which is there as text and as a structure."""
    (content,) = result.content
    structured = result.structured_content
    assert not result.is_error, content.text
    assert json.loads(content.text) == structured
    return structured


async def main(command):
    environment = {**os.environ, "DELICATE_DEVICE": "cpu"}
    server = StdioServerParameters(command=command, args=["mcp"], env=environment)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        about = await session.initialize()
        print(about.server_info.name, about.server_info.version, about.protocol_version)
        tools = (await session.list_tools()).tools
        print(", ".join(tool.name for tool in tools))
        assert [tool.name for tool in tools] == ["endpoints", "score", "explain", "similar"]

        listed = value_of(await session.call_tool("endpoints", {}))["endpoints"]
        print(len(listed), "endpoints")
        smiles = ["CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "not a molecule"]
        names = [endpoint["name"] for endpoint in listed][:20]
        scored = value_of(
            await session.call_tool("score", {"smiles": smiles, "endpoints": names})
        )
        *molecules, broken = scored["molecules"]
        assert broken["error"]["message"], broken
        for molecule in molecules:
            assert [one["endpoint"] for one in molecule["predictions"]] == names
            for one in molecule["predictions"]:
                is_number = one["task"] == "regression"
                assert isinstance(one["unit"], str) or not is_number, one
                assert (one["interval"] is not None) == is_number, one
                assert one["domain"] in ("in", "borderline", "out"), one
        explained = value_of(
            await session.call_tool("explain", {"smiles": "CCO", "endpoints": names[:2]})
        )
        assert len(explained["explanation"]["atoms"]) == 3
        similar = {"queries": ["CCO"], "molecules": ["CCN", "OCC", "c1ccccc1"], "by": "both"}
        hits = value_of(await session.call_tool("similar", similar))["hits"]
        assert hits[0]["smiles"] == "OCC" and abs(hits[0]["similarity"] - 1) < 1e-6, hits

        refused = await session.call_tool("score", {"smiles": ["C"] * 101})
        assert refused.is_error
        print(refused.content[0].text)
    print("all answers are as they should be")


asyncio.run(main(sys.argv[1]))
