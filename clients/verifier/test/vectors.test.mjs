import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';

import { createVerifier, loadVerifier, WORDS } from '../node.mjs';
import { documents, flipped, native, pinOf, verdicts } from './support.mjs';

const all = [...documents()];
let verifier;
before(async () => (verifier = await loadVerifier()));

/** Holds a verifier to what the vectors say of each document, without a pin and with a pin of all that the document says. */
function holdToVectors(verifier) {
  const counts = { verified: 0, refused: 0, cannot_tell: 0 };
  for (const [name, text, holds] of all) {
    const alone = verifier.verify(text);
    // Without a pin the best that can be said is that a document holds together.
    assert.equal(alone.verdict, holds === false ? 'refused' : 'cannot_tell', `${name}: ${alone.reason}`);
    if (holds !== true) {
      assert.equal(alone.claims, undefined, name);
      counts[alone.verdict] += 1;
      continue;
    }
    assert.match(alone.reason, /^only inner consistency was checked/, name);
    assert.equal(alone.facts, undefined, name);
    const pinned = verifier.verify(text, pinOf(alone));
    // Every log extends the empty one: that shows nothing of the later one, unless that is pinned as well.
    assert.ok(['verified', 'consistent'].includes(pinned.verdict), `${name}: ${pinned.reason}`);
    assert.ok(pinned.compared.some(({ by, equal }) => by === 'pin' && equal), name);
    counts[pinned.verdict] = (counts[pinned.verdict] ?? 0) + 1;
  }
  return counts;
}

test('each document of the vectors gets its verdict', () => {
  const counts = holdToVectors(verifier);
  assert.ok(counts.verified > 80 && counts.refused > 1_000 && counts.cannot_tell >= 3, JSON.stringify(counts));
});

/** Holds a verifier to the vectors v1. */
function holdToRules(verifier) {
  const all = [...verdicts()];
  for (const { name, verdict, document, pin, answer } of all) {
    const found = verifier.verify(document, pin);
    assert.equal(found.verdict, verdict, `${name}: ${found.reason}`);
    assert.deepEqual({ claims: found.claims ?? null, facts: found.facts ?? null }, answer, name);
  }
  assert.ok(all.length > 2_000);
}

test('a pin is an object or its JSON, and nothing is neither', () => {
  const { document, pin } = [...verdicts()].find(({ name }) => name.startsWith('receipt/pin/all of receipt 6'));
  for (const given of [pin, JSON.stringify(pin), Buffer.from(JSON.stringify(pin))]) {
    assert.equal(verifier.verify(document, given).verdict, 'verified');
  }
  for (const none of ['', new Uint8Array(), 'null', '"x"', '{']) {
    assert.throws(() => verifier.verify(document, none), { name: 'VerifierError' }, `${none}`);
  }
});

test('each vector of a rule gets the verdict that the rule says', () => holdToRules(verifier));

test('twin: a verifier that compares nothing fails the same run, whatever it says', () => {
  for (const verdict of WORDS) {
    const blind = { verify: () => ({ verdict, reason: 'only inner consistency was checked', compared: [], claims: { heads: [] } }) };
    assert.throws(() => holdToVectors(blind), { name: 'AssertionError' }, verdict);
    assert.throws(() => holdToRules(blind), { name: 'AssertionError' }, verdict);
  }
});

test('twin: a module that hashes otherwise fails the same run', async () => {
  const bytes = readFileSync(new URL('../counterfoil_verifier.wasm', import.meta.url));
  // The first of SHA-256's round constants, wherever the module has it.
  const at = bytes.indexOf(Buffer.from('982f8a42', 'hex'));
  assert.ok(at > 0, 'the module has the constant');
  bytes[at] ^= 1;
  const mutated = await createVerifier(bytes);
  assert.throws(() => holdToVectors(mutated), { name: 'AssertionError' });
  assert.throws(() => holdToRules(mutated), { name: 'AssertionError' });
});

test('each value of a pin is compared: another one turns the verdict', () => {
  const turned = new Set();
  for (const [name, text, holds] of all.filter(([, , holds]) => holds === true)) {
    const pin = pinOf(verifier.verify(text));
    for (const [at, head] of pin.heads.entries()) {
      const refused = verifier.verify(text, { ...pin, heads: [{ ...head, root: flipped(head.root) }] });
      assert.equal(refused.verdict, 'refused', `${name}, head ${at}`);
      assert.ok(refused.where && refused.compared.some(({ by, equal }) => by === 'pin' && !equal), name);
      assert.equal(refused.facts, undefined, name);
      const sized = { ...head, size: String(BigInt(head.size) + 1n) };
      assert.equal(verifier.verify(text, { ...pin, heads: [sized] }).verdict, 'refused', `${name}, head ${at}`);
      // A head of another size tells nothing.
      const other = { ...head, size: String(BigInt(head.size) + 1_000n), root: flipped(head.root) };
      assert.equal(verifier.verify(text, { ...pin, heads: [other] }).verdict, 'cannot_tell', `${name}, head ${at}`);
    }
    for (const member of ['genesis_hash', 'program', 'ledger'].filter((member) => pin[member])) {
      const refused = verifier.verify(text, { ...pin, [member]: '1'.repeat(32) });
      assert.deepEqual([refused.verdict, refused.where], ['refused', member], `${name}, ${member}`);
      turned.add(member);
    }
    assert.ok(holds);
  }
  assert.deepEqual([...turned].sort(), ['genesis_hash', 'ledger', 'program']);
});

test('each byte of a document is compared: what a verdict shows never changes with it', () => {
  const chosen = ['receipt 0', 'receipt 3', 'receipt 6', 'evidence 0', 'page 3', 'consistency 20, null'];
  const counts = { changed: 0, verified: 0 };
  const found = all.filter(([name]) => chosen.includes(name));
  assert.deepEqual(found.map(([name]) => name).toSorted(), chosen.toSorted());
  for (const [name, text] of found) {
    const pin = pinOf(verifier.verify(text));
    const { facts } = verifier.verify(text, pin);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 1) {
      bytes[at] ^= 1;
      const { verdict, facts: now } = verifier.verify(bytes, pin);
      bytes[at] ^= 1;
      counts.changed += 1;
      if (verdict !== 'verified') continue;
      // Hints, and an event of which no head is pinned: no verdict shows them.
      counts.verified += 1;
      assert.deepEqual(now, facts, `${name}, byte ${at}: ${text.slice(at - 20, at + 20)}`);
    }
  }
  assert.ok(counts.changed > 8_000 && counts.verified < counts.changed / 20, JSON.stringify(counts));
});

test('the module and the native build of the same crate say the same', async () => {
  const calls = all.flatMap(([, text, holds]) => {
    const pin = holds === true ? pinOf(verifier.verify(text)) : undefined;
    const other = pin && { ...pin, heads: pin.heads.map((head) => ({ ...head, root: flipped(head.root) })) };
    return pin ? [[undefined, text], [pin, text], [other, text]] : [[undefined, text]];
  });
  const answers = await native(calls);
  assert.equal(answers.length, calls.length);
  for (const [at, [pin, text]] of calls.entries()) {
    assert.deepEqual(verifier.verify(text, pin), answers[at], text.slice(0, 200));
  }
  // Twin: the comparison tells answers apart.
  assert.notDeepEqual(verifier.verify(calls[1][1], calls[1][0]), answers[0]);
});
