"""The outbox and its peers: how each is installed, the trigger that fills it in the user's transaction, and the consumer that empties it."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PEER = TARGET / "bench/outbox-peer"
GATEWAY_CARGO = ROOT / "bench/gateway/Cargo.toml"
# Of public: the superuser's schema of its own name is ours.
TABLE = """create table public.orders (id bigint generated always as identity primary key, customer text not null,
    amount numeric(12,2) not null, note text, placed_at timestamptz not null default now())"""
# Where no chain is needed. It is a well-formed address.
NO_LEDGER = "1" * 32


def trigger(body, of="row"):
    """An application's trigger after each INSERT: of each row, or of all rows of the statement at once."""
    rows = "referencing new table as inserted " if of == "statement" else ""
    return (f"create function public.enqueue() returns trigger language plpgsql as $$ begin {body} return null; end $$",
            f"create trigger enqueue after insert on public.orders {rows}for each {of} execute function public.enqueue()")


# The case's name, what installs it, and its trigger.
CASES = {
    "no trigger": (None, ()),
    "counterfoil": ("counterfoil", ()),
    "pgmq, send": ("pgmq", trigger("perform pgmq.send('orders', to_jsonb(new));")),
    "pgmq, send_batch a statement": ("pgmq", trigger(
        "perform pgmq.send_batch('orders', (select array_agg(to_jsonb(i)) from inserted as i));", "statement")),
    "graphile-worker, add_job": ("graphile-worker", trigger("perform graphile_worker.add_job('order', row_to_json(new));")),
    "graphile-worker, add_jobs a statement": ("graphile-worker", trigger(
        """perform graphile_worker.add_jobs((select array_agg(
            row('order', row_to_json(i), null, null, null, null, null, null)::graphile_worker.job_spec) from inserted as i));""", "statement")),
    "awa, insert_job_compat": ("awa", trigger("perform awa.insert_job_compat('order', 'orders', to_jsonb(new));")),
    "PgQ, jsontriga": ("pgq", (
        "create trigger enqueue after insert on public.orders for each row execute function pgq.jsontriga('orders')",)),
}
# Those that are consumed, each with its best trigger over all: a single row costs the same by both.
CONSUMED = ("counterfoil", "pgmq, send_batch a statement", "graphile-worker, add_jobs a statement", "awa, insert_job_compat", "PgQ, jsontriga")
# The consumers' processes, and in each the consumers and the rows of a batch: what was found best (docs/benchmarks.md says what was tried).
CONSUMERS = {"pgmq": (1, 4, 1_000), "graphile-worker": (2, 24, 2_000), "awa": (1, 1_024, 512), "pgq": (1, 1, 0)}
# PgQ's ticker: how often it looks (seconds), and the queue's own bounds. Those built in are 1 s, 3 s and 500 events.
PGQ_LOOK, PGQ_LAG, PGQ_COUNT = 0.05, "20 ms", 500


def set_up_peers():
    """Installs the peers' packages by their lock files."""
    PEER.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "peer").iterdir():
        (PEER / file.name).write_bytes(file.read_bytes())
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=PEER, check=True)
    if not (PEER / "awa/bin/awa").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", PEER / "awa"], check=True)
        subprocess.run([PEER / "awa/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes",
                        "--requirement", PEER / "requirements.txt"], check=True)
    subprocess.run(["cargo", "fetch", "--locked", "--quiet", "--manifest-path", GATEWAY_CARGO], check=True)


def sql(url, *statements, file=None):
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url]
    for statement in statements:
        command += ["-c", statement]
    if file:
        command += ["-f", file]
    quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=quiet).stdout.strip()


def pgmq_sql():
    """The SQL that the crate pgmq, which the gateway's peers are built with, installs."""
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version=1", "--manifest-path", GATEWAY_CARGO]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    manifest = next(package["manifest_path"] for package in packages if package["name"] == "pgmq")
    return pathlib.Path(manifest).parent / "src/install/embedded/sql/pgmq.sql"


