import assert from 'node:assert/strict';
import { test } from 'node:test';

import { getAddressDecoder, getBase58Decoder, type Address, type Signature } from '@solana/kit';

import {
  formatPromise,
  MalformedError,
  parsePromise,
  PromiseError,
  promiseSigningBytes,
  verifyPromise,
} from '../src/index.js';
import { altered, fromHex, readVectors, toHex, type Json } from './support.js';

interface PromiseVectors {
  pinned: string;
  promises: { promise: Json; signed: string }[];
  alterations: { of: number; path: string[]; value: Json; refused: string | null }[];
  unreadable: string[];
}

const vectors = readVectors<PromiseVectors>('promise');
const pins = { keys: [vectors.pinned] };

/** The reason why a promise is refused, or null. */
async function verdict(text: string): Promise<string | null> {
  try {
    await verifyPromise(parsePromise(text), pins);
    return null;
  } catch (error) {
    if (error instanceof MalformedError) return 'unreadable';
    if (error instanceof PromiseError) return error.code;
    throw error;
  }
}

test('the shared promises verify, and are written as they were read', async () => {
  assert.ok(vectors.promises.length > 0);
  for (const { promise, signed } of vectors.promises) {
    const read = parsePromise(JSON.stringify(promise));
    assert.equal(toHex(promiseSigningBytes(read)), signed);
    assert.deepEqual(JSON.parse(formatPromise(read)), promise);
    await verifyPromise(read, pins);
  }
});

test('the shared alterations of promises are refused for what is wrong with them', async () => {
  for (const { of, path, value, refused } of vectors.alterations) {
    const text = JSON.stringify(changed(vectors.promises[of]!.promise, path, value));
    assert.equal(await verdict(text), refused, `${path.join('.')} = ${JSON.stringify(value)}`);
  }
  for (const text of vectors.unreadable) assert.equal(await verdict(text), 'unreadable', text);
});

test('a promise is for the ledger and of the record that were asked for', async () => {
  const promise = parsePromise(JSON.stringify(vectors.promises[0]!.promise));
  const { ledger, record, program } = promise;
  await verifyPromise(promise, { ...pins, ledger, record: record!.id });
  await assert.rejects(verifyPromise(promise, { ...pins, ledger: program }), { code: 'wrong_ledger' });
  const other = record!.id.replace(/^./, 'f');
  await assert.rejects(verifyPromise(promise, { ...pins, record: other }), { code: 'wrong_record' });
  const { record: _, ...nameless } = promise;
  await assert.rejects(verifyPromise(nameless, { ...pins, record: record!.id }), { code: 'wrong_record' });
});

test('a key or a nonce of small order signs nothing', async () => {
  const promise = parsePromise(JSON.stringify(vectors.promises[0]!.promise));
  // The neutral element as key and nonce, with the scalar 0: a signature of every message, without the rule.
  const neutral = fromHex(`01${'00'.repeat(31)}`);
  for (const sign of [0, 0x80]) {
    const point = Uint8Array.from(neutral);
    point[31]! |= sign;
    const key = getAddressDecoder().decode(point) as Address;
    const signature = getBase58Decoder().decode(Uint8Array.of(...point, ...new Uint8Array(32))) as Signature;
    await assert.rejects(verifyPromise({ ...promise, key, signature }, { keys: [key] }), { code: 'not_signed' });
  }
});

/** A document with another value at a path of fields and, within a list, of a number. */
function changed(document: Json, path: readonly string[], value: Json): Json {
  const at = path.findIndex((field) => /^[0-9]+$/.test(field));
  if (at < 0) return altered(document, path, value);
  const list = path.slice(0, at).reduce<Json>((inner, field) => (inner as { [field: string]: Json })[field]!, document);
  const copy = [...(list as Json[])];
  copy[Number(path[at])] = value;
  return altered(document, path.slice(0, at), copy);
}
