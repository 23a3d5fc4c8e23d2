"""Memory of a cache that is taken page by page as it is written, and can be given back."""

from __future__ import annotations

import contextlib
import mmap

import numpy as np

from gsv_runtime.tensors import Array


class PagedMemory:
    """Zeros, until they are written.

    NumPy's own allocation asks for pages of 2 MiB, which would make a whole slot resident with its first rows.

    Attributes:
        array: All of it, at a place that stays.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> None:
        count = int(np.prod(shape))
        self._mapped = mmap.mmap(-1, np.dtype(dtype).itemsize * count)
        self.array: Array = np.frombuffer(self._mapped, dtype=dtype, count=count).reshape(shape)

    def give_back(self) -> None:
        """Let the system have the pages; it hands out zeros where they are read or written again."""
        with contextlib.suppress(OSError):  # a system that cannot keeps them
            self._mapped.madvise(mmap.MADV_REMOVE)
