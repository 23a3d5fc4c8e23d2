"""Whose a sequence is, and how one whose caller has died is ended."""

import os
import queue
import subprocess
import sys

import pytest

from gsv_runtime import contract
from gsv_runtime.errors import InternalError
from gsv_runtime.triton.sequence_ids import OwnedSequences, new_sequence_id, owner_of


class Told:
    """Stages that keep what they were asked; the call may fail."""

    def __init__(self, failure=None):
        self.calls, self.failure = queue.Queue(), failure

    def call(self, model, *, sequence=None, **inputs):
        self.calls.put((model, sequence, inputs))
        if self.failure is not None:
            raise self.failure
        return {}


@pytest.mark.parametrize("pid", [1, 2**22 - 1])
def test_an_id_says_who_asks_and_fits_into_what_triton_takes(pid):
    ids = {new_sequence_id(pid) for _ in range(1000)}
    assert len(ids) == 1000
    assert {owner_of(each) for each in ids} == {pid}
    assert max(ids) < 2**63


@pytest.mark.parametrize("foreign", [1, 2**40 + 7, 2**62 - 1])
def test_an_id_of_another_caller_says_nothing_so_its_sequence_is_no_orphan(foreign):
    assert owner_of(foreign) is None
    assert not OwnedSequences(contract.T2S, Told).is_orphan(foreign)


def test_a_sequence_is_an_orphan_once_the_process_that_asks_for_it_has_died():
    sequences = OwnedSequences(contract.T2S, Told)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as caller:
        sequence_id = new_sequence_id(caller.pid)
        assert not sequences.is_orphan(sequence_id)
        caller.communicate(b"\n")
    assert sequences.is_orphan(sequence_id)
    assert not sequences.is_orphan(new_sequence_id(os.getpid()))


@pytest.mark.parametrize("failure", [None, InternalError("gone")])
def test_its_last_call_asks_for_nothing(failure):
    stages = Told(failure)
    OwnedSequences(contract.T2S, lambda: stages).end(7)
    model, sequence, inputs = stages.calls.get(timeout=20)
    assert model is contract.T2S
    assert (sequence.sequence_id, sequence.start, sequence.end) == (7, False, True)
    assert inputs == {"max_new_tokens": [0]}
