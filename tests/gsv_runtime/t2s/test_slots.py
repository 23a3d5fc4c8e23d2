"""Slots: no slot is held twice, and after closing holes the held ones are the lowest."""

from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.t2s.slots import Move, SlotTable


def test_the_lowest_free_slot_is_given_first():
    table = SlotTable(3)
    assert [table.take(sequence) for sequence in (10, 11, 12)] == [0, 1, 2]
    table.release(1)
    table.release(0)
    assert table.take(13) == 0
    assert table.span == 3


def test_the_highest_sequence_moves_into_the_lowest_hole():
    table = SlotTable(4)
    for sequence in (10, 11, 12, 13):
        table.take(sequence)
    table.release(0)
    table.release(2)
    assert table.close_hole() == Move(source=3, target=0)
    assert table.holder(0) == 13
    assert table.close_hole() is None
    assert table.span == 2


@given(st.integers(1, 6), st.lists(st.integers(0, 5), max_size=40))
def test_holes_are_closed_without_losing_or_sharing_a_sequence(count, choices):
    """Each choice takes a slot if it can, or else releases the holder of that slot."""
    table, held = SlotTable(count), {}
    for number, choice in enumerate(choices):
        if choice in held.values():
            sequence = next(s for s, slot in held.items() if slot == choice)
            table.release(held.pop(sequence))
        elif table.num_free:
            held[number] = table.take(number)
        while (move := table.close_hole()) is not None:
            sequence = next(s for s, slot in held.items() if slot == move.source)
            assert move.target not in held.values()
            held[sequence] = move.target
        assert sorted(held.values()) == list(range(len(held)))
        assert {slot: table.holder(slot) for slot in held.values()} == {slot: s for s, slot in held.items()}
        assert (table.span, table.num_free) == (len(held), count - len(held))
