/** Asks the API that serves this page. Nothing of what it says is shown as verified before it was. */

import { shown } from './text';

const PATIENCE_MS = 15_000;

export interface Page {
  text: string;
  body: any;
}

/** An answer's text, by which it is verified, and what it says. */
export async function ask(path: string): Promise<Page> {
  let answer;
  try {
    answer = await fetch(`.${path}`, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Error('the API does not answer: is it up?');
  }
  const text = await answer.text();
  let body: any = null;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`the API answered ${answer.status} with what is no JSON`);
  }
  if (!answer.ok) throw new Error(shown(String(body?.detail ?? `the API answered ${answer.status}`)));
  return { text, body };
}

/** Addresses are put into paths only where they are addresses. */
export const isAddress = (text: string): boolean => /^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text);
export const isNumber = (text: string): boolean => /^(0|[1-9][0-9]{0,14})$/.test(text);
