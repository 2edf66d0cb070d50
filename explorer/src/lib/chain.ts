/** The ledger's account, as servers of the person's choice have it. Nothing is asked before the person has named a server. */

import { type Account, type Head, readAccount } from './account';
import { fromBase64 } from './bytes';
import type { Settings } from './settings.svelte';
import { shown } from './text';

const PATIENCE_MS = 8_000;
const MOST_CHARACTERS = 100_000;

export interface Reading {
  server: string;
  /** How it answered: the account, or why there is none. */
  account?: Account;
  genesis?: string;
  slot?: string;
  problem?: string;
}

export interface Chain {
  readings: Reading[];
  /** The account of a server that the quorum agrees with; none where there is no quorum. */
  account: Account | null;
  genesis: string | null;
  /** Whether a quorum has the account's rights as well: authority, offer and flags, which no head covers. */
  areRightsAgreed: boolean;
  /** The heads that at least a quorum of the servers has. */
  entries: Head[];
  events: Head[];
  agreeing: number;
  /** Why nothing can be compared. */
  problem: string | null;
}

/** A server's answer that it did not do it. */
export class Refused extends Error {
  /** The server's words on it, of any form. */
  readonly data: any;
  readonly code: unknown;

  constructor(message: string, error: any) {
    super(message);
    this.data = error?.data;
    this.code = error?.code;
  }
}

export async function call(server: string, method: string, params: unknown[]): Promise<any> {
  const answer = await fetch(server, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(PATIENCE_MS),
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    redirect: 'error',
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  const text = await answer.text();
  if (text.length > MOST_CHARACTERS) throw new Error('its answer is too long');
  const { result, error } = JSON.parse(text);
  if (error || result === undefined) throw new Refused(`it refuses ${method}${error?.message ? `: ${shown(String(error.message))}` : ''}`, error);
  return result;
}

async function read(server: string, ledger: string, program: string): Promise<Reading> {
  try {
    const [genesis, { context, value }] = await Promise.all([
      call(server, 'getGenesisHash', []),
      call(server, 'getAccountInfo', [ledger, { commitment: 'finalized', encoding: 'base64' }]),
    ]);
    if (!value) throw new Error('it has no account at this address, finalized');
    if (value.owner !== program) throw new Error('the account belongs to another program');
    return { server, genesis: String(genesis), slot: String(context.slot), account: await readAccount(fromBase64(value.data[0])) };
  } catch (error) {
    const why = error instanceof TypeError ? 'it cannot be reached from this page: is it up, and does it answer pages of other origins?' : error instanceof Error ? error.message : String(error);
    return { server, problem: why };
  }
}

const rights = ({ authority, pendingAuthority, isSealed, isOpen, takesSubtrees }: Account) =>
  JSON.stringify([authority, pendingAuthority, isSealed, isOpen, takesSubtrees]);

const same = (one: Head, other: Head) => one.size === other.size && one.root === other.root;

/** The heads of which at least `quorum` servers say that the ledger has or had them, the newest first. */
function agreed(lists: Head[][], quorum: number): Head[] {
  const all = lists.flat().filter((head, at, heads) => heads.findIndex((other) => same(head, other)) === at);
  const held = all.filter((head) => lists.filter((list) => list.some((other) => same(head, other))).length >= quorum);
  return held.sort((one, other) => (BigInt(one.size) < BigInt(other.size) ? 1 : -1));
}

export async function askChain(ledger: string, settings: Settings): Promise<Chain> {
  const readings = await Promise.all(settings.servers.map((server) => read(server, ledger, settings.program)));
  const good = readings.filter((reading) => reading.account);
  const genesis = good[0]?.genesis ?? null;
  const none = { readings, account: null, genesis: null, areRightsAgreed: false, entries: [], events: [], agreeing: 0 };
  if (settings.servers.length === 0) return { ...none, problem: null };
  if (good.some((reading) => reading.genesis !== genesis)) return { ...none, problem: 'the servers are of different clusters' };
  if (good.length < settings.quorum) return { ...none, problem: `${good.length} of ${readings.length} servers answered, ${settings.quorum} are needed` };
  const entries = agreed(good.map(({ account }) => account!.heads), settings.quorum);
  const newest = entries[0];
  if (!newest) return { ...none, problem: 'the servers contradict each other: they have no head in common' };
  const events = agreed(good.map(({ account }) => (account!.eventHead ? [account!.eventHead] : [])), settings.quorum);
  const agreeing = good.filter(({ account }) => account!.heads.some((head) => same(head, newest)));
  const { account } = (agreeing.find((reading) => same(reading.account!.heads[0]!, newest)) ?? agreeing[0])!;
  const areRightsAgreed = good.filter((reading) => rights(reading.account!) === rights(account!)).length >= settings.quorum;
  return { readings, account: account!, genesis, areRightsAgreed, entries, events, agreeing: agreeing.length, problem: null };
}
