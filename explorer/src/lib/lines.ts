/** Rows as lines of JSON, and files for the reader. A file says in its name and in its last line when rows are missing. */

import { fromBase64 } from './bytes';
import type { Row } from './evidence';

export interface Missing {
  index?: string;
  why: string;
}

/** The rows, each a line, and a last line that says how many there are and what is not among them. */
export function toLines(rows: { row: Row; isDated: boolean; receipt?: string }[], left_out: Missing[], of: Record<string, string>): string {
  const lines = rows.map(({ row, isDated, receipt }) => {
    const { index, payload, event } = row;
    const own = isDated ? { signer: event.signer, slot: event.slot, time: event.time.toISOString() } : {};
    return JSON.stringify({ index, ...text(payload), payload, ...own, ...(receipt && { receipt: JSON.parse(receipt) }) });
  });
  const end = { rows: String(rows.length), whole: left_out.length === 0, left_out, ...of };
  return `${[...lines, JSON.stringify({ end })].join('\n')}\n`;
}

function text(payload: string): { text?: string } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(fromBase64(payload)) };
  } catch {
    return {};
  }
}

/** Gives the reader a file. */
export function save(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: 'application/x-ndjson' }));
  const link = document.createElement('a');
  [link.href, link.download] = [url, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
