"""Which fine-tunes stay loaded, who uses them and who waits. Pure: no clock, thread, file or stage.

A request holds its fine-tune by a lease. One that is not loaded waits, and those that wait are loaded in the order in
which they began to. What is least recently used makes room; what is leased or pinned never does. If all is in use for
too long, the one used longest ago is closed to newcomers, who then wait in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gsv_runtime.contract import S1, S2
from gsv_runtime.models.catalogue import FineTune

Pair = tuple[int, int]  # ids of the weights of s1 and s2: what is loaded, whatever it is called
_RENEWED_WITHIN_S = 3.0  # who waits asks again and again; who does not has left


@dataclass(frozen=True)
class Load:
    """Open the weights of a fine-tune."""

    fine_tune: FineTune


@dataclass(frozen=True)
class Unload:
    """Drop the weights of a fine-tune, those that no other loaded one shares."""

    fine_tune: FineTune
    weights: Mapping[str, int]  # by checkpoint


@dataclass
class _Loaded:
    fine_tune: FineTune
    used_s: float
    leases: set[int] = field(default_factory=set)
    given_s: dict[int, float] = field(default_factory=dict)  # leases of those who waited and have not asked since


@dataclass
class _Waiting:
    lease: int
    fine_tune: FineTune
    since_s: float
    renewed_s: float


def pair_of(fine_tune: FineTune) -> Pair:
    """What is loaded for a fine-tune."""
    return fine_tune.checkpoints[S1].weights, fine_tune.checkpoints[S2].weights


class Residency:
    """One server's fine-tunes beside the first, which is always loaded."""

    def __init__(self, first: FineTune, limit_bytes: int, patience_s: float) -> None:
        """Keep at most `limit_bytes` of checkpoints loaded; after `patience_s` seconds newcomers wait in turn."""
        self._first = first
        self._limit_bytes = limit_bytes
        self._patience_s = patience_s
        self._loaded: dict[Pair, _Loaded] = {}
        self._waiting: dict[int, _Waiting] = {}  # by lease, in order of arrival
        self._busy: Pair | None = None  # being loaded or unloaded
        self._closed: Pair | None = None  # to newcomers
        self._pinned: set[Pair] = set()
        self._failures: dict[int, Exception] = {}

    @property
    def loaded_bytes(self) -> int:
        """Bytes of checkpoints that are loaded or being loaded, each once."""
        return self._bytes_of(each.fine_tune for each in self._loaded.values())

    @property
    def num_loaded(self) -> int:
        """Fine-tunes that are loaded, beside the first."""
        return len(self._loaded)

    @property
    def leases(self) -> tuple[int, ...]:
        """Every lease that is held or waited for."""
        held = (lease for each in self._loaded.values() for lease in each.leases)
        return (*held, *self._waiting, *self._failures)

    def is_loaded(self, fine_tune: FineTune) -> bool:
        """Whether its weights are there."""
        pair = pair_of(fine_tune)
        return fine_tune.first or (pair in self._loaded and pair != self._busy)

    def in_use(self, fine_tune: FineTune) -> int:
        """How many requests hold it; those of the first are not counted."""
        found = self._loaded.get(pair_of(fine_tune))
        return len(found.leases) if found is not None else 0

    def num_waiting(self, fine_tune: FineTune) -> int:
        """How many wait for it."""
        pair = pair_of(fine_tune)
        return sum(pair_of(each.fine_tune) == pair for each in self._waiting.values())

    def must_wait(self, fine_tune: FineTune) -> bool:
        """Whether `unload` can do nothing now, since something is being loaded or unloaded."""
        return self._busy is not None and pair_of(fine_tune) in self._loaded

    def is_pinned(self, fine_tune: FineTune) -> bool:
        """Whether it stays loaded, used or not."""
        return fine_tune.first or pair_of(fine_tune) in self._pinned

    def pin(self, fine_tune: FineTune, pinned: bool) -> None:
        """Say whether it stays loaded; that it is loaded at all is for `ask`."""
        if pinned:
            self._pinned.add(pair_of(fine_tune))
        else:
            self._pinned.discard(pair_of(fine_tune))

    def ask(self, lease: int, fine_tune: FineTune, now_s: float) -> bool:
        """Ask for a fine-tune, again and again until it is there.

        Returns:
            Whether the lease is held now.

        Raises:
            LookupError: there will never be room for it; the message says why.
            Exception: what `failed` was told.
        """
        if lease in self._failures:
            raise self._failures.pop(lease)
        self._check_size(fine_tune)
        pair = pair_of(fine_tune)
        queued, found = self._waiting.get(lease), self._loaded.get(pair)
        if found is not None and lease in found.leases:
            found.given_s.pop(lease, None)
            return True
        if self.is_loaded(fine_tune) and pair != self._closed:
            self._waiting.pop(lease, None)
            self._loaded[pair].leases.add(lease)
            self._loaded[pair].used_s = now_s
            return True
        if queued is None:
            self._waiting[lease] = _Waiting(lease, fine_tune, now_s, now_s)
        else:
            queued.renewed_s = now_s
        return False

    def release(self, lease: int, now_s: float) -> None:
        """End a lease, held or waited for; no error if there is none."""
        self._waiting.pop(lease, None)
        self._failures.pop(lease, None)
        for each in self._loaded.values():
            if lease in each.leases:
                each.leases.discard(lease)
                each.given_s.pop(lease, None)
                each.used_s = now_s

    def next_step(self, now_s: float) -> Load | Unload | None:
        """Decide what to do next; then tell `loaded`, `failed` or `unloaded`. None: nothing can be done now."""
        self._drop_left(now_s)
        if self._busy is not None:
            return None
        wanted = self._first_to_load()
        if wanted is None:
            self._closed = None
            return None
        needed = self._bytes_of([*(each.fine_tune for each in self._loaded.values()), wanted.fine_tune])
        if needed <= self._limit_bytes:
            self._busy, self._closed = pair_of(wanted.fine_tune), None
            self._loaded[self._busy] = _Loaded(wanted.fine_tune, now_s)
            return Load(wanted.fine_tune)
        victim = self._least_recently_used(in_use=False)
        if victim is not None:
            self._busy = pair_of(victim.fine_tune)
            return Unload(victim.fine_tune, self._own_weights(victim.fine_tune))
        if now_s - wanted.since_s > self._patience_s and self._closed is None:
            closed = self._least_recently_used(in_use=True)
            self._closed = pair_of(closed.fine_tune) if closed is not None else None
        return None

    def unload(self, fine_tune: FineTune) -> Unload | None:
        """Begin to unload one that is not in use; None if it is not loaded, in use or being loaded."""
        pair = pair_of(fine_tune)
        found = self._loaded.get(pair)
        if found is None or found.leases or self._busy is not None:
            return None
        self._pinned.discard(pair)
        self._busy = pair
        return Unload(found.fine_tune, self._own_weights(found.fine_tune))

    def unload_unlisted(self, listed: Iterable[FineTune]) -> Unload | None:
        """Begin to unload one that the repository has lost, unless it is in use; None if there is none."""
        pairs = {pair_of(each) for each in listed}
        gone = [each for pair, each in self._loaded.items() if pair not in pairs]
        steps = (self.unload(each.fine_tune) for each in gone)
        return next((step for step in steps if step is not None), None)

    def loaded(self, fine_tune: FineTune, now_s: float) -> None:
        """Take note that a step `Load` is done: who waits for it has it from now on, before anything else is loaded."""
        self._busy = None
        found = self._loaded[pair_of(fine_tune)]
        for lease in [lease for lease, each in self._waiting.items() if pair_of(each.fine_tune) == pair_of(fine_tune)]:
            del self._waiting[lease]
            found.leases.add(lease)
            found.given_s[lease] = now_s

    def half_loaded(self, fine_tune: FineTune) -> Unload:
        """What some stages may have opened of a step `Load` that failed; to be dropped before `failed` is told."""
        return Unload(fine_tune, self._own_weights(fine_tune))

    def failed(self, fine_tune: FineTune, reason: Exception) -> None:
        """Take note that a step `Load` failed; all who wait for it are told when they ask."""
        pair = pair_of(fine_tune)
        self._busy = None
        self._loaded.pop(pair, None)
        for lease in [lease for lease, each in self._waiting.items() if pair_of(each.fine_tune) == pair]:
            del self._waiting[lease]
            self._failures[lease] = reason

    def unloaded(self, fine_tune: FineTune) -> None:
        """Take note that a step `Unload` is done."""
        self._busy = None
        self._loaded.pop(pair_of(fine_tune), None)

    def _check_size(self, fine_tune: FineTune) -> None:
        """Refuse what would never fit."""
        pinned = [each.fine_tune for pair, each in self._loaded.items() if pair in self._pinned]
        needed = self._bytes_of([*pinned, fine_tune])
        if needed > self._limit_bytes:
            beside, unpin = (" beside the pinned ones", "unpin others or ") if pinned else ("", "")
            raise LookupError(
                f"model {fine_tune.name} needs {needed} bytes{beside}, and {self._limit_bytes} may be loaded; "
                f"{unpin}raise model_memory"
            )

    def _first_to_load(self) -> _Waiting | None:
        return next((each for each in self._waiting.values() if pair_of(each.fine_tune) not in self._loaded), None)

    def _least_recently_used(self, in_use: bool) -> _Loaded | None:
        candidates = [
            each for pair, each in self._loaded.items() if pair not in self._pinned and bool(each.leases) == in_use
        ]
        return min(candidates, key=lambda each: each.used_s, default=None)

    def _own_weights(self, fine_tune: FineTune) -> dict[str, int]:
        """Ids of its weights that nobody else's are."""
        others = [self._first, *(each.fine_tune for each in self._loaded.values())]
        kept = {
            kind: {each.checkpoints[kind].weights for each in others if pair_of(each) != pair_of(fine_tune)}
            for kind in (S1, S2)
        }
        own = {kind: each.weights for kind, each in fine_tune.checkpoints.items()}
        return {kind: weights for kind, weights in own.items() if weights not in kept[kind]}

    def _bytes_of(self, fine_tunes: Iterable[FineTune]) -> int:
        """Bytes of the checkpoints of several, each once and the first's not at all."""
        sizes = {
            (kind, each.weights): each.nbytes
            for fine_tune in fine_tunes
            for kind, each in fine_tune.checkpoints.items()
            if each.weights != self._first.checkpoints[kind].weights
        }
        return sum(sizes.values())

    def _drop_left(self, now_s: float) -> None:
        left = [lease for lease, each in self._waiting.items() if now_s - each.renewed_s > _RENEWED_WITHIN_S]
        for lease in left:
            del self._waiting[lease]
        given = [item for each in self._loaded.values() for item in each.given_s.items()]
        for lease, given_s in given:
            if now_s - given_s > _RENEWED_WITHIN_S:
                self.release(lease, now_s)
