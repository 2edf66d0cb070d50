/** A document of a ledger, asked from the API and judged here, again whenever its path or the reader's choice of servers changes. */

import { ask } from './api';
import { judge, type Judgement } from './judge';
import { settings } from './settings.svelte';

export interface Watched<T> {
  /** The document as the view reads it; null while there is none. */
  value: T | null;
  text: string;
  judgement: Judgement | null;
  problem: string;
}

/** `read` throws where the document is not what was asked for; `expect` says why a verified one is not. */
export function watch<T>(ledger: () => string, path: () => string, read: (body: any) => T, expect?: (judged: Judgement) => string | null): Watched<T> {
  const now: Watched<T> = $state({ value: null, text: '', judgement: null, problem: '' });
  $effect(() => {
    void JSON.stringify(settings);
    const of = ledger();
    let isOver = false;
    ask(path())
      .then(async ({ text, body }) => {
        if (isOver) return;
        Object.assign(now, { value: read(body), text, judgement: null, problem: '' });
        const judged = await judge(text, of);
        const fault = judged.state === 'refuted' ? null : expect?.(judged);
        if (!isOver) now.judgement = fault ? { ...judged, state: 'refuted', reason: fault } : judged;
      })
      .catch((error) => {
        if (!isOver) Object.assign(now, { value: null, judgement: null, problem: error.message });
      });
    return () => (isOver = true);
  });
  return now;
}
