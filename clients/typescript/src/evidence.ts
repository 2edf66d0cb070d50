/**
 * Evidence: all entries of a range with the events that appended them, as lines of JSON, for readers who trust no operator.
 *
 * Like a receipt, it proves by itself that its lines belong together. That they are the chain's is for
 * {@link confirmEvidence} to say.
 */

import type { Address, Base58EncodedBytes, ReadonlyUint8Array, Signature } from '@solana/kit';

import { EventError, EvidenceError, MalformedError, ProofError, type EvidenceErrorCode } from './errors.js';
import { decodeEventLeaf, type Event } from './event.js';
import {
  parseJson,
  readBoolean,
  readBytes,
  readField,
  readFields,
  readHash,
  readHashes,
  readHead,
  readKey,
  readNumber,
  readSignature,
  readText,
} from './json.js';
import { equalBytes, hashLeaf, MAX_TREE_SIZE, RangeVerifier, verifyConsistency, type TreeHead } from './merkle.js';
import { isAppend, MAX_ENTRY_BYTES, type AppendEvent } from './receipt.js';

/** The first member of the first line. */
export const EVIDENCE_FORMAT = 'counterfoil evidence v1';

/** The longest line in bytes, its end among them. */
export const MAX_EVIDENCE_LINE_BYTES = 1 << 20;

/** A run of a log's leaves, and that it is whole. */
export interface EvidenceRange {
  /** The first leaf. */
  readonly from: bigint;
  /** The leaf that follows the last. */
  readonly to: bigint;
  /** The head that the proof leads to. */
  readonly head: TreeHead;
  /** The roots of the largest subtrees outside the run, from left to right. */
  readonly proof: readonly ReadonlyUint8Array[];
}

/** The first line. */
export interface EvidenceHeader {
  /** Tells it from other documents. */
  readonly format: typeof EVIDENCE_FORMAT;
  /** The cluster, by the hash of its first block. */
  readonly genesisHash: Base58EncodedBytes;
  /** The program on it. */
  readonly program: Address;
  /** The ledger. */
  readonly ledger: Address;
  /** The entries; their head is the one that the last event states. */
  readonly entries: EvidenceRange;
  /** The events that appended them, and those between; their head is one of any later moment. */
  readonly events: EvidenceRange;
  /** Whether the entries stand there with their bytes, or by their leaf hashes. */
  readonly content: boolean;
  /** The transaction that holds the last event: a hint, which nothing proves. */
  readonly transaction?: Signature;
  /** How a later head contains the entries. */
  readonly bridge?: { readonly head: TreeHead; readonly consistency: readonly ReadonlyUint8Array[] };
}

const VERIFIED: unique symbol = Symbol('verified');

/** Evidence whose lines belong together. Only {@link verifyEvidence} makes one. */
export interface VerifiedEvidence {
  readonly [VERIFIED]: true;
  /** Its first line. */
  readonly header: EvidenceHeader;
  /** The event that appended the last of the entries: `header` says who, in which slot, when. */
  readonly event: AppendEvent;
  /** Its kind, header and body: what the leaf hash covers. */
  readonly leaf: ReadonlyUint8Array;
  /** The head that it states, which contains the entries. */
  readonly stated: TreeHead;
  /** Later heads that contain the entries and all the events. */
  readonly later: { readonly entries: TreeHead; readonly events: TreeHead };
}

/**
 * Recomputes all of evidence that can be recomputed without the chain, line by line, in memory that does not grow with it.
 * Nothing of it is shown before its end.
 *
 * @param lines - Without their ends; {@link evidenceLines} makes them of a file's stream or a response's body.
 *
 * @throws {@link EvidenceError} unless the lines belong together, {@link MalformedError} that says which line is none; and
 * what reading the lines throws.
 */
export async function verifyEvidence(lines: AsyncIterable<string> | Iterable<string>): Promise<VerifiedEvidence> {
  let reader: Reader | undefined;
  let number = 0;
  for await (const line of lines) {
    number += 1;
    const where = `line ${number}`;
    // All that belongs in a line is ASCII, so that a longer one is none, whatever its characters are.
    if (line.length >= MAX_EVIDENCE_LINE_BYTES) throw lineTooLong(where);
    const json = parseJson(line, where);
    if (reader === undefined) reader = new Reader(readHeader(json, where));
    else reader.take(json, where);
  }
  if (reader === undefined) throw new EvidenceError('cut_off', 'there is no line');
  return reader.finish();
}

/**
 * The lines of evidence that comes in pieces, such as a file's stream or a response's body; each is held only until it is
 * taken.
 *
 * @throws {@link MalformedError} when it is no UTF-8, or a line is too long; and what reading the pieces throws.
 */
