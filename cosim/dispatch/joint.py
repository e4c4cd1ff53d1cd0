"""A parametrised cvxpy model as one joint programme in its variables, its parameters and their products.

Rows and costs are affine in variables and in parameters, apart, and hold products of the two. With a variable in the
place of every parameter and of every product the programme has no parameters left, so that cvxpy compiles it once,
fresh, in time linear in its size; what stands for parameters and products is read off its columns afterwards. cvxpy's
own parametrised compile grows with parameters times rows instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import IntArray
from cosim.errors import ComponentError

if TYPE_CHECKING:
    import cvxpy as cp

Triples = tuple[IntArray, IntArray, IntArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product:
    """``w``, which stands for a factor without variables times an expression without parameters.

    ``w[a] = sum factor[b] expression[c]`` over the triples ``(a, b, c)``; all are counted column by column.
    """

    w: cp.Variable
    factor: cp.Expression
    expression: cp.Expression
    triples: Triples


class Joint:
    """What replaces the parameters and the products in the expressions of one programme."""

    def __init__(self, parameters: Sequence[cp.Parameter]) -> None:
        import cvxpy as cp

        self.parameters = parameters
        self.products: list[Product] = []
        self.stand_ins = {parameter.id: cp.Variable(parameter.shape) for parameter in parameters}

    def constraint(self, constraint: cp.Constraint) -> cp.Constraint:
        """Return a constraint without parameters."""
        return constraint.copy([self.expression(part) for part in constraint.args])

    def expression(self, expression: Any) -> Any:  # noqa: ANN401 - any atom
        """Return an expression without parameters."""
        import cvxpy as cp

        if isinstance(expression, cp.Parameter):
            if expression.id not in self.stand_ins:
                raise ComponentError(
                    f"dispatch: parameter {expression.name()} was not declared; devices make theirs by self.parameter()"
                )
            return self.stand_ins[expression.id]
        if not expression.args or not expression.parameters():
            return expression
        if _is_product(expression):
            return self._product(expression)
        return expression.copy([self.expression(part) for part in expression.args])

    def _product(self, expression: Any) -> cp.Variable:  # noqa: ANN401 - any atom
        import cvxpy as cp

        left, right = expression.args
        factor, other = (left, right) if left.parameters() else (right, left)
        if factor.variables() or other.parameters():
            raise ComponentError(f"dispatch: {expression} multiplies parameters; form the product in numpy, in load()")
        shape = expression.shape
        triples = _elementwise(shape, factor, other) if isinstance(expression, cp.multiply) else _matrix(left, right)
        if factor is right and not isinstance(expression, cp.multiply):
            triples = triples[0], triples[2], triples[1]
        w = cp.Variable(shape)
        self.products.append(Product(w=w, factor=self.expression(factor), expression=other, triples=triples))
        return w


def _is_product(expression: Any) -> bool:  # noqa: ANN401 - any atom
    """Whether a parameter multiplies what holds variables."""
    from cvxpy.atoms.affine.binary_operators import MulExpression, multiply

    if not isinstance(expression, MulExpression | multiply):
        return False
    left, right = expression.args
    return bool((left.parameters() and right.variables()) or (right.parameters() and left.variables()))


def _elementwise(shape: tuple[int, ...], *parts: Any) -> Triples:  # noqa: ANN401 - any atoms
    """Return the triples of a product entry by entry; a part of one entry multiplies all."""
    count = int(np.prod(shape, dtype=int))
    places = [np.broadcast_to(_places(part.shape), shape).ravel(order="F") for part in parts]
    return np.arange(count), places[0], places[1]


def _matrix(left: Any, right: Any) -> Triples:  # noqa: ANN401 - any atoms
    """Return the triples of a matrix product: entries of the product, of its left and of its right part."""
    first, second = _places(left.shape), _places(right.shape)
    first = first[None, :] if first.ndim < 2 else first  # noqa: PLR2004 - a matrix
    second = second[:, None] if second.ndim < 2 else second  # noqa: PLR2004 - a matrix
    rows, inner, columns = first.shape[0], first.shape[1], second.shape[1]
    i, j, k = (part.ravel() for part in np.meshgrid(range(rows), range(inner), range(columns), indexing="ij"))
    return i + rows * k, first[i, j], second[j, k]


def _places(shape: tuple[int, ...]) -> IntArray:
    """Return the place of every entry, counted column by column."""
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape, order="F")
