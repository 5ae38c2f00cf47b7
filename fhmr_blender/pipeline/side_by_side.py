"""Several people at once: what is done for each of them on its own, on as many cores as there are.

The networks and most of numpy let go of Python's lock, and a network alone does not keep two cores
busy.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .runtime import default_threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What a function says of each item, in their order.

    Args:
        function: Changes nothing; what it raises is raised here.
        items: One each.
    """
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(len(items), default_threads())) as pool:
        return list(pool.map(function, items))
