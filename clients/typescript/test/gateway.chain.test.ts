/** From a record to its verified receipt, by a real gateway on a local chain. */

import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { createKeyPairSignerFromBytes, type Address } from '@solana/kit';

import {
  confirmReceipt,
  Gateway,
  GatewayError,
  LedgerFlag,
  parsePromise,
  parseReceipt,
  verifyPromise,
  verifyReceipt,
  type LineAnswer,
} from '../src/index.js';
import * as program from '../src/generated/index.js';
import { Node, programPath, waitUntil } from './node.js';
import { insidePackage, writeExamples } from './support.js';

/** The addresses that `counterfoil dev` tells. */
interface Addresses {
  readonly gateway_url: string;
  readonly rpc_url: string;
  readonly wallet: string;
}

/** A chain, PostgreSQL and three services start one after the other. */
const START_MS = 180_000;

let folder: string;
let dev: ChildProcess;
let addresses: Addresses;
let promiseKey: string;
let ledger: Address;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'counterfoil-gateway-'));
  // As root, PostgreSQL runs as another user, who must get there.
  chmodSync(folder, 0o755);
  const ready = join(folder, 'ready.json');
  const ports = ['--api-port', '0', '--gateway-port', '0', '--rpc-port', '0'];
  const files = ['--data', join(folder, 'data'), '--ready-file', ready];
  dev = spawn(programPath('counterfoil'), ['dev', '--slot-ms', '100', ...ports, ...files], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // However this process ends: what `dev` started ends with it.
  process.once('exit', () => dev.kill('SIGKILL'));
  const ended = new Promise<never>((_, reject) => {
    dev.once('error', (cause) => reject(new Error('counterfoil does not run: make build', { cause })));
    dev.once('exit', (code) => reject(new Error(`counterfoil dev ended with ${code}`)));
  });
  ended.catch(() => undefined);
  const started = waitUntil('dev is ready', async () => existsSync(ready) || undefined, START_MS);
  await Promise.race([started, ended]);
  addresses = JSON.parse(readFileSync(ready, 'utf8')) as Addresses;
  // The operator of this gateway is the test.
  const answer = await fetch(`${addresses.gateway_url}/v1/promise-key`);
  promiseKey = ((await answer.json()) as { key: string }).key;
  ledger = await createLedger();
});

after(async () => {
  if (dev.exitCode === null) {
    const exited = new Promise((resolve) => dev.once('exit', resolve));
    dev.kill('SIGTERM');
    await exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A ledger of the gateway's wallet. */
async function createLedger(): Promise<Address> {
  const bytes = JSON.parse(readFileSync(addresses.wallet, 'utf8')) as number[];
  const wallet = await createKeyPairSignerFromBytes(Uint8Array.from(bytes));
  const create = await program.getCreateLedgerInstructionAsync({
    payer: wallet,
    creator: wallet,
    id: crypto.getRandomValues(new Uint8Array(32)),
    flags: LedgerFlag.SubtreesAllowed,
  });
  const [created] = await Node.at(addresses.rpc_url).send(wallet, create);
  const { ledger } = created!.event.header;
  // The gateway asks the index, which gets it a moment later.
  await waitUntil('the index has the ledger', async () => {
    try {
      return await gateway().append(ledger, 'first');
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // Of a ledger that is known the text is refused, for it is not JSON.
      if (error.code === 'malformed_body') return true;
      assert.equal(error.code, 'unknown_ledger', error.message);
      return undefined;
    }
  });
  return ledger;
}

function gateway(): Gateway {
  return new Gateway({ url: addresses.gateway_url, promiseKeys: [promiseKey] });
}

test('a record is appended, promised, checked, and its receipt verified by the chain', async () => {
  const one = gateway();
  const options = { stream: 'orders', subject: 'order 1', time: new Date(), idempotencyKey: 'order 1' };
  const { id, promise } = await one.append(ledger, { order: 1 }, options);
  assert.deepEqual([promise!.ledger, promise!.record!.id], [ledger, id]);
  // The same request again: nothing is written, and the answer is the same.
  assert.deepEqual(await one.append(ledger, { order: 1 }, options), {
    id,
    promise,
    record: undefined,
    idempotencyKey: 'order 1',
  });
  const reused = { code: 'idempotency_key_reused', status: 422, action: 'reject' };
  await assert.rejects(one.append(ledger, { order: 2 }, options), reused);

  const record = await one.waitFor(id);
  assert.deepEqual([record.state, record.contentType, record.promise], ['checked', 'application/json', promise]);
  const verified = verifyReceipt(record.receipt!);
  assert.deepEqual([verified.receipt.ledger, verified.receipt.entry.index], [ledger, record.index]);
  const { confirmed, refused } = await confirmReceipt(verified, { servers: [addresses.rpc_url] });
  assert.deepEqual([confirmed.length, refused], [1, []]);
  assert.ok(verified.event.header.unixTime <= promise!.deadline);

  const waited = await one.append(ledger, 'two', { contentType: 'text/plain', wait: 'checked' });
  assert.deepEqual([waited.record!.state, waited.promise!.record!.id], ['checked', waited.id]);
  verifyReceipt(waited.record!.receipt!);
});

test('many records are answered one by one, and each has its receipt', async () => {
  const one = gateway();
  const records = [
    { content: { order: 2 } },
    { content: 'not JSON' },
    { content: 'größer', contentType: 'text/plain', stream: 'Aufträge' },
    { content: new Uint8Array([255]), contentType: 'application/octet-stream' },
  ];
  const answers: LineAnswer[] = [];
  for await (const answer of one.appendMany(ledger, records, { batch: 2 })) answers.push(answer);
  assert.deepEqual(
    answers.map((answer) => ('id' in answer ? answer.promise!.records.count : answer.code)),
    [1n, 'malformed_body', 2n, 2n],
  );
  for (const answer of answers) {
    if (!('id' in answer)) continue;
    const { receipt, promise } = await one.waitFor(answer.id);
    verifyReceipt(receipt!);
    await verifyPromise(promise!, { keys: [promiseKey], ledger, record: answer.id });
  }
});

test("the README's example runs as it stands there", async () => {
  const cwd = insidePackage('gateway-example');
  writeExamples(cwd);
  const { gateway_url: GATEWAY, rpc_url: COUNTERFOIL_RPC } = addresses;
  const env = { ...process.env, GATEWAY, COUNTERFOIL_RPC, LEDGER: ledger, PROMISE_KEY: promiseKey };
  const { stdout } = await promisify(execFile)(process.execPath, ['3.mjs'], { cwd, env });
  assert.match(stdout, /^entry [0-9]+, in time: 1 of 1 servers confirm it\n$/);
  await verifyPromise(parsePromise(readFileSync(join(cwd, 'promise.json'), 'utf8')), { keys: [promiseKey], ledger });
  verifyReceipt(parseReceipt(readFileSync(join(cwd, 'receipt.json'), 'utf8')));
});
