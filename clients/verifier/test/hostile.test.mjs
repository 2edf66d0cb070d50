import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { loadVerifier, VerifierError } from '../node.mjs';
import { documents, pinOf, vectors } from './support.mjs';

let verifier;
before(async () => (verifier = await loadVerifier()));
const receipt = JSON.stringify(vectors.receipt.receipts[6]);

test('inputs of many lengths in one instance get the verdicts that new instances give', async () => {
  for (const length of [0, 1, 100, 65_535, 65_536, 65_537, 15 << 20, 40 << 20, 100]) {
    const bytes = Buffer.alloc(length, 0x20);
    bytes.write(receipt.slice(0, length));
    const fresh = await loadVerifier();
    assert.deepEqual(verifier.verify(bytes), fresh.verify(bytes), `${length} bytes`);
  }
  // A view that begins within a buffer.
  const bytes = Buffer.concat([Buffer.from('xxx'), Buffer.from(receipt), Buffer.from('yyy')]);
  const view = bytes.subarray(3, bytes.length - 3);
  assert.deepEqual(verifier.verify(view), verifier.verify(receipt));
  assert.notDeepEqual(verifier.verify(bytes), verifier.verify(receipt), 'twin: the whole buffer is another document');
});

test('an input that is too long gets no verdict, and the next one gets its own', () => {
  assert.throws(() => verifier.verify(new Uint8Array((64 << 20) + 1)), VerifierError);
  assert.equal(verifier.verify(receipt).verdict, 'cannot_tell');
});

test('nesting, random bytes and cut texts end in a verdict that is not a good one', () => {
  const texts = ['['.repeat(1_000_000), '{"a":'.repeat(100_000), '"', '\u0000', '{"format":"counterfoil receipt v2"}', '{"second":{}}'];
  for (let at = 0; at < receipt.length; at += 7) texts.push(receipt.slice(0, at));
  let seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`SEED=${seed}`);
  const draw = (below) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
  const all = [...documents()].map(([, text]) => Buffer.from(text));
  for (let round = 0; round < 3_000; round += 1) {
    const bytes = Buffer.from(all[draw(all.length)]);
    for (let change = draw(4) + 1; change > 0 && bytes.length > 0; change -= 1) bytes[draw(bytes.length)] = draw(256);
    texts.push(bytes);
  }
  for (const text of texts) assert.ok(['refused', 'cannot_tell'].includes(verifier.verify(text).verdict));
});

test('texts of a document are shown escaped, and cut', () => {
  const format = `x\u202eevil\u0007${'y'.repeat(10_000)}`;
  const { verdict, reason } = verifier.verify(JSON.stringify({ ...JSON.parse(receipt), format }));
  assert.equal(verdict, 'refused');
  assert.ok(!/[\u202e\u0007]/.test(reason) && reason.length < 700, reason);
});

test('a pin that cannot be read is its author\'s fault, and no verdict', () => {
  const root = '0'.repeat(64);
  for (const pin of [
    { ledger: 'x' },
    { ledger: null },
    { note: 1 },
    [],
    { heads: [{ log: 'entries', size: '01', root }] },
    { heads: [{ log: 'entries', size: '1', root, note: 1 }] },
    { heads: [['entries', '1', root]] },
    { heads: [{ log: 'entries', size: '281474976710656', root }] },
    { heads: [{ log: 'entries', size: '1', root }, { log: 'entries', size: '1', root: root.replace('0', '1') }] },
  ]) {
    assert.throws(() => verifier.verify(receipt, pin), VerifierError, JSON.stringify(pin));
  }
  assert.equal(verifier.verify(receipt, {}).verdict, 'cannot_tell', 'twin: a pin without parts is one');
});

test('the two halves of a pin show two things', () => {
  const pin = pinOf(verifier.verify(receipt));
  const of = (log) => verifier.verify(receipt, { ...pin, heads: pin.heads.filter((head) => head.log === log) });
  const [entries, events] = [of('entries'), of('events')];
  assert.deepEqual([entries.verdict, entries.facts.event], ['verified', undefined]);
  assert.ok(entries.not_checked.some((line) => line.startsWith('who appended it')));
  assert.equal(events.verdict, 'verified');
  assert.match(events.facts.event.slot, /^\d+$/);
  const { ledger, ...without } = pin;
  assert.ok(verifier.verify(receipt, without).not_checked.some((line) => line.startsWith('whose ledger it is')));
  assert.ok(!verifier.verify(receipt, { ...without, ledger }).not_checked.some((line) => line.startsWith('whose ledger')));
});

test('a later head that only extends the pinned one is consistent, and not verified', () => {
  const found = vectors.log.consistency.find(({ fault, first_size, second_size }) => fault === null && first_size > 2 && first_size !== second_size);
  const [first, second] = ['first', 'second'].map((name) => ({ size: found[`${name}_size`], root: found[`${name}_root`] }));
  const text = JSON.stringify({ log: 'entries', first, second, proof: found.proof });
  const by = (log, head) => verifier.verify(text, { heads: [{ log, ...head }] }).verdict;
  assert.deepEqual([by('entries', first), by('entries', second), by('events', second)], ['consistent', 'verified', 'cannot_tell']);
});
