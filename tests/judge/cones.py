"""A cone programme written row by row: affine vectors over the periods, handed to Clarabel as they stand.

No modelling language stands between the description and the solver, so that a window costs milliseconds.
"""

import clarabel
import numpy as np
from scipy import sparse

OPTIMAL, INFEASIBLE = "optimal", "infeasible"
_STATUS = {"Solved": OPTIMAL, "PrimalInfeasible": INFEASIBLE, "AlmostPrimalInfeasible": INFEASIBLE}


class Affine:
    """A vector ``M x + constant`` over the columns x of a programme; M by rows, columns and values of its entries."""

    __array_ufunc__ = None  # numpy leaves arithmetic with arrays to this class

    def __init__(self, rows, columns, values, constant):
        self.rows, self.columns, self.values, self.constant = rows, columns, values, constant

    @classmethod
    def of(cls, one, length):
        """Return an affine vector as it is, and a number or an array as a constant one."""
        if isinstance(one, Affine):
            return one
        none = np.zeros(0, dtype=int)
        return cls(none, none, np.zeros(0), np.broadcast_to(np.asarray(one, dtype=float), (length,)))

    def __len__(self):
        return len(self.constant)

    def __add__(self, other):
        other = Affine.of(other, len(self))
        return Affine(
            np.concatenate([self.rows, other.rows]), np.concatenate([self.columns, other.columns]),
            np.concatenate([self.values, other.values]), self.constant + other.constant,
        )  # fmt: skip

    __radd__ = __add__

    def __mul__(self, factor):
        factor = np.broadcast_to(np.asarray(factor, dtype=float), (len(self),))
        return Affine(self.rows, self.columns, self.values * factor[self.rows], self.constant * factor)

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -Affine.of(other, len(self))

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, divisor):
        return self * (1.0 / np.asarray(divisor, dtype=float))

    def mixed(self, matrix):
        """Return ``matrix @ vector``."""
        matrix = np.asarray(matrix, dtype=float)
        to, source = np.nonzero(matrix[:, self.rows])
        return Affine(
            to, self.columns[source], self.values[source] * matrix[to, self.rows[source]], matrix @ self.constant
        )

    def running(self):
        """Return the sums up to each row."""
        return self.mixed(np.tril(np.ones((len(self), len(self)))))

    def total(self):
        """Return the sum, a vector of one row."""
        return self.mixed(np.ones((1, len(self))))

    def steps(self):
        """Return the differences of each row to the one before."""
        return self.mixed(np.eye(len(self))[1:] - np.eye(len(self))[:-1])

    def row(self, k):
        """Return one row, as a vector."""
        return self.mixed(np.eye(len(self))[[k]])

    def at(self, x):
        """Return the value at a point."""
        return self.constant + np.bincount(self.rows, self.values * x[self.columns], minlength=len(self))


class Cones:
    """``min sum(linear) + sum squares`` under ``== 0``, ``>= 0`` and second-order cones."""

    def __init__(self):
        self.columns, self.objective, self.squares = 0, Affine.of(0.0, 1), []
        self.equal, self.above, self.cones = [], [], []

    def variable(self, length):
        """Return new columns."""
        first, self.columns = self.columns, self.columns + length
        return Affine(np.arange(length), np.arange(first, self.columns), np.ones(length), np.zeros(length))

    def zero(self, affine):
        """Ask for ``affine == 0``; return the name of the rule, to ask for its multipliers."""
        self.equal.append(affine)
        return len(self.equal) - 1

    def nonnegative(self, affine):
        """Ask for ``affine >= 0``."""
        self.above.append(affine)

    def cone(self, head, *parts):
        """Ask for ``head >= |parts|`` row by row."""
        length = next(len(one) for one in (head, *parts) if isinstance(one, Affine))
        self.cones.append([Affine.of(one, length) for one in (head, *parts)])

    def pay(self, affine):
        """Add the sum of a vector to what is minimised."""
        self.objective = self.objective + affine.total()

    def pay_squares(self, factor, variable):
        """Add ``factor * sum(variable ** 2)`` of columns to what is minimised."""
        self.squares.append((factor, variable.columns))

    def solve(self, worth, options):
        """Minimise the objective over ``worth``; return (status, columns, multipliers of `zero` by name)."""
        linear = np.bincount(self.objective.columns, self.objective.values, minlength=self.columns)
        quadratic = np.zeros(self.columns)
        for factor, columns in self.squares:
            quadratic[columns] += 2.0 * factor
        matrix, right, kinds = self._rows()
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        for name, value in options.items():
            setattr(settings, name, value)
        found = clarabel.DefaultSolver(
            sparse.diags_array(quadratic / worth).tocsc(), linear / worth, matrix, right, kinds, settings
        ).solve()
        status, ends = _STATUS.get(str(found.status), "failed"), np.cumsum([len(one) for one in self.equal])
        multipliers = np.split(np.asarray(found.z)[: ends[-1]], ends[:-1])
        return status, np.asarray(found.x), multipliers

    def value(self, x):
        """Return what is minimised at a point."""
        return float(self.objective.at(x)[0]) + sum(factor * float((x[at] ** 2).sum()) for factor, at in self.squares)

    def _rows(self):
        """Return A, b and the kinds of rows of ``A x + s = b``, s in a cone: each row is ``s = M x + constant``."""
        blocks, places, count = [], [], 0
        for one in (*self.equal, *self.above):
            blocks.append(one)
            places.append(count + np.arange(len(one)))
            count += len(one)
        kinds = [kind(sum(map(len, rules))) for kind, rules in
                 ((clarabel.ZeroConeT, self.equal), (clarabel.NonnegativeConeT, self.above)) if rules]  # fmt: skip
        for parts in self.cones:
            length, size = len(parts[0]), len(parts)
            for j, one in enumerate(parts):
                blocks.append(one)
                places.append(count + j + size * np.arange(length))
            kinds += [clarabel.SecondOrderConeT(size)] * length
            count += size * length
        rows = np.concatenate([place[one.rows] for one, place in zip(blocks, places, strict=True)])
        columns = np.concatenate([one.columns for one in blocks])
        values = -np.concatenate([one.values for one in blocks])
        right = np.zeros(count)
        for one, place in zip(blocks, places, strict=True):
            right[place] = one.constant
        return sparse.csc_array((values, (rows, columns)), shape=(count, self.columns)), right, kinds
