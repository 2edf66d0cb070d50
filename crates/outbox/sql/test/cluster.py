"""A PostgreSQL of one's own for tests: a temporary folder, a socket in it, no TCP port, and sessions that stay open."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile

BIN = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
FOLDER = pathlib.Path(__file__).resolve().parent.parent
FAULT = re.compile(r"^(psql:\S+ )?(ERROR|FATAL):|^server closed", re.MULTILINE)
NOTICE = re.compile(r"^(psql:\S+ )?(NOTICE|WARNING):")
PORT = "5432"  # The name of the socket alone; no port is opened.


class SqlError(Exception):
    """What the server refused, with its message, detail and hint."""


def owner():
    """The user of the server's process: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for find, name in ((pwd.getpwnam, "postgres"), (pwd.getpwuid, 65534)):
        try:
            user = find(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise SystemExit("run this as a user other than root")


class Cluster:
    """Starts a server; `with` ends it and removes its folder."""

    def __init__(self, settings):
        self.settings = settings

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # The server ends with us.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="outbox-sql-"))
        as_owner = owner()
        if as_owner:
            os.chown(self.folder, as_owner["user"], as_owner["group"])
        data = self.folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "cwd": self.folder, "check": True, **as_owner}
        try:
            subprocess.run([BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"], **quiet)
            settings = {"unix_socket_directories": self.folder, "listen_addresses": "", "port": PORT, **self.settings}
            with open(data / "postgresql.conf", "a") as file:
                file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
            subprocess.run([BIN / "pg_ctl", "-D", data, "-l", self.folder / "log", "-w", "start"], **quiet)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([BIN / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop"],
                       stdout=subprocess.DEVNULL, cwd=self.folder, **owner())
        shutil.rmtree(self.folder)

    def session(self, database="postgres", user="postgres"):
        return Session(self, database, user)


class Session:
    """One connection: a psql that reads statements from us, and marks the end of each answer."""

    def __init__(self, cluster, database, user):
        self.psql = subprocess.Popen(
            ["stdbuf", "-oL", BIN / "psql", "-XqAt", "-h", cluster.folder, "-p", PORT, "-U", user, database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PGCLIENTENCODING": "UTF8"})
        self.sent = 0

    def send(self, sql):
        """Sends statements without waiting for their end."""
        self.sent += 1
        self.psql.stdin.write(f"{sql}\n;\n\\echo ---{self.sent}---\n".encode())
        self.psql.stdin.flush()

    def receive(self):
        """The text that the statements sent last answered."""
        mark, lines = f"---{self.sent}---\n", []
        while (line := self.psql.stdout.readline().decode()) != mark:
            if not line:
                break
            lines.append(line)
        text = "".join(lines)
        if FAULT.search(text):
            raise SqlError(text)
        return "".join(line for line in lines if not NOTICE.match(line)).rstrip("\n")

    def run(self, sql):
        self.send(sql)
        return self.receive()

    def rows(self, query):
        """A query's rows, each a list of texts or None."""
        text = self.run("select coalesce(string_agg(encode(convert_to((select string_agg(coalesce('=' || value, '-'), chr(1) order by place)"
                        " from json_each_text(row_to_json(t)) with ordinality as e (name, value, place)), 'UTF8'), 'hex'), ','), '')"
                        f" from ({query}) as t")
        return [[None if part == "-" else part[1:] for part in bytes.fromhex(row).decode().split("\x01")] for row in text.split(",") if row]

    def file(self, name):
        return self.run(f"\\i {FOLDER / name}")

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()
        self.psql.stdout.close()