def install(case, url):
    """The user's table in an empty database, with what the case needs. Counterfoil's table is protected later: it has a ledger of its own."""
    kind, statements = CASES[case]
    if kind == "counterfoil":
        sql(url, file=ROOT / "crates/outbox/sql/install.sql")
    elif kind == "pgmq":
        sql(url, file=pgmq_sql())
        sql(url, "select pgmq.create('orders')")
    elif kind == "graphile-worker":
        command = ["node", "consume.mjs", "install-graphile-worker", url]
        subprocess.run(command, cwd=PEER, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    elif kind == "awa":
        subprocess.run([PEER / "awa/bin/awa", "--database-url", url, "migrate"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    elif kind == "pgq":
        sql(url, "create extension pgq", "select pgq.create_queue('orders')", "select pgq.register_consumer('orders', 'bench')",
            f"select pgq.set_queue_config('orders', 'ticker_max_lag', '{PGQ_LAG}')",
            f"select pgq.set_queue_config('orders', 'ticker_max_count', '{PGQ_COUNT}')")
    sql(url, TABLE, *statements)


def protect(url, ledger=NO_LEDGER):
    sql(url, f"select counterfoil.protect('public.orders', '{ledger}')")


class Session:
    """One connection: a psql that stays open, and marks the end of each answer."""

    def __init__(self, url):
        self.psql = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, text):
        self.psql.stdin.write(f"{text};\n\\echo ---\n".encode())
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline()) != b"---\n":
            if not line:
                sys.exit(f"psql ended at: {text}")
            lines.append(line.decode())
        return "".join(lines).strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.stdin.close()
        self.psql.wait()
        self.psql.stdout.close()


class Printed:
    """What consumers print: how many rows they have taken, and when they took each probe."""

    def __init__(self, commands):
        self.counts, self.probes, self.is_ready = [0] * len(commands), {}, [False] * len(commands)
        environment = {**os.environ, "NO_LOG_SUCCESS": "1"}
        # They end when their standard input does. A signal would not do: `node` may be a script of the wheel's, which starts the real one.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.children = [subprocess.Popen([str(part) for part in command], cwd=PEER, env=environment, **pipes) for command in commands]
        for number, child in enumerate(self.children):
            threading.Thread(target=self.read, args=(number, child), daemon=True).start()

    def read(self, number, child):
        for line in child.stdout:
            with contextlib.suppress(ValueError):
                found = json.loads(line)
                self.is_ready[number] |= "ready" in found
                self.counts[number] = found.get("taken", self.counts[number])
                if "probe" in found:
                    self.probes[found["probe"]] = found["at"]

    def taken(self):
        return sum(self.counts)

    def seen(self, mark):
        return self.probes.pop(mark, None)

    def probe(self, session, number):
        """A row of the user's that is committed now, by a mark that `seen` knows."""
        session.run(f"insert into public.orders (customer, amount, note) values ('probe {number}', 12.50, repeat('x', 90))")
        return f"probe {number}", time.time()

    def __enter__(self):
        while not all(self.is_ready):
            if any(child.poll() is not None for child in self.children):
                sys.exit("a consumer ended before it began")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.stdin.close()
        for child in self.children:
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


class Accepted:
    """What a gateway has accepted of an outbox, as its database says."""

    def __init__(self, url):
        self.session = Session(url)

    def taken(self):
        return int(self.session.run("select case when is_called then last_value else 0 end from gateway.record_number"))

    def seen(self, mark):
        return time.time() if self.session.run(f"select 1 from gateway.record where id = '{mark}'") else None

    def probe(self, session, number):
        mark = session.run(f"""begin; insert into public.orders (customer, amount, note) values ('probe {number}', 12.50, repeat('x', 90));
            select id from counterfoil.outbox where xid = pg_current_xact_id(); commit""")
        return mark, time.time()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.__exit__()


@contextlib.contextmanager
def ticker(url):
    """PgQ's own, for this database alone."""
    base, name = url.rsplit("/", 1)
    user, place = base.removeprefix("postgres://").rsplit("@", 1)
    (user, password), (host, port) = user.split(":"), place.split(":")
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "pgqd.ini"
        config.write_text(f"""[pgqd]
logfile = {folder}/log
pidfile = {folder}/pid
base_connstr = host={host} port={port} user={user} password={password}
initial_database = {name}
database_list = {name}
ticker_period = {PGQ_LOOK}
""")
        child = subprocess.Popen(["pgqd", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            child.terminate()
            child.wait()


@contextlib.contextmanager
def consumer(case, url):
    """A peer's consumer at work."""
    kind = CASES[case][0]
    processes, consumers, batch = CONSUMERS[kind]
    program = [PEER / "awa/bin/python", "awa_worker.py"] if kind == "awa" else ["node", "consume.mjs", kind]
    with Printed([[*program, url, consumers, batch]] * processes) as printed:
        yield printed
