/** From a plan to a transaction in the chain: the wallet signs, the page looks at what it returned, sends it, and waits for it. */

import { base58, concat, equal, fromBase64, hex, toBase64 } from './bytes';
import { call, Refused } from './chain';
import { isSignedBy } from './ed25519';
import { type Action, EVENT_KINDS, eventBody, key } from './instructions';
import { ask } from './api';
import { judge, type State } from './judge';
import { MOST_BYTES, transactionOf } from './message';
import { type Plan, sizeOf } from './plan';
import { fault } from './faults';
import { counted, grouped } from './text';
import { sleep } from './wait';
import { type Connection, copied, feature, request, SIGN_TRANSACTION } from './wallet.svelte';

export interface Signed {
  /** The transaction, of which the wallet holds no copy that it could change. */
  bytes: Uint8Array;
  /** Its name in the chain. */
  signature: string;
  /** Whether this browser checked the signature. */
  isProven: boolean;
}

/** Has the wallet sign, and refuses all but this very transaction, signed by this very key. Throws words for the reader. */
export async function sign(plan: Plan, { wallet, account }: Connection): Promise<Signed> {
  const transaction = transactionOf(plan.message);
  const asked = feature(wallet, SIGN_TRANSACTION, 'signTransaction')({ account: account.raw, transaction, chain: plan.cluster });
  const answer = await request(wallet, asked);
  const bytes = copied(read(answer), MOST_BYTES);
  if (!bytes || bytes.length < 65 || bytes[0] !== 1) throw new Error(`${wallet.name} returned what is no transaction with one signature. Nothing was sent.`);
  const [signature, message] = [bytes.slice(1, 65), bytes.slice(65)];
  if (!equal(message, plan.message)) {
    const sizes = `${counted(sizeOf(message), 'byte', 'bytes')}, and ${grouped(sizeOf(plan.message))} were shown to you`;
    throw new Error(`${wallet.name} changed the transaction: it returned ${sizes}. Some wallets do so to bid another fee. This page sends nothing but what it showed. Nothing was sent.`);
  }
  const holds = await isSignedBy(account.key, message, signature);
  if (holds === false) throw new Error(`${wallet.name} returned a signature that is not of the connected key. Nothing was sent.`);
  return { bytes, signature: base58(signature), isProven: holds === true };
}

function read(answer: any): unknown {
  try {
    return answer[0].signedTransaction;
  } catch {
    return null;
  }
}

export interface Outcome {
  state: State;
  reason: string;
  /** Where it stands among the entries or events, once it was found. */
  at?: string;
}

/** The chain refused it, and nothing was written. */
export class Failed extends Error {}

const [ROUND_MS, LANDING_MS, FINAL_MS, INDEX_MS] = [1_000, 90_000, 60_000, 45_000];
export const lookUp = (signature: string): string => `Its signature is ${signature}; a server that you trust can be asked for it.`;

/** A server's codes for a transaction that it tried and passed on to no one: one that fails, and one whose signature does not hold. */
const TRIED = [-32_002, -32_003];

/** Sends it to the reader's server. Throws `Failed` where the server tried it and it failed: it is not in the chain then. Else gives the words
 * of a server that did not say that it took it: it may be on its way all the same. */
export async function send({ bytes }: Signed, plan: Plan): Promise<string | null> {
  try {
    await call(plan.server, 'sendTransaction', [toBase64(bytes), { encoding: 'base64', preflightCommitment: 'confirmed' }]);
    return null;
  } catch (error) {
    if (error instanceof Refused && error.data?.err) throw new Failed(fault(error.data.err));
    if (error instanceof Refused && TRIED.includes(error.code as number)) throw new Failed(`The server refused it, and passed it on to no one: ${error.message}`);
    return error instanceof TypeError ? 'it cannot be reached' : (error as Error).message;
  }
}

interface Status {
  slot: string;
  isFinal: boolean;
}

