"""From saving a script to the new generation serving, with `watch: true`, in milliseconds.

    python3 bench/load/save.py [PROGRAM]

Saves a policy's file 50 times as an editor does (written beside, then renamed), asking all the while on one connection for
the answer that it makes, until it is the new one."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAVES = 50
SCRIPT = 'return {{ rewrite = function() ngx.header["X-Generation"] = "{}" end }}\n'


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(port, routes, each):
    text = f"workers: 1\nwatch: true\nlog: {{ output: log }}\nlisteners: ['127.0.0.1:{port}']\nroutes:\n"
    text += "  - { match: { path: / }, policies: [{ script: own.lua }], respond: 200 }\n"
    for i in range(routes - 1):
        policies = "policies: [{ script: own.lua }], " if each else ""
        text += f"  - {{ match: {{ path: '/r{i}/*' }}, {policies}respond: 200 }}\n"
    return text


def save(path, text):
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.rename(beside, path)


def generation(client):
    client.request("GET", "/")
    answer = client.getresponse()
    answer.read()
    return answer.getheader("X-Generation")


def measure(program, routes, each):
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        save(folder / "own.lua", SCRIPT.format(0))
        (folder / "gateway.yaml").write_text(configuration(port, routes, each))
        gateway = subprocess.Popen([program, "run", "-c", str(folder / "gateway.yaml")])
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            for _ in range(500):
                try:
                    client.connect()
                    break
                except OSError:
                    time.sleep(0.02)
            times = []
            for i in range(1, SAVES + 1):
                assert generation(client) == str(i - 1)
                began = time.monotonic()
                save(folder / "own.lua", SCRIPT.format(i))
                while generation(client) != str(i):
                    pass
                times.append((time.monotonic() - began) * 1000)
                time.sleep(0.05)
            return times
        finally:
            gateway.terminate()
            gateway.wait()


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "build/release/moongate"
    print("| configuration | median | fastest | slowest |\n|---|---:|---:|---:|")
    cases = [(1, False, "1 route, its script"), (1000, False, "1,000 routes, one with the script"),
             (1000, True, "1,000 routes, each with the script")]
    for routes, each, label in cases:
        times = measure(program, routes, each)
        print(f"| {label} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |", flush=True)


if __name__ == "__main__":
    main()