export async function* evidenceLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      throw new MalformedError('evidence', 'is not UTF-8');
    }
  };
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + decode(piece)).split('\n');
    rest = lines.pop()!;
    yield* lines;
    if (rest.length >= MAX_EVIDENCE_LINE_BYTES) throw lineTooLong('a line');
  }
  rest += decode();
  if (rest !== '') yield rest;
}

/** Evidence that is being read. */
class Reader {
  private readonly entries: RangeVerifier;
  private readonly events: RangeVerifier;
  private readonly later: VerifiedEvidence['later'];
  /** The next entry's index. */
  private next: bigint;
  /** The next event's number. */
  private seq: bigint;
  /** The entries that the last append covers end here. */
  private covered: bigint;
  private last: { readonly event: Event; readonly leaf: ReadonlyUint8Array } | undefined;
  private isOver = false;

  constructor(private readonly header: EvidenceHeader) {
    const { entries, events, bridge } = header;
    for (const { head } of [entries, events, ...(bridge ? [bridge] : [])]) expectInRange(head.size);
    if (bridge !== undefined) {
      const growth = { first: entries.head, second: bridge.head, proof: bridge.consistency };
      expectProof('bridge', "the bridge's head does not extend the entries' one", () => verifyConsistency(growth));
    }
    this.later = { entries: bridge?.head ?? entries.head, events: events.head };
    this.entries = expectProof('entries', ENTRIES, () => new RangeVerifier({ ...entries, first: entries.from }));
    this.events = expectProof('events', EVENTS, () => new RangeVerifier({ ...events, first: events.from }));
    [this.next, this.seq, this.covered] = [entries.from, events.from, entries.from];
  }

  take(json: unknown, where: string): void {
    if (this.isOver) throw wrongLine(where, 'nothing');
    const { event, entry, leaf, end } = readFields(json, [], ['event', 'entry', 'leaf', 'end'], where);
    if (Object.keys(json as object).length !== 1) throw new MalformedError(where, 'does not have one member');
    if (event !== undefined) this.takeEvent(event, where);
    else if (end !== undefined) this.takeEnd(end, where);
    else if ((entry !== undefined) !== this.header.content) {
      throw wrongLine(where, this.header.content ? 'an entry with its bytes' : 'an entry by its leaf hash');
    } else if (entry !== undefined) this.takeEntry(entry, where);
    else this.takeLeaf(leaf, where);
  }

  finish(): VerifiedEvidence {
    const { header, last, later } = this;
    if (!this.isOver || last === undefined) throw new EvidenceError('cut_off', 'the evidence has no last line');
    expectProof('entries', ENTRIES, () => this.entries.finish());
    expectProof('events', EVENTS, () => this.events.finish());
    const { event, leaf } = last;
    const { firstIndex, size, root } = event.header;
    // An append after it may state a head of the entries, too, and says nothing of them.
    if (!isAppend(event) || firstIndex >= header.entries.to) {
      throw new EvidenceError('wrong_line', 'the last event is not the one that appended the last entry');
    }
    const { head } = header.entries;
    if (size !== head.size || !equalBytes(root, head.root)) {
      throw new EvidenceError('head_mismatch', "the last event does not state the entries' head");
    }
    return { [VERIFIED]: true, header, event, leaf, stated: head, later };
  }

  private takeEvent(value: unknown, where: string): void {
    const fields = readFields(value, ['seq', 'leaf'], [], where);
    const [seq, leaf] = [readNumber(fields.seq, `${where}.seq`), readBytes(fields.leaf, `${where}.leaf`)];
    const event = decodeLeaf(leaf, where);
    const { ledger, eventSeq, firstIndex, size } = event.header;
    if (ledger !== this.header.ledger) {
      throw new EvidenceError('wrong_ledger', `${where} has an event of ledger ${ledger}`);
    }
    const isNext = seq === this.seq && eventSeq === seq && seq < this.header.events.to;
    if (!isNext || this.next < this.covered) throw wrongLine(where, this.expected());
    // The first event appends the first entry; each event after it begins where the one before ended.
    const follows =
      this.last === undefined
        ? isAppend(event) && firstIndex <= this.next && this.next < size
        : firstIndex === this.last.event.header.size;
    if (!follows) throw wrongLine(where, 'the event that appended the next entry');
    if (isAppend(event)) this.covered = size < this.header.entries.to ? size : this.header.entries.to;
    this.seq += 1n;
    expectProof('events', EVENTS, () => this.events.push(hashLeaf(leaf)));
    this.last = { event, leaf };
  }

