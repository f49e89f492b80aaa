"""Writes events.tfevents beside this file: what the tensorboard package makes of
the events listed here, for src/train/tensorboard.rs to compare with, byte for byte.

    python3 -m venv venv && venv/bin/pip install tensorboard==2.21.0 "setuptools<81"
    venv/bin/python tests/golden/events.py

A further argument, a directory, is read with TensorBoard's own reader instead,
and its scalars are printed: `venv/bin/python tests/golden/events.py RUN`.
"""

import math
import pathlib
import sys

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

BASE = 1_700_000_000
SCALARS = [
    (1.5, 0, "train/loss", 0.0),
    (2.5, 1, "train/loss", 0.81),
    (3.5, 127, "valid/loss", math.nan),
    (4.5, 128, "valid/loss", math.inf),
    (5.5, 1 << 40, "r²/löslichkeit", -1.5e-30),
    (6.5, -1, "x", 1.0),
    (7.5, 300, "long/" * 60, 3.4028234663852886e38),
]


def write(path):
    with open(path, "wb") as file:
        records = RecordWriter(file)
        events = [Event(wall_time=BASE + 0.25, file_version="brain.Event:2")]
        for time, step, tag, value in SCALARS:
            entry = Summary.Value(tag=tag, simple_value=value)
            events.append(
                Event(wall_time=BASE + time, step=step, summary=Summary(value=[entry]))
            )
        events.append(
            Event(
                wall_time=BASE + 8.5,
                step=128,
                session_log=SessionLog(status=SessionLog.START),
            )
        )
        for event in events:
            records.write(event.SerializeToString())
        records.flush()


def show(directory):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(directory, size_guidance={"scalars": 0})
    events.Reload()
    for tag in sorted(events.Tags()["scalars"]):
        for event in events.Scalars(tag):
            print(tag, event.step, event.value)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        show(sys.argv[1])
    else:
        write(pathlib.Path(__file__).with_suffix(".tfevents"))
