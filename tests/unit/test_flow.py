"""Drawing from a flow, and its noise, with flows of a line."""

from __future__ import annotations

import numpy as np
import pytest

from fhmr_blender.core.flow import guided, integrate
from fhmr_blender.core.noise import normal_noise, philox

NOTHING = np.zeros(3, dtype=bool)


def noise(
    *, seed: int = 1, samples: int = 2, frames: tuple[int, ...] = (4, 9), size: int = 6
) -> np.ndarray:
    return normal_noise(
        seed=seed, person=1, samples=samples, frames=np.array(frames), group=2, size=size
    )


# -- integration


@pytest.mark.parametrize("steps", [1, 2, 4, 50])
def test_a_network_that_knows_the_answer_is_followed_exactly(steps: int) -> None:
    answer = np.array([1.0, -2.0, 0.5])
    drawn = integrate(lambda state, time: answer, np.ones(3), NOTHING, np.zeros(3), steps)
    np.testing.assert_array_equal(drawn, answer)


def test_a_gaussian_is_drawn_with_its_own_mean_and_deviation() -> None:
    mean, deviation = 3.0, 0.5

    def posterior(state: np.ndarray, time: float) -> np.ndarray:
        gain = time * deviation**2 / ((1 - time) ** 2 + time**2 * deviation**2)
        return mean + gain * (state - time * mean)

    start = np.random.default_rng(0).normal(size=(20_000, 1))
    drawn = integrate(posterior, start, np.zeros(1, bool), np.zeros(1), 200)
    assert drawn.mean() == pytest.approx(mean, abs=0.02)  # four standard errors
    assert drawn.std() == pytest.approx(deviation, rel=0.03)  # 200 Euler steps


def test_time_runs_from_noise_towards_the_sample() -> None:
    times: list[float] = []

    def ask(state: np.ndarray, time: float) -> np.ndarray:
        times.append(time)
        return state

    integrate(ask, np.ones(3), NOTHING, np.zeros(3), 4)
    assert times[0] == 0.0 and len(times) == 4
    gaps = np.diff([*times, 1.0])
    assert (gaps > 0.0).all() and (np.diff(gaps) < 0.0).all()  # closer and closer
    times.clear()
    integrate(ask, np.ones(3), NOTHING, np.zeros(3), 50)
    np.testing.assert_allclose(times, np.arange(50) / 50, atol=1e-12)


@pytest.mark.parametrize("deviation", [0.3, 0.5, 1.0])
def test_four_steps_draw_as_wide_as_fifty(deviation: float) -> None:
    """Of a Gaussian; Euler's four steps would keep 59 to 72 % of its width."""

    def posterior(state: np.ndarray, time: float) -> np.ndarray:
        gain = time * deviation**2 / ((1 - time) ** 2 + time**2 * deviation**2)
        return gain * state

    few, many = (
        float(integrate(posterior, np.ones(1), np.zeros(1, bool), np.zeros(1), steps)[0])
        for steps in (4, 50)
    )
    assert few == pytest.approx(many, rel=0.16)
    assert few == pytest.approx(deviation, rel=0.12)


def test_known_coordinates_are_the_same_to_the_bit_and_seen_clean_at_every_step() -> None:
    known = np.array([True, False, True])
    values = np.array([0.1, np.nan, -7.3])
    states: list[np.ndarray] = []

    def ask(state: np.ndarray, time: float) -> np.ndarray:
        states.append(state)
        return state * 0.3 + 1.0  # says something else of the known ones, too

    drawn = integrate(ask, np.ones(3), known, values, 5)
    for state in (*states, drawn):
        np.testing.assert_array_equal(state[known], values[known])
    assert np.isfinite(drawn).all()


def test_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="0 steps"):
        integrate(lambda state, time: state, np.ones(3), NOTHING, np.zeros(3), 0)


# -- guidance


def says(value: float):
    return lambda state, time: np.full(3, value)


def never(state: np.ndarray, time: float) -> np.ndarray:
    raise AssertionError("not to be asked")


def test_guidance_scales_what_the_picture_adds_to_the_anchor() -> None:
    weights = np.array([0.0, 0.5, 3.0])
    mixed = guided(says(2.0), says(4.0), weights)(np.zeros(3), 0.5)
    np.testing.assert_allclose(mixed, [2.0, 3.0, 8.0])


def test_without_guidance_the_picture_is_never_asked() -> None:
    assert guided(says(2.0), never, np.zeros(3))(np.zeros(3), 0.0)[0] == 2.0


def test_with_guidance_one_only_the_belief_is_asked() -> None:
    assert guided(never, says(4.0), np.ones(3))(np.zeros(3), 0.0)[0] == 4.0


def test_a_coordinate_without_guidance_takes_nothing_of_the_picture_not_even_nan() -> None:
    mixed = guided(says(2.0), says(np.nan), np.array([0.0, 1.0, 2.0]))(np.zeros(3), 0.0)
    assert mixed[0] == 2.0


# -- noise


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0xFFFFFFFF,) * 4,
            (0xFFFFFFFF,) * 2,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_words_that_its_authors_published(
    counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]
) -> None:
    found = philox(np.array(counter, dtype=np.uint32), key)
    assert tuple(int(word) for word in found) == words


def test_noise_of_a_sample_and_frame_does_not_depend_on_what_else_is_drawn() -> None:
    alone = noise(samples=1, frames=(9,))
    np.testing.assert_array_equal(noise(samples=5, frames=(1, 9, 30))[0, 1], alone[0, 0])


def test_noise_differs_between_seeds_frames_and_samples() -> None:
    one = noise(samples=2, frames=(0, 1))
    parts = [*one.reshape(4, -1), *noise(seed=2).reshape(4, -1)]
    assert len({part.tobytes() for part in parts}) == len(parts)


def test_noise_is_standard_normal() -> None:
    many = noise(samples=60, frames=tuple(range(60)), size=36).ravel()  # 129,600 numbers
    assert abs(many.mean()) < 0.012  # four standard errors
    assert many.std() == pytest.approx(1.0, abs=0.01)
    assert np.mean(np.abs(many) < 1.0) == pytest.approx(0.6827, abs=0.006)
