/** The rows of a search, each judged by its own receipt. */

import { ask } from './api';
import { readEvent } from './event';
import type { Row } from './evidence';
import { judge, type Judgement } from './judge';
import { isMatch, type Search } from './search';

export interface Found {
  index: string;
  /** As the receipt has it; null while it is not there, and where it could not be had. */
  row: Row | null;
  /** The receipt. */
  text: string;
  judgement: Judgement | null;
  /** Whether signer and time are shown, too. */
  isDated: boolean;
}

const AT_ONCE = 6;

/** Asks the receipt of a row, and says in which state the row is: a row that does not satisfy the search by its own bytes is refuted. */
async function judgeRow(ledger: string, index: string, search: Search): Promise<Found> {
  try {
    const { text, body } = await ask(`/v1/ledgers/${ledger}/entries/${index}/receipt`);
    const row: Row = { index: String(body.entry.index), payload: body.entry.payload, event: readEvent(body.event.leaf) };
    const judgement = await judge(text, ledger);
    const isDated = judgement.verdict?.facts?.event !== undefined;
    const refuted = (reason: string): Found => ({ index, row, text, isDated, judgement: { ...judgement, state: 'refuted', reason } });
    if (judgement.state === 'refuted') return { index, row: null, text, isDated: false, judgement };
    if (row.index !== index) return refuted(`The receipt is of entry ${row.index}.`);
    if (isMatch(search, row) === false) return refuted('It does not satisfy the search, by its own bytes.');
    return { index, row, text, isDated, judgement };
  } catch (error) {
    const judgement: Judgement = { state: 'pending', reason: `Its receipt could not be had: ${(error as Error).message}`, verdict: null, chain: null };
    return { index, row: null, text: '', isDated: false, judgement };
  }
}

/** Judges rows, some at once, and tells of each when it is. */
export async function judgeRows(ledger: string, indexes: string[], search: Search, tell: (at: number, found: Found) => void): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < indexes.length) {
      const at = next++;
      tell(at, await judgeRow(ledger, indexes[at]!, search));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
