/** The page's address: all after `#`, which no server sees. */

import { isAddress, isNumber } from './api';

export type Route =
  | { view: 'ledgers' }
  | { view: 'ledger'; ledger: string; tab: Tab; from: string | null; query: string }
  | { view: 'entry'; ledger: string; index: string }
  | { view: 'receipt'; packed: string }
  | { view: 'verify' }
  | { view: 'wallet' }
  | { view: 'nowhere'; path: string };

export const TABS = ['entries', 'search', 'events', 'rights', 'compare', 'servers', 'wallet'] as const;
export type Tab = (typeof TABS)[number];

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function parse(hash: string): Route {
  const [, first, ledger = '', kind, at] = (hash.slice(1) || '/').split('/');
  if (!first) return { view: 'ledgers' };
  if (first === 'verify' || first === 'wallet') return { view: first };
  if (first === 'receipt') return { view: 'receipt', packed: ledger };
  if (first !== 'ledger' || !isAddress(ledger)) return { view: 'nowhere', path: hash.slice(1) };
  if (kind === 'entry' && at && isNumber(at)) return { view: 'entry', ledger, index: at };
  const tab = TABS.find((known) => known === kind) ?? 'entries';
  return { view: 'ledger', ledger, tab, from: at && isNumber(at) ? at : null, query: plain(at ?? '') };
}

/** A server that the link names: it is asked after the person agreed, not before. */
export const suggested: { server: string | null } = $state({ server: null });

function start(): Route {
  const link = /^#rpc=([^&]+)/.exec(location.hash);
  if (!link) return parse(location.hash);
  try {
    suggested.server = decodeURIComponent(link[1]!);
  } catch {
    suggested.server = null;
  }
  history.replaceState(null, '', '#/');
  return { view: 'ledgers' };
}

export const route: { now: Route } = $state({ now: start() });

addEventListener('hashchange', () => {
  route.now = parse(location.hash);
  document.querySelector('main')?.focus({ preventScroll: true });
  scrollTo(0, 0);
});

export const ledgerLink = (ledger: string, tab: Tab = 'entries', from: string | null = null): string =>
  `#/ledger/${ledger}/${tab}${from === null ? '' : `/${from}`}`;
export const entryLink = (ledger: string, index: string): string => `#/ledger/${ledger}/entry/${index}`;
