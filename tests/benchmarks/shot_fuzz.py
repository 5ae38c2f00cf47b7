"""Hostile `shot.npz` files against the reader: what it refuses cleanly, and anything else.

python -m tests.benchmarks.shot_fuzz [CASES]; 100,000 by default, every case from its own seed.
Bytes are changed in the file, or entries inside an otherwise good file. What is read as a shot
all the same is written, read and exported again. "Anything else" is an error that is no FhmrError,
or a case of more than a second of CPU: its seed is printed, to be tried alone with --seed.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import struct
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fhmr_blender.core import interchange, shot_file
from fhmr_blender.errors import FhmrError
from fhmr_blender.pipeline.bodies import body_of
from tests.unit import sitter

CASES = 100_000
SLOW = 1.0  # s of CPU
SHOWN = 10  # surprises that are printed in full
Entries = dict[str, bytes]
Change = Callable[[Entries, np.random.Generator], bytes]


@dataclass(frozen=True)
class Verdict:
    """What became of one case."""

    kind: str
    outcome: str  # "refused", "read", or what happened instead
    detail: str
    seconds: float


def entries_of(content: bytes) -> Entries:
    """An archive's entries, unpacked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(entries: Entries) -> bytes:
    """Entries as an archive; stored, so that a case costs little."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    """An array as an .npy file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def truncated(entries: Entries, rng: np.random.Generator) -> bytes:
    content = packed(entries)
    return content[: int(rng.integers(len(content)))]


def bytes_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    return _scattered(packed(entries), rng)


def noise(entries: Entries, rng: np.random.Generator) -> bytes:
    start = (b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"PK\x05\x06")[rng.integers(4)]
    return start + rng.bytes(int(rng.integers(2000)))


def directory_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    content = packed(entries)
    start = content.index(b"PK\x01\x02")
    return content[:start] + _scattered(content[start:], rng)


def entry_bytes_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    """Good checksums around bad arrays: header or numbers."""
    name = _pick(entries, rng)
    content = entries[name]
    if rng.random() < 0.5:
        content = _scattered(content[:128], rng) + content[128:]
    else:
        content = content[:128] + _scattered(content[128:], rng)
    return packed({**entries, name: content})


def entry_removed(entries: Entries, rng: np.random.Generator) -> bytes:
    gone = _pick(entries, rng)
    return packed({name: content for name, content in entries.items() if name != gone})


def entry_swapped(entries: Entries, rng: np.random.Generator) -> bytes:
    one, other = _pick(entries, rng), _pick(entries, rng)
    return packed({**entries, one: entries[other], other: entries[one]})


def header_invented(entries: Entries, rng: np.random.Generator) -> bytes:
    """An .npy header that promises another kind or size."""
    kinds = ("<f8", "|O", "<U9", "<c16", ">i2", "<f2", "|V8", "<M8[s]", "|S5", "<f99", "<U999999")
    sizes = ("()", "(0,)", "(1,)", "(9, 0, 9)", "(1000000000000,)", "(-1,)", "(4, 24, 3)",
             "(" + "2, " * 60 + ")", "(1.5,)", "(__import__('os'),)")  # fmt: skip
    header = (
        f"{{'descr': '{kinds[rng.integers(len(kinds))]}', 'fortran_order': "
        f"{('True', 'False', 'None')[rng.integers(3)]}, 'shape': "
        f"{sizes[rng.integers(len(sizes))]}, }}\n"
    ).encode()
    length = len(header) if rng.random() < 0.8 else int(rng.integers(65536))
    version = bytes([int(rng.integers(5)), 0])
    body = rng.bytes(int(rng.integers(64)))
    made = b"\x93NUMPY" + version + struct.pack("<H", length) + header + body
    return packed({**entries, _pick(entries, rng): made})


def array_reshaped(entries: Entries, rng: np.random.Generator) -> bytes:
    name = _pick(entries, rng)
    array = np.load(io.BytesIO(entries[name]))
    changed = (
        array[None], array.ravel(), array[..., None], np.zeros((0, *array.shape)),
        np.concatenate((np.atleast_1d(array),) * 2), array.T, np.atleast_1d(array)[:-1],
    )[rng.integers(7)]  # fmt: skip
    return packed({**entries, name: npy(changed)})


