"""What a gateway costs and drops outside its steady state: idle connections, start, reload."""

import statistics
import sys
import threading
import time
from dataclasses import dataclass

import http1
import load

IDLE_CONNECTIONS = 5000
RELOADS = 20
RELOAD_ROUTES = 1000
RELOAD_INTERVAL = 1.0
SLOW_CLIENTS = 8
FRESH_CLIENTS = 4
RELOAD_TIMEOUT = 5
STALE_POLLS = 20
PING = bytes([0x81, 0x84, 1, 2, 3, 4]) + bytes(a ^ b for a, b in zip(b"ping", bytes([1, 2, 3, 4])))


def spread(values, digits):
    if not values:
        return "-"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def idle(tls):
    """Memory per keepalive connection that made one request and then fell silent."""
    name = "idle_tls" if tls else "idle"

    def hold(port, count):
        connections = []
        for _ in range(count):
            connection = http1.connect(port, tls)
            http1.send_request(connection, "/")
            http1.read_response(connection)
            connections.append(connection)
        return connections

    def experiment(bench):
        print(f"\n### {name}: {IDLE_CONNECTIONS:,} idle keepalive connections{' over TLS' if tls else ''}\n")
        print("| target | RSS bytes/connection | RSS before MiB | RSS after MiB |\n|---|---|---|---|")
        results = {}
        for target in bench.targets:
            for label, config in target.variants(name):
                per_connection = []
                for _ in range(min(bench.options.rounds, 3)):
                    with bench.trial(name, label, target, config) as gateway:
                        gateway.start()
                        port = gateway.tls_port if tls else gateway.port
                        for connection in hold(port, 100):  # what the first connections allocate is not per connection
                            connection.close()
                        before = gateway.memory()[0]
                        held = hold(port, IDLE_CONNECTIONS)
                        time.sleep(0.5)
                        after = gateway.memory()[0]
                        for connection in held:
                            connection.close()
                        per_connection.append((after - before) / IDLE_CONNECTIONS)
                if per_connection:
                    results[label] = per_connection
                    print(f"| {label} | {spread(per_connection, 0)} | {before / 2**20:.1f} | {after / 2**20:.1f} |", flush=True)
        return results

    return experiment


def startup(bench):
    """Seconds from exec to the first answer."""
    print("\n### startup: from exec to the first answer, ms\n")
    print("| target | 10 routes | 1,000 routes | 10,000 routes |\n|---|---|---|---|")
    results = {}
    for target in bench.targets:
        for label, config in target.variants("reload"):
            cells = []
            for routes in (10, 1000, 10000):
                times = []
                for _ in range(bench.options.rounds):
                    with bench.trial("startup", label, target, config, routes) as gateway:
                        gateway.start()
                        times.append(gateway.started_in * 1000)
                cells.append(times)
            results[label] = cells
            print(f"| {label} | " + " | ".join(spread(times, 0) for times in cells) + " |", flush=True)
    return results


class WebSockets:
    """Long-lived upgraded connections, checked by echo."""

    def __init__(self, gateway):
        self.gateway, self.sockets, self.broken = gateway, [], 0

    def open(self, count):
        for _ in range(count):
            sock = http1.connect(self.gateway.port)
            http1.send_request(sock, "/ws", ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])
            status, _, _ = http1.read_response(sock)
            if status != 101:
                raise AssertionError(f"upgrade gave {status}")
            self.sockets.append(sock)

    def check(self):
        for sock in list(self.sockets):
            try:
                sock.sendall(PING)
                alive = sock.recv(64) == PING
            except OSError:
                alive = False
            if not alive:
                self.broken += 1
                self.sockets.remove(sock)

    def close(self):
        for sock in self.sockets:
            sock.close()


