/**
 * A receipt: one entry with all that proves it, for whoever trusts no operator.
 *
 * What a receipt proves by itself is that entry, event and heads belong together. That the heads are the chain's is for
 * {@link confirmReceipt} to say, from accounts that the reader fetched from servers of its own choice.
 */

import { getBase64Decoder, type Address, type Base58EncodedBytes, type ReadonlyUint8Array } from '@solana/kit';

import { EventError, MalformedError, ProofError, ReceiptError, type ReceiptErrorCode } from './errors.js';
import { decodeEventLeaf, type Event } from './event.js';
import { readBytes, readField, readFields, readHashes, readHead, readKey, readNumber, readText } from './json.js';
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
