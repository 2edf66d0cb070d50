/** A ledger's account: what it proves, and how an earlier head stands to it. */

import { address, type Address, type ReadonlyUint8Array } from '@solana/kit';

import { AccountError } from './errors.js';
import { getLedgerDecoder, getLedgerSize, LEDGER_DISCRIMINATOR } from './generated/index.js';
import { equalBytes, frontierRoot, MAX_TREE_SIZE, type TreeHead } from './merkle.js';

/** The account layout that this version reads. */
export const LEDGER_VERSION = 1;

/** The bits of a ledger's flags. */
export const LedgerFlag = {
  /** Nothing can be appended any more. */
  Sealed: 1,
  /** Anybody may append entries. */
  Open: 2,
  /** Subtrees may be appended by their hashes. */
  SubtreesAllowed: 4,
} as const;

/** The bits of a grant's permissions. */
export const Permission = {
  /** May append entries. */
  Append: 1,
  /** May append subtrees by their hashes, where the ledger allows it. */
  AppendSubtrees: 2,
} as const;

/** A ledger's account, believed as far as the server is that sent it. */
export interface LedgerAccount {
  /** Bits of {@link LedgerFlag}. */
  readonly flags: number;
  /** The creator's name for the ledger, 32 bytes; part of the account's address. */
  readonly id: ReadonlyUint8Array;
  /** The wallet that created it; part of the account's address. */
  readonly creator: Address;
  /** The wallet that may grant and revoke, and always append. */
  readonly authority: Address;
  /** To whom the authority is offered. */
  readonly pendingAuthority: Address | null;
  /** Leaves appended by the hash of a subtree: the chain did not see their bytes. */
  readonly leavesBySubtree: bigint;
  /** Heads ever written. */
  readonly headsWritten: bigint;
  /** The slot of creation. */
  readonly createdSlot: bigint;
  /** The chain's clock at creation, in seconds since 1970. */
  readonly createdTime: bigint;
  /** The slot of the last append, 0 before the first. */
  readonly appendedSlot: bigint;
  /** The chain's clock at the last append, in seconds since 1970, 0 before the first. */
  readonly appendedTime: bigint;
  /** The head of the log, its root computed from the frontier. */
  readonly entries: TreeHead;
  /** The head of the event log, its root computed from the event frontier. */
  readonly events: TreeHead;
  /** The newest heads of the log, oldest first, at most 16. */
  readonly heads: readonly TreeHead[];
}

/** Which of a ledger's two logs. */
export type LogName = 'entries' | 'events';

/** How an earlier head stands to an account; `current` is what the account says. */
export type Relation =
  /** The account's head is the same. */
  | { readonly kind: 'same'; readonly current: TreeHead }
  /** The account has grown, and its ring still holds the earlier head. */
  | { readonly kind: 'in_ring'; readonly current: TreeHead }
  /** The account has grown: a consistency proof to `current` must show that it extends the earlier head. */
  | { readonly kind: 'grown'; readonly current: TreeHead }
  /** The account is behind: the server is stale, or on another fork. */
  | { readonly kind: 'stale'; readonly current: TreeHead }
  /** The account says another root, `current`, for the same size: one of the two is false. */
  | { readonly kind: 'contradiction'; readonly current: TreeHead };

const NOBODY = address('11111111111111111111111111111111');

/**
 * Reads an account's data and computes both roots from their frontiers. The caller must check which program owns the account.
 *
 * @throws {@link AccountError}.
 */
export function decodeLedgerAccount(data: ReadonlyUint8Array): LedgerAccount {
  if (data.length !== getLedgerSize()) {
    throw new AccountError('wrong_length', `a ledger's account has ${getLedgerSize()} bytes, not ${data.length}`);
  }
  const raw = getLedgerDecoder().decode(data);
  if (!equalBytes(raw.discriminator, LEDGER_DISCRIMINATOR)) {
    throw new AccountError('not_a_ledger', 'the account is not a ledger');
  }
  if (raw.version !== LEDGER_VERSION) {
    throw new AccountError('unknown_version', `the account has layout ${raw.version}, this version reads layout 1`);
  }
  const { flags, id, creator, authority, leavesBySubtree, headsWritten, createdSlot, createdTime } = raw;
  return {
    flags,
    id,
    creator,
    authority,
    pendingAuthority: raw.pendingAuthority === NOBODY ? null : raw.pendingAuthority,
    leavesBySubtree,
    headsWritten,
    createdSlot,
    createdTime,
    appendedSlot: raw.appendedSlot,
    appendedTime: raw.appendedTime,
    entries: headOf(raw.size, raw.frontier),
    events: headOf(raw.eventSeq, raw.eventFrontier),
    heads: oldestFirst(raw.heads, headsWritten),
  };
}

/** Compares an earlier head with an account. */
export function relate(log: LogName, earlier: TreeHead, account: LedgerAccount): Relation {
  const current = account[log];
  if (earlier.size === current.size) {
    return { kind: equalBytes(earlier.root, current.root) ? 'same' : 'contradiction', current };
  }
  if (earlier.size > current.size) return { kind: 'stale', current };
  const ring = log === 'entries' ? account.heads : [];
  const kept = ring.find((head) => head.size === earlier.size);
  if (kept === undefined) return { kind: 'grown', current };
  return equalBytes(earlier.root, kept.root) ? { kind: 'in_ring', current } : { kind: 'contradiction', current: kept };
}

function headOf(size: bigint, frontier: readonly ReadonlyUint8Array[]): TreeHead {
  expectSize(size);
  frontier.forEach((slot, level) => {
    const isNeeded = ((size >> BigInt(level)) & 1n) === 1n;
    if (isNeeded === slot.some((byte) => byte !== 0)) return;
    throw new AccountError('inconsistent', `slot ${level} of the account's frontier does not fit its size ${size}`);
  });
  return { size, root: frontierRoot(size, frontier) };
}

/** The ring holds head `n` in slot `n % 16`. */
function oldestFirst(ring: readonly TreeHead[], written: bigint): TreeHead[] {
  ring.forEach(({ size }) => expectSize(size));
  const slots = BigInt(ring.length);
  if (written < slots) return ring.slice(0, Number(written));
  const oldest = Number(written % slots);
  return [...ring.slice(oldest), ...ring.slice(0, oldest)];
}

function expectSize(size: bigint): void {
  if (size <= MAX_TREE_SIZE) return;
  throw new AccountError('out_of_range', `the account says size ${size}, the largest tree has ${MAX_TREE_SIZE} leaves`);
}
