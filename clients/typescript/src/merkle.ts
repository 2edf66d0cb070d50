/**
 * RFC 6962 logs: hashes, roots, and the verification of proofs. Nothing here knows of Solana.
 *
 * A hash is 32 bytes, SHA-256. Sizes and indexes are `bigint`, sizes up to {@link MAX_TREE_SIZE}.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import type { ReadonlyUint8Array } from '@solana/kit';

import { MalformedError, ProofError } from './errors.js';

/** The largest tree: 2^48 - 1 leaves. */
export const MAX_TREE_SIZE = 2n ** 48n - 1n;

/** The highest level of a subtree that `append_subtrees` takes: 2^24 leaves. */
export const MAX_SUBTREE_LEVEL = 24;

/** A log's size, in leaves, and the root over them. */
export interface TreeHead {
  /** Leaves, 0 to {@link MAX_TREE_SIZE}. */
  readonly size: bigint;
  /** 32 bytes. */
  readonly root: ReadonlyUint8Array;
}

/** A perfect subtree: the `offset`-th, from 0, of all that have 2^`level` leaves. */
export interface Subtree {
  /** 0 for a leaf. */
  readonly level: number;
  /** Counts subtrees of this level from the left. */
  readonly offset: bigint;
}

/** The arguments of {@link verifyInclusion}. */
export interface InclusionProof {
  /** The head that the proof leads to. */
  readonly head: TreeHead;
  /** The leaf's index, from 0. */
  readonly index: bigint;
  /** The leaf's hash: {@link hashLeaf} of its bytes, computed by the verifier. */
  readonly leafHash: ReadonlyUint8Array;
  /** Hashes from the leaf to the root, at most 48. */
  readonly proof: readonly ReadonlyUint8Array[];
}

/** The arguments of {@link verifyConsistency}. */
export interface ConsistencyProof {
  /** The earlier head. */
  readonly first: TreeHead;
  /** The later head. */
  readonly second: TreeHead;
  /** Hashes from the leaves to the root, at most 49; none between equal sizes and from the empty tree. */
  readonly proof: readonly ReadonlyUint8Array[];
}

/** The arguments of {@link verifyRange}. */
export interface RangeProof {
  /** The head that the proof leads to. */
  readonly head: TreeHead;
  /** The index of the first leaf, from 0. */
  readonly first: bigint;
  /** The leaves' hashes in order: {@link hashLeaf} of their bytes, computed by the verifier. */
  readonly leafHashes: readonly ReadonlyUint8Array[];
  /** The roots of the largest subtrees outside the leaves, from left to right, at most 94. */
  readonly proof: readonly ReadonlyUint8Array[];
}

/** The hash of a leaf: SHA-256(0x00 || bytes). Source: RFC 6962 section 2.1. */
export function hashLeaf(bytes: ReadonlyUint8Array): Uint8Array {
  const input = new Uint8Array(1 + bytes.length);
  input.set(bytes, 1);
  return sha256(input);
}

/** The hash of a node: SHA-256(0x01 || left || right). Source: RFC 6962 section 2.1. */
export function hashChildren(left: ReadonlyUint8Array, right: ReadonlyUint8Array): Uint8Array {
  const input = new Uint8Array(65);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 33);
  return sha256(input);
}