/** Waits until the transaction stands in a block, confirmed. null: cannot tell. Throws `Failed` where it failed or can land no more. */
export async function landed({ signature }: Signed, plan: Plan, wanted: 'confirmed' | 'finalized' = 'confirmed'): Promise<Status | null> {
  const end = Date.now() + (wanted === 'confirmed' ? LANDING_MS : FINAL_MS);
  for (let round = 1; Date.now() < end; round += 1) {
    const status = await statusOf(plan.server, signature);
    if (status?.err) throw new Failed(fault(status.err));
    const isFinal = status?.confirmationStatus === 'finalized';
    if (status && (isFinal || (wanted === 'confirmed' && status.confirmationStatus === 'confirmed'))) return { slot: String(status.slot), isFinal };
    if (!status && round % 5 === 0 && (await isTooLate(plan, signature))) throw new Failed(TOO_LATE);
    await sleep(ROUND_MS);
  }
  return null;
}
const TOO_LATE = 'Your server says that it is in no block, and no block takes it any more: its blockhash is too old. Nothing was written then. Begin again.';

const statusOf = (server: string, signature: string): Promise<any> =>
  call(server, 'getSignatureStatuses', [[signature], { searchTransactionHistory: true }]).then(
    ({ value }) => value?.[0] ?? null,
    () => null,
  );

/** Whether a finalized block is past the last one that takes it, and it is in none. */
async function isTooLate({ server, lastHeight }: Plan, signature: string): Promise<boolean> {
  const height = await call(server, 'getBlockHeight', [{ commitment: 'finalized' }]).catch(() => 0);
  if (BigInt(height) <= lastHeight) return false;
  const answer = await call(server, 'getSignatureStatuses', [[signature], { searchTransactionHistory: true }]).catch(() => null);
  return answer !== null && answer.value?.[0] === null;
}

/** Looks for what it did among the documents of the ledger, each verified against the chain. */
export async function settled(plan: Plan, { slot }: Status): Promise<Outcome> {
  const end = Date.now() + INDEX_MS;
  let last: Outcome = { state: 'pending', reason: 'Your server says that it is in the chain, and final. The index does not show it yet.' };
  while (Date.now() < end) {
    last = (await (plan.action.kind === 'append' ? findEntry(plan, plan.action, slot) : findEvent(plan, slot)).catch(() => null)) ?? last;
    if (last.state === 'verified' || last.state === 'refuted') return last;
    await sleep(ROUND_MS);
  }
  return last;
}

async function findEntry(plan: Plan, { entry, size }: Action & { kind: 'append' }, slot: string): Promise<Outcome | null> {
  const { text, body } = await ask(`/v1/ledgers/${plan.ledger}/entries/${size}/receipt`);
  const isOurs = equal(fromBase64(body.entry.payload), entry) && isEvent(fromBase64(body.event.leaf), plan, slot);
  const { state, reason } = await judge(text, plan.ledger);
  if (state === 'verified' && !isOurs) return { state: 'refuted', reason: `The chain has another entry ${grouped(size)} than the one that you signed.` };
  return state === 'verified' ? { state, reason: `It is entry ${grouped(size)}, by its receipt and the head that your servers have.`, at: String(size) } : { state, reason };
}

async function findEvent(plan: Plan, slot: string): Promise<Outcome | null> {
  const { text, body } = await ask(`/v1/ledgers/${plan.ledger}/events?first=${plan.events}&limit=50`);
  const leaves: Uint8Array[] = body.events.map(({ leaf }: any) => fromBase64(leaf));
  const at = leaves.findIndex((leaf) => isEvent(leaf, plan, slot));
  if (at < 0) return null;
  const { state, reason } = await judge(text, plan.ledger);
  if (state !== 'verified') return { state, reason };
  const event = String(plan.events + BigInt(at));
  return { state, reason: `It is event ${grouped(event)}, by a certificate and the head that your servers have.`, at: event };
}

/** Whether a leaf is the event of this transaction: the kind, the ledger, the slot, the signer, and what it says. */
function isEvent(leaf: Uint8Array, { action, ledger, signer }: Plan, slot: string): boolean {
  const kind = hex(leaf.subarray(0, 8));
  if (kind !== EVENT_KINDS[action.kind] || leaf.length < 152) return false;
  const view = new DataView(leaf.buffer, leaf.byteOffset, leaf.byteLength);
  const said = concat(leaf.subarray(8, 40), leaf.subarray(64, 96), leaf.subarray(152));
  return String(view.getBigUint64(48, true)) === slot && equal(said, concat(key(ledger), key(signer), eventBody(action)));
}
