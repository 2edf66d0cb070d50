/** Asking a server for the transaction that emitted an event, and for the program that did. */

import { sha256 } from '@noble/hashes/sha2.js';
import {
  address,
  getAddressDecoder,
  getBase64Encoder,
  type Address,
  type GetAccountInfoApi,
  type GetBlockApi,
  type GetTransactionApi,
  type ReadonlyUint8Array,
  type Rpc,
  type Signature,
} from '@solana/kit';

import { ConfirmationError, EventError } from './errors.js';
import { eventLeaf, readEmitted, type ExecutedTransaction } from './event.js';
import { equalBytes, toHex } from './merkle.js';

/** An event of which a document says that the chain has it. */
export interface EventClaim {
  /** The document that says so, for errors: `the receipt`. */
  readonly what: string;
  /** The program that emitted it. */
  readonly program: Address;
  /** The slot that it states. */
  readonly slot: bigint;
  /** Kind, header and body. */
  readonly leaf: ReadonlyUint8Array;
  /** The transaction that holds it: a hint. */
  readonly transaction: Signature | undefined;
}

/** A program as a server reports it. */
interface DeployedProgram {
  /** SHA-256 of its bytes without the zeros after them, which the loader adds; lowercase hexadecimal. */
  readonly sha256: string;
  /** The slot in which it was last deployed, 0 for a program that no one can replace. */
  readonly slot: bigint;
}

const UPGRADEABLE_LOADER = address('BPFLoaderUpgradeab1e11111111111111111111111');
const IMMUTABLE_LOADERS: readonly string[] = [
  'BPFLoader1111111111111111111111111111111111',
  'BPFLoader2111111111111111111111111111111111',
];
/** Bytes before the program's own in its data account: kind (4), slot (8), authority (1 + 32). */
const PROGRAM_DATA_HEADER = 45;

/**
 * Shows that the program emitted an event, byte for byte, in a finalized transaction of the slot that it states,
 * and that it is a program that the reader knows and that has not been replaced since.
 *
 * @param released - SHA-256 of the programs that the reader knows.
 *
 * @throws {@link ConfirmationError}.
 */
export async function expectTransaction(
  name: string,
  rpc: Rpc<GetAccountInfoApi & GetBlockApi & GetTransactionApi>,
  claim: EventClaim,
  released: readonly string[],
): Promise<void> {
  const { slot, transaction: signature } = claim;
  const options = { commitment: 'finalized', encoding: 'json', maxSupportedTransactionVersion: 1 } as const;
  if (signature !== undefined) {
    const what = `transaction ${signature}`;
    const found = await answerOf(name, what, rpc.getTransaction(signature, options).send());
    if (found.slot !== slot || !(await holdsEvent(name, what, found, claim))) {
      const problem = `${what} of slot ${found.slot} does not hold ${claim.what}'s event of slot ${slot}, says ${name}`;
      const hint = 'its name is only a hint: without `transaction` the slot is searched';
      throw new ConfirmationError('event_missing', `${problem}; ${hint}`);
    }
  } else {
    const what = `the block of slot ${slot}`;
    const asked = rpc.getBlock(slot, { ...options, rewards: false, transactionDetails: 'full' }).send();
    const { transactions } = await answerOf(name, what, asked);
    const held = await Promise.all(transactions.map((found) => holdsEvent(name, what, found, claim)));
    if (!held.includes(true)) {
      // A server may give a block without all of it: that says nothing against the event.
      throw new ConfirmationError('event_missing', `${what} does not hold ${claim.what}'s event, says ${name}`);
    }
  }
  await expectProgram(name, rpc, claim.program, slot, released);
}

async function answerOf<T>(name: string, what: string, answer: Promise<T>): Promise<NonNullable<T>> {
  let found: T;
  try {
    found = await answer;
  } catch (cause) {
    throw new ConfirmationError('no_transaction', `${name} does not give ${what}`, { cause });
  }
  if (found) return found;
  throw new ConfirmationError('no_transaction', `${name} does not have ${what}, or not finalized`);
}

async function holdsEvent(
  name: string,
  what: string,
  transaction: ExecutedTransaction,
  { leaf, program }: EventClaim,
): Promise<boolean> {
  try {
    const emitted = await readEmitted(transaction, program);
    return emitted
      .filter((bytes) => equalBytes(bytes.slice(0, leaf.length), leaf))
      .some((bytes) => equalBytes(eventLeaf(bytes), leaf));
  } catch (cause) {
    if (!(cause instanceof EventError)) throw cause;
    throw new ConfirmationError('no_transaction', `${name} gives ${what} without all of it: ${cause.message}`, {
      cause,
    });
  }
}

async function expectProgram(
  name: string,
  rpc: Rpc<GetAccountInfoApi>,
  program: Address,
  slot: bigint,
  released: readonly string[],
): Promise<void> {
  const deployed = await fetchProgram(name, rpc, program);
  if (!released.includes(deployed.sha256)) {
    const problem = `program ${program} has SHA-256 ${deployed.sha256}, says ${name}, which is none that you know`;
    throw new ConfirmationError('unknown_program', problem);
  }
  if (deployed.slot >= slot) {
    const problem = `program ${program} was deployed in slot ${deployed.slot}, says ${name}, not before the event's ${slot}`;
    throw new ConfirmationError('program_changed', `${problem}: what ran then is unknown`);
  }
}

async function fetchProgram(name: string, rpc: Rpc<GetAccountInfoApi>, program: Address): Promise<DeployedProgram> {
  const account = await fetchAccount(name, rpc, program);
  if (IMMUTABLE_LOADERS.includes(account.owner)) return { sha256: hashOf(account.data), slot: 0n };
  if (account.owner !== UPGRADEABLE_LOADER || account.data[0] !== 2) throw notAProgram(name, program);
  const { data } = await fetchAccount(name, rpc, getAddressDecoder().decode(account.data, 4));
  if (data[0] !== 3 || data.length < PROGRAM_DATA_HEADER) throw notAProgram(name, program);
  const slot = new DataView(Uint8Array.from(data.slice(4, 12)).buffer).getBigUint64(0, true);
  return { sha256: hashOf(data.slice(PROGRAM_DATA_HEADER)), slot };
}

async function fetchAccount(name: string, rpc: Rpc<GetAccountInfoApi>, at: Address) {
  try {
    const { value } = await rpc.getAccountInfo(at, { commitment: 'finalized', encoding: 'base64' }).send();
    if (value === null) throw notAProgram(name, at);
    return { owner: value.owner, data: getBase64Encoder().encode(value.data[0]) };
  } catch (cause) {
    if (cause instanceof ConfirmationError) throw cause;
    throw new ConfirmationError('no_answer', `${name} does not say what the program is`, { cause });
  }
}

function notAProgram(name: string, at: Address): ConfirmationError {
  return new ConfirmationError('unknown_program', `what is at ${at}, says ${name}, is no program that can be read`);
}

function hashOf(bytes: ReadonlyUint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return toHex(sha256(Uint8Array.from(bytes.slice(0, end))));
}
