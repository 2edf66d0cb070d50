/**
 * Wallets, by the Wallet Standard: each registers itself in the page by an event. Its words are shown as its own, and its
 * signatures are looked at before they are used.
 */

import { base58, equal, hex } from './bytes';
import { isSignedBy } from './ed25519';
import { shown } from './text';
import { within } from './wait';

/** The form that a wallet has by the standard. Any of it may be missing, throw, or be of another form. */
interface Standard {
  name?: unknown;
  icon?: unknown;
  chains?: unknown;
  features?: Record<string, any>;
  accounts?: unknown;
}

export interface Wallet {
  name: string;
  /** An image that is in the text itself; null where the wallet has none that this page shows. */
  icon: string | null;
  /** The chains that it says it signs for. */
  chains: string[];
  features: string[];
  raw: Standard;
}

export interface WalletAccount {
  address: string;
  key: Uint8Array;
  chains: string[];
  raw: unknown;
}

export interface Connection {
  wallet: Wallet;
  account: WalletAccount;
  /** All accounts that it showed to this page. */
  accounts: WalletAccount[];
}

const [MOST_WALLETS, MOST_ACCOUNTS, MOST_WORDS, MOST_ICON] = [24, 20, 40, 65_536];
/** How long a person may look at a wallet's question. */
export const PATIENCE_MS = 180_000;
const CONNECT = 'standard:connect';
const DISCONNECT = 'standard:disconnect';
const EVENTS = 'standard:events';
export const SIGN_TRANSACTION = 'solana:signTransaction';
export const SIGN_MESSAGE = 'solana:signMessage';
export const SIGN_IN = 'solana:signIn';

class Wallets {
  known: Wallet[] = $state.raw([]);
  connection: Connection | null = $state.raw(null);
  /** A change that the wallet made of its own accord: that it took its account back, or chose another. */
  notice: string = $state('');
}

export const wallets = new Wallets();
let stopListening: () => void = () => undefined;

/** A part of a wallet, which may throw when it is read. */
function part<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The first parts of a list, which need not have an end. */
function first(list: unknown, most: number): unknown[] {
  const found: unknown[] = [];
  if (list) for (const one of list as Iterable<unknown>) if (found.push(one) >= most) break;
  return found;
}

const words = (list: unknown): string[] => part(() => first(list, MOST_WORDS).map((word) => shown(String(word), 60))) ?? [];

/** The page's policy takes images from `data:` alone; a script in one does not run. */
const isIcon = (icon: unknown): icon is string =>
  typeof icon === 'string' && icon.length <= MOST_ICON && /^data:image\/(svg\+xml|png|webp|gif|jpeg)[;,]/.test(icon);

function describe(raw: Standard): Wallet {
  const icon = part(() => raw.icon);
  return {
    name: shown(String(part(() => raw.name) ?? ''), 60).trim() || 'a wallet without a name',
    icon: isIcon(icon) ? icon : null,
    chains: words(part(() => raw.chains)),
    features: words(part(() => Object.keys(raw.features ?? {}))),
    raw,
  };
}

function register(...added: Standard[]): () => void {
  for (const raw of added) {
    const isNew = raw && typeof raw === 'object' && !wallets.known.some((wallet) => wallet.raw === raw);
    const wallet = isNew && part(() => describe(raw));
    if (!wallet || wallets.known.length >= MOST_WALLETS) continue;
    // Wallets of other chains register in the same way.
    const isOfSolana = wallet.chains.some((chain) => chain.startsWith('solana:')) && wallet.features.includes(CONNECT);
    if (isOfSolana) wallets.known = [...wallets.known, wallet];
  }
  return () => {
    wallets.known = wallets.known.filter(({ raw }) => !added.includes(raw));
    if (wallets.connection && added.includes(wallets.connection.wallet.raw)) leave('The wallet took itself out of the page.');
  };
}

/** Listens to wallets that come later, and tells those that were first that this page is ready. */
export function listen(): void {
  const detail = Object.freeze({ register });
  addEventListener('wallet-standard:register-wallet', (event) => part(() => (event as CustomEvent).detail(detail)));
  dispatchEvent(new CustomEvent('wallet-standard:app-ready', { detail }));
}

/** A feature's function, bound to it. Throws where the wallet does not have it. */
export function feature(wallet: Wallet, name: string, method: string): (...args: unknown[]) => Promise<any> {
  const found = part(() => wallet.raw.features?.[name]);
  if (typeof found?.[method] !== 'function') throw new Error(`${wallet.name} does not offer ${name}.`);
  return async (...args) => found[method](...args);
}

/** The error of a wallet, as its word. */
const refusal = (wallet: Wallet, error: unknown): string => {
  const said = part(() => String((error as Error)?.message ?? error)) ?? '';
  return `${wallet.name} refused${said ? `: “${shown(said, 200)}”` : '.'}`;
};

/** Asks a wallet, for as long as a person may take. */
export async function request<T>(wallet: Wallet, asked: Promise<T>): Promise<T> {
  const late = `${wallet.name} did not answer in ${PATIENCE_MS / 60_000} minutes.`;
  let isLate = true;
  const answer = asked.then(
    (value) => ((isLate = false), value),
    (error) => {
      isLate = false;
      throw new Error(refusal(wallet, error));
    },
  );
  return within(answer, PATIENCE_MS, late).catch((error) => {
    throw isLate ? new Error(late) : error;
  });
}

