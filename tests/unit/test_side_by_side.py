"""What is done for several people at once comes back in their order, or not at all."""

import threading

import pytest

from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline import side_by_side as module
from fhmr_blender.pipeline.side_by_side import side_by_side


def test_everybody_is_looked_at_at_once_and_answers_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "default_threads", lambda: 3)
    together = threading.Barrier(3)

    def look(person: int) -> int:
        together.wait(timeout=10)  # nobody goes on before all three have begun
        return 10 * person

    assert side_by_side(look, [3, 1, 2]) == [30, 10, 20]


def test_one_person_needs_no_thread():
    assert side_by_side(lambda _: threading.current_thread(), [1]) == [threading.current_thread()]
    assert side_by_side(len, []) == []


def test_what_goes_wrong_with_one_is_told():
    def look(person: int) -> int:
        if person == 2:
            raise FhmrError("Nobody is there.", "Look elsewhere.")
        return person

    with pytest.raises(FhmrError, match="Nobody is there"):
        side_by_side(look, [1, 2, 3])
