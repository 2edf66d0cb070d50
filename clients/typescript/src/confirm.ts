/** Asking servers of the reader's own choice whether a receipt, or evidence, is the chain's. */

import {
  createSolanaRpc,
  getBase64Encoder,
  type Address,
  type Base58EncodedBytes,
  type Commitment,
  type GetAccountInfoApi,
  type GetBlockApi,
  type GetGenesisHashApi,
  type GetTransactionApi,
  type ReadonlyUint8Array,
  type Rpc,
} from '@solana/kit';

import { decodeLedgerAccount, relate, type LedgerAccount, type LogName } from './account.js';
import { AccountError, ConfirmationError, ProofError } from './errors.js';
import { COUNTERFOIL_PROGRAM_ADDRESS } from './generated/index.js';
import { toHex, verifyConsistency, type TreeHead } from './merkle.js';
import type { VerifiedEvidence } from './evidence.js';
import { RECEIPT_FORMAT, type VerifiedReceipt } from './receipt.js';
import { expectTransaction, type EventClaim } from './transaction.js';

/** A Solana JSON-RPC server under a name that errors may show. */
export interface Server {
  /** Tells it from the others. */
  readonly name: string;
  /** The connection, for servers that want headers of their own. */
  readonly rpc: Rpc<GetAccountInfoApi & GetBlockApi & GetGenesisHashApi & GetTransactionApi>;
}

/** An account as a server reported it. */
export interface AccountAt {
  /** The slot as of which it did. */
  readonly slot: bigint;
  /** The account. */
  readonly account: LedgerAccount;
}

/** Which consistency proof is needed. */
export interface ConsistencyRequest {
  /** The ledger. */
  readonly ledger: Address;
  /** Which of its logs. */
  readonly log: LogName;
  /** The head that the receipt, or the evidence, leads to. */
  readonly first: TreeHead;
  /** The account's head, which is larger. */
  readonly second: TreeHead;
}

/** Against what a receipt, or evidence, is confirmed. */
export interface ConfirmOptions {
  /** Servers that you choose, by URL or with a connection. One that stands there twice is asked once. */
  readonly servers: readonly (string | Server)[];
  /** How many of them must confirm it. Default: more than half. */
  readonly quorum?: number;
  /** The program that you trust. Default: the one that the IDL declares. */
  readonly program?: Address;
  /**
   * Finds a consistency proof where a ledger has grown beyond what its account's ring shows: from any API with the
   * ledger, or from its leaf hashes. It is not trusted: the proof is verified. Hashes as {@link verifyConsistency} takes.
   */
  readonly consistency?: (request: ConsistencyRequest) => Promise<readonly ReadonlyUint8Array[]>;
  /**
   * SHA-256 of the program's releases that you trust, in lowercase hexadecimal: what `sha256sum` says of the file that was
   * deployed. With it, where the account does not show entry or event, the transaction that holds the event is looked for;
   * of use for receipts without a bridge, and where there is no API to ask for `consistency`.
   */
  readonly releasedPrograms?: readonly string[];
}

/**
 * The bridge between a receipt, or evidence, and the chain. `ring`: the account, or its ring, has a head that it leads to;
 * `consistency`: the account's head is proven to extend one. Both show that today's account contains it. `transaction`:
 * the program emitted the event in the slot that it states; that today's account extends it rests on the program.
 */
export type ChainBridge = 'ring' | 'consistency' | 'transaction';

/** A server's confirmation. */
export interface ServerConfirmation extends AccountAt {
  /** The server's name: the host, where it was given by URL. */
  readonly server: string;
  /** How it shows that the entry is the chain's. */
  readonly entryBy: ChainBridge;
  /** How it shows that the event is, which says who appended the entry, and when. */
  readonly eventBy: ChainBridge;
}

/** A server's confirmation of evidence. */
export interface EvidenceServerConfirmation extends ServerConfirmation {
  /**
   * Of which events it is shown that they are the chain's: of `all`, or of the `last` one alone, which is all that its
   * transaction shows. It shows the entries of the events before it then, not who appended them, nor when.
   */
  readonly eventsShown: 'all' | 'last';
}

/** The servers that confirmed a receipt or evidence, and why the others did not. */
export interface Confirmation<Confirmed = ServerConfirmation> {
  /** At least the quorum. */
  readonly confirmed: readonly Confirmed[];
  /** The answers of the other servers. None of it contradicts what is to be confirmed. */
  readonly refused: readonly { readonly server: string; readonly error: ConfirmationError }[];
}

/**
 * Asks each server for the ledger's finalized account and shows that its heads equal the receipt's or extend them; or,
 * given `releasedPrograms`, that the chain recorded the event in the slot that it states.
 *
 * Servers are asked, their answers are no proof: choose several that do not depend on one another. A server that
 * contradicts is not outvoted, for one of the two lines is false then. This does not look at who can replace the program.
 *
 * @throws {@link ConfirmationError}, whose `action` says whether to ask again later: `wrong_program`, `wrong_cluster`
 * and `contradiction` at once; when fewer than the quorum confirm, the code that all refusals have, else `too_few`.
 */
