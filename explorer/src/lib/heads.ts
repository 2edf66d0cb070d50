/** Whether one head goes on from another, and from or to the chain's. */

import type { Head } from './account';
import { ask } from './api';
import type { Chain } from './chain';
import { type Judgement, chainOf, type State } from './judge';
import { counted } from './text';
import { verify } from './verifier';

export const EMPTY_ROOT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Heads as `SIZE:ROOT`, with spaces or lines between them; null where one is none. */
export function readHeads(text: string): Head[] | null {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const found = words.map((word) => /^(0|[1-9][0-9]{0,14}):([0-9a-f]{64})$/i.exec(word));
  return found.every((match) => match !== null) ? found.map((match) => ({ size: match[1]!, root: match[2]!.toLowerCase() })) : null;
}

/** Two heads that were compared, and whether they are equal. */
export interface Comparison {
  what: string;
  found: string;
  expected: string;
  equal: boolean;
}

export interface Compared extends Judgement {
  comparisons: Comparison[];
}

const same = (one: Head, other: Head) => one.size === other.size && one.root === other.root;
const name = (head: Head) => `${head.size}:${head.root}`;
type Step = { holds: boolean | null; reason: string };

/** Whether `newer` goes on from `older`, by a proof of the API's that is verified here; null: no proof says so. Of two heads one
 * root over the first entries follows from the newer, so that another root there is a contradiction, whatever else an API says. */
async function follow(ledger: string, older: Head, newer: Head, tell: (comparison: Comparison) => void): Promise<Step> {
  if (older.size === newer.size || older.size === '0') {
    const expected = older.size === newer.size ? newer : { size: '0', root: EMPTY_ROOT };
    const equal = same(older, expected);
    tell({ what: `root of ${older.size}`, found: name(older), expected: name(expected), equal });
    return { holds: equal, reason: equal ? '' : `there are two roots over ${counted(older.size, 'entry', 'entries')}` };
  }
  const cannot = (reason: string): Step => ({ holds: null, reason });
  try {
    const { text, body } = await ask(`/v1/ledgers/${ledger}/consistency?log=entries&first=${older.size}&second=${newer.size}`);
    const verdict = await verify(text, { heads: [{ log: 'entries', ...newer }] });
    const [first, second] = [body.first, body.second].map(({ size, root }) => ({ size: String(size), root: String(root) })) as [Head, Head];
    tell({ what: `the proof's head of ${newer.size}`, found: name(second), expected: name(newer), equal: same(second, newer) });
    if (verdict.verdict !== 'verified' || !same(second, newer)) return cannot(`the API's proof does not lead to the head of ${newer.size}: ${verdict.reason}`);
    if (first.size !== older.size) return cannot('the API gave a proof of other heads');
    tell({ what: `the proof's head of ${older.size}`, found: name(first), expected: name(older), equal: same(first, older) });
    const holds = same(first, older);
    return { holds, reason: holds ? '' : `the log of ${newer.size} begins with another root over ${counted(older.size, 'entry', 'entries')}` };
  } catch (error) {
    return cannot((error as Error).message);
  }
}

/** Compares one or two heads of a reader's with each other and with the chain; where no server was asked, with the index's head. */
export async function compareHeads(ledger: string, heads: Head[], index: Head | null): Promise<Compared> {
  const chain: Chain = await chainOf(ledger, true);
  const comparisons: Comparison[] = [];
  const tell = (comparison: Comparison) => void comparisons.push(comparison);
  const of = (state: State, reason: string): Compared => ({ state, reason, verdict: null, chain, comparisons });
  const doubt: State = chain.account ? 'pending' : 'unasked';
  const [older, newer] = [...heads].sort((one, other) => (BigInt(one.size) < BigInt(other.size) ? -1 : 1)) as [Head, Head | undefined];
  const last = newer ?? older;
  const both = newer ? `The head of ${newer.size} goes on from that of ${older.size}. ` : '';
  if (newer) {
    const { holds, reason } = await follow(ledger, older, newer, tell);
    if (holds === false) return of('refuted', `Refuted: no log has both heads, for ${reason}.`);
    if (holds === null) return of(doubt, `Cannot tell: ${reason}.`);
  }
  const [known, newest] = [chain.entries.find(({ size }) => size === last.size), chain.entries[0] ?? null];
  if (known) {
    tell({ what: `the chain's head of ${last.size}`, found: name(known), expected: name(last), equal: same(known, last) });
    if (!same(known, last)) return of('refuted', `Refuted: the chain has another root over ${counted(last.size, 'entry', 'entries')}.`);
    return of('verified', `Verified: ${both}The head of ${last.size} is the chain's.`);
  }
  if (newest && BigInt(newest.size) < BigInt(last.size)) return of('pending', `Cannot tell: ${both}Your servers have ${counted(newest.size, 'entry', 'entries')}, which are fewer than ${last.size}.`);
  const end = newest ?? index;
  const whose = newest ? "the chain's" : "the index's";
  if (!end || BigInt(end.size) < BigInt(last.size)) return of(doubt, `${both}No head is there to compare that of ${last.size} with.`);
  const { holds, reason } = await follow(ledger, last, end, tell);
  if (holds === null) return of(doubt, `Cannot tell: ${both}Whether ${whose} head of ${end.size} goes on from it is not shown: ${reason}.`);
  if (newest && !holds) return of('refuted', `Refuted: the chain's log does not begin with the head of ${last.size}, for ${reason}.`);
  if (newest) return of('verified', `Verified: ${both}The chain's head of ${end.size} goes on from that of ${last.size}.`);
  if (!holds) return of('unasked', `Cannot tell: ${both}The index's log does not begin with the head of ${last.size}, and no server of the chain says which of them is right.`);
  return of('unasked', `${both}The index's head of ${end.size} goes on from that of ${last.size}, and no server of the chain has confirmed either: ${chain.problem ?? 'name one'}.`);
}
