/** The bytes of a transaction, in the form without a version. */

import { concat, littleEndian } from './bytes';
import { type Instruction, key } from './instructions';

/** The network's bound on a transaction, its signatures included. */
export const MOST_BYTES = 1_232;
/** The one signature and its count, before the message. */
export const SIGNATURE_BYTES = 65;

const COMPUTE_BUDGET = 'ComputeBudget111111111111111111111111111111';
/** The most that any of this page's instructions uses is a fraction of it. */
export const UNITS = 80_000;

/** The bound of what the transaction may use, and the bid for that. A wallet that finds both there has no reason to add its own. */
export const budget = (microLamports: bigint): Instruction[] => [
  { program: COMPUTE_BUDGET, accounts: [], data: concat([2], littleEndian(UNITS, 4)) },
  { program: COMPUTE_BUDGET, accounts: [], data: concat([3], littleEndian(microLamports, 8)) },
];

/** A length in seven bits a byte, the lowest first. */
function compact(length: number): number[] {
  return length < 0x80 ? [length] : [(length & 0x7f) | 0x80, ...compact(length >> 7)];
}

const list = (parts: Uint8Array[]): Uint8Array => concat(compact(parts.length), ...parts);
const sized = (bytes: Uint8Array | number[]): Uint8Array => concat(compact(bytes.length), bytes);

/** The message that one key signs, who pays. */
export function messageOf(payer: string, instructions: Instruction[], blockhash: string): Uint8Array {
  const roles = new Map<string, { signer: boolean; writable: boolean }>([[payer, { signer: true, writable: true }]]);
  const programs = instructions.map(({ program }) => ({ address: program, signer: false, writable: false }));
  for (const { address, signer, writable } of [...instructions.flatMap(({ accounts }) => accounts), ...programs]) {
    const role = roles.get(address);
    roles.set(address, { signer: signer || !!role?.signer, writable: writable || !!role?.writable });
  }
  const group = (signer: boolean, writable: boolean) =>
    [...roles].filter(([, role]) => role.signer === signer && role.writable === writable).map(([address]) => address);
  const [signers, readers, written, read] = [group(true, true), group(true, false), group(false, true), group(false, false)];
  const all = [...signers, ...readers, ...written, ...read];
  const body = instructions.map(({ program, accounts, data }) =>
    concat([all.indexOf(program)], sized(accounts.map(({ address }) => all.indexOf(address))), sized(data)),
  );
  return concat([signers.length + readers.length, readers.length, read.length], list(all.map(key)), key(blockhash), list(body));
}

/** The transaction with its signature, or with room for it. */
export const transactionOf = (message: Uint8Array, signature = new Uint8Array(64)): Uint8Array<ArrayBuffer> => concat([1], signature, message);
