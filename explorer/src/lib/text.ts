/** Texts of others: they are shown and not obeyed. */

/** Controls, marks that turn or hide text, and what no font shows. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** The text with all that is hidden in it written out; line ends and tabs stay where `lines` is set. */
export function shown(text: string, most = 400, lines = false): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return cut.replace(HIDDEN, (hidden) =>
    lines && (hidden === '\n' || hidden === '\t') ? hidden : `\\u{${hidden.codePointAt(0)!.toString(16)}}`,
  );
}

export const short = (text: string): string => (text.length > 20 ? `${text.slice(0, 8)}…${text.slice(-8)}` : text);

const groups = new Intl.NumberFormat('en');
export const counted = (count: string | bigint | number, one: string, many: string): string =>
  `${groups.format(BigInt(count))} ${String(count) === '1' ? one : many}`;
export const grouped = (count: string | bigint | number): string => groups.format(BigInt(count));

export const moment = (time: string | Date): string =>
  `${shown(time instanceof Date ? time.toISOString() : time, 40).replace('T', ' ').replace(/(\.\d+)?Z$/, '')} UTC`;
