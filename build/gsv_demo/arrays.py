"""The type of a NumPy array whose docstring says what is in it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