def array_recast(entries: Entries, rng: np.random.Generator) -> bytes:
    name = _pick(entries, rng)
    array = np.load(io.BytesIO(entries[name]))
    kind = ("f2", "f4", "f8", "i1", "i8", "u8", "?", "U5", "c8", "S3")[rng.integers(10)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the numbers do not fit is the point
        try:
            changed = array.astype(kind)
        except ValueError:
            changed = np.zeros(array.shape, dtype=kind)
    return packed({**entries, name: npy(changed)})


def numbers_extreme(entries: Entries, rng: np.random.Generator) -> bytes:
    """Infinite, tiny, huge or negative numbers in the right places."""
    name = _pick(entries, rng)
    array = np.load(io.BytesIO(entries[name]))
    if array.dtype.kind not in "fiu" or not array.size:
        return packed(entries)
    if array.dtype.kind == "f":
        top = float(np.finfo(array.dtype).max)
        extremes = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, top, -top, 1e-30, -1.0])
    else:
        information = np.iinfo(array.dtype)
        extremes = np.array([information.min, information.max, 0, -1, 1], dtype=array.dtype)
    changed = array.copy()
    places = rng.random(array.shape) < (1.0 if rng.random() < 0.3 else 2.0 / array.size)
    count = int(np.sum(places))
    changed[places] = rng.choice(extremes, count).astype(array.dtype)
    return packed({**entries, name: npy(changed)})


def objects_inside(entries: Entries, rng: np.random.Generator) -> bytes:
    """A pickle where an array should be."""
    array = np.array([{"a": 1}, None, [1, 2]], dtype=object)
    return packed({**entries, _pick(entries, rng): npy(array, pickled=True)})


def text_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    """JSON, names and versions that nobody writes."""
    texts = (
        "", "null", "[]", "3", '"a"', "{", "{}", "[" * 100_000, '{"a":' * 500 + "1" + "}" * 500,
        "\ud800", "\x00", "NaN", '{"body": 3}', '{"body": {"1": {"name": "../../etc/passwd"}}}',
        '{"body": {"1": {"name": "\\u0000", "sha256": ""}}}', "9" * 5000, "a" * 100_000,
        json.dumps({"body": {"1": {"name": "neutral", "sha256": "0"}}, "alignment": []}),
    )  # fmt: skip
    name = ("settings", "source", "source_sha256", "format", "person1/pins")[rng.integers(5)]
    text = texts[rng.integers(len(texts))]
    return packed({**entries, f"{name}.npy": npy(np.array(text))})


def version_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    versions = (0, -1, 2, 99, 2**62, 1.0, True, "1", [1], np.uint64(2**64 - 1))
    version = np.array(versions[rng.integers(len(versions))])
    return packed({**entries, "version.npy": npy(version)})


def people_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    """Track ids that are not there, twice, negative or far too many."""
    choices = ([], [1, 1], [0], [-1], [2], [1, 2], [2**62], list(range(1, 30)), range(20_000))
    ids = np.array(choices[rng.integers(len(choices))], dtype=np.int64)
    return packed({**entries, "people.npy": npy(ids)})


def names_changed(entries: Entries, rng: np.random.Generator) -> bytes:
    """Entries that are no arrays, lead out of the folder, or are there twice."""
    names = (
        "../../evil.npy", "/abs.npy", "x.txt", ".npy", "person1/", "person1/.npy", "\u202e.npy",
        "person99999/poses.npy", "C:\\x.npy", "a" * 60_000 + ".npy",
    )  # fmt: skip
    name = names[rng.integers(len(names))]
    if rng.random() < 0.8:
        return packed({**entries, name: npy(np.zeros(3))})
    buffer = io.BytesIO(packed(entries))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of the double
        archive.writestr(_pick(entries, rng), npy(np.zeros(3)))
    return buffer.getvalue()


def bomb(entries: Entries, rng: np.random.Generator) -> bytes:
    """Little that unpacks to much."""
    buffer = io.BytesIO()
    size = int(rng.choice([2**20, 2**24, 2**26]))
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames.npy", bytes(size))
        for name, content in entries.items():
            if name != "frames.npy":
                archive.writestr(name, content)
    return buffer.getvalue()


