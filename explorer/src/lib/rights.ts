/** The rights of a key at a ledger, by the account and the grant that a quorum of the reader's servers has. */

import { base58, equal, fromBase64, hex } from './bytes';
import { call, type Chain } from './chain';
import { key, type Kind, writerAddress } from './instructions';
import type { Settings } from './settings.svelte';
import { moment, short } from './text';
import { type Connection, SIGN_TRANSACTION } from './wallet.svelte';

/** The clusters that wallets have names for, by their genesis hashes. Any other one is somebody's own. */
const CLUSTERS: Record<string, string> = {
  '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d': 'solana:mainnet',
  '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY': 'solana:testnet',
  EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG: 'solana:devnet',
};
export const clusterOf = (genesis: string): string => CLUSTERS[genesis] ?? 'solana:localnet';

const WRITER_BYTES = 85;
const WRITER = '095ff086fdda43d3';
const NEVER = 2n ** 63n - 1n;

export interface Grant {
  address: string;
  mayAppend: boolean;
  /** The first second in which it no longer holds; null for never. */
  expires: bigint | null;
}

async function fetchGrant(server: string, address: string, ledger: string, wallet: string, program: string): Promise<Grant | null> {
  const { value } = await call(server, 'getAccountInfo', [address, { commitment: 'finalized', encoding: 'base64' }]);
  if (!value || value.owner !== program) return null;
  const data = fromBase64(value.data[0]);
  const isGrant = data.length === WRITER_BYTES && hex(data.subarray(0, 8)) === WRITER;
  if (!isGrant || !equal(data.subarray(8, 40), key(ledger)) || !equal(data.subarray(40, 72), key(wallet))) return null;
  const view = new DataView(data.buffer);
  const expires = view.getBigInt64(76, true);
  return { address, mayAppend: (view.getUint32(72, true) & 1) !== 0, expires: expires === NEVER ? null : expires };
}

/** A wallet's grant, null where it has none. Throws where no quorum says the same. */
export async function askGrant(wallet: string, ledger: string, settings: Settings): Promise<Grant | null> {
  const address = base58(await writerAddress(settings.program, ledger, wallet));
  const asked = settings.servers.map((server) => fetchGrant(server, address, ledger, wallet, settings.program));
  const answers = (await Promise.allSettled(asked)).flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const text = (grant: Grant | null) => `${grant?.mayAppend} ${grant?.expires}`;
  const agreed = answers.findIndex((grant) => answers.filter((other) => text(other) === text(grant)).length >= settings.quorum);
  if (agreed < 0) throw new Error('Your servers do not agree on the grant of this key, or do not answer.');
  return answers[agreed]!;
}

/** Why nothing can be signed here, if so. */
export function obstacle(chain: Chain | null, { wallet, account }: Connection): string | null {
  if (!chain) return 'Asking the chain …';
  if (!chain.account || !chain.genesis) return chain.problem ?? 'No server of the chain is named. What a key may do is read from the chain, so name one under “Chain”.';
  if (!chain.areRightsAgreed) return 'Your servers do not agree on the rights of this ledger.';
  if (!chain.account.eventHead) return 'Your browser hashes for pages on https alone, and addresses have to be hashed.';
  if (!wallet.features.includes(SIGN_TRANSACTION)) return `${wallet.name} does not sign transactions for a page to look at first (${SIGN_TRANSACTION}).`;
  const cluster = clusterOf(chain.genesis);
  const own = account.chains.length ? account.chains : wallet.chains;
  if (own.includes(cluster)) return null;
  return `Your servers are of ${cluster}. ${wallet.name} says that it signs for ${own.join(', ') || 'no chain'}.`;
}

/** Why a key may not do this, if so. */
export function refusalOf(kind: Kind, address: string, account: NonNullable<Chain['account']>, grant: Grant | null): string | null {
  const isAuthority = account.authority === address;
  const authority = `The authority alone may do this, which is ${short(account.authority)}.`;
  const offered = account.pendingAuthority;
  switch (kind) {
    case 'append':
      if (account.isSealed) return 'The ledger is sealed: nothing can be appended.';
      if (isAuthority || account.isOpen) return null;
      if (!grant) return 'This key is not the authority, it has no grant, and the ledger is not open.';
      if (!grant.mayAppend) return "This key's grant is for subtrees alone.";
      return hasExpired(grant) ? `This key's grant ended at ${momentOf(grant.expires!)}.` : null;
    case 'grant':
    case 'seal':
      if (account.isSealed) return kind === 'seal' ? 'The ledger is sealed already.' : 'The ledger is sealed, and takes no grants.';
      return isAuthority ? null : authority;
    case 'accept':
      if (offered === address) return null;
      return offered ? `The authority is offered to ${short(offered)}, not to this key.` : 'The authority is offered to no one.';
    default:
      return isAuthority ? null : authority;
  }
}

/** By this machine's clock: the chain's own decides. */
const hasExpired = ({ expires }: Grant): boolean => expires !== null && expires <= BigInt(Math.floor(Date.now() / 1_000));
export const momentOf = (seconds: bigint): string => moment(new Date(Number(seconds) * 1_000));
