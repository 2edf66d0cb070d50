import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Signature } from '@solana/kit';

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
import { altered, fromHex, readVectors, toHex, type Json } from './support.js';

interface ReceiptVectors {
  receipts: Json[];
  alterations: { of: number; path: string[]; value: Json; refused: string | null }[];
  unreadable: string[];
  relations: { account: string; heads: { log: LogName; size: string; root: string; relation: string }[] };
}

const vectors = readVectors<ReceiptVectors>('receipt');

/** The reason why a receipt is refused, or null. Only this client has a name of its own for a format that it does not know. */
function verdict(text: string): string | null {
  try {
    verifyReceipt(parseReceipt(text));
    return null;
  } catch (error) {
    if (error instanceof MalformedError) return 'unreadable';
    if (error instanceof ReceiptError && error.code === 'unknown_format') return 'unreadable';
    if (error instanceof ReceiptError) return error.code;
    throw error;
  }
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
  for (const [number, receipt] of vectors.receipts.entries()) {
    if (number % 3 !== 0) continue;
    const paths = vectors.alterations.filter(({ of }) => of === number).map(({ path }) => path.join('.'));
    for (const field of fieldsOf(receipt)) assert.ok(paths.includes(field), `${field} of receipt ${number} is altered`);
  }
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

/** The paths of all objects in a receipt, itself first. */
function objectsOf(value: Json): string[][] {
  const inner = Object.entries(value as { [field: string]: Json }).filter(([, inner]) => isObject(inner));
  return [[], ...inner.flatMap(([field, object]) => objectsOf(object).map((path) => [field, ...path]))];
}

function isObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

test('texts that are no receipt are refused', () => {
  for (const text of vectors.unreadable) assert.equal(verdict(text), 'unreadable', text);
  for (const receipt of vectors.receipts) {
    for (const path of objectsOf(receipt)) {
      const object = path.reduce<Json>((inner, field) => (inner as { [field: string]: Json })[field]!, receipt);
      for (const missing of Object.keys(object as object)) {
        const { [missing]: value, ...without } = object as { [field: string]: Json };
        const found = verdict(JSON.stringify(altered(receipt, path, without)));
        const isOptional = path.length === 0 && ['transaction', 'bridge'].includes(missing);
        assert.equal(found, isOptional ? null : 'unreadable', `without ${[...path, missing].join('.')}`);

        // A member that stands there twice, under the same name and under another spelling of it.
        const spelled = `"\\u${missing.charCodeAt(0).toString(16).padStart(4, '0')}${missing.slice(1)}"`;
        for (const name of [`"${missing}"`, spelled]) {
          const text = JSON.stringify(object).replace('{', `{${name}:${JSON.stringify(value)},`);
          const doubled = JSON.stringify(receipt).replace(JSON.stringify(object), text);
          assert.equal(verdict(doubled), 'unreadable', `${name} twice`);
        }
      }
      const more = { ...(object as { [field: string]: Json }), note: '' };
      assert.equal(verdict(JSON.stringify(altered(receipt, path, more))), 'unreadable', path.join('.'));
      const list = Object.values(object as { [field: string]: Json });
      assert.equal(verdict(JSON.stringify(altered(receipt, path, list))), 'unreadable', `a list at ${path.join('.')}`);
    }
  }
});

test('one member twice is found wherever it stands, and brackets within strings are none', () => {
  const [first, , , bare] = vectors.receipts;
  const stated = (value: string) => JSON.stringify(bare).replace('{', `{"statement":${value},`);
  for (const value of ['{"a":{"b":1},"b":[{"b":1},{"b":2}]}', '"{\\"a\\":1,\\"a\\":2}"', '["\\\\",{":":":"}]']) {
    assert.equal(verdict(stated(value)), 'statement', value);
  }
  for (const value of ['{"a":1,"a":2}', '[[{"a":[],"b":0,"a":[]}]]', '{"\\"":0,"\\u0022":0}']) {
    assert.equal(verdict(stated(value)), 'unreadable', value);
  }
  assert.equal(verdict(JSON.stringify(first, null, '\t')), null);
});

test('an error says where', () => {
  const text = JSON.stringify(altered(vectors.receipts[1]!, ['entry', 'proof'], ['00']));
  assert.throws(() => parseReceipt(text), { where: 'receipt.entry.proof[0]' });
});

test('what a receipt says it has: the stated head, later heads, the transaction', () => {
  const [v1, newest, , bare, , , bridged] = vectors.receipts.map((receipt) =>
    verifyReceipt(parseReceipt(JSON.stringify(receipt))),
  );
  assert.ok(v1!.receipt.format === 'counterfoil receipt v1' && bridged!.receipt.format === 'counterfoil receipt v2');
  assert.deepEqual([v1!.stated, v1!.later], [undefined, { entries: v1!.receipt.head, events: v1!.receipt.eventHead }]);
  // Where version 1 leads to the very head that the event states, it is that of version 2.
  assert.deepEqual([newest!.stated, newest!.stated?.size], [newest!.later!.entries, newest!.event.header.size]);
  const { size, root } = bare!.event.header;
  assert.deepEqual([bare!.stated, bare!.later], [{ size, root }, undefined]);
  const { head, eventHead } = bridged!.receipt.bridge!;
  assert.deepEqual(
    [bridged!.stated, bridged!.later],
    [
      { size, root },
      { entries: head, events: eventHead },
    ],
  );
  // A hint, which nothing proves.
  const other = { ...bridged!.receipt, transaction: '1'.repeat(64) as Signature };
  assert.deepEqual(verifyReceipt(other).later, bridged!.later);
});

test('a receipt with a statement is read, never verified, and never written without it', () => {
  const text = JSON.stringify({ ...(vectors.receipts[3] as object), salt: '00', statement: {} });
  const receipt = parseReceipt(text);
  assert.ok(receipt.format === 'counterfoil receipt v2');
  assert.deepEqual(receipt.unread, ['statement', 'salt']);
  const refused = { name: 'ReceiptError', code: 'statement' };
  assert.throws(() => verifyReceipt(receipt), refused);
  assert.throws(() => formatReceipt(receipt), refused);
  // A contradiction is said first.
  const entry = { ...receipt.entry, proof: [] };
  assert.throws(() => verifyReceipt({ ...receipt, entry }), { code: 'entry' });
});

test('an entry has 1 to 65,535 bytes', () => {
  for (const receipt of vectors.receipts.map((receipt) => parseReceipt(JSON.stringify(receipt)))) {
    for (const [bytes, code] of [
      [65_535, 'entry'],
      [65_536, 'entry_length'],
      [0, 'entry_length'],
    ] as const) {
      const entry = { ...receipt.entry, payload: new Uint8Array(bytes) };
      assert.throws(() => verifyReceipt({ ...receipt, entry }), { name: 'ReceiptError', code });
    }
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
