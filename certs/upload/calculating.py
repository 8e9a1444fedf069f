"""Functions that calculate colours (type 4), where every reader comes to the same numbers.

Readers calculate in numbers of 32 or 64 bits, whole or not, and go on differently from a step that has no result: a
division by nothing, a root of less than nothing, a number that the stack does not hold. So a function is calculated
here in the strictest way at the corners of its domain and at many places within, also beside every number that it names
itself. What goes wrong between all of these is not found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice, pairwise, product
from typing import Any, Final, TypeAlias

from certs.upload.book import NotByTheBookError

_TOKEN = re.compile(rb"%[^\r\n]*|[{}]|[^\s{}%]+")
_WHOLE, _NUMBER = re.compile(rb"[+-]?\d{1,8}"), re.compile(rb"[+-]?(\d{1,8}\.\d{0,20}|\.\d{1,20}|\d{1,8})")
_LARGEST = 2**24  # up to which whole numbers are exact in the smallest of the readers' numbers
_DEEPEST, _MOST_TOKENS, _NESTED, _MOST_STEPS = 50, 5_000, 32, 400_000
_PLACES = 8  # between the ends of what may come in, besides those that the function itself names
_MOST_NAMED, _MOST_PLACES = 16, 800

_Number: TypeAlias = int | float  # a truth is a bool, and no number
_Body: TypeAlias = list["bytes | _Number | _Body"]
_Stack: TypeAlias = list[_Number]
_OF_ONE: Final[dict[bytes, Callable[[_Number], _Number]]] = {
    b"abs": abs, b"neg": lambda one: -one, b"cvr": float, b"cvi": int, b"sqrt": math.sqrt, b"ln": math.log,
    b"log": math.log10, b"ceiling": lambda one: type(one)(math.ceil(one)),
    b"floor": lambda one: type(one)(math.floor(one)), b"truncate": lambda one: type(one)(int(one)),
    b"sin": lambda one: math.sin(math.radians(one)), b"cos": lambda one: math.cos(math.radians(one))}
_OF_TWO: Final[dict[bytes, Callable[[_Number, _Number], _Number]]] = {
    b"add": lambda one, other: one + other, b"sub": lambda one, other: one - other,
    b"mul": lambda one, other: one * other, b"div": lambda one, other: one / other,
    b"atan": lambda one, other: math.degrees(math.atan2(one, other)) % 360, b"exp": lambda one, other: one**other,
    b"gt": lambda one, other: one > other, b"ge": lambda one, other: one >= other,
    b"lt": lambda one, other: one < other, b"le": lambda one, other: one <= other}
_OF_TWO_WHOLE: Final[dict[bytes, Callable[[int, int], int]]] = {
    b"mod": lambda one, other: int(math.fmod(one, other)), b"eq": lambda one, other: one == other,
    b"ne": lambda one, other: one != other}
_OF_TWO_TRUTHS: Final[dict[bytes, Callable[[bool, bool], bool]]] = {
    b"and": lambda one, other: one and other, b"or": lambda one, other: one or other,
    b"xor": lambda one, other: one is not other}
_MOVING = frozenset({b"dup", b"pop", b"exch", b"index", b"copy", b"roll"})
_FORKS: Final = {b"if": 1, b"ifelse": 2}
_KNOWN = frozenset({*_OF_ONE, *_OF_TWO, *_OF_TWO_WHOLE, *_OF_TWO_TRUTHS, *_MOVING, *_FORKS})


def ensure_calculable(written: bytes, domain: Any, values: int) -> None:
    """Look at a function.

    :param domain: from which to which each number that comes in goes
    :param values: how many numbers come out
    :raises NotByTheBookError: readers may come to other numbers
    """
    tokens = [one for one in _TOKEN.findall(written) if not one.startswith(b"%")]
    ends = list(domain)
    _ensure(0 < len(tokens) <= _MOST_TOKENS and tokens[0] == b"{" and len(ends) % 2 == 0
            and all(type(one) in {int, Decimal} for one in ends))
    body, after = _parse(tokens, 1, 0)
    _ensure(after == len(tokens))
    named = sorted({float(one) for one in tokens if _NUMBER.fullmatch(one)})
    axes = [_axis(float(low), float(high), named) for low, high in zip(ends[::2], ends[1::2], strict=True)]
    machine = _Machine()
    for place in islice(_places(axes), _MOST_PLACES):
        try:
            stack = machine.calculate(body, place)
        except (ArithmeticError, ValueError, TypeError, IndexError) as error:
            raise NotByTheBookError("a function that has no result everywhere") from error
        _ensure(len(stack) == values and not any(isinstance(one, bool) for one in stack))
        if machine.steps > _MOST_STEPS:
            break


def _ensure(is_so: bool) -> None:
    if not is_so:
        raise NotByTheBookError("a function that readers calculate differently")


def _parse(tokens: list[bytes], at: int, depth: int) -> tuple[_Body, int]:
    body: _Body = []
    _ensure(depth < _NESTED)
    while at < len(tokens):
        token, at = tokens[at], at + 1
        if token == b"}":
            return body, at
        if token == b"{":
            inner, at = _parse(tokens, at, depth + 1)
            body.append(inner)
        elif _NUMBER.fullmatch(token):
            body.append(int(token) if _WHOLE.fullmatch(token) else float(token))
        else:
            waiting = [isinstance(one, list) for one in body[-2:]]
            _ensure(token in _KNOWN and (token not in _FORKS or waiting[-_FORKS[token]:] == [True] * _FORKS[token]))
            body.append(token)
    raise NotByTheBookError("a function that is not closed")


def _axis(low: float, high: float, named: list[float]) -> list[float]:
    """The ends, places between them, those that the function names, and some between all of these."""
    _ensure(low <= high)
    places = {low, high, *(low + (high - low) * at / _PLACES for at in range(1, _PLACES)),
              *[one for one in named if low < one < high][:_MOST_NAMED]}
    return sorted(places | {(one + other) / 2 for one, other in pairwise(sorted(places))})


def _places(axes: list[list[float]]) -> Iterator[tuple[float, ...]]:
    """The corners first; then all, of which as many are taken as time allows."""
    yield from islice(product(*([axis[0], axis[-1]] for axis in axes)), _MOST_PLACES // 2)
    yield from product(*axes)


class _Machine:
    """Calculates, and counts the steps."""

    def __init__(self) -> None:
        self.steps = 0

    def calculate(self, body: _Body, given: tuple[float, ...]) -> _Stack:
        """What is on the stack at last. :raises NotByTheBookError: a step has another result elsewhere, or none"""
        stack: _Stack = list(given)
        self._run(body, stack)
        return stack

    def _run(self, body: _Body, stack: _Stack) -> None:
        ways: list[_Body] = []
        for step in body:
            self.steps += 1
            _ensure(len(stack) <= _DEEPEST)
            if isinstance(step, list):
                ways.append(step)
            elif isinstance(step, bytes) and step in _FORKS:
                is_so = stack.pop()
                _ensure(isinstance(is_so, bool) and len(ways) == _FORKS[step])
                if is_so or len(ways) > 1:
                    self._run(ways[0 if is_so else 1], stack)
                ways = []
            else:
                _ensure(not ways)
                stack.append(step) if not isinstance(step, bytes) else _step(step, stack)
                _ensure(not stack or abs(stack[-1]) <= _LARGEST)
        _ensure(not ways)


def _step(step: bytes, stack: _Stack) -> None:
    if step in _MOVING:
        _move(step, stack)
        return
    other = stack.pop()
    if step in _OF_ONE:
        _ensure(not isinstance(other, bool))
        stack.append(_OF_ONE[step](other))
        return
    one = stack.pop()
    kinds = {type(one), type(other)}
    if step in _OF_TWO_TRUTHS:
        _ensure(kinds == {bool})
        stack.append(_OF_TWO_TRUTHS[step](bool(one), bool(other)))
    elif step in _OF_TWO_WHOLE:
        _ensure(kinds == {int})
        stack.append(_OF_TWO_WHOLE[step](int(one), int(other)))
    else:
        _ensure(bool not in kinds and (step != b"exp" or one >= 0))
        stack.append(_OF_TWO[step](one, other))


def _move(step: bytes, stack: _Stack) -> None:
    if step == b"dup":
        stack.append(stack[-1])
    elif step == b"pop":
        stack.pop()
    elif step == b"exch":
        stack[-2], stack[-1] = stack[-1], stack[-2]
    elif step == b"roll":
        by, count = _whole(stack), _whole(stack)
        _ensure(0 < count <= len(stack))
        part = stack[-count:]
        stack[-count:] = [part[(at - by) % count] for at in range(count)]
    else:
        count = _whole(stack)
        _ensure(0 <= count < len(stack) + (step == b"copy"))
        stack += [stack[-1 - count]] if step == b"index" else stack[len(stack) - count:]


def _whole(stack: _Stack) -> int:
    value = stack.pop()
    _ensure(type(value) is int)
    return int(value)
