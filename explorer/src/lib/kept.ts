/** The newest head of each ledger that this browser saw, so that a later visit shows whether the ledger goes on from it. */

import { ask } from './api';
import type { Head } from './account';
import type { Chain } from './chain';
import { type Judgement, pinned } from './judge';
import { counted, moment } from './text';
import { verify } from './verifier';

interface Kept extends Head {
  at: string;
}

const name = (ledger: string, chain: Chain) => `counterfoil head ${chain.genesis} ${ledger}`;

function load(ledger: string, chain: Chain): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(name(ledger, chain)) ?? 'null');
    const isHead = /^(0|[1-9][0-9]{0,14})$/.test(kept?.size) && /^[0-9a-f]{64}$/.test(kept?.root) && !Number.isNaN(Date.parse(kept?.at));
    return isHead ? kept : null;
  } catch {
    return null;
  }
}

function save(ledger: string, chain: Chain, head: Head): void {
  try {
    localStorage.setItem(name(ledger, chain), JSON.stringify({ ...head, at: new Date().toISOString() }));
  } catch {
    // A browser that keeps nothing has nothing to compare with.
  }
}

/** Whether the ledger, as the servers have it, goes on from the head that was seen last; null at the first visit. A head that contradicts
 * stays kept. */
export async function compareWithKept(ledger: string, chain: Chain): Promise<Judgement | null> {
  const [kept, newest] = [load(ledger, chain), chain.entries[0]!];
  const of = (state: Judgement['state'], reason: string): Judgement => ({ state, reason, verdict: null, chain });
  if (!kept) {
    save(ledger, chain, newest);
    return null;
  }
  const seen = `${counted(kept.size, 'entry', 'entries')} that this browser saw on ${moment(kept.at)}`;
  const same = chain.entries.find(({ size }) => size === kept.size);
  if (same && same.root !== kept.root) return of('refuted', `The servers have another root over the ${seen}.`);
  if (BigInt(kept.size) > BigInt(newest.size)) return of('refuted', `The servers have fewer entries than the ${seen}.`);
  if (!same) {
    const { text } = await ask(`/v1/ledgers/${ledger}/consistency?log=entries&first=${kept.size}`);
    const pin = pinned(ledger, chain);
    const verdict = await verify(text, { ...pin, heads: [...pin.heads, { log: 'entries', size: kept.size, root: kept.root }] });
    if (verdict.verdict === 'refused') return of('refuted', `It does not go on from the ${seen}: ${verdict.reason}`);
    if (verdict.verdict !== 'verified') return of('pending', `Whether it goes on from the ${seen} cannot be told yet.`);
  }
  save(ledger, chain, newest);
  return of('verified', `It goes on from the ${seen}.`);
}
