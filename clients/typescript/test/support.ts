/** The parts that the tests share: the project's files, and an RFC 6962 of their own, written from its definitions. */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ReadonlyUint8Array } from '@solana/kit';

type Bytes = ReadonlyUint8Array;

/** The path of a file of the project. The tests run from build/test/. */
export function projectPath(path: string): string {
  return fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
}

/** A file of vectors that all implementations read; `Vectors` says what is in it. */
export function readVectors<Vectors>(name: string): Vectors {
  return JSON.parse(readFileSync(projectPath(`docs/vectors/${name}.json`), 'utf8')) as Vectors;
}

/** The README's examples, in its order, each as a file `NUMBER.mjs` of a folder, which is made. */
export function writeExamples(folder: string): string[] {
  const readme = readFileSync(projectPath('clients/typescript/README.md'), 'utf8');
  const examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code!);
  mkdirSync(folder, { recursive: true });
  examples.forEach((code, number) => writeFileSync(join(folder, `${number}.mjs`), code));
  return examples;
}

/** A folder inside of the package, whose own name leads to it there. */
export function insidePackage(name: string): string {
  return projectPath(`clients/typescript/build/${name}`);
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Bytes): string {
  return Buffer.from(Uint8Array.from(bytes)).toString('hex');
}

export function utf8(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}

function sha256(...parts: Bytes[]): Uint8Array {
  const hash = createHash('sha256');
  parts.forEach((part) => hash.update(Uint8Array.from(part)));
  return new Uint8Array(hash.digest());
}

export function naiveLeaf(bytes: Bytes): Uint8Array {
  return sha256(Uint8Array.of(0), bytes);
}

function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** RFC 6962 section 2.1: MTH. */
export function naiveRoot(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const split = largestPowerBelow(leaves.length);
  return sha256(Uint8Array.of(1), naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

/** RFC 6962 section 2.1.1: PATH. */
export function naiveProof(index: number, leaves: readonly Bytes[]): Bytes[] {
  if (leaves.length === 1) return [];
  const split = largestPowerBelow(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...naiveProof(index, left), naiveRoot(right)]
    : [...naiveProof(index - split, right), naiveRoot(left)];
}

/** RFC 6962 section 2.1.2: PROOF. */
export function naiveConsistency(first: number, leaves: readonly Bytes[]): Bytes[] {
  return first === 0 ? [] : subproof(first, leaves, true);
}

function subproof(first: number, leaves: readonly Bytes[], isWhole: boolean): Bytes[] {
  if (first === leaves.length) return isWhole ? [] : [naiveRoot(leaves)];
  const split = largestPowerBelow(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return first <= split
    ? [...subproof(first, left, isWhole), naiveRoot(right)]
    : [...subproof(first - split, right, false), naiveRoot(left)];
}

/** The roots of the largest subtrees outside a range, from left to right, by RFC 6962's definition of a tree. */
export function naiveBeside(start: number, leaves: readonly Bytes[], from: number, to: number): Bytes[] {
  const end = start + leaves.length;
  if (end <= from || to <= start) return [naiveRoot(leaves)];
  if (from <= start && end <= to) return [];
  const split = largestPowerBelow(leaves.length);
  const left = naiveBeside(start, leaves.slice(0, split), from, to);
  return [...left, ...naiveBeside(start + split, leaves.slice(split), from, to)];
}

export type Json = { [field: string]: Json } | Json[] | string | number | boolean | null;

/** A document with another value at a path of fields. */
export function altered(document: Json, path: readonly string[], value: Json): Json {
  const [field, ...rest] = path;
  if (field === undefined) return value;
  const object = document as { [field: string]: Json };
  return { ...object, [field]: altered(object[field]!, rest, value) };
}
