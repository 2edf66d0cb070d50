/** A transaction before it is signed: its bytes, and what they do in plain words. */

import { base58, fromBase64, hex } from './bytes';
import { call, type Chain } from './chain';
import { type Action, eventAuthority, instructionOf, NAMES, writerAddress } from './instructions';
import { budget, messageOf, MOST_BYTES, SIGNATURE_BYTES, UNITS } from './message';
import { clusterOf, momentOf } from './rights';
import { PROGRAM, type Settings } from './settings.svelte';
import { counted, grouped } from './text';

/** In millionths of a lamport for each unit. Wallets raise a lower bid by themselves, and then sign other bytes than this page made. */
const [LEAST_BID, MOST_BID] = [100_000n, 1_000_000n];
const SIGNATURE_LAMPORTS = 5_000n;
/** The rent of a grant's 85 bytes. */
const GRANT_LAMPORTS = 1_482_480n;

export interface Plan {
  action: Action;
  /** The key that signs, and pays. */
  signer: string;
  ledger: string;
  program: string;
  cluster: string;
  /** The server that gave the blockhash, and gets the transaction. */
  server: string;
  message: Uint8Array;
  /** The last block that takes it. */
  lastHeight: bigint;
  /** How many events the ledger had before it, finalized. */
  events: bigint;
  bid: bigint;
  /** Its effect, in plain words. */
  sentences: string[];
  command: string;
}

export const sizeOf = (message: Uint8Array): number => SIGNATURE_BYTES + message.length;

/** The signer, the ledger, and the chain as it was read. */
export interface Setting {
  signer: string;
  ledger: string;
  chain: Chain;
  settings: Settings;
}

/** The server of the first answer that the quorum agrees with. */
const serverOf = (chain: Chain): string => chain.readings.find((reading) => reading.account && reading.genesis === chain.genesis)!.server;

/** How many entries a ledger has by now; the page's own reading of it is some seconds older. */
export async function fetchSize({ ledger, chain }: Setting): Promise<bigint> {
  const { value } = await call(serverOf(chain), 'getAccountInfo', [
    ledger,
    { commitment: 'confirmed', encoding: 'base64', dataSlice: { offset: 144, length: 8 } },
  ]);
  return new DataView(fromBase64(value.data[0]).buffer).getBigUint64(0, true);
}

/** The most that three of four transactions which wrote to the ledger lately bid, within bounds. */
async function fetchBid(server: string, ledger: string): Promise<bigint> {
  const fees = await call(server, 'getRecentPrioritizationFees', [[ledger]]).catch(() => []);
  const bids = [...fees].map((fee: any) => BigInt(fee?.prioritizationFee ?? 0)).sort((one, other) => (one < other ? -1 : 1));
  const bid = bids[Math.floor((bids.length * 3) / 4)] ?? 0n;
  return bid < LEAST_BID ? LEAST_BID : bid > MOST_BID ? MOST_BID : bid;
}

/** Makes the transaction, with a blockhash of this moment. Throws words where it cannot be made, or is too large. */
export async function makePlan(action: Action, setting: Setting): Promise<Plan> {
  const { signer, ledger, chain, settings } = setting;
  const { program } = settings;
  const [server, cluster] = [serverOf(chain), clusterOf(chain.genesis!)];
  const about = action.kind === 'append' ? (action.hasGrant ? signer : null) : 'wallet' in action && action.kind !== 'propose' ? action.wallet : null;
  const [{ value }, bid, events, writer] = await Promise.all([
    call(server, 'getLatestBlockhash', [{ commitment: 'confirmed' }]),
    fetchBid(server, ledger),
    eventAuthority(program),
    about === null ? null : writerAddress(program, ledger, about),
  ]);
  const addresses = { events: base58(events), writer: writer && base58(writer) };
  const instructions = [...budget(bid), instructionOf(action, signer, ledger, program, addresses)];
  const message = messageOf(signer, instructions, String(value.blockhash));
  if (sizeOf(message) > MOST_BYTES) {
    throw new Error(`The transaction would have ${grouped(sizeOf(message))} bytes, and the network takes ${grouped(MOST_BYTES)}. The wallet was not asked. ${WAYS_OUT}`);
  }
  return {
    action, signer, ledger, program, cluster, server, message, bid,
    lastHeight: BigInt(value.lastValidBlockHeight),
    events: BigInt(chain.account!.eventHead!.size),
    sentences: sentencesOf(action),
    command: commandOf(action, ledger, server, program),
  };
}
const WAYS_OUT = 'A longer entry takes counterfoil append with a file, or a program of yours that calls the ledger.';