  private takeEntry(value: unknown, where: string): void {
    const fields = readFields(value, ['index', 'payload'], [], where);
    const payload = readBytes(fields.payload, `${where}.payload`);
    if (payload.length < 1 || payload.length > MAX_ENTRY_BYTES) {
      const problem = `${where} has an entry of ${payload.length} bytes, not 1 to ${MAX_ENTRY_BYTES}`;
      throw new EvidenceError('entry_length', problem);
    }
    this.pushLeaf(readNumber(fields.index, `${where}.index`), hashLeaf(payload), where);
  }

  private takeLeaf(value: unknown, where: string): void {
    const { index, hash } = readFields(value, ['index', 'hash'], [], where);
    this.pushLeaf(readNumber(index, `${where}.index`), readHash(hash, `${where}.hash`), where);
  }

  private pushLeaf(index: bigint, leafHash: ReadonlyUint8Array, where: string): void {
    if (index !== this.next || index >= this.covered) throw wrongLine(where, this.expected());
    this.next += 1n;
    expectProof('entries', ENTRIES, () => this.entries.push(leafHash));
  }

  private takeEnd(value: unknown, where: string): void {
    const said = readFields(value, ['entries', 'events'], [], where);
    const { entries, events } = this.header;
    if (this.next !== entries.to || this.seq !== events.to) throw wrongLine(where, this.expected());
    const counts = [entries.to - entries.from, events.to - events.from];
    if (
      readNumber(said.entries, `${where}.entries`) !== counts[0] ||
      readNumber(said.events, `${where}.events`) !== counts[1]
    ) {
      throw new EvidenceError('wrong_count', `${where} says another count of lines`);
    }
    this.isOver = true;
  }

  private expected(): string {
    if (this.next < this.covered) return 'an entry that the event before it appended';
    return this.seq < this.header.events.to ? 'the next event' : 'the end';
  }
}

const ENTRIES = 'the entries are not all of their range';
const EVENTS = 'the events are not all of theirs';

function readHeader(json: unknown, where: string): EvidenceHeader {
  if (readText(readField(json, 'format', where), `${where}.format`) !== EVIDENCE_FORMAT) {
    throw new EvidenceError('unknown_format', `the format is not "${EVIDENCE_FORMAT}"`);
  }
  const names = ['format', 'genesis_hash', 'program', 'ledger', 'entries', 'events', 'content'] as const;
  const fields = readFields(json, names, ['transaction', 'bridge'], where);
  const { transaction, bridge } = fields;
  return {
    format: EVIDENCE_FORMAT,
    genesisHash: readKey(fields.genesis_hash, `${where}.genesis_hash`) as string as Base58EncodedBytes,
    program: readKey(fields.program, `${where}.program`),
    ledger: readKey(fields.ledger, `${where}.ledger`),
    entries: readRange(fields.entries, `${where}.entries`),
    events: readRange(fields.events, `${where}.events`),
    content: readBoolean(fields.content, `${where}.content`),
    ...(transaction !== undefined && { transaction: readSignature(transaction, `${where}.transaction`) }),
    ...(bridge !== undefined && { bridge: readBridge(bridge, `${where}.bridge`) }),
  };
}

function readRange(value: unknown, where: string): EvidenceRange {
  const { from, to, head, proof } = readFields(value, ['from', 'to', 'head', 'proof'], [], where);
  return {
    from: readNumber(from, `${where}.from`),
    to: readNumber(to, `${where}.to`),
    head: readHead(head, `${where}.head`),
    proof: readHashes(proof, `${where}.proof`),
  };
}

function readBridge(value: unknown, where: string): NonNullable<EvidenceHeader['bridge']> {
  const { head, consistency } = readFields(value, ['head', 'consistency'], [], where);
  return {
    head: readHead(head, `${where}.head`),
    consistency: readHashes(consistency, `${where}.consistency`),
  };
}

function decodeLeaf(leaf: ReadonlyUint8Array, where: string): Event {
  try {
    return decodeEventLeaf(leaf);
  } catch (cause) {
    if (!(cause instanceof EventError)) throw cause;
    const problem = `the event of ${where} cannot be read: ${cause.message}`;
    throw new EvidenceError('unreadable_event', problem, { cause });
  }
}

function expectInRange(size: bigint): void {
  if (size <= MAX_TREE_SIZE) return;
  throw new EvidenceError('out_of_range', `a head is of ${size} leaves, more than ${MAX_TREE_SIZE}`);
}

function expectProof<T>(code: EvidenceErrorCode, what: string, verify: () => T): T {
  try {
    return verify();
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    throw new EvidenceError(code, `${what}: ${cause.message}`, { cause });
  }
}

function wrongLine(where: string, expected: string): EvidenceError {
  return new EvidenceError('wrong_line', `${where} is another than the one that belongs there: ${expected}`);
}

function lineTooLong(where: string): MalformedError {
  return new MalformedError(where, `has more than ${MAX_EVIDENCE_LINE_BYTES} bytes`);
}
