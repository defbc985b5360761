"""A gateway under test: its configuration, its processes and what they cost."""

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import http1

TARGETS_DIR = Path(__file__).parent / "targets"
GATEWAY_CPU = 0
LOAD_CPU = 1
READY_TIMEOUT = 60


@dataclass
class Target:
    """targets/<name>/target.json, and the templates beside it."""

    name: str
    start: list
    version: list
    scenarios: dict
    reload_signal: str = ""
    reload_command: list = field(default_factory=list)  # returns once the new configuration is live
    route: str = ""
    needs: dict = field(default_factory=dict)  # config file -> a path without which that variant is left out
    directory: Path = field(default=None, repr=False)

    @classmethod
    def load(cls, name):
        directory = TARGETS_DIR / name
        description = json.loads((directory / "target.json").read_text())
        return cls(name=name, directory=directory, **description)

    def leave_out_variants(self, variables):
        """Forgets the variants whose libraries this machine lacks, and returns {scenario: [note, ...]}."""
        notes = {}
        for scenario, configs in self.scenarios.items():
            configs = configs if isinstance(configs, dict) else {"": configs}
            absent = {v: substitute(self.needs[c], variables) for v, c in configs.items() if c in self.needs}
            absent = {v: path for v, path in absent.items() if not Path(path).exists()}
            notes[scenario] = [f"{scenario}: {self.label(v)} is left out, there is no {path}" for v, path in absent.items()]
            self.scenarios[scenario] = {v: c for v, c in configs.items() if v not in absent}
        return notes

    def label(self, variant):
        return self.name + ("/" + variant if variant else "")

    def variants(self, scenario):
        """[(label, config file)] for a scenario; empty where the target cannot do it."""
        configs = self.scenarios.get(scenario)
        if configs is None:
            return []
        if isinstance(configs, str):
            configs = {"": configs}
        return [(self.label(v), config) for v, config in configs.items()]

    def version_text(self, variables):
        """What the program says of itself; None where it is not on this machine."""
        try:
            done = subprocess.run([substitute(word, variables) for word in self.version], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        except OSError:
            return None
        return (done.stdout.strip().splitlines() or ["says nothing"])[0]


def substitute(text, variables):
    return re.sub(r"@([A-Z_]+)@", lambda m: str(variables[m[1]]), text)


class Gateway:
    """One running instance of a target, in one configuration."""

    def __init__(self, target, config, port, run_dir, variables, route_count=0):
        self.target = target
        self.port, self.tls_port = port, port + 1
        self.run_dir = Path(run_dir)
        self.variables = dict(variables, RUN=self.run_dir, PORT=self.port, TLS_PORT=self.tls_port,
                              CONFIG=config, GENERATION=0)
        self.variables["ROUTES"] = "".join(
            target.route.replace("@I@", str(i)) for i in range(1, route_count + 1))
        self.process = None
        self.started_in = 0.0  # seconds until it answered

    def render(self):
        self.run_dir.mkdir(parents=True, exist_ok=True)
        for template in self.target.directory.iterdir():
            if template.name != "target.json":
                (self.run_dir / template.name).write_text(substitute(template.read_text(), self.variables))

    def start(self):
        """Starts the gateway on its own CPU and waits until it answers."""
        if not self.target.start:  # the direct target: the backend is the server
            self.port = self.variables["BACKEND_PORT"]
            return
        if http1.answers(self.port, "/"):  # with SO_REUSEPORT a stray gateway would take half of the load
            raise RuntimeError(f"something else listens on port {self.port}")
        self.render()
        command = [substitute(word, self.variables) for word in self.target.start]
        began = time.monotonic()
        with open(self.run_dir / "output.log", "ab") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(GATEWAY_CPU)] + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not http1.answers(self.port, "/__generation"):
            if self.process.poll() is not None or time.monotonic() - began > READY_TIMEOUT:
                self.stop()
                raise RuntimeError(f"{self.target.name} did not start; see {self.run_dir}/output.log")
            time.sleep(0.001)
        self.started_in = time.monotonic() - began

    def stop(self):
        if not self.process:
            return
        pids = self.pids()
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        for pid in pids:  # children the main process left behind
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None

    def reload(self):
        """Writes a configuration with the next generation number and tells the gateway to take it."""
        self.variables["GENERATION"] += 1
        self.render()
        self.signal_reload()
        return str(self.variables["GENERATION"])

    def signal_reload(self):
        if self.target.reload_command:
            command = [substitute(word, self.variables) for word in self.target.reload_command]
            subprocess.run(["taskset", "-c", str(LOAD_CPU)] + command, check=True, stdout=subprocess.DEVNULL)
            return
        self.process.send_signal(getattr(signal, "SIG" + self.target.reload_signal))

    def pids(self):
        """The started process and all its descendants."""
        if not self.process:
            return []
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                children.setdefault(parent, []).append(int(entry))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """CPU time used so far: (total to the nanosecond, user, system to 10 ms), over all threads."""
        total = user = system = 0
        tick = os.sysconf("SC_CLK_TCK")
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) / tick
            system += int(fields[12]) / tick
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0]) / 1e9
        return total, user, system

    def memory(self):
        """(resident, proportional) bytes over all processes."""
        resident = proportional = 0
        for pid in self.pids():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            resident += int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1]) * 1024
            proportional += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
        return resident, proportional
