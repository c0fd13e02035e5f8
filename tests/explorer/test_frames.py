"""Frames: what is encoded is read back, each array where a browser can read it without a copy."""

import math
import struct

import numpy as np
from helpers.explorers import decode

from qmac.explorer.frames import ALIGNMENT_BYTES, encode_frame


def test_numbers_and_arrays_are_read_back():
    arrays = {
        "map": np.arange(6, dtype=np.float32).reshape(2, 3),
        "times": np.array([1e9, 2e9]),
        "counts": np.array([3, 4, 5], np.int32),
        "nothing": np.zeros((0, 4), np.float32),
        "whole": np.array([7, 8]),
    }
    header, read = decode(encode_frame({"type": "frame", "undefined": math.nan}, arrays))
    assert header["type"] == "frame"
    assert header["undefined"] is None
    for name, array in arrays.items():
        assert read[name].shape == array.shape
        assert np.array_equal(read[name], array)
    assert read["times"].dtype == np.float64
    assert read["whole"].dtype == np.float32


def test_arrays_lie_at_multiples_of_their_size():
    for name in ("a", "bc", "def", "ghij", "ü"):
        data = encode_frame({"name": name}, {"x": np.ones(3, np.float32), "y": np.ones(2)})
        (length,) = struct.unpack_from("<I", data)
        assert (4 + length) % ALIGNMENT_BYTES == 0
        header, _ = decode(data)
        assert all(place["offset"] % ALIGNMENT_BYTES == 0 for place in header["arrays"].values())