/** The fee in lamports, at most. */
export const feeOf = ({ bid }: Plan): bigint => SIGNATURE_LAMPORTS + (bid * BigInt(UNITS) + 999_999n) / 1_000_000n;
export const rentOf = ({ action }: Plan): bigint => (action.kind === 'grant' ? GRANT_LAMPORTS : 0n);
export const sol = (lamports: bigint): string => `${Number(lamports) / 1e9} SOL`;

function sentencesOf(action: Action): string[] {
  switch (action.kind) {
    case 'append':
      return [
        `It appends one entry of ${counted(action.entry.length, 'byte', 'bytes')} as entry ${grouped(action.size)}. No one can take an entry out again, and all can read it.`,
        `Where another entry comes first, the program refuses it, and nothing is appended.`,
      ];
    case 'grant':
      return [
        `It lets ${action.wallet} append entries${action.subtrees ? ', and whole subtrees by their hashes' : ''}, ${action.expires === null ? 'without an end' : `until ${momentOf(action.expires)}`}.`,
        'It replaces what this wallet was granted before.',
      ];
    case 'revoke':
      return [`It takes the grant of ${action.wallet} back: that wallet can append no more. Its entries stay.`, "The authority gets the rent of the grant's account."];
    case 'propose':
      if (action.wallet === null) return ['It takes the offer of the authority back.'];
      return [`It offers the authority to ${action.wallet}. Once that wallet accepts, it alone grants, revokes and seals, and your key does not.`, 'It replaces an older offer. Until it is accepted, you can take it back.'];
    case 'accept':
      return [`It makes your key the authority, in place of ${action.authority}.`, 'From then on, your key alone grants, revokes and seals.'];
    case 'seal':
      return [`It seals the ledger at ${counted(action.size, 'entry', 'entries')}. Nothing can be appended after it, by anybody. No one can undo it.`, 'Where the ledger has another count by then, the program refuses it.'];
  }
}

/** A text as one word of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** An entry as an argument, where its text stays the same in a terminal; null for others. */
function argument(entry: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(entry);
    return /^[^-\p{C}\p{Zl}\p{Zp}][^\p{C}\p{Zl}\p{Zp}]*$/u.test(text) ? quoted(text) : null;
  } catch {
    return null;
  }
}

/** The command that does the same with the key in a file. */
function commandOf(action: Action, ledger: string, server: string, program: string): string {
  const options = [`--rpc ${quoted(server)}`, ...(program === PROGRAM ? [] : [`--program ${program}`])].join(' ');
  switch (action.kind) {
    case 'append': {
      const text = argument(action.entry);
      if (text) return `counterfoil append ${ledger} ${text} ${options}`;
      return `printf '${hex(action.entry).replace(/../g, (pair) => `\\${parseInt(pair, 16).toString(8).padStart(3, '0')}`)}' > entry.bin\ncounterfoil append ${ledger} --file entry.bin ${options}`;
    }
    case 'grant': {
      const until = action.expires === null ? '' : ` --expires ${new Date(Number(action.expires) * 1_000).toISOString().replace('.000', '')}`;
      return `counterfoil writer grant ${ledger} ${action.wallet}${action.subtrees ? ' --subtrees' : ''}${until} ${options}`;
    }
    case 'revoke':
      return `counterfoil writer revoke ${ledger} ${action.wallet} ${options}`;
    case 'propose':
      return `counterfoil ledger propose-authority ${ledger} ${action.wallet ?? '--nobody'} ${options}`;
    case 'accept':
      return `counterfoil ledger accept-authority ${ledger} ${options}`;
    case 'seal':
      return `counterfoil ledger seal ${ledger} --size ${action.size} ${options}`;
  }
}

export const instructionName = (action: Action): string => NAMES[action.kind];
