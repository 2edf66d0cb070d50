/** Says of a document in which of the four states it is, after it was verified here. */

import type { Verdict } from '@counterfoil/verifier';

import { type Chain, askChain } from './chain';
import { settings } from './settings.svelte';
import { verify } from './verifier';

/** `verified`: against the chain. `pending`: it holds together, and the servers that were asked do not have its head (yet).
 * `refuted`: something contradicts. `unasked`: it holds together, and no server of the chain was asked, or none answered. */
export type State = 'verified' | 'pending' | 'refuted' | 'unasked';

export const WORDS: Record<State, string> = {
  verified: 'verified against the chain',
  pending: 'the index says so, pending',
  refuted: 'refuted',
  unasked: 'chain not asked',
};

export interface Judgement {
  state: State;
  reason: string;
  verdict: Verdict | null;
  chain: Chain | null;
}

const FRESH_MS = 3_000;
const asked = new Map<string, { at: number; key: string; chain: Promise<Chain> }>();

/** The ledger's account as the person's servers have it, asked again where that was some seconds ago. */
export function chainOf(ledger: string, fresh = false): Promise<Chain> {
  const key = JSON.stringify(settings);
  const last = asked.get(ledger);
  if (last && last.key === key && (!fresh || Date.now() - last.at < FRESH_MS)) return last.chain;
  const chain = askChain(ledger, settings);
  asked.set(ledger, { at: Date.now(), key, chain });
  return chain;
}

/** The pin of a ledger, by what its servers say. */
export const pinned = (ledger: string, chain: Chain) => ({
  ledger,
  ...(chain.genesis && { genesis_hash: chain.genesis, program: settings.program }),
  heads: [
    ...chain.entries.map((head) => ({ log: 'entries' as const, ...head })),
    ...chain.events.map((head) => ({ log: 'events' as const, ...head })),
  ],
});

/** Verifies a document of a ledger: a page with its certificate, a receipt, a consistency proof. */
export async function judge(document: string, ledger: string): Promise<Judgement> {
  let chain: Chain | null = null;
  try {
    chain = await chainOf(ledger);
    let verdict = await verify(document, pinned(ledger, chain));
    if (verdict.verdict === 'cannot_tell' && chain.account) {
      // The ledger may have grown since the servers were asked.
      chain = await chainOf(ledger, true);
      verdict = await verify(document, pinned(ledger, chain));
    }
    if (verdict.verdict === 'verified') return { state: 'verified', reason: verdict.reason, verdict, chain };
    if (verdict.verdict === 'refused') return { state: 'refuted', reason: verdict.reason, verdict, chain };
    if (chain.account) return { state: 'pending', reason: verdict.reason, verdict, chain };
    const reason = chain.problem ?? 'it holds together, which anybody can make so. Name servers of the chain to compare it with';
    return { state: 'unasked', reason, verdict, chain };
  } catch (error) {
    return { state: 'unasked', reason: error instanceof Error ? error.message : String(error), verdict: null, chain };
  }
}
