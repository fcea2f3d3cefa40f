"""The bits of a coded stream's headers, most significant first."""

from __future__ import annotations


class Bits:
    """Reads bits from the start of some bytes.

    Raises:
        IndexError: they are at their end.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        value = 0
        for _ in range(count):
            byte = self._data[self._place >> 3]
            value = value << 1 | byte >> 7 - (self._place & 7) & 1
            self._place += 1
        return value

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.take(1))

    def golomb(self) -> int:
        """The next number in exponential Golomb code: HEVC's ue(v), AV1's uvlc()."""
        zeros = 0
        while not self.flag():
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
