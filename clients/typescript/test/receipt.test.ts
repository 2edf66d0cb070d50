import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  decodeLedgerAccount,
  formatReceipt,
  hashLeaf,
  MalformedError,
  parseReceipt,
  ReceiptError,
  relate,
  verifyReceipt,
  type LogName,
} from '../src/index.js';
import { fromHex, readVectors, toHex } from './support.js';

type Json = { [field: string]: Json } | Json[] | string | number | null;

interface ReceiptVectors {
  receipts: Json[];
  alterations: { of: number; path: string[]; value: Json; refused: string | null }[];
  unreadable: string[];
  relations: { account: string; heads: { log: LogName; size: string; root: string; relation: string }[] };
}

const vectors = readVectors<ReceiptVectors>('receipt');

/** What a receipt is refused for, or null. */
function verdict(text: string): string | null {
  try {
    verifyReceipt(parseReceipt(text));
    return null;
  } catch (error) {
    if (error instanceof MalformedError) return 'unreadable';
    if (error instanceof ReceiptError) return error.code;
    throw error;
  }
}

/** A receipt with another value at a path of fields. */
function altered(receipt: Json, path: readonly string[], value: Json): Json {
  const [field, ...rest] = path;
  if (field === undefined) return value;
  const object = receipt as { [field: string]: Json };
  return { ...object, [field]: altered(object[field]!, rest, value) };
}

test('the shared receipts verify, say what they prove, and are written as they were read', () => {
  assert.ok(vectors.receipts.length > 0);
  for (const receipt of vectors.receipts) {
    const parsed = parseReceipt(JSON.stringify(receipt));
    const { event, leafHash } = verifyReceipt(parsed);
    assert.equal(toHex(leafHash), toHex(hashLeaf(parsed.entry.payload)));
    assert.deepEqual([event.header.ledger, event.header.eventSeq], [parsed.ledger, parsed.event.seq]);
    assert.deepEqual(JSON.parse(formatReceipt(parsed)), receipt);
  }
});

test('the shared alterations are refused for what is wrong with them', () => {
  const paths = new Set(vectors.alterations.map(({ path }) => path.join('.')));
  for (const field of fieldsOf(vectors.receipts[0]!)) assert.ok(paths.has(field), `${field} is altered`);
  for (const { of, path, value, refused } of vectors.alterations) {
    const text = JSON.stringify(altered(vectors.receipts[of]!, path, value));
    assert.equal(verdict(text), refused, `${path.join('.')} = ${JSON.stringify(value)}`);
  }
});

/** The paths of all fields that hold a value or a list. */
function fieldsOf(value: Json): string[] {
  return Object.entries(value as { [field: string]: Json }).flatMap(([field, inner]) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? fieldsOf(inner).map((path) => `${field}.${path}`)
      : [field],
  );
}

test('texts that are no receipt are refused', () => {
  for (const text of vectors.unreadable) assert.equal(verdict(text), 'unreadable', text);
  const receipt = vectors.receipts[0]!;
  for (const path of [[], ['entry'], ['event'], ['head'], ['event_head']]) {
    const object = path.reduce<Json>((inner, field) => (inner as { [field: string]: Json })[field]!, receipt);
    for (const missing of Object.keys(object as object)) {
      const { [missing]: _, ...without } = object as { [field: string]: Json };
      assert.equal(verdict(JSON.stringify(altered(receipt, path, without))), 'unreadable', missing);
    }
    const more = { ...(object as { [field: string]: Json }), note: '' };
    assert.equal(verdict(JSON.stringify(altered(receipt, path, more))), 'unreadable', path.join('.'));
  }
});

test('an error says where', () => {
  const text = JSON.stringify(altered(vectors.receipts[1]!, ['entry', 'proof'], ['00']));
  assert.throws(() => parseReceipt(text), { where: 'receipt.entry.proof[0]' });
});

test('an entry has 1 to 65,535 bytes', () => {
  const receipt = parseReceipt(JSON.stringify(vectors.receipts[0]));
  for (const [bytes, code] of [
    [65_535, 'entry'],
    [65_536, 'entry_length'],
    [0, 'entry_length'],
  ] as const) {
    const entry = { ...receipt.entry, payload: new Uint8Array(bytes) };
    assert.throws(() => verifyReceipt({ ...receipt, entry }), { name: 'ReceiptError', code });
  }
});

test('earlier heads stand to an account as the shared ones say', () => {
  const account = decodeLedgerAccount(fromHex(vectors.relations.account));
  // Twenty appends of two entries: the ring has turned, and the oldest head that it keeps comes first.
  assert.deepEqual(
    account.heads.map(({ size }) => size),
    Array.from({ length: 16 }, (_, at) => BigInt(10 + 2 * at)),
  );
  const found = vectors.relations.heads.map(({ log, size, root, relation }) => {
    assert.equal(relate(log, { size: BigInt(size), root: fromHex(root) }, account).kind, relation, `${log} ${size}`);
    return relation;
  });
  assert.deepEqual([...new Set(found)].sort(), ['contradiction', 'grown', 'in_ring', 'same', 'stale']);
});
