/**
 * A receipt: one entry with all that proves it, for readers who trust no operator.
 *
 * A receipt alone proves that its parts belong together. Whether they are the chain's is for
 * {@link confirmReceipt} to say, from what the reader fetched from servers of its own choice.
 */

import {
  getBase64Decoder,
  type Address,
  type Base58EncodedBytes,
  type ReadonlyUint8Array,
  type Signature,
} from '@solana/kit';

import { EventError, MalformedError, ProofError, ReceiptError, type ReceiptErrorCode } from './errors.js';
import { decodeEventLeaf, type Event } from './event.js';
import {
  parseJson,
  readBytes,
  readField,
  readFields,
  readHashes,
  readHead,
  readKey,
  readNumber,
  readSignature,
  readText,
} from './json.js';
import {
  equalBytes,
  hashLeaf,
  MAX_TREE_SIZE,
  toHex,
  verifyConsistency,
  verifyInclusion,
  type TreeHead,
} from './merkle.js';

/** The first member of every receipt that is written. */
export const RECEIPT_FORMAT = 'counterfoil receipt v2';

/** The first member of the older receipts, which are still read. */
export const RECEIPT_FORMAT_V1 = 'counterfoil receipt v1';

/** The longest entry in bytes; the shortest is 1. */
export const MAX_ENTRY_BYTES = 65_535;

/** The parts that both versions of a receipt have; nothing in it is verified yet. */
interface ReceiptParts {
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
    /** Hashes from the leaf to the root of the head that the event states; of version 1, to that of `head`. */
    readonly proof: readonly ReadonlyUint8Array[];
  };
  /** The event that committed it. */
  readonly event: {
    /** Its index in the event log. */
    readonly seq: bigint;
    /** Kind, header and body: what the leaf hash covers. */
    readonly leaf: ReadonlyUint8Array;
  };
}

/** How later heads contain an entry and its event. */
export interface ReceiptBridge {
  /** A later head of the log. */
  readonly head: TreeHead;
  /** Hashes that lead from the head that the event states to `head`. */
  readonly consistency: readonly ReadonlyUint8Array[];
  /** A later head of the event log. */
  readonly eventHead: TreeHead;
  /** Hashes from the event's leaf to the root of `eventHead`. */
  readonly eventProof: readonly ReadonlyUint8Array[];
}

/** A receipt as it is written today. Without its optional members it is the same whenever it is asked for. */
export interface ReceiptV2 extends ReceiptParts {
  /** Tells the versions apart. */
  readonly format: typeof RECEIPT_FORMAT;
  /** The transaction that holds the event: a hint, which nothing proves. */
  readonly transaction?: Signature;
  /** How later heads contain entry and event. */
  readonly bridge?: ReceiptBridge;
  /** Members that only a reader of statements understands: with any, {@link verifyReceipt} cannot tell. */
  readonly unread?: readonly StatementMember[];
}

/** An older receipt. */
export interface ReceiptV1 extends ReceiptParts {
  /** Tells the versions apart. */
  readonly format: typeof RECEIPT_FORMAT_V1;
  /** The event that committed the entry. */
  readonly event: ReceiptParts['event'] & {
    /** Hashes from the leaf to the root of `eventHead`. */
    readonly proof: readonly ReadonlyUint8Array[];
  };
  /** The head that the entry's proof leads to. */
  readonly head: TreeHead;
  /** The head of the event log. */
  readonly eventHead: TreeHead;
}

/** A receipt as it stands in a file; its `format` says which version it is. */
export type Receipt = ReceiptV1 | ReceiptV2;

/** A member of a receipt that this version does not read. */
export type StatementMember = (typeof STATEMENT_MEMBERS)[number];

const STATEMENT_MEMBERS = ['statement', 'content', 'salt'] as const;

/** An event that appends entries, by their bytes or by the hashes of their subtrees. */
export type AppendEvent = Event & { readonly name: 'EntriesAppended' | 'SubtreesAppended' };

/** Whether an event appends entries. */
export function isAppend(event: Event): event is AppendEvent {
  return event.name === 'EntriesAppended' || event.name === 'SubtreesAppended';
}

const VERIFIED: unique symbol = Symbol('verified');

/** A receipt whose parts belong together. Only {@link verifyReceipt} makes one. */
export interface VerifiedReceipt {
  readonly [VERIFIED]: true;
  /** The receipt. */
  readonly receipt: Receipt;
  /** The entry's leaf hash. */
  readonly leafHash: ReadonlyUint8Array;
  /**
   * The event that committed the entry: `header` says who, in which slot, when. Without `later` nothing but the
   * transaction shows that it is the chain's.
   */
  readonly event: AppendEvent;
  /** The head that the event states, where the entry is proven to be under it: always in version 2. */
  readonly stated: TreeHead | undefined;
  /** Later heads that contain entry and event, where the receipt has any. */
  readonly later: { readonly entries: TreeHead; readonly events: TreeHead } | undefined;
}

