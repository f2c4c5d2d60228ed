r"""ML Metadata on PostgreSQL cannot write a text with a backslash, so such texts are kept with a stand-in for it.

MLMD 1.21 quotes texts by PostgreSQL's PQescapeLiteral and takes the result for '...', while it is E'...' for a text with
a backslash, as JSON within JSON has: the statement that comes of it is no SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Of Unicode's private use area: no text has it by chance.
STAND_IN = "\ue05c"


def hide(message: Any) -> Any:
    """A copy of a protocol buffer in whose texts the stand-in is in the place of backslashes."""
    if b"\\" not in message.SerializeToString():
        return message
    changed = type(message)()
    changed.CopyFrom(message)
    _change(changed, lambda text: text.replace("\\", STAND_IN))
    return changed


def show(message: Any) -> None:
    """Puts the backslashes back, in place."""
    if STAND_IN.encode() in message.SerializeToString():
        _change(message, lambda text: text.replace(STAND_IN, "\\"))


def _change(message: Any, change: Callable[[str], str]) -> None:
    for field, value in message.ListFields():
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            _change_map(field, value, change)
        elif field.type == field.TYPE_STRING:
            is_list = not isinstance(value, str)
            if is_list:
                value[:] = [change(text) for text in value]
            else:
                setattr(message, field.name, change(value))
        elif field.type == field.TYPE_MESSAGE:
            for one in [value] if hasattr(value, "ListFields") else value:
                _change(one, change)


def _change_map(field: Any, value: Any, change: Callable[[str], str]) -> None:
    kind = field.message_type.fields_by_name["value"].type
    for key in list(value):
        if kind == field.TYPE_MESSAGE:
            _change(value[key], change)
        elif kind == field.TYPE_STRING:
            value[key] = change(value[key])
