/**
 * How values stand in JSON documents: hashes in hex, keys in base58, 64-bit numbers as strings, bytes in base64. Each reader
 * throws a {@link MalformedError} that says where.
 */

import { getBase64Decoder, getBase64Encoder, isAddress, type Address, type ReadonlyUint8Array } from '@solana/kit';

import { MalformedError } from './errors.js';
import type { TreeHead } from './merkle.js';

/** A field of an object. */
export function readField(value: unknown, name: string, where: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedError(where, 'is not an object');
  }
  if (!Object.hasOwn(value, name)) throw new MalformedError(`${where}.${name}`, 'is missing');
  return (value as Record<string, unknown>)[name];
}

/** The named fields of an object that has no others. */
export function readFields<Name extends string>(
  value: unknown,
  names: readonly Name[],
  where: string,
): { readonly [Field in Name]: unknown } {
  const fields = Object.fromEntries(names.map((name) => [name, readField(value, name, where)]));
  const unknown = Object.keys(value as object).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) throw new MalformedError(`${where}.${unknown}`, 'is not a field that belongs there');
  return fields as { [Field in Name]: unknown };
}

/** A string. */
export function readText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new MalformedError(where, 'is not a string');
  return value;
}

/** A key in base58. */
export function readKey(value: unknown, where: string): Address {
  const text = readText(value, where);
  if (!isAddress(text)) throw new MalformedError(where, 'is not 32 bytes in base58');
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

function readHash(value: unknown, where: string): ReadonlyUint8Array {
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
  const { size, root } = readFields(value, ['size', 'root'], where);
  return { size: readNumber(size, `${where}.size`), root: readHash(root, `${where}.root`) };
}
