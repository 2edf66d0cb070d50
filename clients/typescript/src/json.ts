/**
 * How values stand in JSON documents: hashes in hex, keys in base58, 64-bit numbers as strings, bytes in base64. Each reader
 * throws a {@link MalformedError} that says where.
 */

import {
  getBase64Decoder,
  getBase64Encoder,
  isAddress,
  isSignature,
  type Address,
  type ReadonlyUint8Array,
  type Signature,
} from '@solana/kit';

import { MalformedError } from './errors.js';
import type { TreeHead } from './merkle.js';

/** The value of a JSON text in which no object has a member twice: of two, `JSON.parse` keeps the last. */
export function parseJson(text: string, where: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MalformedError(where, `is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  // The text is JSON now, so that its strings and brackets say where its members are.
  const open: Set<string>[] = [];
  let last = '';
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') last = token;
    else {
      const name = JSON.parse(last) as string;
      if (open.at(-1)!.has(name)) throw new MalformedError(where, `has the member ${last} twice in one object`);
      open.at(-1)!.add(name);
    }
  }
  return value;
}

/** A member of an object. */
export function readField(value: unknown, name: string, where: string): unknown {
  expectObject(value, where);
  if (!Object.hasOwn(value, name)) throw new MalformedError(`${where}.${name}`, 'is missing');
  return value[name];
}

/** The named members of an object that has no others; those that it may lack are `undefined` then. */
export function readFields<Name extends string, Optional extends string>(
  value: unknown,
  names: readonly Name[],
  optional: readonly Optional[],
  where: string,
): { readonly [Field in Name | Optional]: unknown } {
  expectObject(value, where);
  const known: readonly string[] = [...names, ...optional];
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new MalformedError(`${where}.${unknown}`, 'is not a member that belongs there');
  for (const name of names) readField(value, name, where);
  return value as { [Field in Name | Optional]: unknown };
}

function expectObject(value: unknown, where: string): asserts value is Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new MalformedError(where, 'is not an object');
}

/** A string. */
export function readText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new MalformedError(where, 'is not a string');
  return value;
}

/** `true` or `false`. */
export function readBoolean(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') throw new MalformedError(where, 'is neither true nor false');
  return value;
}

/** A key in base58. */
export function readKey(value: unknown, where: string): Address {
  const text = readText(value, where);
  if (!isAddress(text)) throw new MalformedError(where, 'is not 32 bytes in base58');
  return text;
}

/** A transaction's signature in base58. */
export function readSignature(value: unknown, where: string): Signature {
  const text = readText(value, where);
  // Of other digits kit's function throws.
  if (!/^[1-9A-HJ-NP-Za-km-z]+$/.test(text) || !isSignature(text))
    throw new MalformedError(where, 'is not 64 bytes in base58');
  return text;
}

/** A 64-bit number, a string in decimal, of which there is one text. */
export function readNumber(value: unknown, where: string): bigint {
  const text = readText(value, where);
  const number = /^(0|[1-9][0-9]{0,19})$/.test(text) ? BigInt(text) : -1n;
  if (BigInt.asUintN(64, number) !== number) throw new MalformedError(where, 'is not a 64-bit number in decimal');
  return number;
}

/** Bytes in padded base64. */
export function readBytes(value: unknown, where: string): ReadonlyUint8Array {
  const text = readText(value, where);
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
  const bytes = isBase64 ? getBase64Encoder().encode(text) : undefined;
  // Bits that mean nothing would make a second text of the same bytes.
  if (bytes === undefined || getBase64Decoder().decode(bytes) !== text) {
    throw new MalformedError(where, 'is not padded base64');
  }
  return bytes;
}

/** A hash in lowercase hexadecimal. */
export function readHash(value: unknown, where: string): ReadonlyUint8Array {
  const text = readText(value, where);
  if (!/^[0-9a-f]{64}$/.test(text)) throw new MalformedError(where, 'is not 64 lowercase hexadecimal digits');
  return Uint8Array.from({ length: 32 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** Hashes in lowercase hexadecimal. */
export function readHashes(value: unknown, where: string): ReadonlyUint8Array[] {
  if (!Array.isArray(value)) throw new MalformedError(where, 'is not a list');
  return value.map((hash: unknown, at) => readHash(hash, `${where}[${at}]`));
}

/** A head. */
export function readHead(value: unknown, where: string): TreeHead {
  const { size, root } = readFields(value, ['size', 'root'], [], where);
  return { size: readNumber(size, `${where}.size`), root: readHash(root, `${where}.root`) };
}
