"""The next patient is prepared while this one is looked at."""

from __future__ import annotations

import threading

import pytest

from nnunet_multiphase.patients.ahead import made_ahead


def test_things_come_in_order_with_what_was_made_of_them() -> None:
    assert [(item, made()) for item, made in made_ahead([3, 1, 2], lambda n: n * 10)] == [
        (3, 30),
        (1, 10),
        (2, 20),
    ]


def test_one_is_made_ahead_and_no_more() -> None:
    begun = [threading.Event() for _ in range(3)]

    def make(number: int) -> int:
        begun[number].set()
        return number

    things = made_ahead(range(3), make)
    next(things)
    assert begun[1].wait(10)  # while the first is being worked on
    assert not begun[2].wait(0.2)
    next(things)
    assert begun[2].wait(10)


def test_what_fails_is_raised_where_it_is_asked_for_and_costs_the_next_nothing() -> None:
    def make(number: int) -> int:
        if number == 0:
            raise ValueError("too thin")
        return number

    (_, first), (_, second) = made_ahead([0, 1], make)
    with pytest.raises(ValueError, match="too thin"):
        first()
    assert second() == 1


def test_nothing_is_made_of_nothing() -> None:
    assert list(made_ahead([], lambda n: n)) == []
