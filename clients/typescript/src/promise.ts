/**
 * A promise: until when a gateway says that the records of a request will be in their ledger.
 *
 * Source: docs/protocol.md, section 10. Whether a promise was kept is for `counterfoil verify` to say.
 */

import {
  getAddressEncoder,
  getBase58Encoder,
  getPublicKeyFromAddress,
  verifySignature,
  type Address,
  type Base58EncodedBytes,
  type ReadonlyUint8Array,
  type Signature,
  type SignatureBytes,
} from '@solana/kit';

import { MalformedError, PromiseError, ProofError } from './errors.js';
import {
  parseJson,
  readField,
  readFields,
  readHash,
  readHashes,
  readKey,
  readNumber,
  readSignature,
  readText,
} from './json.js';
import { hashLeaf, MAX_TREE_SIZE, toHex, verifyInclusion } from './merkle.js';

/** The first member of every promise. */
export const PROMISE_FORMAT = 'counterfoil promise v1';

const SIGNING_LINE = `${PROMISE_FORMAT}\n`;
const SIGNED_BYTES = 179;

/** A promise as it stands in a file; nothing in it is verified yet. */
export interface GatewayPromise {
  /** The cluster, by the hash of its first block. */
  readonly genesisHash: Base58EncodedBytes;
  /** The program on it. */
  readonly program: Address;
  /** The ledger. */
  readonly ledger: Address;
  /** The ledger's checked size at acceptance: no entry below it can be one of the records'. */
  readonly from: bigint;
  /** The last second, since 1970, by the chain's clock. */
  readonly deadline: bigint;
  /** All records of the request, in its order. */
  readonly records: {
    /** How many. */
    readonly count: bigint;
    /** The tree hash over them. */
    readonly root: ReadonlyUint8Array;
  };
  /** How many machines held the records when it was signed. */
  readonly copies: bigint;
  /** By whom. */
  readonly key: Address;
  /** By that key. */
  readonly signature: Signature;
  /** One of the records, and that it is one. */
  readonly record?: PromisedRecord;
}

/** A record of a request. */
export interface PromisedRecord {
  /** Its index in the request. */
  readonly index: bigint;
  /** Its id, a UUID of version 7. */
  readonly id: string;
  /** SHA-256 of a salt and its content. */
  readonly commitment: ReadonlyUint8Array;
  /** Hashes from its leaf to the root of the request's records. */
  readonly proof: readonly ReadonlyUint8Array[];
}

/** The facts that a reader relies on, from elsewhere than the promise. */
export interface PromisePins {
  /** The keys of gateways whose promises are believed. */
  readonly keys: readonly string[];
  /** The ledger that it must be for. */
  readonly ledger?: string;
  /** The record that it must be of. */
  readonly record?: string;
}

/**
 * Reads a promise's JSON as strictly as a receipt's.
 *
 * @throws {@link MalformedError} that says where.
 */
export function parsePromise(text: string): GatewayPromise {
  return readPromise(parseJson(text, 'promise'), 'promise');
}

/**
 * Reads a promise that stands in another document, whose text was read by a parser that refuses members that are there twice.
 *
 * @throws {@link MalformedError} that says where.
 */
export function readPromise(json: unknown, where: string): GatewayPromise {
  const format = readText(readField(json, 'format', where), `${where}.format`);
  if (format !== PROMISE_FORMAT) throw new MalformedError(`${where}.format`, `is not "${PROMISE_FORMAT}"`);
  const names = ['format', 'genesis_hash', 'program', 'ledger', 'from', 'deadline', 'records', 'copies'] as const;
  const fields = readFields(json, [...names, 'key', 'signature'], ['record'], where);
  const records = readFields(fields.records, ['count', 'root'], [], `${where}.records`);
  const copies = readNumber(fields.copies, `${where}.copies`);
  if (BigInt.asUintN(32, copies) !== copies) throw new MalformedError(`${where}.copies`, 'is not a 32-bit number');
  return {
    genesisHash: readKey(fields.genesis_hash, `${where}.genesis_hash`) as string as Base58EncodedBytes,
    program: readKey(fields.program, `${where}.program`),
    ledger: readKey(fields.ledger, `${where}.ledger`),
    from: readNumber(fields.from, `${where}.from`),
    deadline: readDeadline(fields.deadline, `${where}.deadline`),
    records: {
      count: readNumber(records.count, `${where}.records.count`),
      root: readHash(records.root, `${where}.records.root`),
    },
    copies,
    key: readKey(fields.key, `${where}.key`),
    signature: readSignature(fields.signature, `${where}.signature`),
    ...(fields.record !== undefined && { record: readRecord(fields.record, `${where}.record`) }),
  };
}

