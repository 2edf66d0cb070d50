// Consumers of the benchmark's peers, each of which does nothing with a row: `consume.mjs pgmq|pgq|graphile-worker URL CONSUMERS BATCH`;
// `consume.mjs install-graphile-worker URL` makes its tables.
//
// Prints a line of JSON once it looks for rows, then how many it has taken, at most every 50 ms, and the time of each row whose customer is a
// probe. A row is taken once it is removed for good in pgmq, its batch is finished in PgQ, and its job was done in graphile-worker, which
// removes it next.

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { run, runMigrations } from "graphile-worker";

const [kind, url, consumersText, batchText] = process.argv.slice(2);
const [consumers, batch] = [Number(consumersText), Number(batchText)];
// How long a consumer that found nothing waits, in milliseconds.
const PAUSE = 10;

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const now = () => (performance.timeOrigin + performance.now()) / 1000;

// The end of standard input is a consumer's.
const atEnd = (stop) =>
  process.stdin.resume().on("end", async () => {
    await stop();
    process.exit();
  });

let taken = 0;
let told = 0;
setInterval(() => {
  if (taken !== told) say({ taken: (told = taken), at: now() });
}, 50);

const note = (customers) => {
  taken += customers.length;
  for (const customer of customers) if (customer.startsWith("probe")) say({ probe: customer, at: now() });
};

async function pgmq(client) {
  for (;;) {
    const { rows } = await client.query({ name: "read", text: "select msg_id, message from pgmq.read('orders', 30, $1)", values: [batch] });
    if (rows.length === 0) {
      await sleep(PAUSE);
      continue;
    }
    const ids = rows.map((row) => row.msg_id);
    await client.query({ name: "delete", text: "select pgmq.delete('orders', $1::bigint[])", values: [ids] });
    note(rows.map((row) => row.message.customer));
  }
}

async function pgq(client) {
  for (;;) {
    const [{ id }] = (await client.query("select pgq.next_batch('orders', 'bench') as id")).rows;
    if (id === null) {
      await sleep(PAUSE);
      continue;
    }
    const { rows } = await client.query({ name: "events", text: "select ev_id, ev_type, ev_data from pgq.get_batch_events($1)", values: [id] });
    await client.query({ name: "finish", text: "select pgq.finish_batch($1)", values: [id] });
    note(rows.map((row) => JSON.parse(row.ev_data).customer));
  }
}

async function graphileWorker() {
  // As its page on performance and its own benchmark have it.
  const worker = {
    connectionString: url,
    concurrentJobs: consumers,
    maxPoolSize: consumers + 1,
    localQueue: { size: batch, refetchDelay: { durationMs: 10 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  };
  return run({ preset: { worker }, taskList: { order: (payload) => note([payload.customer]) } });
}

if (kind === "install-graphile-worker") {
  await runMigrations({ connectionString: url });
  process.exit();
} else if (kind === "graphile-worker") {
  const runner = await graphileWorker();
  // A job that it holds when it is killed stays locked for hours.
  atEnd(() => runner.stop());
  say({ ready: true });
  await runner.promise;
} else {
  atEnd(() => {});
  const loop = { pgmq, pgq }[kind];
  const clients = await Promise.all(
    Array.from({ length: consumers }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return client;
    }),
  );
  say({ ready: true });
  await Promise.all(clients.map(loop));
}
