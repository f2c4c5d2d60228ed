"""Whether a photo lies on its side: its EXIF says how to turn it, and no decoder of training or serving does."""

from __future__ import annotations

import struct

_ORIENTATION, _UPRIGHT = 0x0112, 1
_JPEG, _PNG = b"Exif\0\0", b"eXIf"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_MOST = 1 << 16


def is_turned(encoded: bytes) -> bool:
    """Whether the EXIF orientation of a JPEG or PNG is another than upright; a damaged EXIF tells nothing.

    The tag is in the first directory of the TIFF structure that EXIF is (TIFF 6.0, section 2).
    """
    mark = _JPEG if encoded.startswith(b"\xff\xd8") else _PNG
    start = encoded.find(mark)
    if start < 0:
        return False
    tiff = encoded[start + len(mark) : start + _MOST]
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return False
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return bool(value != _UPRIGHT)
    except struct.error:
        return False
    return False
