/**
 * A completeness certificate: that a list is all of a log's leaves from one index up to another, for readers who trust no
 * operator.
 *
 * A certificate alone proves that a list and a head belong together. Whether the head is the chain's is for
 * `relate` to say, from an account that the reader fetched from servers of its own choice; and "up to now" is as fresh as
 * that account.
 */

import type { Address, Base58EncodedBytes, ReadonlyUint8Array } from '@solana/kit';

import type { LogName } from './account.js';
import { CertificateError, MalformedError, ProofError } from './errors.js';
import { readField, readFields, readHashes, readHead, readKey, readNumber, readText } from './json.js';
import { MAX_TREE_SIZE, verifyRange, type TreeHead } from './merkle.js';

/** The first field of every certificate of this form. */
export const CERTIFICATE_FORMAT = 'counterfoil certificate v1';

/** A certificate as it comes with a list; nothing in it is verified yet. */
export interface Certificate {
  /** The cluster, by the hash of its first block. */
  readonly genesisHash: Base58EncodedBytes;
  /** The program on it. */
  readonly program: Address;
  /** The ledger. */
  readonly ledger: Address;
  /** Which of its logs. */
  readonly log: LogName;
  /** The first leaf of the list. */
  readonly from: bigint;
  /** The leaf that follows the list's last. */
  readonly to: bigint;
  /** The head that the proof leads to. */
  readonly head: TreeHead;
  /** The slot at which that head was read from the chain: a hint, which nothing proves. */
  readonly slot: bigint;
  /** The roots of the largest subtrees outside the list, from left to right. */
  readonly proof: readonly ReadonlyUint8Array[];
}

/**
 * Reads a certificate from a page of the API, as `JSON.parse` gives it.
 *
 * @throws {@link MalformedError} that says where, {@link CertificateError} when it is of another format.
 */
export function readCertificate(json: unknown): Certificate {
  const where = 'certificate';
  if (readText(readField(json, 'format', where), `${where}.format`) !== CERTIFICATE_FORMAT) {
    throw new CertificateError('unknown_format', `the certificate's format is not "${CERTIFICATE_FORMAT}"`);
  }
  const names = ['format', 'genesis_hash', 'program', 'ledger', 'log', 'from', 'to', 'head', 'slot', 'proof'] as const;
  const fields = readFields(json, names, [], where);
  const log = readText(fields.log, `${where}.log`);
  if (log !== 'entries' && log !== 'events') throw new MalformedError(`${where}.log`, 'is neither entries nor events');
  return {
    genesisHash: readKey(fields.genesis_hash, `${where}.genesis_hash`) as string as Base58EncodedBytes,
    program: readKey(fields.program, `${where}.program`),
    ledger: readKey(fields.ledger, `${where}.ledger`),
    log,
    from: readNumber(fields.from, `${where}.from`),
    to: readNumber(fields.to, `${where}.to`),
    head: readHead(fields.head, `${where}.head`),
    slot: readNumber(fields.slot, `${where}.slot`),
    proof: readHashes(fields.proof, `${where}.proof`),
  };
}

/**
 * Verifies that a list is all of a log's leaves from `from` up to `to`, in order. Gives back the head, which is the chain's
 * only if the chain says so.
 *
 * @param leafHashes - `hashLeaf` of the bytes of each row of the list, never the hashes that came with it.
 *
 * @throws {@link CertificateError} when it is not.
 */
export function verifyCertificate(certificate: Certificate, leafHashes: readonly ReadonlyUint8Array[]): TreeHead {
  const { from, to, head, proof } = certificate;
  const largest = [from + 1n, to, head.size].find((size) => size > MAX_TREE_SIZE);
  if (largest !== undefined) {
    const needed = `the certificate needs a tree of ${largest} leaves, more than ${MAX_TREE_SIZE}`;
    throw new CertificateError('out_of_range', needed);
  }
  if (BigInt(leafHashes.length) !== to - from) {
    const count = `the list has ${leafHashes.length} leaves, the certificate is of ${to - from}`;
    throw new CertificateError('count', count);
  }
  try {
    verifyRange({ head, first: from, leafHashes, proof });
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    throw new CertificateError('proof', `the list is not the log's: ${cause.message}`, { cause });
  }
  return head;
}
