/** A wallet of the Wallet Standard that a test puts into a page. It signs with a real key, and lies as it is told. */

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function base58(bytes) {
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; value > 0n; value /= 58n) text = ALPHABET[Number(value % 58n)] + text;
  return '1'.repeat(bytes.findIndex((byte) => byte !== 0)) + text;
}

/** A key as the Solana CLI keeps it: the seed, then the public key. */
const keyOf = (bytes) => ({
  jwk: { kty: 'OKP', crv: 'Ed25519', d: Buffer.from(bytes.slice(0, 32)).toString('base64url'), x: Buffer.from(bytes.slice(32)).toString('base64url') },
  public: [...bytes.slice(32)],
  address: base58(bytes.slice(32)),
});
export const readKey = (file) => keyOf(JSON.parse(readFileSync(file, 'utf8')));

/** A new key, and the file that holds it. */
export function newKey(folder, name) {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const bytes = [...Buffer.from(d, 'base64url'), ...Buffer.from(x, 'base64url')];
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(bytes), { mode: 0o600 });
  return { ...keyOf(bytes), file };
}

/** Runs in the page, before its scripts. `late`: it registers after the page is ready. */
export function install({ keys, name, icon, chains, features, late = false }) {
  const state = { mode: 'honest', asked: [], listeners: [], current: 0 };
  const accountOf = (key) => ({ address: key.address, publicKey: Uint8Array.from(key.public), chains, features: Object.keys(all) });
  const signWith = async (key, bytes) => {
    const known = await crypto.subtle.importKey('jwk', key.jwk, 'Ed25519', false, ['sign']);
    return new Uint8Array(await crypto.subtle.sign('Ed25519', known, bytes));
  };
  const keyOfAccount = (account) => keys.find(({ address }) => address === account.address);
  const signText = async (text, key) => {
    if (state.mode === 'rejects') throw new Error('User rejected the request.\u202e');
    if (state.mode === 'never') return new Promise(() => undefined);
    const bytes = state.mode === 'changes' ? new TextEncoder().encode('another text') : text;
    return { signedMessage: bytes, signature: await signWith(state.mode === 'other key' ? keys[1] : key, bytes) };
  };
  const transactions = {
    honest: async (bytes, key) => (bytes.set(await signWith(key, bytes.slice(65)), 1), bytes),
    // The last byte is of the instruction's arguments: of the entry, where it is an append.
    changes: async (bytes, key) => ((bytes[bytes.length - 1] ^= 1), transactions.honest(bytes, key)),
    // As a wallet does that adds a bid of its own.
    'adds an instruction': async (bytes, key) => {
      const longer = new Uint8Array(bytes.length + 3);
      longer.set(bytes);
      return transactions.honest(longer, key);
    },
    'other key': async (bytes) => transactions.honest(bytes, keys[1]),
    'no signature': async (bytes) => bytes,
    garbage: async () => ({ length: 4, 0: 1 }),
    text: async () => 'signed',
    short: async () => new Uint8Array(3),
    long: async () => new Uint8Array(5_000_000),
    nothing: async () => undefined,
    never: () => new Promise(() => undefined),
    rejects: async () => {
      throw new Error('User rejected the request.\u202e');
    },
    // It returns what it was given, and changes it once the page has looked at it.
    'changes later': async (bytes, key) => {
      const signed = await transactions.honest(bytes, key);
      const verify = crypto.subtle.verify.bind(crypto.subtle);
      crypto.subtle.verify = async (...all) => {
        const holds = await verify(...all);
        signed[signed.length - 1] ^= 1;
        return holds;
      };
      return signed;
    },
  };
  const all = {
    'standard:connect': {
      version: '1.0.0',
      connect: async () => {
        state.asked.push('connect');
        if (state.mode === 'rejects') throw new Error('User rejected the request.');
        return { accounts: wallet.accounts };
      },
    },
    'standard:disconnect': { version: '1.0.0', disconnect: async () => void state.asked.push('disconnect') },
    'standard:events': {
      version: '1.0.0',
      on: (_event, listener) => (state.listeners.push(listener), () => (state.listeners = state.listeners.filter((other) => other !== listener))),
    },
    'solana:signTransaction': {
      version: '1.0.0',
      supportedTransactionVersions: ['legacy', 0],
      signTransaction: async ({ account, transaction, chain }) => {
        state.asked.push(`sign ${chain}`);
        const signedTransaction = await transactions[state.mode](transaction, keyOfAccount(account));
        return [{ signedTransaction }];
      },
    },
    'solana:signMessage': {
      version: '1.1.0',
      signMessage: async ({ account, message }) => (state.asked.push('message'), [await signText(message, keyOfAccount(account))]),
    },
    'solana:signIn': {
      version: '1.0.0',
      signIn: async ({ domain, address, statement, uri, version, nonce, issuedAt }) => {
        state.asked.push('sign in');
        const head = `${domain} wants you to sign in with your Solana account:\n${address}\n\n${statement}\n\n`;
        const text = `${head}URI: ${uri}\nVersion: ${version}\nNonce: ${nonce}\nIssued At: ${issuedAt}`;
        return [{ account: accountOf(keys[state.current]), ...(await signText(new TextEncoder().encode(text), keys[state.current])) }];
      },
    },
  };
  if (features) for (const known of Object.keys(all)) if (!features.includes(known)) delete all[known];
  const wallet = {
    version: '1.0.0',
    name,
    icon,
    chains,
    features: all,
    get accounts() {
      return state.current === null ? [] : [accountOf(keys[state.current])];
    },
  };
  const register = (api) => api.register(wallet);
  // Not a CustomEvent's own detail alone: a wallet calls back whoever is ready.
  addEventListener('wallet-standard:app-ready', ({ detail }) => !late && register(detail));
  globalThis.testWallet = {
    state,
    register: () => dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register })),
    choose: (at) => {
      state.current = at;
      for (const listener of [...state.listeners]) listener({ accounts: wallet.accounts });
    },
  };
}