# Bombs cost a hundred times as much as anything else, so they are rare.
CHANGES: dict[Change, float] = {
    truncated: 1, bytes_changed: 2, noise: 1, directory_changed: 2, entry_bytes_changed: 3,
    entry_removed: 1, entry_swapped: 1, header_invented: 2, array_reshaped: 2, array_recast: 2,
    numbers_extreme: 3, objects_inside: 0.5, text_changed: 1, version_changed: 0.5,
    people_changed: 0.5, names_changed: 1, bomb: 0.02,
}  # fmt: skip


def _pick(entries: Entries, rng: np.random.Generator) -> str:
    return list(entries)[rng.integers(len(entries))]


def _scattered(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bytes replaced, removed or put in."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        place = int(rng.integers(len(changed) + 1))
        action = rng.integers(4)
        if action == 0:
            del changed[place : place + int(rng.integers(1, 5))]
        elif action == 1:
            changed[place:place] = rng.bytes(int(rng.integers(1, 5)))
        elif place < len(changed):
            changed[place] = int(rng.choice([0, 1, 127, 128, 255, rng.integers(256)]))
    return bytes(changed)


def make_case(entries: Entries, seed: int) -> tuple[str, bytes]:
    """The hostile file of a seed."""
    rng = np.random.default_rng(seed)
    weights = np.array(list(CHANGES.values()), dtype=float)
    change = list(CHANGES)[rng.choice(len(CHANGES), p=weights / weights.sum())]
    return change.__name__, change(entries, rng)


def judge(kind: str, content: bytes) -> Verdict:
    """Read one file, and use what comes out."""
    started = time.process_time()
    outcome, detail = "refused", ""
    try:
        shot = shot_file.decode(content)
        outcome = "read"
        again = shot_file.decode(shot_file.encode(shot))
        for person in again.people:
            rest_joints = body_of(again, person).rest_joints(person.motion_world.betas)
            interchange.bvh(again, person, rest_joints)
            interchange.amass(again, person)
            interchange.table(again, person)
    except FhmrError as error:
        detail = error.sentence
        if outcome == "read":
            outcome = "read, refused later"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        after = " after reading" if outcome == "read" else ""
        outcome, detail = f"{type(error).__name__}{after}", str(error)[:150]
    seconds = time.process_time() - started
    if seconds > SLOW:
        outcome, detail = "slow", f"{seconds:.1f} s; {outcome}: {detail}"
    return Verdict(kind, outcome, detail, seconds)


CLEAN = ("refused", "read", "read, refused later")


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=int, nargs="?", default=CASES)
    parser.add_argument("--seed", type=int, help="one case alone, with its traceback's place")
    options = parser.parse_args()
    entries = entries_of(shot_file.encode(sitter.shot(2)))
    if options.seed is not None:
        print(judge(*make_case(entries, options.seed)))
        return
    warnings.simplefilter("ignore")  # numpy's, of overflows in numbers that were made to overflow
    started = time.process_time()
    tallies: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    surprises: list[tuple[int, Verdict]] = []
    slowest = 0.0
    for seed in range(options.cases):
        verdict = judge(*make_case(entries, seed))
        tallies[verdict.kind][verdict.outcome] += 1
        slowest = max(slowest, verdict.seconds)
        if verdict.outcome not in CLEAN:
            surprises.append((seed, verdict))
        if seed % 5000 == 4999:
            sys.stderr.write(f"{seed + 1} cases, {len(surprises)} surprises\n")
    _print_table(tallies)
    took = time.process_time() - started
    print(f"CPU {took:.0f} s, slowest case {1e3 * slowest:.0f} ms")
    for seed, verdict in surprises[:SHOWN]:
        print(f"--seed {seed}: {verdict.kind}: {verdict.outcome}: {verdict.detail}")


def _print_table(tallies: dict[str, collections.Counter[str]]) -> None:
    print(f"{'':22s}   cases FhmrErrors     read read, then  any other")
    total = sum(tallies.values(), collections.Counter())
    for name, tally in [*sorted(tallies.items()), ("all", total)]:
        other = {key: count for key, count in tally.items() if key not in CLEAN}
        print(
            f"{name:22s}{sum(tally.values()):8d} {tally['refused']:10d} {tally['read']:8d} "
            f"{tally['read, refused later']:10d} {sum(other.values()):10d} {other or ''}"
        )


if __name__ == "__main__":
    main()
