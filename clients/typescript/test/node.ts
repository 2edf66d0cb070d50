/** A Solana node for the tests, and what they do on it. */

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import {
  appendTransactionMessageInstruction,
  createSolanaRpc,
  createTransactionMessage,
  generateKeyPairSigner,
  getBase64EncodedWireTransaction,
  lamports,
  pipe,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
  type Instruction,
  type KeyPairSigner,
  type Rpc,
  type Signature,
  type SolanaRpcApi,
} from '@solana/kit';

import { readEvents, type EmittedEvent } from '../src/index.js';
import { projectPath } from './support.js';

const PATIENCE_MS = 60_000;

/** An event, and the transaction that holds it. */
export interface SentEvent extends EmittedEvent {
  readonly signature: Signature;
}

/** A node, started for these tests or, where ANCHOR_PROVIDER_URL names one, already there with the program. */
export class Node {
  readonly rpc: Rpc<SolanaRpcApi>;

  private constructor(
    readonly url: string,
    private readonly child?: ChildProcess,
  ) {
    this.rpc = createSolanaRpc(url);
  }

  /** A node that is there with the program. */
  static at(url: string): Node {
    return new Node(url);
  }

  static async start(): Promise<Node> {
    const url = process.env['ANCHOR_PROVIDER_URL'];
    if (url !== undefined) return Node.at(url);
    const { address } = JSON.parse(readFileSync(projectPath('idls/counterfoil.json'), 'utf8')) as { address: string };
    const so = projectPath('programs/counterfoil/release/counterfoil.so');
    const node = process.env['COUNTERFOIL_LOCALNET'] ?? programPath('counterfoil-localnet');
    // It ends with this process, whose end closes its standard input.
    const child = spawn(node, ['--slot-ms', '100', '--program', `${address}=${so}`, '--exit-with-stdin'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (cause) => reject(new Error(`${node} does not run: make build`, { cause })));
      child.once('exit', (code) => reject(new Error(`${node} ended with ${code} before it answered`)));
    });
    const line = new Promise<string>((resolve) => createInterface(child.stdout!).once('line', resolve));
    const ready = JSON.parse(await Promise.race([line, failed])) as { rpc_url: string };
    return new Node(ready.rpc_url, child);
  }

  stop(): void {
    this.child?.stdin!.end();
  }

  /** A new wallet with 10 SOL. */
  async newWallet(): Promise<KeyPairSigner> {
    const wallet = await generateKeyPairSigner(true);
    await this.rpc.requestAirdrop(wallet.address, lamports(10_000_000_000n)).send();
    await waitUntil('the airdrop', async () => {
      const { value } = await this.rpc.getBalance(wallet.address, { commitment: 'confirmed' }).send();
      return value > 0n ? value : undefined;
    });
    return wallet;
  }

  /** Sends one instruction in a transaction signed by the wallet, which pays, and waits until it is finalized. */
  async send(wallet: KeyPairSigner, instruction: Instruction): Promise<SentEvent[]> {
    const { value: blockhash } = await this.rpc.getLatestBlockhash().send();
    const message = pipe(
      createTransactionMessage({ version: 0 }),
      (empty) => setTransactionMessageFeePayerSigner(wallet, empty),
      (unsigned) => setTransactionMessageLifetimeUsingBlockhash(blockhash, unsigned),
      (unsigned) => appendTransactionMessageInstruction(instruction, unsigned),
    );
    const signed = await signTransactionMessageWithSigners(message);
    const wire = getBase64EncodedWireTransaction(signed);
    return this.eventsOf(await this.rpc.sendTransaction(wire, { encoding: 'base64' }).send());
  }

  /** Waits until the block of a slot is finalized. */
  async finalize(slot: bigint): Promise<void> {
    const options = { commitment: 'finalized', encoding: 'json', maxSupportedTransactionVersion: 0 } as const;
    await waitUntil('the block', async () => (await this.rpc.getBlock(slot, options).send()) ?? undefined);
  }

  /** The events of a transaction, once it is finalized. */
  async eventsOf(signature: Signature): Promise<SentEvent[]> {
    const options = { commitment: 'finalized', encoding: 'json', maxSupportedTransactionVersion: 0 } as const;
    const transaction = await waitUntil('the transaction', async () => {
      return (await this.rpc.getTransaction(signature, options).send()) ?? undefined;
    });
    if (transaction.meta?.err) throw new Error(`${signature} failed: ${JSON.stringify(transaction.meta.err)}`);
    return (await readEvents(transaction)).map((emitted) => ({ ...emitted, signature }));
  }
}

/** The path of a program of the project, as `make build` leaves it. */
export function programPath(name: string): string {
  return join(process.env['CARGO_TARGET_DIR'] ?? projectPath('target'), 'debug', name);
}

export async function waitUntil<T>(
  what: string,
  look: () => Promise<T | undefined>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  for (const start = performance.now(); performance.now() - start < patienceMs; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${patienceMs} ms: ${what}`);
}
