"""Who belongs to whom: pairs of least total cost."""

import numpy as np

from ...core.arrays import Floats, Indices


def cheapest_pairs(costs: Floats, limit: float) -> list[tuple[int, int]]:
    """Pair rows with columns at the least total cost; leaving a row alone costs `limit`.

    Args:
        costs: (R, C); what is not below `limit` (infinity, too) is never paired.
        limit: Finite.

    Returns:
        Pairs of row and column, by row.
    """
    rows, columns = costs.shape
    if not rows or not columns:
        return []
    bounded = np.minimum(costs, limit)
    if rows > columns:
        pairs = [(row, column) for column, row in enumerate(_assigned(bounded.T))]
    else:
        pairs = list(enumerate(_assigned(bounded)))
    return sorted((row, int(column)) for row, column in pairs if costs[row, column] < limit)


def _assigned(costs: Floats) -> Indices:
    """The column of every row, (R,); there are at least as many columns as rows.

    Source: Jonker & Volgenant, A Shortest Augmenting Path Algorithm for Dense and Sparse Linear
    Assignment Problems, 1987: the augmentation alone, from prices of 0.
    """
    rows, columns = costs.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    owner = np.full(columns, -1)  # row of every column
    for start in range(rows):
        distance, before = np.full(columns, np.inf), np.full(columns, -1)
        done = np.zeros(columns, dtype=bool)
        row, last, reached = start, -1, 0.0
        while row >= 0:
            through = reached + costs[row] - row_price[row] - column_price
            nearer = ~done & (through < distance)
            distance[nearer], before[nearer] = through[nearer], last
            last = int(np.argmin(np.where(done, np.inf, distance)))
            done[last], reached = True, float(distance[last])
            row = int(owner[last])
        settled = done & (owner >= 0)
        row_price[owner[settled]] += reached - distance[settled]
        row_price[start] += reached
        column_price[done] -= reached - distance[done]
        while last >= 0:
            owner[last] = start if before[last] < 0 else owner[before[last]]
            last = int(before[last])
    answer = np.empty(rows, dtype=np.int64)
    answer[owner[owner >= 0]] = np.flatnonzero(owner >= 0)
    return answer
