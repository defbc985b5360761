#!/usr/bin/env python3
"""Measures API gateways side by side. See README.md."""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lifecycle
from environment import Environment
from gateway import GATEWAY_CPU, LOAD_CPU, TARGETS_DIR, Gateway, Target
from workload import SCENARIOS

FIRST_PORT = 18000
CALM = 0.03  # share of the machine that others, the hypervisor included, may take from a sample
SAMPLE_TRIES = 3


FAILURES = (AssertionError, RuntimeError, OSError, ValueError, KeyError, subprocess.CalledProcessError)


class Bench:
    def __init__(self, options, env, targets):
        self.options, self.env, self.targets = options, env, targets
        self.failures = []

    def gateway(self, target, config, route_count=0):
        port = FIRST_PORT + 10 * self.targets.index(target)
        run_dir = self.env.dir / "run" / target.name
        return Gateway(target, config, port, run_dir, self.env.variables, route_count)

    def measure(self, scenario):
        """{label: [sample, ...]}, the targets taking turns."""
        entries = [(label, target, config) for target in self.targets
                   for label, config in target.variants(scenario.config or scenario.name)]
        samples = {label: [] for label, _, _ in entries}
        for round_number in range(self.options.rounds):
            turn = round_number % len(entries) if entries else 0
            for entry in entries[turn:] + entries[:turn]:
                label, target, config = entry
                done = len(samples[label])
                with self.trial(scenario.name, label, target, config, scenario.route_count) as gateway:
                    gateway.start()
                    if round_number == 0:
                        scenario.probe(gateway, self.env)
                    sample = self.calm_sample(gateway, scenario)
                    if round_number == 0 and not self.options.summary:
                        sample["syscalls"] = self.syscalls(gateway, scenario)
                    samples[label].append(sample)
                if len(samples[label]) == done:
                    entries.remove(entry)
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return samples

    @contextlib.contextmanager
    def trial(self, scenario, label, target, config, route_count=0):
        """A gateway to start, stopped afterwards. Its failure ends the block and is told at the end of the run: the
        others' figures stand."""
        gateway = self.gateway(target, config, route_count)
        try:
            yield gateway
        except FAILURES as error:
            self.failures.append(f"{scenario}: {label}: {type(error).__name__}: {error}")
            print(f"\nFAILED {self.failures[-1]}", file=sys.stderr)
        finally:
            gateway.stop()

    def calm_sample(self, gateway, scenario):
        """A sample in which nobody else used the machine, or the calmest of a few."""
        scenario.run(gateway, 1, self.env)  # warm-up
        calmest = None
        for _ in range(SAMPLE_TRIES):
            sample = self.sample(gateway, scenario)
            if calmest is None or sample["disturbance"] < calmest["disturbance"]:
                calmest = sample
            if sample["disturbance"] <= CALM:
                break
        return calmest

    def sample(self, gateway, scenario):
        machine, own, began = machine_seconds(), self.env.cpu_seconds(), time.monotonic()
        cpu = gateway.cpu_seconds()
        result = scenario.run(gateway, self.options.seconds, self.env)
        total, user, system = (after - before for after, before in zip(gateway.cpu_seconds(), cpu))
        elapsed = time.monotonic() - began
        others = machine_seconds() - machine - (self.env.cpu_seconds() - own) - total
        units = max(result["requests"], 1)
        result.update(
            rate=result["requests"] / result["seconds"],
            cpu_us=total / units * 1e6 if gateway.process else None,
            user_share=user / (user + system) if user + system else None,
            cpu_load=total / elapsed,
            memory_mib=gateway.memory()[1] / 2**20 if gateway.process else None,
            disturbance=max(0, others) / elapsed / os.cpu_count(),
            syscalls=None)
        return result

    def syscalls(self, gateway, scenario):
        """System calls per request, counted by perf in a run of its own."""
        if not gateway.process:
            return None
        output = self.env.dir / "perf.csv"
        perf = subprocess.Popen(
            ["perf", "stat", "-x,", "-o", output, "-e", "raw_syscalls:sys_enter",
             "-p", ",".join(map(str, gateway.pids()))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2)
        result = scenario.run(gateway, 1, self.env)
        perf.send_signal(signal.SIGINT)
        perf.wait()
        count = re.search(r"^(\d+),", output.read_text(), re.M) if output.exists() else None
        return int(count[1]) / max(result["requests"], 1) if count else None


def machine_seconds():
    """CPU seconds gone to processes, and to the hypervisor, since boot."""
    user, nice, system, _, _, irq, softirq, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")


def take_priority():
    try:
        os.nice(-15)  # inherited by all that is started here: a stray process then disturbs less
    except PermissionError:
        pass


def spread(values, digits=0):
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    low, middle, high = (f"{v:,.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}-{high})"


def middle(values, digits):
    values = [v for v in values if v is not None]
    return f"{statistics.median(values):,.{digits}f}" if values else "-"


def print_table(scenario, samples):
    print(f"\n### {scenario.name}: {scenario.title}\n")
    print(f"| target | {scenario.unit}/s | CPU us/{scenario.unit} | user % | gateway CPU % | p50 ms | p99 ms | errors "
          f"| syscalls/{scenario.unit} | PSS MiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for label, runs in samples.items():
        column = lambda key, scale=1: [run[key] * scale if run[key] is not None else None for run in runs]
        print(f"| {label} | {spread(column('rate'))} | {spread(column('cpu_us'), 1)} | {middle(column('user_share', 100), 0)} "
              f"| {middle(column('cpu_load', 100), 0)} | {middle(column('p50_ms'), 2)} | {middle(column('p99_ms'), 2)} "
              f"| {sum(column('errors'))} | {middle(column('syscalls'), 2)} | {middle(column('memory_mib'), 1)} |", flush=True)
    worst = max((run["disturbance"] for runs in samples.values() for run in runs), default=0)
    if worst > CALM:
        print(f"\nDisturbed: others took up to {worst:.0%} of the machine during a sample.")


def print_summary(samples, targets):
    """CPU us per request, medians: of each target the cheapest variant, named behind its figure."""
    print("\nCPU us per request of the gateway, median (lower is better)\n")
    print("| scenario | " + " | ".join(targets) + " | moongate / nginx |")
    print("|---|" + "---:|" * (len(targets) + 1))
    for scenario, by_label in samples.items():
        best = {}
        for label, runs in by_label.items():
            target, _, variant = label.partition("/")
            values = [run["cpu_us"] for run in runs if run["cpu_us"] is not None]
            if values:
                best[target] = min(best.get(target, (float("inf"), "")), (statistics.median(values), variant))
        cell = lambda name: f"{best[name][0]:.1f}" + f" ({best[name][1]})" * bool(best[name][1]) if name in best else "-"
        ratio = f"{best['moongate'][0] / best['nginx'][0]:.2f}" if {"moongate", "nginx"} <= best.keys() else "-"
        print(f"| {scenario} | " + " | ".join(map(cell, targets)) + f" | {ratio} |")


def parse_options():
    names = [scenario.name for scenario in SCENARIOS] + list(lifecycle.EXPERIMENTS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", default="direct,relay,nginx,haproxy",
                        help="comma-separated; known: " + ", ".join(sorted(p.name for p in TARGETS_DIR.iterdir())))
    parser.add_argument("--scenarios", default=",".join(names), help="comma-separated; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--work-dir", default=os.path.join(tempfile.gettempdir(), "gwbench"))
    parser.add_argument("--moongate", default=Path(__file__).resolve().parents[2] / "build/release/moongate", help="the binary")
    parser.add_argument("--lua-lib", default="/usr/local/share/lua/5.1", help="where resty/jwt.lua and its kin lie")
    parser.add_argument("--summary", action="store_true", help="print one table at the end, of CPU per request")
    parser.add_argument("--json", help="also write every sample to this file")
    return parser.parse_args()


def main():
    options = parse_options()
    if not {GATEWAY_CPU, LOAD_CPU} <= os.sched_getaffinity(0):
        sys.exit("needs CPUs 0 and 1: one for the gateway, one for everything else")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    take_priority()
    os.sched_setaffinity(0, {LOAD_CPU})  # and with it the backend, Redis and the load generators
    env = Environment(options.work_dir, options.lua_lib, os.path.abspath(options.moongate))
    wanted = options.scenarios.split(",")
    targets, versions = [], {}
    for target in map(Target.load, options.targets.split(",")):
        versions[target.name] = target.version_text(env.variables)
        print(f"- {target.name}: {versions[target.name] or 'left out, it is not on this machine'}")
        if versions[target.name]:
            targets.append(target)
            notes = target.leave_out_variants(env.variables)
            print("".join(f"  - {note}\n" for scenario in wanted for note in notes.get(scenario, [])), end="", flush=True)
    bench = Bench(options, env, targets)
    results = {"targets": versions, "samples": {}}
    env.start()
    try:
        for scenario in SCENARIOS:
            if scenario.name in wanted:
                samples = results["samples"][scenario.name] = bench.measure(scenario)
                if not options.summary:
                    print_table(scenario, samples)
        for name, experiment in lifecycle.EXPERIMENTS.items():
            if name in wanted:
                results["samples"][name] = experiment(bench)
        if options.summary:
            print_summary({name: samples for name, samples in results["samples"].items()
                           if name not in lifecycle.EXPERIMENTS}, [target.name for target in targets])
    finally:
        env.stop()
        if options.json:
            Path(options.json).write_text(json.dumps(results, indent=1))
    for failure in bench.failures:
        print(f"FAILED {failure}")
    sys.exit(1 if bench.failures else 0)


if __name__ == "__main__":
    main()
