import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  CERTIFICATE_FORMAT,
  CertificateError,
  hashLeaf,
  MalformedError,
  ProofError,
  readCertificate,
  verifyCertificate,
  verifyRange,
} from '../src/index.js';
import { naiveBeside, naiveLeaf, naiveRoot, toHex } from './support.js';

const ENTRIES = Array.from({ length: 21 }, (_, at) => Uint8Array.of(at));
const LEAVES = ENTRIES.map(naiveLeaf);
const KEY = '11111111111111111111111111111111';

function rangeOf(size: number, from: number, to: number) {
  const tree = LEAVES.slice(0, size);
  const head = { size: BigInt(size), root: naiveRoot(tree) };
  return { head, first: BigInt(from), leafHashes: tree.slice(from, to), proof: naiveBeside(0, tree, from, to) };
}

/** A certificate as the API writes it. */
function document(size: number, from: number, to: number) {
  const { head, proof } = rangeOf(size, from, to);
  return {
    format: CERTIFICATE_FORMAT,
    genesis_hash: KEY,
    program: KEY,
    ledger: KEY,
    log: 'entries',
    from: `${from}`,
    to: `${to}`,
    head: { size: `${size}`, root: toHex(head.root) },
    slot: '7',
    proof: proof.map(toHex),
  };
}

test('every range of every small tree is proven, and no other list', () => {
  for (let size = 1; size <= LEAVES.length; size += 1) {
    for (let from = 0; from < size; from += 1) {
      for (let to = from + 1; to <= size; to += 1) {
        const range = rangeOf(size, from, to);
        verifyRange(range);
        const { leafHashes, proof } = range;
        const refused = (change: object) => {
          assert.throws(() => verifyRange({ ...range, ...change }), ProofError, `${from}..${to} of ${size}`);
        };
        refused({ leafHashes: leafHashes.slice(1) });
        refused({ leafHashes: [...leafHashes, leafHashes[0]!] });
        refused({ leafHashes: [naiveLeaf(Uint8Array.of(99)), ...leafHashes.slice(1)] });
        if (leafHashes.length > 1) refused({ leafHashes: [...leafHashes].reverse() });
        refused({ proof: [...proof, leafHashes[0]!] });
        if (proof.length > 0) refused({ proof: proof.slice(1) });
        refused({ first: range.first + 1n });
      }
    }
  }
});

test('a certificate of the API shows that a list is whole', () => {
  const certificate = readCertificate(document(21, 3, 9));
  const list = ENTRIES.slice(3, 9).map((entry) => hashLeaf(entry));
  assert.equal(verifyCertificate(certificate, list).size, 21n);
  const code = (expected: string) => (error: unknown) => error instanceof CertificateError && error.code === expected;
  assert.throws(() => verifyCertificate(certificate, list.slice(1)), code('count'));
  assert.throws(() => verifyCertificate(certificate, [...list].reverse()), code('proof'));
  assert.throws(() => verifyCertificate({ ...certificate, to: 2n ** 48n }, list), code('out_of_range'));
});

test('a certificate is read strictly', () => {
  const good = document(21, 3, 9);
  const malformed = (change: object) => assert.throws(() => readCertificate({ ...good, ...change }), MalformedError);
  malformed({ from: 3 });
  malformed({ to: '09' });
  malformed({ log: 'other' });
  malformed({ more: 1 });
  malformed({ proof: ['00'] });
  malformed({ head: { size: '21' } });
  assert.throws(() => readCertificate({ ...good, format: 'v2' }), CertificateError);
  assert.throws(() => readCertificate(null), MalformedError);
});
