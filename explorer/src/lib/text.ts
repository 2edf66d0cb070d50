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
/** A number with its digits grouped; another text as it is shown. */
export const grouped = (count: string | bigint | number): string =>
  /^[0-9]{1,20}$/.test(String(count)) ? groups.format(BigInt(count)) : shown(String(count), 40);
export const counted = (count: string | bigint | number, one: string, many: string): string => `${grouped(count)} ${String(count) === '1' ? one : many}`;

/** Where a page of a log begins: where the reader said, or so that it ends with the newest leaf. */
export function firstOf(from: string | null, size: string, limit: bigint): bigint {
  if (from !== null) return BigInt(from);
  return BigInt(size) > limit ? BigInt(size) - limit : 0n;
}

/** A chain's clock may say what no calendar has. */
const dated = (time: Date): string => (Number.isNaN(time.getTime()) ? 'no date' : time.toISOString());

export const moment = (time: string | Date): string =>
  `${shown(time instanceof Date ? dated(time) : time, 40).replace('T', ' ').replace(/(\.\d+)?Z$/, '')} UTC`;
