"""Conditions on rows, as in `--where "width >= 512 and score > 5.5"`: parsed, never executed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import DataError, require

_COMPARE: Final = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
_ARITHMETIC: Final = {
    ast.Add: "add_checked",
    ast.Sub: "subtract_checked",
    ast.Mult: "multiply_checked",
}


class Condition:
    """A condition on the columns of a part.

    Args:
        text: comparisons of columns, numbers, 'texts' and None; `and`, `or`, `not`, `in (..)`,
            `is None`, + - * / and parentheses, as Python writes them.
        columns: the names that may be used.

    Raises:
        DataError: it is no such condition, or names another column.

    Attributes:
        columns: the names that it uses.
    """

    def __init__(self, text: str, columns: list[str]) -> None:
        self.text = text
        self._known = columns
        self.columns: set[str] = set()
        try:
            self._value = self._compiled(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError) as error:
            raise self._error(f"{error}") from error
        except (RecursionError, MemoryError) as error:
            raise self._error("it is nested too deeply") from error

    def holds(self, batch: Any) -> NDArray[np.bool_]:
        """For each row of a `pyarrow.RecordBatch`; a column without a value makes it false."""
        pa = require("pyarrow", "shards", "conditions")
        try:
            mask = self._value(batch)
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise self._error(f"{error}") from error
        except RecursionError as error:
            raise self._error("it is nested too deeply") from error
        if not isinstance(mask, pa.Array) or not pa.types.is_boolean(mask.type):
            raise self._error("it is neither true nor false")
        found: NDArray[np.bool_] = mask.fill_null(False).to_numpy(zero_copy_only=False)
        return found

    def _compiled(self, node: ast.expr) -> Callable[[Any], Any]:
        compute = require("pyarrow.compute", "shards", "conditions")
        match node:
            case ast.Name(id=name):
                if name not in self._known:
                    raise self._error(f"there is no column {name!r}")
                self.columns.add(name)
                return lambda batch: _wide(batch.column(name))
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return lambda _: value
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inside = self._compiled(operand)
                return lambda batch: compute.invert(inside(batch))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inside = self._compiled(operand)
                return lambda batch: compute.negate(inside(batch))
            case ast.BoolOp(op=op, values=values):
                parts = [self._compiled(value) for value in values]
                both = compute.and_kleene if isinstance(op, ast.And) else compute.or_kleene
                return lambda batch: _folded(both, [part(batch) for part in parts])
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                one, other = self._compiled(left), self._compiled(right)
                # Arrow divides whole numbers without a rest.
                return lambda batch: compute.divide(
                    compute.cast(one(batch), "float64"), other(batch)
                )
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                one, other = self._compiled(left), self._compiled(right)
                function = getattr(compute, _ARITHMETIC[type(op)])
                return lambda batch: function(one(batch), other(batch))
            case ast.Compare(left=left, ops=ops, comparators=others):
                terms = [left, *others]
                pairs = [
                    self._compared(terms[index], op, terms[index + 1])
                    for index, op in enumerate(ops)
                ]
                return lambda batch: _folded(compute.and_kleene, [p(batch) for p in pairs])
        raise self._error(f"{ast.unparse(node)} is not allowed here")

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Callable[[Any], Any]:
        compute = require("pyarrow.compute", "shards", "conditions")
        pa = require("pyarrow", "shards", "conditions")
        one = self._compiled(left)
        match op, right:
            case ((ast.Is() | ast.IsNot()), ast.Constant(value=None)):
                test = compute.is_null if isinstance(op, ast.Is) else compute.is_valid
                return lambda batch: test(one(batch))
            case ((ast.In() | ast.NotIn()), (ast.Tuple() | ast.List() | ast.Set())):
                try:
                    values = pa.array(list(ast.literal_eval(right)))
                except (ValueError, pa.ArrowException) as error:
                    raise self._error(f"{ast.unparse(right)}: {error}") from error
                if isinstance(op, ast.In):
                    return lambda batch: compute.is_in(one(batch), value_set=values)
                return lambda batch: compute.invert(compute.is_in(one(batch), value_set=values))
        if type(op) not in _COMPARE:
            raise self._error(f"{ast.unparse(right)} cannot be compared in this way")
        other = self._compiled(right)
        function = getattr(compute, _COMPARE[type(op)])
        return lambda batch: function(one(batch), other(batch))

    def _error(self, what: str) -> DataError:
        return DataError(
            f"the condition {self.text!r} cannot be used: {what}. Columns are: "
            f"{', '.join(self._known)}"
        )


def _wide(column: Any) -> Any:
    """Whole numbers in 64 bits: the product of two sides need not fit 32."""
    pa = require("pyarrow", "shards", "conditions")
    return column.cast(pa.int64()) if pa.types.is_integer(column.type) else column


def _folded(both: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = both(result, value)
    return result
