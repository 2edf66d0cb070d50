/**
 * A receipt: one entry with all that proves it, for whoever trusts no operator.
 *
 * What a receipt proves by itself is that entry, event and heads belong together. That the heads are the chain's is for
 * {@link confirmReceipt} to say, from accounts that the reader fetched from servers of its own choice.
 */

import {
  getBase64Decoder,
  getBase64Encoder,
  isAddress,
  type Address,
  type Base58EncodedBytes,
  type ReadonlyUint8Array,
} from '@solana/kit';

import { EventError, MalformedError, ProofError, ReceiptError, type ReceiptErrorCode } from './errors.js';
import { decodeEventLeaf, type Event } from './event.js';
import {
  equalBytes,
  hashLeaf,
  MAX_TREE_SIZE,
  toHex,
  verifyInclusion,
  type InclusionProof,
  type TreeHead,
} from './merkle.js';

/** The first field of every receipt of this form. */
export const RECEIPT_FORMAT = 'counterfoil receipt v1';

/** The longest entry in bytes; the shortest is 1. */
export const MAX_ENTRY_BYTES = 65_535;

/** A receipt as it stands in a file; nothing in it is verified yet. */
export interface Receipt {
  /** The cluster, by the hash of its first block. */
  readonly genesisHash: Base58EncodedBytes;
  /** The program on it. */
  readonly program: Address;
  /** The ledger. */
  readonly ledger: Address;
  /** The entry. */
  readonly entry: {
    /** Its index in the log. */
    readonly index: bigint;
    /** Its bytes. */
    readonly payload: ReadonlyUint8Array;
    /** Hashes from the leaf to the root of `head`. */
    readonly proof: readonly ReadonlyUint8Array[];
  };
  /** The event that committed it. */
  readonly event: {
    /** Its index in the event log. */
    readonly seq: bigint;
    /** Kind, header and body: what the leaf hash covers. */
    readonly leaf: ReadonlyUint8Array;
    /** Hashes from the leaf to the root of `eventHead`. */
    readonly proof: readonly ReadonlyUint8Array[];
  };
  /** The head of the log. */
  readonly head: TreeHead;
  /** The head of the event log. */
  readonly eventHead: TreeHead;
}

/** An event that appends entries, by their bytes or by the hashes of their subtrees. */
export type AppendEvent = Event & { readonly name: 'EntriesAppended' | 'SubtreesAppended' };

const VERIFIED: unique symbol = Symbol('verified');

/** A receipt whose parts belong together. Only {@link verifyReceipt} makes one. */
export interface VerifiedReceipt {
  readonly [VERIFIED]: true;
  /** The receipt. */
  readonly receipt: Receipt;
  /** The entry's leaf hash. */
  readonly leafHash: ReadonlyUint8Array;
  /** The event that committed the entry: `header` says who, in which slot, when. */
  readonly event: AppendEvent;
}

/**
 * Reads a receipt's JSON. There is one text for each value: unknown, missing and doubled fields, numbers that are not
 * strings in decimal, hashes not in lowercase hexadecimal, and bytes not in padded base64 are refused.
 *
 * @throws {@link MalformedError} that says where, {@link ReceiptError} when it is of another format.
 */
export function parseReceipt(text: string): Receipt {
  const json = parseJson(text);
  if (readText(readField(json, 'format', 'receipt'), 'receipt.format') !== RECEIPT_FORMAT) {
    throw new ReceiptError('unknown_format', `the receipt's format is not "${RECEIPT_FORMAT}"`);
  }
  const names = ['format', 'genesis_hash', 'program', 'ledger', 'entry', 'event', 'head', 'event_head'] as const;
  const fields = readFields(json, names, 'receipt');
  const entry = readFields(fields.entry, ['index', 'payload', 'proof'], 'receipt.entry');
  const event = readFields(fields.event, ['seq', 'leaf', 'proof'], 'receipt.event');
  const receipt: Receipt = {
    genesisHash: readKey(fields.genesis_hash, 'receipt.genesis_hash') as string as Base58EncodedBytes,
    program: readKey(fields.program, 'receipt.program'),
    ledger: readKey(fields.ledger, 'receipt.ledger'),
    entry: {
      index: readNumber(entry.index, 'receipt.entry.index'),
      payload: readBytes(entry.payload, 'receipt.entry.payload'),
      proof: readHashes(entry.proof, 'receipt.entry.proof'),
    },
    event: {
      seq: readNumber(event.seq, 'receipt.event.seq'),
      leaf: readBytes(event.leaf, 'receipt.event.leaf'),
      proof: readHashes(event.proof, 'receipt.event.proof'),
    },
    head: readHead(fields.head, 'receipt.head'),
    eventHead: readHead(fields.event_head, 'receipt.event_head'),
  };
  expectNoDoubledField(text);
  return receipt;
}

/**
 * Recomputes everything that can be recomputed without the chain.
 *
 * @throws {@link ReceiptError} unless entry, event and both heads belong together.
 */
export function verifyReceipt(receipt: Receipt): VerifiedReceipt {
  const { entry, head, eventHead } = receipt;
  expectInRange(receipt);
  if (entry.payload.length < 1 || entry.payload.length > MAX_ENTRY_BYTES) {
    const problem = `the entry has ${entry.payload.length} bytes, not 1 to ${MAX_ENTRY_BYTES}`;
    throw new ReceiptError('entry_length', problem);
  }
  const leafHash = hashLeaf(entry.payload);
  expectIncluded('entry', 'the entry is not in the log', { head, index: entry.index, leafHash, proof: entry.proof });
  const event = readEvent(receipt);
  const { seq, leaf, proof } = receipt.event;
  const eventProof = { head: eventHead, index: seq, leafHash: hashLeaf(leaf), proof };
  expectIncluded('event', 'the event is not in the event log', eventProof);
  return { [VERIFIED]: true, receipt, leafHash, event };
}

