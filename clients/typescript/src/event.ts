/**
 * The program's events: their bytes, the leaf that each is in the ledger's event log, and which of them a transaction
 * really carries. `docs/protocol.md` of the project says every byte.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import {
  getBase58Encoder,
  getEncodedSize,
  getProgramDerivedAddress,
  isSolanaError,
  type Address,
  type Codec,
  type ReadonlyUint8Array,
} from '@solana/kit';

import { EventError } from './errors.js';
import {
  COUNTERFOIL_PROGRAM_ADDRESS,
  getAuthorityAcceptedCodec,
  getAuthorityProposedCodec,
  getEntriesAppendedCodec,
  getEventHeaderCodec,
  getLedgerCreatedCodec,
  getLedgerSealedCodec,
  getSubtreesAppendedCodec,
  getSubtreesDisallowedCodec,
  getWriterGrantedCodec,
  getWriterRevokedCodec,
  type AuthorityAccepted,
  type AuthorityProposed,
  type EntriesAppended,
  type EventHeader,
  type LedgerCreated,
  type LedgerSealed,
  type SubtreesAppended,
  type SubtreesDisallowed,
  type WriterGranted,
  type WriterRevoked,
} from './generated/index.js';
import { equalBytes, MAX_TREE_SIZE, toHex } from './merkle.js';

interface Bodies {
  AuthorityAccepted: AuthorityAccepted;
  AuthorityProposed: AuthorityProposed;
  EntriesAppended: EntriesAppended;
  LedgerCreated: LedgerCreated;
  LedgerSealed: LedgerSealed;
  SubtreesAppended: SubtreesAppended;
  SubtreesDisallowed: SubtreesDisallowed;
  WriterGranted: WriterGranted;
  WriterRevoked: WriterRevoked;
}

/** The name of a kind of event, as in the IDL. */
export type EventName = keyof Bodies;

/** An event as the program emitted it: its name, `header`, and what this kind says beyond. Nothing is verified yet. */
export type Event = { [Name in EventName]: { readonly name: Name } & Readonly<Bodies[Name]> }[EventName];

/** An event of a transaction, and its leaf. */
export interface EmittedEvent {
  /** The event itself. */
  readonly event: Event;
  /** Kind, header and body: what the leaf hash covers, and what a receipt holds. */
  readonly leaf: Uint8Array;
}

/** The parts of a transaction that {@link readEvents} needs, as `getTransaction` answers it with encoding `json`. */
export interface ExecutedTransaction {
  readonly meta: {
    readonly err: unknown;
    readonly innerInstructions?:
      | readonly {
          readonly instructions: readonly {
            readonly accounts: readonly number[];
            readonly data: string;
            readonly programIdIndex: number;
          }[];
        }[]
      | null;
    readonly loadedAddresses?: { readonly readonly: readonly Address[]; readonly writable: readonly Address[] } | null;
  } | null;
  readonly transaction: { readonly message: { readonly accountKeys: readonly Address[] } };
}

/** The first eight bytes of the inner instruction that carries an event: Anchor's event tag. */
export const EVENT_TAG: ReadonlyUint8Array = sha256(new TextEncoder().encode('anchor:event')).slice(0, 8).reverse();

const KIND_BYTES = 8;
const HEADER_BYTES = 144;
const TRUNCATED = 'the event ends inside a field';

const READERS: { readonly [Name in EventName]: (bytes: ReadonlyUint8Array) => Bodies[Name] } = {
  AuthorityAccepted: whole(getAuthorityAcceptedCodec()),
  AuthorityProposed: whole(getAuthorityProposedCodec()),
  EntriesAppended: whole(getEntriesAppendedCodec()),
  LedgerCreated: whole(getLedgerCreatedCodec()),
  LedgerSealed: whole(getLedgerSealedCodec()),
  SubtreesAppended: whole(getSubtreesAppendedCodec()),
  SubtreesDisallowed: whole(getSubtreesDisallowedCodec()),
  WriterGranted: whole(getWriterGrantedCodec()),
  WriterRevoked: whole(getWriterRevokedCodec()),
};

const NAMES = new Map((Object.keys(READERS) as EventName[]).map((name) => [toHex(eventKind(name)), name]));

/** The eight bytes that begin a kind of event: the first of SHA-256("event:" + name). */
export function eventKind(name: EventName): Uint8Array {
  return sha256(new TextEncoder().encode(`event:${name}`)).slice(0, KIND_BYTES);
}

/**
 * Reads an event: what follows {@link EVENT_TAG} in the inner instruction's data, whole.
 *
 * @throws {@link EventError}; there is one text for each event, so bytes that are left over are refused too.
 */
export function decodeEvent(bytes: ReadonlyUint8Array): Event {
  const name = readName(bytes);
  const body = READERS[name](bytes);
  expectInRange(body.header);
  return { name, ...body } as Event;
}

