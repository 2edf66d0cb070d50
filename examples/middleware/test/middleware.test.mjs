/** The middlewares in their frameworks, over a real gateway and a real outbox, and with both away. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import express from 'express';

import { Gateway } from '../../../clients/typescript/build/src/index.js';
import { startStack } from '../../../explorer/test/support.mjs';
import { keepBody, recorded } from '../express.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { BIN, DATABASE_URL } = process.env;
const AWAY = 'http://127.0.0.1:9';
let stack, ledger;
const ended = [];

before(async () => {
  stack = await startStack();
  ledger = stack.cli(['ledger', 'create', '--allow-subtrees']);
  psql('create table shop_order (item text not null)');
  stack.cli(['outbox', 'install', '--database', DATABASE_URL]);
});
after(async () => {
  for (const end of ended.reverse()) await end();
  await stack?.stop();
});

const psql = (sql) => execFileSync('psql', ['-XAtq', DATABASE_URL, '-c', sql], { encoding: 'utf8' }).trim();

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program that serves a port, with what it says. */
async function serve(program, args, env) {
  const port = await freePort();
  const PYTHONPATH = ['..', '.', '../../../clients/python/src'].map(path).join(':');
  const child = spawn(program, args(port), { env: { ...process.env, PYTHONPATH, PYTHONDONTWRITEBYTECODE: '1', LEDGER: ledger, ...env }, cwd: path('.') });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
  const end = new Promise((resolve) => child.on('exit', resolve));
  ended.push(() => (child.kill('SIGTERM'), end));
  const url = `http://127.0.0.1:${port}/orders`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`);
    if (await fetch(url).then(() => true, () => false)) return { url, said: () => said };
    await sleep(50);
  }
}

async function expressShop(gatewayUrl, withoutRecord, log) {
  const app = express();
  let orders = 0;
  app.use(express.json({ verify: keepBody }));
  const gateway = new Gateway({ url: gatewayUrl });
  app.use(recorded({ gateway, ledger, withoutRecord, actor: (request) => request.get('x-user') ?? null, log }));
  app.post('/orders', (_, response) => response.json({ orders: (orders += 1) }));
  app.get('/orders', (_, response) => response.json({ orders }));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ended.push(() => server.close());
  return `http://127.0.0.1:${server.address().port}/orders`;
}

const order = (url) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', 'x-user': 'ada' }, body: '{"item":"tea"}' });
const count = async (url) => (await (await fetch(url)).json()).orders;

/** A record of a request is in the ledger, by a receipt that the chain verifies. */
async function expectRecord(id) {
  await new Gateway({ url: stack.gateway_url }).waitFor(id, 'checked');
  const { receipt } = await (await fetch(`${stack.gateway_url}/v1/records/${id}`)).json();
  const file = join(mkdtempSync(join(tmpdir(), 'middleware-')), 'receipt.json');
  writeFileSync(file, JSON.stringify(receipt));
  assert.match(stack.cli(['verify', file, '--ledger', ledger]), /^VERIFIED: entry/);
  rmSync(dirname(file), { recursive: true });
}

test('Express: a request has its record, and without one it is refused or told, as was chosen', async () => {
  const url = await expressShop(stack.gateway_url, 'refuse');
  const answer = await order(url);
  assert.deepEqual([answer.status, await count(url)], [200, 1]);
  await expectRecord(answer.headers.get('counterfoil-record'));

  const closed = await expressShop(AWAY, 'refuse');
  const refused = await order(closed);
  assert.deepEqual([refused.status, await count(closed)], [503, 0], 'the handler did not run');

  const told = [];
  const open = await expressShop(AWAY, 'go on', (line) => told.push(line));
  const gone = await order(open);
  assert.deepEqual([gone.status, await count(open), gone.headers.get('counterfoil-record')], [200, 1, null]);
  assert.match(told.join(), /^no record of request .* POST \/orders/);
  await assert.rejects(expressShop(AWAY, undefined), /withoutRecord is/);
});

test('FastAPI: likewise', async () => {
  const run = (GATEWAY, WITHOUT_RECORD) =>
    serve(`${BIN}/uvicorn`, (port) => ['fastapi_app:app', '--port', String(port), '--no-access-log'], { GATEWAY, WITHOUT_RECORD });
  const { url } = await run(stack.gateway_url, 'refuse');
  const answer = await order(url);
  assert.deepEqual([answer.status, await count(url)], [200, 1]);
  await expectRecord(answer.headers.get('counterfoil-record'));

  const closed = await run(AWAY, 'refuse');
  assert.deepEqual([(await order(closed.url)).status, await count(closed.url)], [503, 0], 'the handler did not run');
  const open = await run(AWAY, 'go on');
  assert.deepEqual([(await order(open.url)).status, await count(open.url)], [200, 1]);
  assert.match(open.said(), /no record of request .* POST \/orders/);
});

test('Django: a request and its record are one transaction', async () => {
  const run = (WITHOUT_RECORD) => serve(`${BIN}/python`, (port) => ['django_app.py', 'runserver', '--noreload', `127.0.0.1:${port}`], { WITHOUT_RECORD });
  const [closed, open] = [await run('refuse'), await run('go on')];
  const records = () => psql("select convert_from(content, 'UTF8')::json ->> 'path' from counterfoil.outbox where operation = 'record'");
  const answer = await order(closed.url);
  assert.deepEqual([answer.status, await count(closed.url), records()], [200, 1, '/orders']);
  assert.equal(psql('select id from counterfoil.outbox'), answer.headers.get('counterfoil-record'));

  // The outbox takes nothing: another role's rights would do the same.
  psql('alter table counterfoil.outbox rename to away');
  assert.deepEqual([(await order(closed.url)).status, await count(closed.url)], [503, 1], 'what it did was undone');
  assert.deepEqual([(await order(open.url)).status, await count(open.url)], [200, 2]);
  assert.match(open.said(), /no record of request .* POST \/orders/);
  psql('alter table counterfoil.away rename to outbox');
  assert.equal(records(), '/orders');
});
