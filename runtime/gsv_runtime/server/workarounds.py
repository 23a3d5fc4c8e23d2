"""What we do only because of a defect of Triton: for which finding, in which releases, and how it is switched.

docs/triton-findings.md has the findings by number. What is sound in every release, such as unary calls between models
(findings 3 to 5) or watching for dead processes (finding 6), is no workaround and has no switch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

RELEASE = (
    "NVIDIA_TRITON_SERVER_VERSION"  # year.month; NVIDIA's containers set it, and for the wheel triton_process does
)
WHEEL_RELEASE = "24.10"  # of tritonserver 2.51.0 in nvidia-pytriton 0.7.0
_ON, _OFF, _AUTO = "on", "off", "auto"


@dataclass(frozen=True)
class Workaround:
    """One workaround; by itself it is on in the releases that need it, and in a release that is not known.

    Attributes:
        switch: Environment variable that overrules this: on, off, or auto.
        does: What it does.
        findings: Numbers in docs/triton-findings.md.
        mended_in: The first release without the defect; empty where none is known.
        only_in: The releases in which alone it is used, because it was run nowhere else; empty: in any.
    """

    switch: str
    does: str
    findings: tuple[int, ...]
    mended_in: str = ""
    only_in: tuple[str, ...] = ()

    def is_on(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether it is used.

        Raises:
            ValueError: the switch has an unknown value, or the release is none.
        """
        position = environment.get(self.switch) or _AUTO
        if position not in (_ON, _OFF, _AUTO):
            raise ValueError(f"{self.switch} is {position!r}; need {_ON}, {_OFF} or {_AUTO}")
        return position == _ON or (position == _AUTO and self._is_needed(environment.get(RELEASE, "")))

    def _is_needed(self, release: str) -> bool:
        if self.only_in:
            return release in self.only_in
        return not (release and self.mended_in) or _month(release) < _month(self.mended_in)


CANCEL_PAUSE = Workaround(
    "GSV_CANCEL_PAUSE", "ends a stream 0.25 s after its client has left", findings=(11,), mended_in="25.04"
)
METRICS_THREAD = Workaround("GSV_METRICS_THREAD", "lets one thread of a model speak of metrics", findings=(12,))
RELOAD_HOLD = Workaround(
    "GSV_RELOAD_HOLD", "keeps `tts` away for 2.5 s after its process has died, so that clients notice", findings=(6,)
)
PRELOAD = Workaround(
    "GSV_PRELOAD", "loads our two repairs into tritonserver", findings=(13, 15), only_in=(WHEEL_RELEASE,)
)
WORKAROUNDS = (CANCEL_PAUSE, METRICS_THREAD, RELOAD_HOLD, PRELOAD)


def positions(environment: Mapping[str, str]) -> dict[str, bool]:
    """Which are on, by their switches.

    Raises:
        ValueError: see `Workaround.is_on`.
    """
    return {workaround.switch: workaround.is_on(environment) for workaround in WORKAROUNDS}


def _month(release: str) -> tuple[int, ...]:
    """A release such as "24.10" in an order that can be compared."""
    try:
        return tuple(int(part) for part in release.split(".")[:2])
    except ValueError:
        raise ValueError(f"{RELEASE} is {release!r}; need a release of Triton such as {WHEEL_RELEASE}") from None