/**
 * Reads a receipt's JSON of either version. There is one text for each value: unknown, missing and doubled members,
 * `null`, numbers that are not strings in decimal, hashes not in lowercase hexadecimal, and bytes not in padded base64
 * are refused.
 *
 * @throws {@link MalformedError} that says where, {@link ReceiptError} when it is of another format.
 */
export function parseReceipt(text: string): Receipt {
  return readReceipt(parseJson(text, 'receipt'));
}

/**
 * Reads a receipt that stands in another document, whose text was read by {@link parseJson}.
 *
 * @throws as {@link parseReceipt} does.
 */
export function readReceipt(json: unknown): Receipt {
  switch (readText(readField(json, 'format', 'receipt'), 'receipt.format')) {
    case RECEIPT_FORMAT:
      return readV2(json);
    case RECEIPT_FORMAT_V1:
      return readV1(json);
    default: {
      const problem = `the receipt's format is neither "${RECEIPT_FORMAT}" nor "${RECEIPT_FORMAT_V1}"`;
      throw new ReceiptError('unknown_format', problem);
    }
  }
}

/**
 * Recomputes everything that can be recomputed without the chain.
 *
 * @throws {@link ReceiptError} unless entry, event and all heads belong together. Its code `statement` refutes nothing:
 * the receipt has members that this version does not read.
 */
export function verifyReceipt(receipt: Receipt): VerifiedReceipt {
  const { entry, event: given } = receipt;
  expectInRange(entry.index + 1n);
  expectInRange(given.seq + 1n);
  if (entry.payload.length < 1 || entry.payload.length > MAX_ENTRY_BYTES) {
    const problem = `the entry has ${entry.payload.length} bytes, not 1 to ${MAX_ENTRY_BYTES}`;
    throw new ReceiptError('entry_length', problem);
  }
  const leafHash = hashLeaf(entry.payload);
  const event = readEvent(receipt);
  const { size, root } = event.header;
  const parts = { [VERIFIED]: true, receipt, leafHash, event } as const;
  if (receipt.format === RECEIPT_FORMAT_V1) {
    const { head, eventHead } = receipt;
    expectEntry(receipt, leafHash, head);
    if (size > head.size || (size === head.size && !equalBytes(root, head.root))) {
      throw new ReceiptError('head_mismatch', 'the event and the head contradict each other');
    }
    expectEvent(receipt, eventHead, receipt.event.proof);
    return { ...parts, stated: size === head.size ? head : undefined, later: { entries: head, events: eventHead } };
  }
  const stated = { size, root };
  expectEntry(receipt, leafHash, stated);
  const { bridge, unread = [] } = receipt;
  if (bridge !== undefined) {
    expectExtends(stated, bridge);
    expectEvent(receipt, bridge.eventHead, bridge.eventProof);
  }
  // After all else: what contradicts itself is refused, whatever it carries besides.
  expectReadable(unread);
  return { ...parts, stated, later: bridge && { entries: bridge.head, events: bridge.eventHead } };
}

/**
 * Writes a receipt's JSON, as {@link parseReceipt} reads it.
 *
 * @throws {@link ReceiptError} when it has members that were not read, and so are not kept.
 */
export function formatReceipt(receipt: Receipt): string {
  const { format, genesisHash, program, ledger, entry, event } = receipt;
  const base64 = (bytes: ReadonlyUint8Array) => getBase64Decoder().decode(bytes);
  const headOf = ({ size, root }: TreeHead) => ({ size: `${size}`, root: toHex(root) });
  const document = {
    format,
    genesis_hash: genesisHash,
    program,
    ledger,
    entry: { index: `${entry.index}`, payload: base64(entry.payload), proof: entry.proof.map(toHex) },
    event: { seq: `${event.seq}`, leaf: base64(event.leaf) },
  };
  const write = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  if (receipt.format === RECEIPT_FORMAT_V1) {
    return write({
      ...document,
      event: { ...document.event, proof: receipt.event.proof.map(toHex) },
      head: headOf(receipt.head),
      event_head: headOf(receipt.eventHead),
    });
  }
  const { transaction, bridge, unread = [] } = receipt;
  expectReadable(unread);
  return write({
    ...document,
    // JSON has no members that are undefined.
    transaction,
    bridge: bridge && {
      head: headOf(bridge.head),
      consistency: bridge.consistency.map(toHex),
      event_head: headOf(bridge.eventHead),
      event_proof: bridge.eventProof.map(toHex),
    },
  });
}

const PARTS = ['format', 'genesis_hash', 'program', 'ledger', 'entry', 'event'] as const;

