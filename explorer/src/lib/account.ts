/** A ledger's account, as docs/protocol.md section 3 lays it out. */

import { base58, hex } from './bytes';

const BYTES = 4_048;
const DISCRIMINATOR = '2b2915d5b4b05f20';
const [SIZE, EVENTS, HEADS, CREATED, APPENDED, EVENT_FRONTIER, RING] = [144, 160, 168, 176, 192, 1_744, 3_280];
const RING_SLOTS = 16n;
const EMPTY_ROOT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface Head {
  size: string;
  root: string;
}

export interface Account {
  /** The newest head of the entries, and those of before that the account still has. */
  heads: Head[];
  /** The head of the events; none where the browser cannot hash, which it can on https and on this machine. */
  eventHead: Head | null;
  authority: string;
  pendingAuthority: string | null;
  isSealed: boolean;
  isOpen: boolean;
  takesSubtrees: boolean;
  created: { slot: string; time: Date };
  appended: { slot: string; time: Date } | null;
}

async function root(size: bigint, frontier: Uint8Array): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  let folded: Uint8Array | null = null;
  for (let level = 0; level < 48; level += 1) {
    if (!((size >> BigInt(level)) & 1n)) continue;
    const peak = frontier.slice(level * 32, level * 32 + 32);
    folded = folded && new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array([1, ...peak, ...folded])));
    folded ??= peak;
  }
  return folded ? hex(folded) : EMPTY_ROOT;
}

/** Reads an account's bytes. Throws where they are not a ledger's of this version. */
export async function readAccount(data: Uint8Array): Promise<Account> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length !== BYTES || hex(data.subarray(0, 8)) !== DISCRIMINATOR || data[8] !== 1) {
    throw new Error('the account is not a ledger of this version');
  }
  const number = (at: number) => view.getBigUint64(at, true);
  const [size, events, written] = [number(SIZE), number(EVENTS), number(HEADS)];
  const heads: Head[] = [];
  for (let back = 1n; back <= RING_SLOTS && back <= written; back += 1n) {
    const at = RING + Number((written - back) % RING_SLOTS) * 40;
    heads.push({ size: String(number(at)), root: hex(data.subarray(at + 8, at + 40)) });
  }
  if (size === 0n) heads.push({ size: '0', root: EMPTY_ROOT });
  if (heads[0]?.size !== String(size)) throw new Error("the account's newest head is not of its size");
  const flags = view.getUint32(12, true);
  const key = (at: number) => base58(data.subarray(at, at + 32));
  const moment = (at: number) => ({ slot: String(number(at)), time: new Date(Number(view.getBigInt64(at + 8, true)) * 1_000) });
  const pending = data.subarray(112, 144);
  const eventRoot = await root(events, data.subarray(EVENT_FRONTIER, RING));
  return {
    heads,
    eventHead: eventRoot === null ? null : { size: String(events), root: eventRoot },
    authority: key(80),
    pendingAuthority: pending.some((byte) => byte !== 0) ? key(112) : null,
    isSealed: (flags & 1) !== 0,
    isOpen: (flags & 2) !== 0,
    takesSubtrees: (flags & 4) !== 0,
    created: moment(CREATED),
    appended: number(APPENDED) === 0n ? null : moment(APPENDED),
  };
}
