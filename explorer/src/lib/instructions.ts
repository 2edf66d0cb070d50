/** The instructions that this page makes, as docs/protocol.md section 4 lays them out, and the events that they leave (section 2). */

import { concat, fromBase58, littleEndian } from './bytes';
import { isOnCurve } from './ed25519';

/** `size`: how many entries the ledger must have, or the program refuses. */
export type Action =
  | { kind: 'append'; entry: Uint8Array; size: bigint; hasGrant: boolean }
  | { kind: 'grant'; wallet: string; subtrees: boolean; expires: bigint | null }
  | { kind: 'revoke'; wallet: string }
  | { kind: 'propose'; wallet: string | null }
  | { kind: 'accept'; authority: string }
  | { kind: 'seal'; size: bigint };
export type Kind = Action['kind'];

/** The program's own names. */
export const NAMES: Record<Kind, string> = {
  append: 'append',
  grant: 'grant_writer',
  revoke: 'revoke_writer',
  propose: 'propose_authority',
  accept: 'accept_authority',
  seal: 'seal_ledger',
};
const DISCRIMINATORS: Record<Kind, number[]> = {
  append: [0x95, 0x78, 0x12, 0xde, 0xec, 0xe1, 0x58, 0xcb],
  grant: [0xee, 0x7b, 0x04, 0xd6, 0xe9, 0x47, 0x2b, 0xb3],
  revoke: [0x54, 0xe5, 0x6d, 0xea, 0x53, 0x38, 0x4a, 0xeb],
  propose: [0x14, 0x94, 0xec, 0xc6, 0x4c, 0x77, 0x63, 0x8e],
  accept: [0x6b, 0x56, 0xc6, 0x5b, 0x21, 0x0c, 0x6b, 0xa0],
  seal: [0xd6, 0x4a, 0xe4, 0xcc, 0xc5, 0xb5, 0x4c, 0x20],
};
/** The kinds of their events, in hexadecimal. */
export const EVENT_KINDS: Record<Kind, string> = {
  append: 'f3a80463435d2aa5',
  grant: '090d9a578a05029a',
  revoke: '2b12afe1da5e675e',
  propose: 'f4755e7035972359',
  accept: 'a6c0dbbc29d1c31a',
  seal: '9d9ba47783850eb6',
};

export interface Meta {
  address: string;
  signer: boolean;
  writable: boolean;
}

export interface Instruction {
  program: string;
  accounts: Meta[];
  data: Uint8Array;
}

export const SYSTEM_PROGRAM = '11111111111111111111111111111111';
/** The last second of a grant without an end. */
const NEVER = 2n ** 63n - 1n;
const [APPEND, APPEND_SUBTREES] = [1, 2];

export const key = (address: string): Uint8Array => {
  const bytes = fromBase58(address);
  if (!bytes) throw new Error(`${address} is not an address`);
  return bytes;
};

/** The address of a program's own account. Throws where the browser cannot hash. */
export async function derive(program: string, ...seeds: Uint8Array[]): Promise<Uint8Array> {
  for (let bump = 255; bump >= 0; bump -= 1) {
    const text = concat(...seeds, [bump], key(program), new TextEncoder().encode('ProgramDerivedAddress'));
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
    if (!isOnCurve(hash)) return hash;
  }
  throw new Error('no address is left for these seeds');
}

const ascii = (text: string) => new TextEncoder().encode(text);
export const eventAuthority = (program: string) => derive(program, ascii('__event_authority'));
export const writerAddress = (program: string, ledger: string, wallet: string) => derive(program, ascii('writer'), key(ledger), key(wallet));

/** The body of the action's event: the bytes after its header. */
export function eventBody(action: Action): Uint8Array {
  switch (action.kind) {
    case 'append':
    case 'seal':
      return new Uint8Array();
    case 'grant':
      return grantOf(action);
    case 'revoke':
      return key(action.wallet);
    case 'propose':
      return action.wallet === null ? new Uint8Array(32) : key(action.wallet);
    case 'accept':
      return key(action.authority);
  }
}

const grantOf = ({ wallet, subtrees, expires }: Action & { kind: 'grant' }): Uint8Array =>
  concat(key(wallet), littleEndian(subtrees ? APPEND | APPEND_SUBTREES : APPEND, 4), littleEndian(expires ?? NEVER, 8));

function argumentsOf(action: Action): Uint8Array {
  switch (action.kind) {
    case 'append':
      return concat([1], littleEndian(action.size, 8), littleEndian(1, 4), littleEndian(action.entry.length, 4), action.entry);
    case 'grant':
      return grantOf(action);
    case 'propose':
      return eventBody(action);
    case 'seal':
      return Uint8Array.from(littleEndian(action.size, 8));
    default:
      return new Uint8Array();
  }
}

/** An instruction by which `signer`, who pays too, does this to a ledger. `addresses` are those that `resolve` found. */
export function instructionOf(action: Action, signer: string, ledger: string, program: string, addresses: Addresses): Instruction {
  const meta = (address: string, signs: boolean, writable: boolean): Meta => ({ address, signer: signs, writable });
  const [writes, written] = [meta(signer, true, true), meta(ledger, false, true)];
  const writer = meta(addresses.writer ?? program, false, action.kind === 'grant' || action.kind === 'revoke');
  const own: Record<Kind, Meta[]> = {
    append: [meta(signer, true, false), written, writer],
    grant: [writes, meta(signer, true, false), written, writer, meta(SYSTEM_PROGRAM, false, false)],
    revoke: [writes, written, writer],
    propose: [meta(signer, true, false), written],
    accept: [meta(signer, true, false), written],
    seal: [meta(signer, true, false), written],
  };
  return {
    program,
    accounts: [...own[action.kind], meta(addresses.events, false, false), meta(program, false, false)],
    data: concat(DISCRIMINATORS[action.kind], argumentsOf(action)),
  };
}

export interface Addresses {
  events: string;
  /** The grant that the action is about or uses; none where it has none. */
  writer: string | null;
}