/** Writes a promise's JSON, as {@link parsePromise} and `counterfoil verify` read it. */
export function formatPromise(promise: GatewayPromise): string {
  const { record } = promise;
  const document = {
    format: PROMISE_FORMAT,
    genesis_hash: promise.genesisHash,
    program: promise.program,
    ledger: promise.ledger,
    from: `${promise.from}`,
    deadline: `${promise.deadline}`,
    records: { count: `${promise.records.count}`, root: toHex(promise.records.root) },
    copies: `${promise.copies}`,
    key: promise.key,
    signature: promise.signature,
    record: record && {
      index: `${record.index}`,
      id: record.id,
      commitment: toHex(record.commitment),
      proof: record.proof.map(toHex),
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The bytes that the key signs. */
export function promiseSigningBytes(promise: GatewayPromise): Uint8Array {
  const bytes = new Uint8Array(SIGNED_BYTES);
  const view = new DataView(bytes.buffer);
  const key = getAddressEncoder();
  bytes.set(new TextEncoder().encode(SIGNING_LINE));
  let at = SIGNING_LINE.length;
  for (const part of [promise.genesisHash as string as Address, promise.program, promise.ledger]) {
    bytes.set(key.encode(part), at);
    at += 32;
  }
  view.setBigUint64(at, promise.from, true);
  view.setBigInt64(at + 8, promise.deadline, true);
  view.setBigUint64(at + 16, promise.records.count, true);
  bytes.set(promise.records.root, at + 24);
  view.setUint32(at + 56, Number(promise.copies), true);
  return bytes;
}

/**
 * Shows that one of the pinned keys signed a promise, and that its record, where it has one, is one of those that it is of.
 *
 * @throws {@link PromiseError} where it does not hold.
 */
export async function verifyPromise(promise: GatewayPromise, pins: PromisePins): Promise<void> {
  const { from, records, copies, key, record } = promise;
  for (const size of [from, records.count]) expectInRange(size);
  if (records.count === 0n) throw new PromiseError('no_records', 'the promise is of no record');
  if (copies === 0n) throw new PromiseError('no_copies', 'the promise says that no machine held the records');
  if (!(await isSigned(promise))) throw new PromiseError('not_signed', `${key} did not sign the promise`);
  if (record !== undefined) expectRecord(promise, record);
  if (!pins.keys.includes(key)) {
    throw new PromiseError('other_key', `${key} signed the promise, which is none of the keys that you rely on`);
  }
  expectSubject(promise, pins);
}

/**
 * Shows that a promise is for the ledger and of the record that were asked for; not that anybody signed it.
 *
 * @throws {@link PromiseError} where it is not.
 */
export function expectSubject(promise: GatewayPromise, pins: Omit<PromisePins, 'keys'>): void {
  const { ledger, record } = promise;
  if (pins.ledger !== undefined && ledger !== pins.ledger) {
    throw new PromiseError('wrong_ledger', `the promise is for ledger ${ledger}, not for ${pins.ledger}`);
  }
  if (pins.record !== undefined && record?.id !== pins.record) {
    const of = record === undefined ? 'names no record' : `is of record ${record.id}`;
    throw new PromiseError('wrong_record', `the promise ${of}, not of ${pins.record}`);
  }
}

/** A record's id: a UUID of version 7. */
export function readRecordId(value: unknown, where: string): string {
  const text = readText(value, where);
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text)) {
    throw new MalformedError(where, 'is not a UUID of version 7, in lowercase with hyphens');
  }
  return text;
}

function readRecord(value: unknown, where: string): PromisedRecord {
  const { index, id, commitment, proof } = readFields(value, ['index', 'id', 'commitment', 'proof'], [], where);
  return {
    index: readNumber(index, `${where}.index`),
    id: readRecordId(id, `${where}.id`),
    commitment: readHash(commitment, `${where}.commitment`),
    proof: readHashes(proof, `${where}.proof`),
  };
}

/** A signed 64-bit number, a string in decimal, of which there is one text. */
function readDeadline(value: unknown, where: string): bigint {
  const text = readText(value, where);
  const number = /^(0|-?[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : undefined;
  if (number === undefined || BigInt.asIntN(64, number) !== number) {
    throw new MalformedError(where, 'is not a signed 64-bit number in decimal');
  }
  return number;
}

function expectInRange(size: bigint): void {
  if (size <= MAX_TREE_SIZE) return;
  throw new PromiseError('out_of_range', `the promise needs a tree of ${size} leaves, more than ${MAX_TREE_SIZE}`);
}

function expectRecord({ records }: GatewayPromise, { index, id, commitment, proof }: PromisedRecord): void {
  expectInRange(index + 1n);
  const bytes = Uint8Array.from(id.replaceAll('-', '').match(/../g)!, (pair) => Number.parseInt(pair, 16));
  const leafHash = hashLeaf(Uint8Array.of(...bytes, ...commitment));
  try {
    verifyInclusion({ head: { size: records.count, root: records.root }, index, leafHash, proof });
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    const problem = `the promise's record is not one of those that it is of: ${cause.message}`;
    throw new PromiseError('record', problem, { cause });
  }
}

/**
 * The points whose order divides 8, by their y coordinate in all encodings. Such a key or nonce would let one signature be of
 * many messages, and the platform's Ed25519 takes them.
 */
const SMALL_ORDER: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
];

async function isSigned(promise: GatewayPromise): Promise<boolean> {
  const signature = getBase58Encoder().encode(promise.signature);
  const points = [getAddressEncoder().encode(promise.key), signature.slice(0, 32)];
  if (points.some(hasSmallOrder)) return false;
  let key: CryptoKey;
  try {
    key = await getPublicKeyFromAddress(promise.key);
  } catch {
    // 32 bytes that are no point of the curve.
    return false;
  }
  return verifySignature(key, Uint8Array.from(signature) as SignatureBytes, promiseSigningBytes(promise));
}

function hasSmallOrder(point: ReadonlyUint8Array): boolean {
  const bytes = Uint8Array.from(point);
  // The last bit is the sign of x.
  bytes[31]! &= 0x7f;
  return SMALL_ORDER.includes(toHex(bytes));
}