/** Writes a receipt's JSON, as {@link parseReceipt} reads it. */
export function formatReceipt({ genesisHash, program, ledger, entry, event, head, eventHead }: Receipt): string {
  const base64 = (bytes: ReadonlyUint8Array) => getBase64Decoder().decode(bytes);
  const headOf = ({ size, root }: TreeHead) => ({ size: `${size}`, root: toHex(root) });
  const document = {
    format: RECEIPT_FORMAT,
    genesis_hash: genesisHash,
    program,
    ledger,
    entry: { index: `${entry.index}`, payload: base64(entry.payload), proof: entry.proof.map(toHex) },
    event: { seq: `${event.seq}`, leaf: base64(event.leaf), proof: event.proof.map(toHex) },
    head: headOf(head),
    event_head: headOf(eventHead),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function expectInRange({ entry, event, head, eventHead }: Receipt): void {
  const largest = [entry.index + 1n, event.seq + 1n, head.size, eventHead.size].find((size) => size > MAX_TREE_SIZE);
  if (largest === undefined) return;
  throw new ReceiptError('out_of_range', `the receipt needs a tree of ${largest} leaves, more than ${MAX_TREE_SIZE}`);
}

function expectIncluded(code: 'entry' | 'event', what: string, proof: InclusionProof): void {
  try {
    verifyInclusion(proof);
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    throw new ReceiptError(code, `${what}: ${cause.message}`, { cause });
  }
}

function readEvent({ ledger, entry, event: { seq, leaf }, head }: Receipt): AppendEvent {
  const event = decodeLeaf(leaf);
  const refuse = (code: ReceiptErrorCode, problem: string) => new ReceiptError(code, problem);
  const { header } = event;
  if (event.name !== 'EntriesAppended' && event.name !== 'SubtreesAppended') {
    throw refuse('wrong_event', `the event is ${event.name}, which appends no entries`);
  }
  if (header.ledger !== ledger) throw refuse('wrong_ledger', `the event is ledger ${header.ledger}'s`);
  if (header.eventSeq !== seq) throw refuse('wrong_sequence', `the event says that it is number ${header.eventSeq}`);
  if (entry.index < header.firstIndex || entry.index - header.firstIndex >= header.count) {
    const appended = `the event appended ${header.count} entries from ${header.firstIndex} on, not this one`;
    throw refuse('not_covered', appended);
  }
  if (header.size > head.size || (header.size === head.size && !equalBytes(header.root, head.root))) {
    throw refuse('head_mismatch', 'the event and the head contradict each other');
  }
  return event;
}

function decodeLeaf(leaf: ReadonlyUint8Array): Event {
  try {
    return decodeEventLeaf(leaf);
  } catch (cause) {
    if (!(cause instanceof EventError)) throw cause;
    throw new ReceiptError('unreadable_event', `the event cannot be read: ${cause.message}`, { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedError('receipt', `is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** How many fields a receipt has, at all depths. */
const FIELDS = 18;

/**
 * Of a field that stands there twice, JSON.parse keeps the last. No value has a colon in it: one for each field is all
 * that the text may have.
 */
function expectNoDoubledField(text: string): void {
  if (text.split(':').length - 1 !== FIELDS) throw new MalformedError('receipt', 'has a field twice');
}

function readField(value: unknown, name: string, where: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedError(where, 'is not an object');
  }
  if (!Object.hasOwn(value, name)) throw new MalformedError(`${where}.${name}`, 'is missing');
  return (value as Record<string, unknown>)[name];
}

/** The named fields of an object that has no others. */
function readFields<Name extends string>(
  value: unknown,
  names: readonly Name[],
  where: string,
): { readonly [Field in Name]: unknown } {
  const fields = Object.fromEntries(names.map((name) => [name, readField(value, name, where)]));
  const unknown = Object.keys(value as object).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) throw new MalformedError(`${where}.${unknown}`, 'is not a field of a receipt');
  return fields as { [Field in Name]: unknown };
}

function readText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new MalformedError(where, 'is not a string');
  return value;
}

function readKey(value: unknown, where: string): Address {
  const text = readText(value, where);
  if (!isAddress(text)) throw new MalformedError(where, 'is not 32 bytes in base58');
  return text;
}

function readNumber(value: unknown, where: string): bigint {
  const text = readText(value, where);
  const number = /^(0|[1-9][0-9]{0,19})$/.test(text) ? BigInt(text) : -1n;
  if (BigInt.asUintN(64, number) !== number) throw new MalformedError(where, 'is not a 64-bit number in decimal');
  return number;
}

function readBytes(value: unknown, where: string): ReadonlyUint8Array {
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

function readHashes(value: unknown, where: string): ReadonlyUint8Array[] {
  if (!Array.isArray(value)) throw new MalformedError(where, 'is not a list');
  return value.map((hash: unknown, at) => readHash(hash, `${where}[${at}]`));
}

function readHead(value: unknown, where: string): TreeHead {
  const { size, root } = readFields(value, ['size', 'root'], where);
  return { size: readNumber(size, `${where}.size`), root: readHash(root, `${where}.root`) };
}
