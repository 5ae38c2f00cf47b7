"""Runs inside Blender: answers the tests' questions on the main thread, between two redraws.

    blender --python bridge.py

The variable FHMR_BRIDGE holds the number of a connected socket. A question is a line of JSON, the
name of a function of `inside.py` and its arguments; so is the answer.
"""

import inspect
import json
import os
import queue
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))

import inside  # pyright: ignore[reportMissingImports]  (it lies beside this file in Blender's folder)

TICK = 0.005  # seconds between looks at the questions

questions: "queue.Queue[str]" = queue.Queue()
line = socket.socket(fileno=int(os.environ["FHMR_BRIDGE"]))


def listen() -> None:
    """Put every question into the queue; when the tests are gone, Blender goes, too."""
    with line.makefile("r", encoding="utf-8") as stream:
        for question in stream:
            questions.put(question)
    os._exit(0)


def begin(question: str) -> Iterator[str]:
    """Call what was asked for; ends with the answer. Some functions take several rounds."""
    name, arguments = json.loads(question)
    try:
        value = getattr(inside, name)(**arguments)
        if inspect.isgenerator(value):
            value = yield from value
        yield json.dumps({"value": value})
    except Exception:  # noqa: BLE001  (whatever went wrong is for the test to show)
        yield json.dumps({"error": traceback.format_exc()})


asked: list[Iterator[str]] = []


def tick() -> float:
    """Called by Blender; goes on with what had been asked by the last call.

    In between Blender has handled whatever mouse and keyboard had sent before the question.
    """
    for calls in list(asked):
        answer = next(calls)
        if answer:
            asked.remove(calls)
            line.sendall(answer.encode() + b"\n")
    while not questions.empty():
        asked.append(begin(questions.get()))
    return TICK


threading.Thread(target=listen, daemon=True).start()
bpy.app.timers.register(tick, persistent=True)
