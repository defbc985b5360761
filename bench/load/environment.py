"""What surrounds the gateways: backend, Redis, certificate and keys."""

import os
import subprocess
import time
from pathlib import Path

import http1
from workload import make_token

PERF_DIR = Path(__file__).parent
BACKEND_PORT = 19000
REDIS_PORT = 19379
JWT_SECRET = "a-shared-secret-of-thirty-two-by"


class Environment:
    def __init__(self, work_dir, lua_lib, moongate):
        self.dir = Path(work_dir)
        self.processes = []
        self.tokens = {}
        self.dir.mkdir(parents=True, exist_ok=True)
        self.build("backend")
        self.build("relay", "-lssl", "-lcrypto")
        self.make_keys()
        self.variables = {
            "BIN": self.dir, "BACKEND_PORT": BACKEND_PORT, "REDIS_PORT": REDIS_PORT, "LUALIB": lua_lib,
            "MOONGATE": moongate,
            "CERT": self.dir / "cert.pem", "KEY": self.dir / "key.pem", "CERT_AND_KEY": self.dir / "both.pem",
            "JWT_SECRET": JWT_SECRET, "JWT_PUBLIC_KEY": self.dir / "jwt_public.pem",
        }

    def build(self, program, *libraries):
        source, binary = PERF_DIR / f"{program}.c", self.dir / program
        if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", binary, source, *libraries], check=True)

    def make_keys(self):
        if (self.dir / "both.pem").exists():
            return
        for command in (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost "
            "-keyout key.pem -out cert.pem",
            "openssl genrsa -out jwt_private.pem 2048",
            "openssl rsa -in jwt_private.pem -pubout -out jwt_public.pem",
        ):
            subprocess.run(command.split(), cwd=self.dir, check=True, capture_output=True)
        (self.dir / "both.pem").write_text((self.dir / "cert.pem").read_text() + (self.dir / "key.pem").read_text())

    def start(self):
        self.spawn([self.dir / "backend", BACKEND_PORT])
        self.spawn(["redis-server", "--port", REDIS_PORT, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                    "--dir", self.dir])
        while not http1.answers(BACKEND_PORT, "/"):
            time.sleep(0.01)
        while self.redis("PING") != "PONG":
            time.sleep(0.01)
        self.variables["RATELIMIT_SHA"] = self.redis("SCRIPT", "LOAD", (PERF_DIR / "ratelimit.lua").read_text())

    def spawn(self, command):
        with open(self.dir / "environment.log", "ab") as log:
            self.processes.append(subprocess.Popen([str(word) for word in command], stdout=log, stderr=log))

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()

    def cpu_seconds(self):
        """CPU time used so far by the backend, Redis, this process and the load generators that have ended."""
        times = os.times()
        ticks = 0
        for process in self.processes:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return sum(times[:4]) + ticks / os.sysconf("SC_CLK_TCK")

    def redis(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(REDIS_PORT), *words], capture_output=True, text=True)
        return done.stdout.strip()

    def flush_redis(self):
        self.redis("FLUSHDB")

    def token(self, alg, lifetime=86400):
        key = JWT_SECRET if alg == "HS256" else str(self.dir / "jwt_private.pem")
        if (alg, lifetime) not in self.tokens:
            self.tokens[alg, lifetime] = make_token(alg, key, lifetime)
        return self.tokens[alg, lifetime]