class SlowRequests:
    """Clients that always have a slow request in flight, each on a connection of its own."""

    def __init__(self, gateway):
        self.gateway, self.served, self.failures, self.stopping = gateway, 0, [], False
        self.threads = [threading.Thread(target=self.run) for _ in range(SLOW_CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopping:
            try:
                status, _, body = http1.fetch(self.gateway.port, "/slow")
                if status == 200 and len(body) == 1024:
                    self.served += 1
                else:
                    self.failures.append(f"status {status}")
            except OSError as error:
                self.failures.append(type(error).__name__)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


class FreshClients:
    """Keepalive clients that ask for the generation all the time: none may fail, and none that asks after a reload was
    seen to be live may get an older one."""

    def __init__(self, gateway):
        self.gateway, self.live, self.served, self.stale, self.failures, self.stopping = gateway, 0, 0, 0, [], False
        self.live = int(generation(gateway))
        self.threads = [threading.Thread(target=self.run) for _ in range(FRESH_CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = None
        while not self.stopping:
            try:
                connection = connection or http1.connect(self.gateway.port)
                least = self.live
                http1.send_request(connection, "/__generation")
                status, head, body = http1.read_response(connection)
                self.served += 1
                self.stale += int(body) < least
                if "connection: close" in head.lower():  # it said so: no failure
                    connection.close()
                    connection = None
            except (OSError, ValueError) as error:
                self.failures.append(type(error).__name__)
                connection = None
            time.sleep(0.001)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def generation(gateway):
    try:
        return http1.fetch(gateway.port, "/__generation", timeout=5)[2].decode()
    except OSError as error:
        return type(error).__name__


@dataclass
class Reload:
    seconds: float  # until the new configuration answered
    stale: int      # answers of the old configuration after that, of STALE_POLLS
    refused: int    # polls that got no answer
    lost: int       # signals without effect


def reload_once(gateway):
    began = sent = time.monotonic()
    wanted = gateway.reload()
    refused = lost = 0
    while (seen := generation(gateway)) != wanted:
        refused += not seen.isdigit()
        if time.monotonic() - sent > RELOAD_TIMEOUT:
            lost, sent = lost + 1, time.monotonic()
            if lost > 3:
                raise RuntimeError("the reload never took effect")
            gateway.signal_reload()
        time.sleep(0.002)
    seconds = time.monotonic() - began
    stale = sum(generation(gateway) != wanted for _ in range(STALE_POLLS))
    return Reload(seconds, stale, refused, lost)


def reload(bench):
    """Reloads with 1,000 routes, first at rest, then under load with requests in flight and WebSockets open."""
    print(f"\n### reload: {RELOADS} reloads, {RELOAD_ROUTES:,} routes\n")
    results = {}
    for target in bench.targets:
        for label, config in target.variants("reload"):
            print(f"reload {label}", file=sys.stderr)
            with bench.trial("reload", label, target, config, RELOAD_ROUTES) as gateway:
                gateway.start()
                results[label] = outcome = reload_under_load(gateway)
                print(f"- **{label}**")
                for what, value in outcome.items():
                    print(f"  - {what}: {value}")
    return results


def reload_under_load(gateway):
    at_rest = [reload_once(gateway) for _ in range(10)]
    time.sleep(1)
    processes, memory = len(gateway.pids()), gateway.memory()[1]
    seconds = int(RELOADS * RELOAD_INTERVAL) + 3
    routed = ["routes", str(RELOAD_ROUTES)]
    calm = load.wrk(f"http://127.0.0.1:{gateway.port}/", 5, script_args=routed)
    results = []
    traffic = threading.Thread(target=lambda: results.append(
        load.wrk(f"http://127.0.0.1:{gateway.port}/", seconds, script_args=routed)))
    websockets, slow, fresh = WebSockets(gateway), SlowRequests(gateway), FreshClients(gateway)
    websockets.open(20)
    traffic.start()
    time.sleep(1)
    loaded_memory = gateway.memory()[1]
    reloads = []
    for _ in range(RELOADS):
        next_at = time.monotonic() + RELOAD_INTERVAL
        websockets.open(2)  # every generation gets connections that outlive it
        reloads.append(reload_once(gateway))
        fresh.live = gateway.variables["GENERATION"]
        websockets.check()
        time.sleep(max(0, next_at - time.monotonic()))
    traffic.join()
    slow.stop()
    fresh.stop()
    time.sleep(2)
    websockets.check()
    held_processes, held_memory = len(gateway.pids()), gateway.memory()[1]
    survivors = len(websockets.sockets)
    websockets.close()
    time.sleep(3)
    loaded = results[0]
    return {
        "reload latency at rest, ms": spread([r.seconds * 1000 for r in at_rest if not r.lost], 0),
        "reload latency under load, ms": spread([r.seconds * 1000 for r in reloads if not r.lost], 0),
        "reload signals lost": f"{sum(r.lost for r in at_rest)} at rest, {sum(r.lost for r in reloads)} under load",
        "answers of the old configuration after the new one was seen": f"{sum(r.stale for r in reloads)} of {STALE_POLLS * RELOADS}",
        "new connections refused or reset while polling": sum(r.refused for r in reloads),
        "requests/s calm, and during reloads": f"{calm['requests'] / calm['seconds']:,.0f}, {loaded['requests'] / loaded['seconds']:,.0f}",
        "p99 (max) ms calm, and during reloads": f"{calm['p99_ms']:.1f} ({calm['max_ms']:.0f}), {loaded['p99_ms']:.1f} ({loaded['max_ms']:.0f})",
        "failed keepalive requests": f"{loaded['errors']} of {loaded['requests']:,} {loaded['error_kinds']}",
        "failed in-flight slow requests": f"{len(slow.failures)} of {slow.served + len(slow.failures)} {sorted(set(slow.failures))}",
        "failed keepalive requests for the generation": f"{len(fresh.failures)} of {fresh.served + len(fresh.failures)} {sorted(set(fresh.failures))}",
        "stale answers to them, begun after the new one was live": fresh.stale,
        "WebSockets broken": f"{websockets.broken} of {websockets.broken + survivors}",
        "processes before, after with WebSockets held, 3 s after they closed":
            f"{processes}, {held_processes}, {len(gateway.pids())}",
        "memory with WebSockets held, of that under load before the reloads": f"{held_memory / loaded_memory:.0%}",
        "PSS MiB before, under load, with WebSockets held, 3 s after they closed":
            f"{memory / 2**20:.1f}, {loaded_memory / 2**20:.1f}, {held_memory / 2**20:.1f}, {gateway.memory()[1] / 2**20:.1f}",
    }


EXPERIMENTS = {"idle": idle(tls=False), "idle_tls": idle(tls=True), "startup": startup, "reload": reload}