function readParts(
  fields: { readonly [Name in (typeof PARTS)[number]]: unknown },
  event: { readonly seq: unknown; readonly leaf: unknown },
): ReceiptParts {
  const entry = readFields(fields.entry, ['index', 'payload', 'proof'], [], 'receipt.entry');
  return {
    genesisHash: readKey(fields.genesis_hash, 'receipt.genesis_hash') as string as Base58EncodedBytes,
    program: readKey(fields.program, 'receipt.program'),
    ledger: readKey(fields.ledger, 'receipt.ledger'),
    entry: {
      index: readNumber(entry.index, 'receipt.entry.index'),
      payload: readBytes(entry.payload, 'receipt.entry.payload'),
      proof: readHashes(entry.proof, 'receipt.entry.proof'),
    },
    event: { seq: readNumber(event.seq, 'receipt.event.seq'), leaf: readBytes(event.leaf, 'receipt.event.leaf') },
  };
}

function readV1(json: unknown): ReceiptV1 {
  const fields = readFields(json, [...PARTS, 'head', 'event_head'], [], 'receipt');
  const event = readFields(fields.event, ['seq', 'leaf', 'proof'], [], 'receipt.event');
  const parts = readParts(fields, event);
  return {
    format: RECEIPT_FORMAT_V1,
    ...parts,
    event: { ...parts.event, proof: readHashes(event.proof, 'receipt.event.proof') },
    head: readHead(fields.head, 'receipt.head'),
    eventHead: readHead(fields.event_head, 'receipt.event_head'),
  };
}

function readV2(json: unknown): ReceiptV2 {
  const fields = readFields(json, PARTS, ['transaction', 'bridge', ...STATEMENT_MEMBERS], 'receipt');
  const { transaction, bridge } = fields;
  const unread = STATEMENT_MEMBERS.filter((name) => fields[name] !== undefined);
  for (const name of unread) {
    if (fields[name] === null) throw new MalformedError(`receipt.${name}`, 'is null: leave it out');
  }
  return {
    format: RECEIPT_FORMAT,
    ...readParts(fields, readFields(fields.event, ['seq', 'leaf'], [], 'receipt.event')),
    ...(transaction !== undefined && { transaction: readSignature(transaction, 'receipt.transaction') }),
    ...(bridge !== undefined && { bridge: readBridge(bridge) }),
    ...(unread.length > 0 && { unread }),
  };
}

function readBridge(value: unknown): ReceiptBridge {
  const names = ['head', 'consistency', 'event_head', 'event_proof'] as const;
  const fields = readFields(value, names, [], 'receipt.bridge');
  return {
    head: readHead(fields.head, 'receipt.bridge.head'),
    consistency: readHashes(fields.consistency, 'receipt.bridge.consistency'),
    eventHead: readHead(fields.event_head, 'receipt.bridge.event_head'),
    eventProof: readHashes(fields.event_proof, 'receipt.bridge.event_proof'),
  };
}

function expectInRange(size: bigint): void {
  if (size <= MAX_TREE_SIZE) return;
  throw new ReceiptError('out_of_range', `the receipt needs a tree of ${size} leaves, more than ${MAX_TREE_SIZE}`);
}

function expectReadable([member]: readonly StatementMember[]): void {
  if (member === undefined) return;
  const problem = `it carries a statement, by its member "${member}", which this version does not read`;
  throw new ReceiptError('statement', problem);
}

function expectEntry({ entry: { index, proof } }: Receipt, leafHash: ReadonlyUint8Array, head: TreeHead): void {
  expectInRange(head.size);
  expectProof('entry', 'the entry is not in the log', () => verifyInclusion({ head, index, leafHash, proof }));
}

function expectEvent({ event }: Receipt, head: TreeHead, proof: readonly ReadonlyUint8Array[]): void {
  expectInRange(head.size);
  const inclusion = { head, index: event.seq, leafHash: hashLeaf(event.leaf), proof };
  expectProof('event', 'the event is not in the event log', () => verifyInclusion(inclusion));
}

function expectExtends(first: TreeHead, { head: second, consistency: proof }: ReceiptBridge): void {
  expectInRange(second.size);
  const what = "the bridge's head does not extend the one that the event states";
  expectProof('bridge', what, () => verifyConsistency({ first, second, proof }));
}

function expectProof(code: ReceiptErrorCode, what: string, verify: () => void): void {
  try {
    verify();
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    throw new ReceiptError(code, `${what}: ${cause.message}`, { cause });
  }
}

function readEvent({ ledger, entry, event: { seq, leaf } }: Receipt): AppendEvent {
  const event = decodeLeaf(leaf);
  const refuse = (code: ReceiptErrorCode, problem: string) => new ReceiptError(code, problem);
  const { header } = event;
  if (!isAppend(event)) {
    throw refuse('wrong_event', `the event is ${event.name}, which appends no entries`);
  }
  if (header.ledger !== ledger) throw refuse('wrong_ledger', `the event is ledger ${header.ledger}'s`);
  if (header.eventSeq !== seq) throw refuse('wrong_sequence', `the event says that it is number ${header.eventSeq}`);
  if (entry.index < header.firstIndex || entry.index - header.firstIndex >= header.count) {
    const appended = `the event appended ${header.count} entries from ${header.firstIndex} on, not this one`;
    throw refuse('not_covered', appended);
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
