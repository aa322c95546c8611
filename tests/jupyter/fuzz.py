"""Sends the kernel messages that are cut, mutated, forged and deep, and asks in between whether it still answers.

python fuzz.py [MESSAGES [SEED]], in an environment that has jupyter_client: see README.md. The kernel's program is
named by APSIS_KERNEL (default: build/apsis-kernel).
"""

import hashlib
import hmac
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import zmq

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("APSIS_KERNEL", str(ROOT / "build" / "apsis-kernel"))
KEY = b"a key"
CHANNELS = ("shell", "control", "stdin")
TYPES = ["execute_request", "complete_request", "inspect_request", "is_complete_request", "history_request",
         "kernel_info_request", "comm_info_request", "comm_open", "comm_msg", "input_reply", "interrupt_request"]
VALUES = [None, True, False, 0, -1, 2**63 - 1, 1e308, "", "x", "é\u0000\n", "ap.", "1 +", "[[", [], {}, [[]], {"a": 1},
          "range", "search", "tail", "*" * 50, "?", "%", "?ap", "!", "%who", 2**31, -(2**63)]
FIELDS = ["code", "silent", "store_history", "user_expressions", "allow_stdin", "stop_on_error", "cursor_pos",
          "detail_level", "hist_access_type", "session", "start", "stop", "n", "pattern", "unique", "output", "raw",
          "comm_id", "target_name", "value", "restart"]


def sign(parts):
    return hmac.new(KEY, b"".join(parts), hashlib.sha256).hexdigest().encode()


def content(rng):
    fields = {f: rng.choice(VALUES) for f in rng.sample(FIELDS, rng.randrange(8))}
    if rng.random() < 0.7:
        fields["code"] = rng.choice(["1 + 1", "x = {1}", "for", "é.", "ap.cums", "io.write 'a'", "error {}", "x:", "\n",
                                     "local a <const> = 1", "f(", "display(1)", "#", "'", "_", "?ap.sum", "a.b.c("])
    return fields


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 2:
            del data[at:at + rng.randrange(1, 20)]
        else:
            data[at:at] = rng.choice([b"[" * 200, b'{"a":' * 200, b'"', b"\\ud800", b"\xff\xfe", b"1e999", b"\x00"])
    return bytes(data)


def message(rng, count):
    """Frames of one message, mostly signed rightly so that what is behind the signature is reached."""
    header = {"msg_id": str(count), "msg_type": rng.choice(TYPES), "session": "s", "username": "u", "date": "d",
              "version": "5.3"}
    if rng.random() < 0.1:
        header[rng.choice(list(header))] = rng.choice(VALUES)
    parts = [json.dumps(header).encode(), b"{}", b"{}", json.dumps(content(rng)).encode()]
    if rng.random() < 0.4:
        i = rng.randrange(4)
        parts[i] = mutate(rng, parts[i])
    signature = sign(parts)
    if rng.random() < 0.1:
        signature = mutate(rng, signature)
    frames = [b"<IDS|MSG>", signature, *parts]
    kind = rng.random()
    if kind < 0.1:
        frames = frames[:rng.randrange(1, len(frames))]
    elif kind < 0.2:
        frames[rng.randrange(len(frames))] = rng.randbytes(rng.randrange(40))
    elif kind < 0.25:
        frames[0:0] = [rng.randbytes(rng.randrange(300)) for _ in range(rng.randrange(90))]
    elif kind < 0.3:
        frames += [rng.randbytes(100)] * rng.randrange(80)
    return frames


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    context = zmq.Context()
    with tempfile.TemporaryDirectory() as folder:
        ports = {f"{name}_port": i + 1 for i, name in enumerate((*CHANNELS, "iopub", "hb"))}
        ports |= {"control_port": 2, "stdin_port": 3, "iopub_port": 4, "hb_port": 5, "shell_port": 1}
        connection = pathlib.Path(folder, "connection.json")
        connection.write_text(json.dumps({"transport": "ipc", "ip": folder + "/k", "key": KEY.decode(), **ports}))
        log = open(os.path.join(folder, "log"), "w+")
        kernel = subprocess.Popen([os.path.abspath(KERNEL), str(connection)], stderr=log, cwd=folder)
        sockets = {}
        for i, name in enumerate(CHANNELS):
            sockets[name] = context.socket(zmq.DEALER)
            sockets[name].connect(f"ipc://{folder}/k-{i + 1}")
        iopub = context.socket(zmq.SUB)
        iopub.subscribe(b"")
        iopub.connect(f"ipc://{folder}/k-4")

        def answers(channel, token):
            """Whether a rightly made request is still answered."""
            header = {"msg_id": token, "msg_type": "kernel_info_request", "session": "s", "username": "u", "date": "d",
                      "version": "5.3"}
            parts = [json.dumps(header).encode(), b"{}", b"{}", b"{}"]
            sockets[channel].send_multipart([b"<IDS|MSG>", sign(parts), *parts])
            end = time.time() + 30
            while time.time() < end and kernel.poll() is None:
                while iopub.poll(0):
                    iopub.recv_multipart()
                if sockets[channel].poll(20) and any(token.encode() in f for f in sockets[channel].recv_multipart()):
                    return True
            return False

        for i in range(number):
            sockets[rng.choice(CHANNELS)].send_multipart(message(rng, i))
            if i % 500 == 499 or i == number - 1:
                for channel in ("control", "shell"):
                    if not answers(channel, f"alive-{i}-{channel}"):
                        log.seek(0)
                        sys.exit(f"no answer on {channel} after message {i}, status {kernel.poll()}:\n{log.read()[-4000:]}")
        header = {"msg_id": "end", "msg_type": "shutdown_request", "session": "s", "username": "u", "date": "d",
                  "version": "5.3"}
        parts = [json.dumps(header).encode(), b"{}", b"{}", b'{"restart": false}']
        sockets["control"].send_multipart([b"<IDS|MSG>", sign(parts), *parts])
        status = kernel.wait(30)
        log.seek(0)
        text = log.read()
        for sign_of_trouble in ("Sanitizer", "runtime error", "stack traceback"):
            if sign_of_trouble in text:
                sys.exit(text[text.index(sign_of_trouble) - 500:][:4000])
        print(f"{number} messages, {text.count('ignored')} ignored, status {status}")
        context.destroy(0)
        sys.exit(status != 0)


if __name__ == "__main__":
    main()