export async function confirmReceipt(verified: VerifiedReceipt, options: ConfirmOptions): Promise<Confirmation> {
  const { receipt, event, stated, later } = verified;
  return confirmClaim(
    {
      what: 'the receipt',
      genesisHash: receipt.genesisHash,
      program: receipt.program,
      ledger: receipt.ledger,
      slot: event.header.slot,
      leaf: receipt.event.leaf,
      transaction: receipt.format === RECEIPT_FORMAT ? receipt.transaction : undefined,
      stated,
      later,
    },
    options,
  );
}

/**
 * As {@link confirmReceipt}, of evidence: its entries, and the events that appended them. Where the transaction is what
 * shows the events, it shows the last one alone: `eventsShown` says so.
 *
 * @throws As {@link confirmReceipt}.
 */
export async function confirmEvidence(
  verified: VerifiedEvidence,
  options: ConfirmOptions,
): Promise<Confirmation<EvidenceServerConfirmation>> {
  const { header, event, leaf, stated, later } = verified;
  const { genesisHash, program, ledger, transaction } = header;
  const { slot } = event.header;
  const what = 'the evidence';
  const claim = { what, genesisHash, program, ledger, slot, leaf, transaction, stated, later };
  const { confirmed, refused } = await confirmClaim(claim, options);
  const isOne = header.events.to - header.events.from === 1n;
  const shown = ({ eventBy }: ServerConfirmation) => (eventBy === 'transaction' && !isOne ? 'last' : 'all');
  return { confirmed: confirmed.map((server) => ({ ...server, eventsShown: shown(server) })), refused };
}

/**
 * Fetches a ledger's account from one server.
 *
 * @param commitment - Default: `finalized`, the only one that verification may rest on.
 *
 * @throws {@link AccountError} when there is none, or another program owns it, or it cannot be read; what the
 * connection throws.
 */
export async function fetchLedgerAccount(
  rpc: Rpc<GetAccountInfoApi>,
  ledger: Address,
  {
    program = COUNTERFOIL_PROGRAM_ADDRESS,
    commitment = 'finalized',
  }: { program?: Address; commitment?: Commitment } = {},
): Promise<AccountAt> {
  const { context, value } = await rpc.getAccountInfo(ledger, { commitment, encoding: 'base64' }).send();
  if (value === null) throw new AccountError('missing', `there is no ledger at ${ledger}, ${commitment}`);
  if (value.owner !== program) {
    throw new AccountError('wrong_owner', `the account at ${ledger} is program ${value.owner}'s, not ${program}'s`);
  }
  return { slot: context.slot, account: decodeLedgerAccount(getBase64Encoder().encode(value.data[0])) };
}

/** A claim that is to be the chain's: entries under heads of the log, and the event that states one of them. */
interface Claim extends EventClaim {
  readonly genesisHash: Base58EncodedBytes;
  readonly ledger: Address;
  /** The head that the event states, where the entries are proven to be under it. */
  readonly stated: TreeHead | undefined;
  /** Later heads of both logs. */
  readonly later: VerifiedReceipt['later'];
}

type Refusal = Confirmation['refused'][number];

async function confirmClaim(claim: Claim, options: ConfirmOptions): Promise<Confirmation> {
  const servers = namedServers(options.servers);
  const quorum = options.quorum ?? Math.floor(servers.length / 2) + 1;
  if (!Number.isInteger(quorum) || quorum < 1 || quorum > servers.length) {
    throw new ConfirmationError('bad_quorum', `the quorum is ${quorum}, of ${servers.length} servers`);
  }
  const { what, program } = claim;
  const trusted = options.program ?? COUNTERFOIL_PROGRAM_ADDRESS;
  if (program !== trusted) {
    const problem = `${what} is of program ${program}, you trust ${trusted}: another program's ledger proves nothing`;
    throw new ConfirmationError('wrong_program', problem);
  }
  const answers = await Promise.all(servers.map((server) => ask(server, claim, options)));
  const confirmed = answers.filter((answer) => 'account' in answer);
  const refused = answers.filter((answer) => 'error' in answer);
  const final = refused.find(({ error }) => error.code === 'wrong_cluster' || error.code === 'contradiction');
  if (final !== undefined) throw final.error;
  if (confirmed.length < quorum) throw tooFew(confirmed.length, quorum, refused);
  return { confirmed, refused };
}

async function ask(server: Server, claim: Claim, options: ConfirmOptions): Promise<ServerConfirmation | Refusal> {
  try {
    return { server: server.name, ...(await confirm(server, claim, options)) };
  } catch (error) {
    if (!(error instanceof ConfirmationError)) throw error;
    return { server: server.name, error };
  }
}

