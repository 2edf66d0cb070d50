import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { launch, openPage, startProxy, startStack } from './support.mjs';
import { install, newKey, readKey } from './wallet.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const ICON = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"%3E%3Crect width="2" height="2" fill="%23775"/%3E%3C/svg%3E';
const FOLDER = mkdtempSync(join(tmpdir(), 'explorer-wallet-'));
let stack, browser, authority, other, empty;
const errors = [];

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  [authority, other, empty] = [readKey(stack.wallet), newKey(FOLDER, 'other'), newKey(FOLDER, 'empty')];
  stack.cli(['wallet', 'airdrop', '1', '--wallet', other.file]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
  rmSync(FOLDER, { recursive: true, force: true });
});
afterEach(() => assert.deepEqual(errors.splice(0), []));

async function open(path, { wallet = {}, api = stack.api_url, before: scripts = [], ...options } = {}) {
  const own = { keys: [authority, other], name: 'Test wallet', icon: ICON, chains: ['solana:localnet'], ...wallet };
  return openPage(browser, `${api}/${path}`, { servers: [stack.rpc_url], errors, before: [...scripts, [install, own]], ...options });
}

/** A ledger's page with the wallet connected. */
async function connected(ledger, options) {
  const page = await open(`#/ledger/${ledger}/wallet`, options);
  await page.click('.wallets button');
  await page.waitForSelector('text=It says that it signs for');
  return page;
}

const begin = (page, name) => page.click(`.actions button[aria-label="${name}"]:enabled`);
const review = async (page) => {
  await page.click('text=Show what will be signed');
  await page.waitForSelector('.review');
};
const sign = (page) => page.click('.review .buttons button:has-text("Sign")');
/** What the page says once it is over. */
async function outcome(page, state) {
  await page.waitForSelector(`#outcome.${state}`, { timeout: 120_000 });
  return (await page.textContent('#outcome')).replace(/\s+/g, ' ').trim();
}
const sent = (page) => page.posted.filter((body) => body?.includes('sendTransaction')).length;

async function append(page, text) {
  await begin(page, 'Append an entry');
  await page.fill('#entry', text);
  await review(page);
}

test('a wallet appends an entry, which is verified', async () => {
  const ledger = stack.cli(['ledger', 'create']);
  const page = await connected(ledger);
  await append(page, 'by a wallet, für alle ✓');
  assert.match(await page.textContent('.review'), /appends one entry of 26 bytes as entry 0/);
  await sign(page);
  assert.match(await outcome(page, 'verified'), /verified against the chain It is entry 0, and its receipt holds/);
  assert.match(await page.textContent('.steps'), /the very bytes that stand above, and its signature is by your key/);
  assert.deepEqual(await page.evaluate(() => globalThis.testWallet.state.asked), ['connect', 'sign solana:localnet']);
  assert.equal(JSON.parse(stack.cli(['entries', ledger])).index, '0');
  assert.deepEqual(page.faults.filter((fault) => /polic/i.test(fault)), [], 'the page keeps its policy');
});
