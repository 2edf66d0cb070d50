import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { createServer } from 'vite';

const vectors = JSON.parse(readFileSync(new URL('../../docs/vectors/program.json', import.meta.url)));
let vite, bytes, curve, instructions;

before(async () => {
  const root = new URL('..', import.meta.url).pathname;
  vite = await createServer({ root, logLevel: 'error', server: { middlewareMode: true, hmr: false, ws: false }, appType: 'custom', optimizeDeps: { noDiscovery: true } });
  [bytes, curve, instructions] = await Promise.all(['bytes', 'ed25519', 'instructions'].map((name) => vite.ssrLoadModule(`/src/lib/${name}.ts`)));
});
after(() => vite?.close());

const KINDS = { append: 'append', grant_writer: 'grant', revoke_writer: 'revoke', propose_authority: 'propose', accept_authority: 'accept', seal_ledger: 'seal' };
const HEADER_BYTES = 152;

/** A step of the vectors as an action; null where the page does not make such a one. */
function actionOf({ instruction, arguments: given, accounts, event }) {
  const kind = KINDS[instruction];
  const size = BigInt(given.expected_size ?? 0);
  const isPlain = kind !== 'append' || (given.expected_size !== null && given.entries.length === 1);
  if (!kind || !isPlain) return null;
  // The body of an acceptance is the authority before it; that of a revocation the wallet.
  const body = bytes.fromHex(event.data).subarray(8 + HEADER_BYTES, 8 + HEADER_BYTES + 32);
  switch (kind) {
    case 'append':
      return { kind, entry: bytes.fromHex(given.entries[0]), size, hasGrant: accounts[2].address !== vectors.program };
    case 'grant':
      return { kind, wallet: given.wallet, subtrees: given.permissions === 3, expires: BigInt(given.expires_at) };
    case 'revoke':
      return { kind, wallet: bytes.base58(body) };
    case 'propose':
      return { kind, wallet: given.pending_authority };
    case 'accept':
      return { kind, authority: bytes.base58(body) };
    default:
      return { kind, size };
  }
}

test('instructions and events have the bytes and accounts of the vectors', () => {
  const seen = new Set();
  for (const step of vectors.steps) {
    const action = actionOf(step);
    if (!action) continue;
    seen.add(action.kind);
    const signer = step.accounts.find((account) => account.signer).address;
    const addresses = { events: vectors.event_authority, writer: action.kind === 'append' && !action.hasGrant ? null : vectors.writer.address };
    const made = instructions.instructionOf(action, signer, vectors.ledger.address, vectors.program, addresses);
    assert.deepEqual({ data: bytes.hex(made.data), accounts: made.accounts }, { data: step.data, accounts: step.accounts }, step.instruction);
    const leaf = step.event.data.slice(16);
    assert.equal(leaf.slice(0, 16), instructions.EVENT_KINDS[action.kind], step.instruction);
    const body = bytes.hex(instructions.eventBody(action));
    assert.equal(leaf.slice(2 * HEADER_BYTES, 2 * HEADER_BYTES + body.length), body, step.instruction);
  }
  // The vectors append two entries at once, or without a size.
  assert.deepEqual([...seen].sort(), ['accept', 'grant', 'propose', 'revoke', 'seal']);
});

test('an append of the vectors, cut to one entry, has their bytes', () => {
  const step = vectors.steps.find(({ instruction, arguments: given }) => instruction === 'append' && given.entries.length === 2);
  const [entry] = step.arguments.entries.map(bytes.fromHex);
  const addresses = { events: vectors.event_authority, writer: vectors.writer.address };
  const action = { kind: 'append', entry, size: 0n, hasGrant: true };
  const made = instructions.instructionOf(action, step.accounts[0].address, vectors.ledger.address, vectors.program, addresses);
  assert.deepEqual(made.accounts, step.accounts);
  // Discriminator and size, the count, and the first entry with its length.
  assert.equal(bytes.hex(made.data), step.data.slice(0, 34) + '01000000' + step.data.slice(42, 42 + 8 + 2 * entry.length));
});

test('addresses are derived as the vectors have them, past bumps that give a point of the curve', async () => {
  const text = (name) => new TextEncoder().encode(name);
  const { program, ledger, writer, event_authority: events } = vectors;
  const found = [
    await instructions.eventAuthority(program),
    await instructions.writerAddress(program, ledger.address, writer.fields.wallet),
    await instructions.derive(program, text('ledger'), instructions.key(ledger.creator), bytes.fromHex(ledger.id)),
  ];
  assert.deepEqual(found.map(bytes.base58), [events, writer.address, ledger.address]);
  assert.equal(bytes.fromHex(vectors.steps[0].account.data)[9], 254, 'one bump was passed over');
});

test('keys are points of the curve, and those of small order sign nothing', async () => {
  for (let at = 0; at < 50; at += 1) {
    const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const key = Uint8Array.from(Buffer.from(x, 'base64url'));
    assert.deepEqual([curve.isOnCurve(key), curve.isSmallOrder(key)], [true, false]);
  }
  // All points whose order divides 8, by their y; the sign of x is the highest bit.
  const small = ['01' + '00'.repeat(31), 'ec' + 'ff'.repeat(30) + '7f', '00'.repeat(32), '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'];
  for (const point of small) {
    for (const sign of [0, 0x80]) {
      const key = bytes.fromHex(point);
      key[31] |= sign;
      assert.equal(curve.isSmallOrder(key), true, point);
      // With R the neutral element and S zero, the equation holds for a key of order 1 and any message.
      const forged = Uint8Array.from([1, ...new Uint8Array(63)]);
      assert.equal(await curve.isSignedBy(key, new Uint8Array(3), forged), false, point);
    }
  }
});

test('texts of keys have one spelling', () => {
  const { program } = vectors;
  assert.equal(bytes.base58(bytes.fromBase58(program)), program);
  assert.equal(bytes.base58(bytes.fromBase58('1'.repeat(32))), '1'.repeat(32));
  for (const wrong of ['', program.slice(0, -2), `1${program}`, `${program}1`, 'z'.repeat(44), '0'.repeat(32), '1'.repeat(33), '1'.repeat(31)]) {
    assert.equal(bytes.fromBase58(wrong), null, wrong);
  }
});