async function confirm(
  server: Server,
  claim: Claim,
  options: ConfirmOptions,
): Promise<Omit<ServerConfirmation, 'server'>> {
  const { what, genesisHash, ledger, program, stated, later } = claim;
  const [cluster, reading] = await answerOf(
    server,
    Promise.all([server.rpc.getGenesisHash().send(), fetchLedgerAccount(server.rpc, ledger, { program })]),
  );
  if (cluster !== genesisHash) {
    const problem = `${what} is of cluster ${genesisHash}, ${server.name} of cluster ${cluster}`;
    throw new ConfirmationError('wrong_cluster', `${problem}: ask servers of the cluster of ${what}`);
  }
  const heads = { entries: [later?.entries, stated], events: [later?.events] };
  let inTransaction: Promise<void> | undefined;
  const show = async (log: LogName): Promise<ChainBridge> => {
    const known = heads[log].filter((head) => head !== undefined);
    try {
      return await expectExtends(server, { what, ledger, log }, known, reading.account, options);
    } catch (error) {
      const { releasedPrograms } = options;
      const isNeeded = error instanceof ConfirmationError && error.code === 'proof_needed';
      if (!isNeeded || releasedPrograms === undefined || stated === undefined) throw error;
      inTransaction ??= expectTransaction(server.name, server.rpc, claim, releasedPrograms);
      await inTransaction;
      return 'transaction';
    }
  };
  const entryBy = await show('entries');
  return { ...reading, entryBy, eventBy: await show('events') };
}

async function answerOf<T>(server: Server, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    const problem = cause instanceof AccountError ? cause.message : 'the request failed';
    throw new ConfirmationError('no_answer', `${server.name} gave no answer of use: ${problem}`, { cause });
  }
}

/** Of several heads that each contain what is to be shown, newest first, one is enough. */
async function expectExtends(
  { name }: Server,
  { what, ledger, log }: Pick<ConsistencyRequest, 'ledger' | 'log'> & Pick<Claim, 'what'>,
  heads: readonly TreeHead[],
  account: LedgerAccount,
  { consistency }: ConfirmOptions,
): Promise<ChainBridge> {
  const found = heads.map((first) => ({ first, ...relate(log, first, account) }));
  const denied = found.find(({ kind }) => kind === 'contradiction');
  if (denied !== undefined) {
    const [said, held] = [toHex(denied.current.root), toHex(denied.first.root)];
    const problem = `${name} says that the root of the first ${denied.first.size} ${log} is ${said}, ${what} says ${held}`;
    throw new ConfirmationError('contradiction', `${problem}: one of the two is false`);
  }
  if (found.some(({ kind }) => kind === 'same' || kind === 'in_ring')) return 'ring';
  const grown = found.find(({ kind }) => kind === 'grown');
  if (grown !== undefined) {
    await bridge(what, { ledger, log, first: grown.first, second: grown.current }, consistency);
    return 'consistency';
  }
  const [stale] = found;
  if (stale === undefined) {
    const problem = `${what} has no head of the ${log}: one with a bridge is needed`;
    throw new ConfirmationError('proof_needed', `${problem}, or the transaction (option releasedPrograms)`);
  }
  const problem = `${name} is stale: it has ${stale.current.size} ${log}, ${what} ${stale.first.size}`;
  throw new ConfirmationError('stale', `${problem}: ask it again later`);
}

async function bridge(
  what: string,
  request: ConsistencyRequest,
  consistency: ConfirmOptions['consistency'],
): Promise<void> {
  const { log, first, second } = request;
  const grown = `the ledger has grown from ${first.size} to ${second.size} ${log} since ${what}`;
  const needed = `${grown}: a consistency proof is needed (option consistency), or ${what} made anew`;
  if (consistency === undefined) throw new ConfirmationError('proof_needed', needed);
  let proof: readonly ReadonlyUint8Array[];
  try {
    proof = await consistency(request);
  } catch (cause) {
    throw new ConfirmationError('proof_needed', `${needed}; asking for the proof failed`, { cause });
  }
  try {
    verifyConsistency({ first, second, proof });
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    throw new ConfirmationError('contradiction', `${grown}, and the proof does not hold: ${cause.message}`, { cause });
  }
}

/** A server's URL in its one form, so that another text of it does not count as another server. */
function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfirmationError('bad_server', 'the URL of a server begins with http:// or https://');
  }
  url.hash = '';
  if (url.search === '') url.search = '';
  return url.href;
}

function namedServers(servers: ConfirmOptions['servers']): Server[] {
  const unique = new Map(
    servers.map((server) => [typeof server === 'string' ? serverUrl(server) : server.name, server]),
  );
  return [...unique.values()].map((server) =>
    // A URL may hold a key: errors show its host alone.
    typeof server === 'string' ? { name: new URL(server).host, rpc: createSolanaRpc(server) } : server,
  );
}

function tooFew(confirmed: number, quorum: number, refused: readonly Refusal[]): ConfirmationError {
  const codes = new Set(refused.map(({ error }) => error.code));
  const [code = 'too_few'] = codes.size === 1 ? codes : [];
  const asked = confirmed + refused.length;
  const reasons = refused.map(({ error }) => error.message).join('; ');
  return new ConfirmationError(code, `${confirmed} of ${asked} servers confirmed it, ${quorum} are needed: ${reasons}`);
}
