/** A search in a ledger: what is asked of the API, and whether a row satisfies it by its own bytes. */

import { isAddress, isNumber } from './api';
import { equal, fromBase64 } from './bytes';
import type { Row } from './evidence';

export const FIELDS = ['begins', 'path', 'value', 'signer', 'from', 'to', 'since', 'until'] as const;
/** Each as its reader wrote it, empty where it asks for nothing. */
export type Search = Record<(typeof FIELDS)[number], string>;

export function readSearch(query: string): Search {
  const given = new URLSearchParams(query);
  return Object.fromEntries(FIELDS.map((name) => [name, given.get(name) ?? ''])) as Search;
}

export const writeSearch = (search: Search): string => new URLSearchParams(FIELDS.filter((name) => search[name] !== '').map((name) => [name, search[name]])).toString();

/** A moment in UTC, as the field of a form has it; NaN where it is none. */
const moment = (text: string): number => Date.parse(`${text}Z`);

/** Why it cannot be asked; null where it can. */
export function problemOf(search: Search): string | null {
  const { path, value, signer, from, to, since, until } = search;
  if (value && !path) return 'A value is looked for at a path: customer.name, for example.';
  if (path && path.split('.').some((step) => !step)) return 'A path is names with dots between them.';
  if (signer && !isAddress(signer)) return 'The signer is not an address.';
  if ([from, to].some((index) => index && !isNumber(index))) return 'An index is a number.';
  if (from && to && BigInt(from) >= BigInt(to)) return 'The end is above the first index.';
  if ([since, until].some((time) => time && Number.isNaN(moment(time)))) return 'A time is a date and a time of day.';
  return null;
}

/** The API's parameters for it. */
export function parametersOf({ begins, path, value, signer, from, to, since, until }: Search): URLSearchParams {
  const json = path && { json: [{ path: path.split('.'), ...(value ? { eq: value } : { exists: true }) }] };
  const payload = { ...(begins && { prefix_text: begins }), ...json };
  const given: Record<string, string> = {
    signer,
    from_index: from,
    to_index: to,
    from_time: since && new Date(moment(since)).toISOString(),
    to_time: until && new Date(moment(until)).toISOString(),
    where: Object.keys(payload).length ? JSON.stringify({ payload }) : '',
    order: '-index',
  };
  return new URLSearchParams(Object.entries(given).filter(([, text]) => text !== ''));
}

/** The range of indexes in which it looks. */
export function rangeOf({ from, to }: Search, size: string): [bigint, bigint] {
  const end = to && BigInt(to) < BigInt(size) ? BigInt(to) : BigInt(size);
  return [from ? BigInt(from) : 0n, end];
}

/** Whether it asks by whom or when, which events tell. */
export const asksEvents = ({ signer, since, until }: Search): boolean => Boolean(signer || since || until);

/** Whether the text at a path is the one that is looked for; null where this page and the index may spell it in two ways. */
function isAt(payload: Uint8Array, path: string[], wanted: string): boolean | null {
  let value: any;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return false;
  }
  for (const step of path) {
    if (Array.isArray(value) ? !/^-?[0-9]+$/.test(step) : value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return false;
    value = Array.isArray(value) ? value.at(Number(step)) : value[step];
    if (value === undefined) return false;
  }
  if (wanted === '') return true;
  if (typeof value === 'string') return value === wanted;
  if (typeof value === 'boolean') return String(value) === wanted;
  // A null has no text.
  if (value === null) return null;
  // JSON has many spellings of a number, and a list's or an object's spaces are not kept.
  return typeof value === 'number' && Number(wanted) !== value ? false : String(value) === wanted && Number.isSafeInteger(value) ? true : null;
}

/** Whether a row satisfies it, by the bytes that its proof covers; null: this page cannot tell. */
export function isMatch(search: Search, { index, payload, event }: Row): boolean | null {
  const { begins, path, value, signer, from, to, since, until } = search;
  const [bytes, start] = [fromBase64(payload), new TextEncoder().encode(begins)];
  const at = event.time.getTime();
  if ((from && BigInt(index) < BigInt(from)) || (to && BigInt(index) >= BigInt(to))) return false;
  if (!equal(bytes.subarray(0, start.length), start)) return false;
  if ((signer && event.signer !== signer) || (since && at < moment(since)) || (until && at >= moment(until))) return false;
  return path ? isAt(bytes, path.split('.'), value) : true;
}