/** An account whose address is its key; null for others. */
function readAccount(raw: any): WalletAccount | null {
  return (
    part(() => {
      const key = copied(raw.publicKey, 32) ?? new Uint8Array();
      const address = String(raw.address);
      return key.length === 32 && base58(key) === address ? { address, key, chains: words(raw.chains), raw } : null;
    }) ?? null
  );
}

const readAccounts = (list: unknown): WalletAccount[] =>
  (part(() => first(list, MOST_ACCOUNTS)) ?? []).map(readAccount).filter((account) => account !== null);

function leave(notice: string): void {
  stopListening();
  stopListening = () => undefined;
  wallets.connection = null;
  wallets.notice = notice;
}

/** The wallet's accounts or chains changed without this page's doing. */
function changed(raw: Standard): void {
  const { connection } = wallets;
  if (connection?.wallet.raw !== raw) return;
  const accounts = readAccounts(part(() => raw.accounts));
  const same = accounts.find(({ address }) => address === connection.account.address);
  const account = same ?? accounts[0];
  if (!account) return leave(`${connection.wallet.name} took its accounts back: no wallet is connected.`);
  wallets.notice = same ? '' : `${connection.wallet.name} chose another account. What was not signed yet is given up.`;
  wallets.connection = { wallet: describe(raw), account, accounts };
}

/** Connects a wallet, which asks its person. Throws words for the reader. */
export async function connect(wallet: Wallet): Promise<void> {
  const answer = await request(wallet, feature(wallet, CONNECT, 'connect')());
  const accounts = readAccounts(part(() => answer.accounts ?? wallet.raw.accounts));
  if (!accounts[0]) throw new Error(`${wallet.name} connected without an account that this page can use.`);
  leave('');
  wallets.connection = { wallet: describe(wallet.raw), account: accounts[0], accounts };
  const off = part(() => wallet.raw.features?.[EVENTS]?.on('change', () => changed(wallet.raw)));
  if (typeof off === 'function') stopListening = () => void part(() => (off as () => void)());
}

export function choose(account: WalletAccount): void {
  if (wallets.connection) wallets.connection = { ...wallets.connection, account };
}

export async function disconnect(): Promise<void> {
  const wallet = wallets.connection?.wallet;
  leave('');
  // A wallet that cannot be told, or does not listen, is not asked again all the same.
  if (wallet?.features.includes(DISCONNECT)) await within(feature(wallet, DISCONNECT, 'disconnect')(), 5_000, '').catch(() => undefined);
}

/** The text that proves a key, in the form of Sign-In With Solana, so that wallets show it as such. */
function signInText(fields: Record<string, string>): string {
  const { domain, address, statement, uri, version, nonce, issuedAt } = fields;
  const head = `${domain} wants you to sign in with your Solana account:\n${address}\n\n${statement}\n\n`;
  return `${head}URI: ${uri}\nVersion: ${version}\nNonce: ${nonce}\nIssued At: ${issuedAt}`;
}

export interface SignIn {
  /** null: this browser cannot tell. */
  holds: boolean | null;
  words: string;
}

/** Shows that the wallet holds its key: it signs a text of this page, of this moment. Throws words where it refuses. */
export async function signIn({ wallet, account }: Connection): Promise<SignIn> {
  const fields = {
    domain: location.host,
    address: account.address,
    statement: 'This shows a page that the wallet holds this key. It moves nothing and allows nothing.',
    uri: location.origin,
    version: '1',
    nonce: hex(crypto.getRandomValues(new Uint8Array(16))),
    issuedAt: new Date().toISOString(),
  };
  const text = new TextEncoder().encode(signInText(fields));
  const byMessage = () => feature(wallet, SIGN_MESSAGE, 'signMessage')({ account: account.raw, message: text.slice() });
  const asked = wallet.features.includes(SIGN_IN) ? feature(wallet, SIGN_IN, 'signIn')(fields) : byMessage();
  const answer = await request(wallet, asked);
  const [signed, signature] = [copied(answer?.[0]?.signedMessage, 4_096), copied(answer?.[0]?.signature, 64)];
  const no = (words: string): SignIn => ({ holds: false, words });
  if (!signed || !signature) return no(`${wallet.name} returned what is no signature.`);
  if (!equal(signed, text)) return no(`${wallet.name} signed another text than the one that it was given.`);
  const holds = await isSignedBy(account.key, text, signature);
  if (holds === false) return no(`${wallet.name} returned a signature that is not of this key.`);
  if (holds === null) return { holds, words: 'Cannot tell: this browser does not check such signatures.' };
  return { holds, words: 'This wallet holds this key: it signed a text of this page, of this moment.' };
}

/** A copy of bytes of a wallet's, so that it cannot change them after they were looked at; null for all that are no bytes. */
export function copied(bytes: unknown, most: number): Uint8Array | null {
  return part(() => (ArrayBuffer.isView(bytes) && bytes.byteLength <= most ? Uint8Array.from(bytes as Uint8Array) : null)) ?? null;
}
