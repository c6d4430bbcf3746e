"""W&B offline, as `benchmarks/peers.py` asks for it."""

import struct
from pathlib import Path

import wandb
from wandb.proto import wandb_internal_pb2


def start(folder, name):
    return wandb.init(project="bench", name=name, dir=folder, mode="offline", settings=wandb.Settings(silent=True))


def log(run, step):
    run.log({"loss": 0.5}, step=step)


def finish(run):
    run.finish()


def stored(folder):
    """How many history records the offline files have."""
    found = 0
    for path in Path(folder).rglob("*.wandb"):
        for data in _records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            found += record.HasField("history")
    return found


def _records(data):
    """The whole records of a log in LevelDB's format, behind a header of 7 bytes; a torn one at the end is left out."""
    at, pending = 7, b""
    while at + 7 <= len(data):
        left = 32_768 - at % 32_768
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        part = data[at + 7 : at + 7 + length]
        if kind == 0 or len(part) < length:
            return
        at += 7 + length
        pending = part if kind in (1, 2) else pending + part
        if kind in (1, 4):
            yield pending