/**
 * Reads kind, header and body: what the leaf hash covers. An `EntriesAppended` has no entries then, for its header's
 * root covers them.
 *
 * @throws {@link EventError}.
 */
export function decodeEventLeaf(leaf: ReadonlyUint8Array): Event {
  if (readName(leaf) !== 'EntriesAppended') return decodeEvent(leaf);
  const header = whole(getEventHeaderCodec())(leaf);
  expectInRange(header);
  return { name: 'EntriesAppended', header, entries: [] };
}

/**
 * The leaf's bytes within an event's: all but the entries. Its hash is {@link hashLeaf} of them.
 *
 * @throws {@link EventError} when the bytes begin no event.
 */
export function eventLeaf(bytes: ReadonlyUint8Array): Uint8Array {
  const end = readName(bytes) === 'EntriesAppended' ? KIND_BYTES + HEADER_BYTES : bytes.length;
  return Uint8Array.from(bytes.slice(0, end));
}

/**
 * Reads a program's events in a transaction, in order of execution.
 *
 * An event is an inner instruction to the program itself that begins with {@link EVENT_TAG} and whose first account is
 * the event authority: only the program can sign for that account, so no one else can have sent it.
 *
 * @param transaction - As an RPC server answers it, and believed as far as that server is.
 * @param program - The program. Default: the one that the IDL declares.
 *
 * @throws {@link EventError} when an event cannot be read, which must not be skipped, or when the server left the inner
 * instructions out.
 */
export async function readEvents(
  transaction: ExecutedTransaction,
  program: Address = COUNTERFOIL_PROGRAM_ADDRESS,
): Promise<EmittedEvent[]> {
  const emitted = await readEmitted(transaction, program);
  return emitted.map((bytes) => ({ event: decodeEvent(bytes), leaf: eventLeaf(bytes) }));
}

/** The bytes of a program's events in a transaction, in order; see {@link readEvents}, which reads them. */
export async function readEmitted(
  { meta, transaction }: ExecutedTransaction,
  program: Address,
): Promise<ReadonlyUint8Array[]> {
  if (meta?.err) return [];
  const loaded = meta?.loadedAddresses;
  const accounts = [...transaction.message.accountKeys, ...(loaded?.writable ?? []), ...(loaded?.readonly ?? [])];
  // Most transactions of a block do not call the program.
  if (meta && !accounts.includes(program)) return [];
  if (!meta?.innerInstructions) {
    throw new EventError(
      'no_inner_instructions',
      'the server did not say what the transaction did: ask one that keeps inner instructions',
    );
  }
  const [authority] = await getProgramDerivedAddress({ programAddress: program, seeds: ['__event_authority'] });
  const base58 = getBase58Encoder();
  return meta.innerInstructions
    .flatMap(({ instructions }) => instructions)
    .filter((inner) => accounts[inner.programIdIndex] === program && accounts[inner.accounts[0] ?? -1] === authority)
    .map((inner) => base58.encode(inner.data))
    .filter((data) => equalBytes(data.slice(0, EVENT_TAG.length), EVENT_TAG))
    .map((data) => data.slice(EVENT_TAG.length));
}

function readName(bytes: ReadonlyUint8Array): EventName {
  if (bytes.length < KIND_BYTES) throw new EventError('truncated', 'the event ends inside its kind');
  const kind = toHex(bytes.slice(0, KIND_BYTES));
  const name = NAMES.get(kind);
  if (name !== undefined) return name;
  throw new EventError('unknown_kind', `the event is of unknown kind ${kind}; a newer program may need a newer client`);
}

/** Reads what follows the kind, to the last byte. */
function whole<Args, T extends Args>(codec: Codec<Args, T>): (bytes: ReadonlyUint8Array) => T {
  return (bytes) => {
    const [value, end] = readSome(codec, bytes);
    const left = bytes.length - end;
    if (left > 0) throw new EventError('trailing_bytes', `${left} bytes follow the event`);
    // To kit no bytes at all are a list too, the empty one without its count.
    if (KIND_BYTES + getEncodedSize(value, codec) > bytes.length) throw new EventError('truncated', TRUNCATED);
    return value;
  };
}

function readSome<Args, T extends Args>(codec: Codec<Args, T>, bytes: ReadonlyUint8Array): [T, number] {
  try {
    return codec.read(bytes, KIND_BYTES);
  } catch (cause) {
    if (!isSolanaError(cause)) throw cause;
    throw new EventError('truncated', TRUNCATED, { cause });
  }
}

function expectInRange({ eventSeq, firstIndex, size }: EventHeader): void {
  if (eventSeq < MAX_TREE_SIZE && firstIndex <= MAX_TREE_SIZE && size <= MAX_TREE_SIZE) return;
  throw new EventError('out_of_range', `the event says a number beyond the largest tree of ${MAX_TREE_SIZE} leaves`);
}
