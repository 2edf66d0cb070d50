import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  emptyRoot,
  hashChildren,
  hashLeaf,
  MalformedError,
  MAX_TREE_SIZE,
  ProofError,
  subtrees,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.js';
import { fromHex, naiveConsistency, naiveLeaf, naiveProof, naiveRoot, readVectors, toHex } from './support.js';

interface LogVectors {
  leaves: { entry: string; leaf_hash: string }[];
  roots: { size: string; root: string }[];
  inclusion: {
    fault: string | null;
    index: string;
    size: string;
    leaf_hash: string;
    root: string;
    proof: string[];
  }[];
  consistency: {
    fault: string | null;
    first_size: string;
    first_root: string;
    second_size: string;
    second_root: string;
    proof: string[];
  }[];
  subtrees: { size: string; leaves: string; levels: number[] }[];
}

const vectors = readVectors<LogVectors>('log');

/** Runs a verification; the fault says whether it has to fail. */
function expectVerdict(verify: () => void, fault: string | null): void {
  if (fault === null) verify();
  else assert.throws(verify, ProofError, fault);
}

test('leaf hashes are the shared ones', () => {
  assert.equal(vectors.leaves.length, 20);
  for (const { entry, leaf_hash } of vectors.leaves) assert.equal(toHex(hashLeaf(fromHex(entry))), leaf_hash);
  const { size, root } = vectors.roots[0]!;
  assert.deepEqual([size, root], ['0', toHex(emptyRoot())]);
});

test('inclusion proofs hold and fail as the shared ones say', () => {
  assert.ok(vectors.inclusion.some(({ fault }) => fault === null) && vectors.inclusion.some(({ fault }) => fault));
  for (const { fault, index, size, leaf_hash, root, proof } of vectors.inclusion) {
    const head = { size: BigInt(size), root: fromHex(root) };
    const leafHash = fromHex(leaf_hash);
    expectVerdict(() => verifyInclusion({ head, index: BigInt(index), leafHash, proof: proof.map(fromHex) }), fault);
  }
});

test('consistency proofs hold and fail as the shared ones say', () => {
  assert.ok(vectors.consistency.some(({ fault }) => fault === null) && vectors.consistency.some(({ fault }) => fault));
  for (const { fault, proof, ...heads } of vectors.consistency) {
    const first = { size: BigInt(heads.first_size), root: fromHex(heads.first_root) };
    const second = { size: BigInt(heads.second_size), root: fromHex(heads.second_root) };
    expectVerdict(() => verifyConsistency({ first, second, proof: proof.map(fromHex) }), fault);
  }
});

test('subtrees are the shared ones and cover the run without a gap', () => {
  assert.ok(vectors.subtrees.length > 0);
  for (const { size, leaves, levels } of vectors.subtrees) {
    const found = [...subtrees(BigInt(size), BigInt(size) + BigInt(leaves))];
    assert.deepEqual(
      found.map(({ level }) => level),
      levels,
    );
    let next = BigInt(size);
    for (const { level, offset } of found) {
      assert.equal(offset << BigInt(level), next);
      next += 1n << BigInt(level);
    }
    assert.equal(next, BigInt(size) + BigInt(leaves));
  }
  assert.deepEqual([...subtrees(5n, 5n), ...subtrees(6n, 5n)], []);
});

const leaves = Array.from({ length: 20 }, (_, index) => naiveLeaf(Uint8Array.of(index)));
const headOf = (size: number) => ({ size: BigInt(size), root: naiveRoot(leaves.slice(0, size)) });

test('every inclusion proof of a plain RFC 6962 holds, and none with one bit, one hash or another place', () => {
  for (let size = 1; size < leaves.length; size += 1) {
    const head = headOf(size);
    for (let index = 0; index < size; index += 1) {
      const proof = naiveProof(index, leaves.slice(0, size));
      const claim = { head, index: BigInt(index), leafHash: leaves[index]!, proof };
      verifyInclusion(claim);
      const refuse = (altered: Partial<typeof claim>) =>
        assert.throws(() => verifyInclusion({ ...claim, ...altered }), ProofError, `leaf ${index} of ${size}`);
      for (const at of proof.keys()) {
        refuse({ proof: proof.map((hash, place) => (place === at ? flip(hash, (7 * at) % 256) : hash)) });
        refuse({ proof: proof.filter((_, place) => place !== at) });
      }
      refuse({ proof: [...proof, naiveRoot([])] });
      refuse({ leafHash: flip(leaves[index]!, index) });
      refuse({ head: { size: head.size, root: flip(head.root, size) } });
      refuse({ index: BigInt(size) });
    }
  }
});

test('every consistency proof of a plain RFC 6962 holds, and none with one bit, one hash or another root', () => {
  for (let size = 1; size < leaves.length; size += 1) {
    for (let earlier = 1; earlier < size; earlier += 1) {
      const proof = naiveConsistency(earlier, leaves.slice(0, size));
      const claim = { first: headOf(earlier), second: headOf(size), proof };
      verifyConsistency(claim);
      const refuse = (altered: Partial<typeof claim>) =>
        assert.throws(() => verifyConsistency({ ...claim, ...altered }), ProofError, `${earlier} to ${size}`);
      for (const at of proof.keys()) {
        refuse({ proof: proof.map((hash, place) => (place === at ? flip(hash, (11 * at) % 256) : hash)) });
        refuse({ proof: proof.filter((_, place) => place !== at) });
      }
      refuse({ proof: [...proof, naiveRoot([])] });
      refuse({ first: { ...claim.first, root: flip(claim.first.root, 0) } });
      refuse({ second: { ...claim.second, root: flip(claim.second.root, 255) } });
      refuse({ first: claim.second, second: claim.first });
    }
  }
});

test('sizes go up to 2^48 - 1, without rounding', () => {
  const siblings = Array.from({ length: 48 }, (_, level) => naiveLeaf(Uint8Array.of(level)));
  const root = siblings.reduce((node, sibling) => hashChildren(node, sibling), leaves[0]!);
  const claim = { head: { size: MAX_TREE_SIZE, root }, index: 0n, leafHash: leaves[0]!, proof: siblings };
  verifyInclusion(claim);
  assert.throws(() => verifyInclusion({ ...claim, proof: siblings.slice(1) }), hasCode('too_short'));
  assert.throws(() => verifyInclusion({ ...claim, proof: [...siblings, root] }), hasCode('too_long'));
  assert.throws(() => verifyInclusion({ ...claim, index: MAX_TREE_SIZE }), hasCode('index_out_of_range'));
  assert.throws(() => verifyInclusion({ ...claim, head: { size: MAX_TREE_SIZE + 1n, root } }), MalformedError);
});

test('what is no hash, size or index is named', () => {
  const claim = { head: headOf(2), index: 0n, leafHash: leaves[0]!, proof: [leaves[1]!] };
  const refuse = (altered: Partial<typeof claim>, where: string) =>
    assert.throws(
      () => verifyInclusion({ ...claim, ...altered }),
      (error) => error instanceof MalformedError && error.where === where,
    );
  refuse({ leafHash: new Uint8Array(31) }, 'leafHash');
  refuse({ proof: [new Uint8Array(33)] }, 'proof[0]');
  refuse({ head: { size: 2n, root: new Uint8Array() } }, 'head.root');
  refuse({ head: { size: -1n, root: claim.head.root } }, 'head.size');
  refuse({ index: -1n }, 'index');
});

function flip(hash: ArrayLike<number>, bit: number): Uint8Array {
  const flipped = Uint8Array.from(hash);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ProofError && error.code === code;
}
