"""What ML Metadata's own messages mean, in a line for people."""

from __future__ import annotations

import re

from pipeline.metadata_address import Address


def is_race(message: str) -> bool:
    """Whether two processes that made the database at once got into each other's way; the next try will do."""
    return bool(re.search("aborted|already exists|Duplicate|Please retry the connection", message))


def line(address: Address, message: str) -> str:
    """What is wrong with the store at an address, and the mend."""
    versions = re.search(r"version (\d+) is (greater|older) than library version (\d+)", message)
    if versions:
        theirs, relation, ours = versions.groups()
        age = "a newer" if relation == "greater" else "an older"
        return (
            f"{address} was written by {age} ML Metadata (schema {theirs}, "
            f"this one reads {ours}): install the ml-metadata that wrote it, or use another --home"
        )
    if "aborted" in message.lower() or "locked" in message.lower():
        return f"{address} is busy: another process is writing to it for a long time; try again when that has ended"
    if address.is_server:
        return f"{address}: ML Metadata says: {' '.join(message.split())[:200]}"
    if "unable to open" in message:
        return f"{address} cannot be opened: check that the folder exists and may be read and written"
    if "disk is full" in message or "disk I/O" in message:
        return f"{address} cannot be written: the disk is full or broken"
    reason = next((r for r in ("not a database", "malformed") if r in message), message.splitlines()[0][:120])
    return f"{address} is not a readable metadata database ({reason}): restore a copy, or move it away to start anew"