/** The root of the empty tree: SHA-256 of nothing. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array());
}

/** Whether two byte strings are equal. The compared bytes are public: the time that it takes gives nothing away. */
export function equalBytes(one: ReadonlyUint8Array, other: ReadonlyUint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/**
 * Verifies that a leaf is in the tree with a head.
 *
 * @throws {@link ProofError} unless the proof leads, with exactly its hashes, to the head's root.
 * @throws {@link MalformedError} when a hash has not 32 bytes, or a size or index is none.
 *
 * Source: RFC 9162 section 2.1.3.2.
 */
export function verifyInclusion({ head, index, leafHash, proof }: InclusionProof): void {
  expectHead(head, 'head');
  expectUnsigned(index, 'index');
  expectHash(leafHash, 'leafHash');
  expectHashes(proof);
  if (index >= head.size) {
    throw new ProofError('index_out_of_range', `leaf ${index} is not in a tree of ${head.size} leaves`);
  }
  const climb = new Climb(index, head.size - 1n);
  let computed: ReadonlyUint8Array = leafHash;
  for (const sibling of proof) {
    computed = climb.next() === 'left' ? hashChildren(sibling, computed) : hashChildren(computed, sibling);
  }
  climb.expectTop();
  expectRoot(computed, head.root, 'root_mismatch');
}

/**
 * Verifies that the tree with head `second` begins with the leaves of the tree with head `first`.
 *
 * @throws {@link ProofError} unless the proof leads, with exactly its hashes, to both roots.
 * @throws {@link MalformedError} when a hash has not 32 bytes, or a size is none.
 *
 * Source: RFC 9162 section 2.1.4.2.
 */
export function verifyConsistency({ first, second, proof }: ConsistencyProof): void {
  expectHead(first, 'first');
  expectHead(second, 'second');
  expectHashes(proof);
  if (first.size > second.size) {
    throw new ProofError('shrinks', `a tree of ${first.size} leaves cannot become one of ${second.size}`);
  }
  if (first.size === 0n) expectRoot(emptyRoot(), first.root, 'root_mismatch');
  if (first.size === 0n || first.size === second.size) {
    if (proof.length > 0) throw tooLong();
    if (first.size === second.size) expectRoot(first.root, second.root, 'second_root_mismatch');
    return;
  }

  // A first tree that is one perfect subtree is itself the node from which the proof climbs.
  const isPerfect = (first.size & (first.size - 1n)) === 0n;
  const [start, siblings] = isPerfect ? [first.root, proof] : [proof[0], proof.slice(1)];
  if (start === undefined) throw tooShort();
  const climb = new Climb(first.size - 1n, second.size - 1n);
  climb.skipRightChildren();
  let [firstRoot, secondRoot]: ReadonlyUint8Array[] = [start, start];
  for (const sibling of siblings) {
    if (climb.next() === 'left') {
      firstRoot = hashChildren(sibling, firstRoot!);
      secondRoot = hashChildren(sibling, secondRoot!);
    } else {
      secondRoot = hashChildren(secondRoot!, sibling);
    }
  }
  climb.expectTop();
  expectRoot(firstRoot!, first.root, 'root_mismatch');
  expectRoot(secondRoot!, second.root, 'second_root_mismatch');
}

/**
 * Verifies that leaves are all leaves of the tree with a head, from `first` on up to where they end, in order: none is
 * missing, extra, altered or out of place.
 *
 * @throws {@link ProofError} unless the leaves and the proof lead, with exactly its hashes, to the head's root.
 * @throws {@link MalformedError} when a hash has not 32 bytes, or a size or index is none.
 */
export function verifyRange({ leafHashes, ...range }: RangeProof): void {
  const verifier = new RangeVerifier(range);
  leafHashes.forEach((hash) => verifier.push(hash));
  verifier.finish();
}

/** Verifies a range whose leaves come one after the other, as {@link verifyRange} does, in memory that does not grow. */
export class RangeVerifier {
  private readonly head: TreeHead;
  private readonly first: bigint;
  private readonly hashes: Iterator<ReadonlyUint8Array>;
  /** The peaks of the tree so far, the largest first. */
  private readonly peaks: { level: number; root: ReadonlyUint8Array }[] = [];
  private size: bigint;

  /**
   * Begins before the first leaf.
   *
   * @throws {@link ProofError} when the tree has no such leaf, or hashes are missing.
   * @throws {@link MalformedError} as {@link verifyRange}.
   */
  constructor({ head, first, proof }: Omit<RangeProof, 'leafHashes'>) {
    expectHead(head, 'head');
    expectUnsigned(first, 'first');
    expectHashes(proof);
    [this.head, this.first, this.size, this.hashes] = [head, first, first, proof.values()];
    if (first >= head.size) throw this.noRange(0n);
    for (const { level } of subtrees(0n, first, 47)) this.append(level, this.next());
  }

  /**
   * Takes the next leaf.
   *
   * @throws {@link ProofError} when the tree has no more leaves.
   * @throws {@link MalformedError} when the hash has not 32 bytes.
   */
  push(leafHash: ReadonlyUint8Array): void {
    expectHash(leafHash, `leafHashes[${this.size - this.first}]`);
    if (this.size >= this.head.size) throw this.noRange(1n);
    this.append(0, leafHash);
    this.size += 1n;
  }

  /**
   * Ends after the last leaf.
   *
   * @throws {@link ProofError} unless leaves and proof lead, with exactly its hashes, to the head's root.
   */
  finish(): void {
    if (this.size === this.first) throw this.noRange(0n);
    while (this.size < this.head.size) {
      // As many leaves as the last peak has, with which it merges; or what is left, which stands there in the same way.
      const { level } = this.peaks.at(-1)!;
      this.append(level, this.next());
      this.size += 1n << BigInt(level);
    }
    if (!this.hashes.next().done) throw tooLong();
    const roots = this.peaks.map(({ root }) => root);
    expectRoot(
      roots.reduceRight((right, left) => hashChildren(left, right)),
      this.head.root,
      'root_mismatch',
    );
  }

  /** Appends a subtree, which merges with those of its size. */
  private append(level: number, root: ReadonlyUint8Array): void {
    let peak = { level, root };
    for (let last = this.peaks.at(-1); last?.level === peak.level; last = this.peaks.at(-1)) {
      this.peaks.pop();
      peak = { level: last.level + 1, root: hashChildren(last.root, peak.root) };
    }
    this.peaks.push(peak);
  }

  private next(): ReadonlyUint8Array {
    const { value, done } = this.hashes.next();
    if (done) throw tooShort();
    return value;
  }

  private noRange(more: bigint): ProofError {
    const leaves = `${this.size - this.first + more} leaves from ${this.first} on`;
    return new ProofError('no_range', `${leaves} are no range of a tree of ${this.head.size} leaves`);
  }
}

/**
 * The perfect subtrees that make up the leaves from `start` up to, not including, `end`, from left to right: what
 * `append_subtrees` takes the hashes of.
 *
 * Each is as large as its first leaf, the leaves left and `maxLevel` allow, so that there is one list for each run.
 * Nothing when `start >= end`.
 *
 * @throws {@link MalformedError} when `start` or `end` is no size.
 */
export function* subtrees(start: bigint, end: bigint, maxLevel = MAX_SUBTREE_LEVEL): Generator<Subtree, void, void> {
  expectSize(start, 'start');
  expectSize(end, 'end');
  for (let next = start; next < end; ) {
    let level = 0;
    while (level < maxLevel && (next & (1n << BigInt(level))) === 0n && next + (2n << BigInt(level)) <= end) level += 1;
    yield { level, offset: next >> BigInt(level) };
    next += 1n << BigInt(level);
  }
}

/**
 * The root of the tree of `size` leaves with this frontier.
 *
 * @param size - Leaves.
 * @param frontier - In slot `L` the root of the perfect subtree of 2^L leaves when bit `L` of `size` is set; what the
 * other slots hold does not matter.
 *
 * @throws {@link MalformedError} when `size` is none, or a slot that it needs is missing.
 *
 * Source: RFC 6962 section 2.1.
 */
export function frontierRoot(size: bigint, frontier: readonly ReadonlyUint8Array[]): ReadonlyUint8Array {
  expectSize(size, 'size');
  let root: ReadonlyUint8Array | undefined;
  for (let level = 0; size >> BigInt(level) !== 0n; level += 1) {
    if (((size >> BigInt(level)) & 1n) === 0n) continue;
    const peak = frontier[level];
    expectHash(peak, `frontier[${level}]`);
    // The smaller subtrees lie to the right of the larger.
    root = root === undefined ? peak : hashChildren(peak, root);
  }
  return root ?? emptyRoot();
}

/** The way from a node up to the root: on which side each sibling of the proof stands. */
class Climb {
  constructor(
    /** The number of our node in its level. */
    private node: bigint,
    /** The number of the level's last node. */
    private last: bigint,
  ) {}

  /** Goes up by one sibling, and says on which side of our node it stands. */
  next(): 'left' | 'right' {
    if (this.last === 0n) throw tooLong();
    const isRightChild = (this.node & 1n) === 1n || this.node === this.last;
    if (isRightChild) {
      // The last node of a level with an odd count has no sibling there: climb to where it has one.
      while ((this.node & 1n) === 0n && this.node !== 0n) this.up();
    }
    this.up();
    return isRightChild ? 'left' : 'right';
  }

  /** Goes up to the largest perfect subtree that ends with our node. */
  skipRightChildren(): void {
    while ((this.node & 1n) === 1n) this.up();
  }

  expectTop(): void {
    if (this.last !== 0n) throw tooShort();
  }

  private up(): void {
    this.node >>= 1n;
    this.last >>= 1n;
  }
}

function tooShort(): ProofError {
  return new ProofError('too_short', 'the proof has too few hashes');
}

function tooLong(): ProofError {
  return new ProofError('too_long', 'the proof has too many hashes');
}

function expectRoot(
  computed: ReadonlyUint8Array,
  expected: ReadonlyUint8Array,
  code: 'root_mismatch' | 'second_root_mismatch',
): void {
  if (equalBytes(computed, expected)) return;
  throw new ProofError(code, `the proof leads to root ${toHex(computed)}, the head says ${toHex(expected)}`);
}

function expectHead(head: TreeHead, where: string): void {
  expectSize(head.size, `${where}.size`);
  expectHash(head.root, `${where}.root`);
}

function expectHashes(proof: readonly ReadonlyUint8Array[]): void {
  proof.forEach((hash, at) => expectHash(hash, `proof[${at}]`));
}

function expectHash(hash: ReadonlyUint8Array | undefined, where: string): asserts hash is ReadonlyUint8Array {
  if (hash?.length !== 32) throw new MalformedError(where, `has ${hash?.length ?? 'no'} bytes: a hash has 32`);
}

function expectUnsigned(number: bigint, where: string): void {
  if (number < 0n) throw new MalformedError(where, `is ${number}: it counts from 0`);
}

function expectSize(size: bigint, where: string): void {
  expectUnsigned(size, where);
  if (size > MAX_TREE_SIZE) throw new MalformedError(where, `is ${size}: the largest tree has ${MAX_TREE_SIZE} leaves`);
}

/** Bytes in lowercase hexadecimal. */
export function toHex(bytes: ReadonlyUint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
