import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { BINARIES, launch, openPage, startProxy, startStack } from './support.mjs';
import { install, newKey, readKey } from './wallet.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const ICON = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"%3E%3Crect width="2" height="2" fill="%23775"/%3E%3C/svg%3E';
const FOLDER = mkdtempSync(join(tmpdir(), 'explorer-wallet-'));
let stack, browser, authority, other, poor;
const errors = [];

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  [authority, other, poor] = [readKey(stack.wallet), newKey(FOLDER, 'other'), newKey(FOLDER, 'poor')];
  stack.cli(['wallet', 'airdrop', '1', '--wallet', other.file]);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
  rmSync(FOLDER, { recursive: true, force: true });
});
afterEach(() => assert.deepEqual(errors.splice(0), []));

const walletOf = (changes) => ({ keys: [authority, other, poor], name: 'Test wallet', icon: ICON, chains: ['solana:localnet'], ...changes });
const open = (path, { wallet = {}, api = stack.api_url, before: scripts = [], ...options } = {}) =>
  openPage(browser, `${api}/${path}`, { servers: [stack.rpc_url], errors, before: [...scripts, [install, walletOf(wallet)]], ...options });

/** A ledger that the index knows. */
async function create(...flags) {
  const ledger = stack.cli(['ledger', 'create', ...flags]);
  while (!(await stack.get(`/v1/ledgers/${ledger}`)).includes(ledger)) await sleep(100);
  return ledger;
}

/** A proxy that ends with its test. */
async function proxy(context, to, alter) {
  const started = await startProxy(to, alter);
  context.after(started.stop);
  return started;
}

/** A ledger's page with the wallet connected. */
async function connected(ledger, options) {
  const page = await open(`#/ledger/${ledger}/wallet`, options);
  await page.click('.wallets button');
  await page.waitForSelector('text=It says that it signs for');
  return page;
}

const NAMES = { append: 'Append an entry', grant: 'Grant', revoke: 'Revoke', propose: 'Offer the authority', accept: 'Accept the authority', seal: 'Seal' };
const begin = (page, kind) => page.click(`.actions button[aria-label="Begin: ${NAMES[kind]}"]:enabled`);
async function review(page) {
  await page.click('text=Show what will be signed');
  await page.waitForSelector('.review');
  return (await page.innerText('.review')).replace(/\s+/g, ' ');
}
const sign = (page) => page.click('.review .buttons button:has-text("Sign")');
/** What the page says once it is over. */
async function outcome(page, state) {
  await page.waitForSelector(`#outcome.${state}`, { timeout: 120_000 });
  return (await page.textContent('#outcome')).replace(/\s+/g, ' ').trim();
}
const close = (page) => page.click('.review .buttons button:has-text("Close"):enabled');
const sent = (page) => page.posted.filter((body) => body?.includes('sendTransaction')).length;
const choose = (page, at) => page.evaluate((chosen) => globalThis.testWallet.choose(chosen), at);
const lie = (page, mode) => page.evaluate((chosen) => (globalThis.testWallet.state.mode = chosen), mode);
const asked = (page) => page.evaluate(() => globalThis.testWallet.state.asked);
const command = async (page) => (await page.textContent('#command')).trim();
const problem = async (page) => {
  await page.waitForSelector('.review .problem');
  return (await page.textContent('.review .problem')).trim();
};

async function append(page, text) {
  await begin(page, 'append');
  await page.fill('#entry', text);
  return review(page);
}

/** The reasons of what is not offered. */
const reasons = (page) =>
  page.$$eval('.actions > li', (rows) => Object.fromEntries(rows.filter((row) => row.querySelector('button:disabled')).map((row) => [row.querySelector('h3').textContent, row.querySelector('.reason')?.textContent])));

const shell = (script, wallet) => {
  const env = { ...process.env, PATH: `${BINARIES}:${process.env.PATH}`, COUNTERFOIL_API: stack.api_url, COUNTERFOIL_WALLET: wallet };
  const done = spawnSync('sh', ['-ec', script], { env, cwd: FOLDER, encoding: 'utf8' });
  assert.equal(done.status, 0, `${script}: ${done.stderr}`);
};
const contents = async (ledger) =>
  JSON.parse(await stack.get(`/v1/ledgers/${ledger}/entries`)).entries.map(({ payload }) => Buffer.from(payload, 'base64').toString('latin1'));

test('a wallet appends an entry, which is verified; the command that is shown appends the same', async () => {
  const ledger = await create();
  const page = await connected(ledger);
  const text = await append(page, "it's for all, für alle ✓");
  assert.match(text, /appends one entry of 27 bytes as entry 0.*Instruction append.*Chain solana:localnet.*Bytes 3\d\d of 1,232/);
  const commands = [await command(page)];
  await sign(page);
  assert.match(await outcome(page, 'verified'), /verified against the chain It is entry 0, by its receipt/);
  assert.match(await page.textContent('.steps'), /the very bytes that stand above, and its signature is by your key/);
  await close(page);
  await page.waitForSelector('.actions button[aria-label="Begin: Append an entry"]:enabled');
  await begin(page, 'append');
  await page.click('text=hex');
  await page.fill('#entry', '00ff 0a41 zz');
  await page.click('text=Show what will be signed');
  await page.waitForSelector('text=Hexadecimal has two digits');
  await page.fill('#entry', '00ff 0a41');
  assert.match(await review(page), /one entry of 4 bytes as entry 1/);
  commands.push(await command(page));
  await sign(page);
  await outcome(page, 'verified');
  await page.click('text=Look at it');
  await page.waitForSelector('.banner.verified');
  assert.match(await page.textContent('h1'), /Entry 1/);
  assert.deepEqual(await asked(page), ['connect', 'sign solana:localnet', 'sign solana:localnet']);
  assert.deepEqual(page.faults.filter((fault) => /polic/i.test(fault)), [], 'the page keeps its policy');
  for (const shown of commands) shell(`${shown} --wait`, stack.wallet);
  const [one, two, ...same] = await contents(ledger);
  assert.deepEqual(same, [one, two]);
  assert.deepEqual([one, two], [Buffer.from("it's for all, für alle ✓").toString('latin1'), '\x00\xff\nA']);
});

test('grant, an append by it, revoke, offer, accept and seal land, and no key is offered more than it may do', async () => {
  const ledger = await create('--allow-subtrees');
  const page = await connected(ledger);
  const run = async (kind, fill, expected) => {
    await begin(page, kind);
    await fill?.();
    const text = await review(page);
    assert.match(text, expected);
    const shown = await command(page);
    await sign(page);
    assert.match(await outcome(page, 'verified'), /It is e(vent|ntry) \d+/);
    await close(page);
    return shown;
  };
  const wallet = () => page.fill('#wallet', other.address);
  const granted = await run('grant', async () => (await wallet(), await page.fill('#until', '2999-01-02T03:04')), /until 2999-01-02 03:04:00 UTC.*Rent of a new grant 0.00148248 SOL/);
  assert.match(granted, /writer grant \S+ \S+ --expires 2999-01-02T03:04:00Z --rpc/);
  shell(granted, stack.wallet);

  await choose(page, 1);
  await page.waitForSelector('.actions button[aria-label="Begin: Append an entry"]:enabled');
  await page.waitForFunction(() => document.querySelectorAll('.actions button:disabled').length === 5);
  const not = `The authority alone may do this, which is ${authority.address.slice(0, 8)}…${authority.address.slice(-8)}.`;
  assert.deepEqual(await reasons(page), {
    Grant: not, Revoke: not, 'Offer the authority': not, Seal: not, 'Accept the authority': 'The authority is offered to no one.',
  });
  await run('append', () => page.fill('#entry', 'by a grant'), /as entry 0/);

  await choose(page, 0);
  const revoked = await run('revoke', wallet, /takes the grant of \S+ back/);
  assert.match(revoked, /writer revoke/);
  await begin(page, 'revoke');
  await wallet();
  await page.click('text=Show what will be signed');
  await page.waitForSelector('text=This wallet has no grant of this ledger.');

  const offered = await run('propose', wallet, /offers the authority to/);
  shell(offered, stack.wallet);
  await choose(page, 1);
  const accepted = await run('accept', null, /makes your key the authority, in place of/);
  assert.match(accepted, /ledger accept-authority/);
  const sealed = await run('seal', () => page.check('#agreed'), /seals the ledger at 1 entry\./);
  assert.match(sealed, /ledger seal \S+ --size 1 /);
  await page.waitForFunction(() => document.querySelector('.actions .reason')?.textContent.includes('sealed'));
  assert.equal((await reasons(page))['Append an entry'], 'The ledger is sealed: nothing can be appended.');
  const { authority: now, sealed_seq } = JSON.parse(await stack.get(`/v1/ledgers/${ledger}/standing`));
  assert.deepEqual([now, sealed_seq !== null], [other.address, true]);
});

const LIES = {
  changes: /changed the transaction: it returned 3\d\d bytes, and 3\d\d were shown/,
  'adds an instruction': /changed the transaction: it returned 3\d\d bytes, and 3\d\d were shown.*another fee/,
  'other key': /a signature that is not of the connected key/,
  'no signature': /a signature that is not of the connected key/,
  garbage: /returned what is no transaction/,
  text: /returned what is no transaction/,
  short: /returned what is no transaction/,
  long: /returned what is no transaction/,
  nothing: /returned what is no transaction/,
  rejects: /Test wallet refused: “User rejected the request\.\\u\{202e\}”/,
};

test('a wallet that lies is refused in words, and nothing is sent', async () => {
  const ledger = await create();
  const page = await connected(ledger);
  await append(page, 'not to be sent');
  for (const [mode, expected] of Object.entries(LIES)) {
    await lie(page, mode);
    await sign(page);
    const words = await problem(page);
    assert.match(words, expected, mode);
    assert.equal(sent(page), 0, mode);
    // The next try clears what this one said.
    await page.waitForSelector('.review .buttons button:has-text("Sign"):enabled');
  }
  // One that changes the bytes once they were looked at changes nothing of what is sent.
  await lie(page, 'changes later');
  await sign(page);
  await outcome(page, 'verified');
  assert.equal(sent(page), 1);
  assert.deepEqual(await contents(ledger), ['not to be sent']);
});

test('twin: a page without the comparison sends what the wallet made of it', async (context) => {
  const ledger = await create();
  const patched = await proxy(context, stack.api_url, (path, text) => {
    if (!path.endsWith('/app.js')) return text;
    const comparison = /if\(![\w$]+\([\w$]+,[\w$]+\.message\)\)\{/g;
    assert.equal(text.match(comparison)?.length, 1, 'the comparison is found');
    const blind = text.replace(comparison, 'if(false){');
    return blind;
  });
  const page = await connected(ledger, { api: patched.url });
  await append(page, 'one');
  await lie(page, 'changes');
  await sign(page);
  assert.match(await outcome(page, 'refuted'), /another entry 0 than the one that you signed/);
  assert.equal(sent(page), 1);
  assert.deepEqual(await contents(ledger), ['ond'], 'the entry is another one');
});

test('a wallet that never answers is waited for within bounds, and what it returns later is dropped', async () => {
  const ledger = await create();
  const page = await connected(ledger);
  await page.clock.install();
  await append(page, 'late');
  await lie(page, 'never');
  await sign(page);
  await page.waitForSelector('text=Waiting for Test wallet');
  await page.clock.fastForward(181_000);
  assert.match(await problem(page), /Test wallet did not answer in 3 minutes/);
  await sign(page);
  await page.click('text=Stop waiting');
  await page.waitForSelector('.review', { state: 'detached' });

  // An answer after the reader gave up.
  await append(page, 'late');
  await page.evaluate(() => {
    globalThis.testWallet.state.mode = 'honest';
    const sign = crypto.subtle.sign.bind(crypto.subtle);
    crypto.subtle.sign = async (...all) => (await new Promise((resolve) => (globalThis.answerNow = resolve)), sign(...all));
  });
  await sign(page);
  await page.waitForFunction(() => globalThis.answerNow);
  await page.click('text=Stop waiting');
  await page.evaluate(() => globalThis.answerNow());
  // One that signs after the wallet chose another account.
  await append(page, 'late');
  await page.evaluate(() => (globalThis.answerNow = undefined));
  await sign(page);
  await page.waitForFunction(() => globalThis.answerNow);
  await choose(page, 1);
  await page.waitForSelector('text=chose another account');
  await page.evaluate(() => globalThis.answerNow());
  await page.waitForFunction(() => !document.querySelector('.review'));
  await page.waitForLoadState('networkidle');
  assert.equal(sent(page), 0);
});

test('a transaction that fails says why in words, and one of which no server tells is not called failed', async (context) => {
  const ledger = await create('--open');
  const page = await connected(ledger);
  await append(page, 'second');
  stack.cli(['append', ledger, 'first']);
  await sign(page);
  assert.match(await outcome(page, 'refuted'), /another number of entries by now: somebody appended in between \(error 6006\)\. Nothing was written/);
  await close(page);
  await choose(page, 2);
  await append(page, 'without SOL');
  await sign(page);
  assert.match(await outcome(page, 'refuted'), /the key that pays has no SOL on this chain/);

  // A server that takes it and passes it on to no one.
  const silent = await proxy(context, stack.rpc_url, (_path, text, body) => {
    if (body.includes('getSignatureStatuses')) return JSON.stringify({ jsonrpc: '2.0', id: 1, result: { context: { slot: 1 }, value: [null] } });
    return text;
  });
  // One that passes it on, and whose answer is lost.
  const lost = await proxy(context, stack.rpc_url, (_path, text, body) => (body.includes('sendTransaction') ? '' : text));
  const lucky = await connected(ledger, { servers: [lost.url] });
  await append(lucky, 'the answer is lost');
  await sign(lucky);
  await outcome(lucky, 'verified');
  assert.match(await lucky.textContent('.steps'), /did not say that it took the transaction: .*It may have it all the same/);

  const unsure = await connected(ledger, { servers: [silent.url] });
  await unsure.clock.install();
  await append(unsure, 'in the dark');
  await sign(unsure);
  await unsure.waitForSelector('text=Waiting for a block');
  await unsure.clock.fastForward(91_000);
  assert.match(await outcome(unsure, 'unasked'), /Cannot tell whether it is in the chain: the server did not say so in time\. Its signature is [1-9A-Za-z]{80,}/);
});

test('an entry that no transaction holds is refused before the wallet is asked', async () => {
  const page = await connected(await create());
  await begin(page, 'append');
  for (const [length, expected] of [[0, /at least one byte/], [1_000, /would have 1,3\d\d bytes, and the network takes 1,232\. The wallet was not asked/]]) {
    await page.fill('#entry', 'x'.repeat(length));
    await page.click('text=Show what will be signed');
    await page.waitForSelector('.actions .problem');
    assert.match(await page.textContent('.actions .problem'), expected);
  }
  assert.deepEqual(await asked(page), ['connect']);
  await page.fill('#entry', 'x'.repeat(916));
  assert.match(await review(page), /Bytes 1,232 of 1,232/);
  await sign(page);
  await outcome(page, 'verified');
});

/** A browser that checks no such signatures; the wallet in it still signs. */
function unable() {
  const key = crypto.subtle.importKey.bind(crypto.subtle);
  crypto.subtle.importKey = async (format, ...rest) => {
    if (format === 'raw') throw new DOMException('Unrecognized name.', 'NotSupportedError');
    return key(format, ...rest);
  };
}

test('a browser that checks no signatures says so, and the chain checks', async () => {
  const page = await connected(await create(), { before: [[unable]] });
  await append(page, 'unseen');
  await lie(page, 'other key');
  await sign(page);
  assert.match(await outcome(page, 'refuted'), /passed it on to no one: it refuses sendTransaction: .*did not pass signature verification/);
  await close(page);
  await append(page, 'unseen');
  await lie(page, 'honest');
  await sign(page);
  await outcome(page, 'verified');
  assert.match(await page.textContent('.steps'), /this browser cannot check its signature/);
});

test('a wallet shows that it holds its key, and another text or key is not taken for it', async () => {
  const said = async (page, mode) => {
    await lie(page, mode);
    await page.click('text=Show that it holds this key');
    await page.waitForSelector(mode === 'rejects' ? 'main .problem' : '.proven');
    const words = await page.textContent(mode === 'rejects' ? 'main .problem' : '.proven');
    return words.trim();
  };
  const CASES = [['honest', /^✓ This wallet holds this key/], ['changes', /^✗ .*signed another text/], ['other key', /^✗ .*not of this key/], ['rejects', /refused: “User rejected/]];
  const message = ['standard:connect', 'standard:events', 'solana:signTransaction', 'solana:signMessage'];
  for (const [features, by] of [[undefined, 'sign in'], [message, 'message']]) {
    for (const [mode, expected] of CASES) {
      const page = await open('#/wallet', { wallet: { features } });
      await page.click('.wallets button');
      assert.match(await said(page, mode), expected, `${mode} ${by}`);
      assert.deepEqual(await asked(page), ['connect', by]);
    }
  }
  const page = await open('#/wallet', { before: [[unable]] });
  await page.click('.wallets button');
  assert.match(await said(page, 'honest'), /^\? Cannot tell/);
});

test('names, pictures and forms of wallets are shown and not obeyed', async () => {
  const hostile = () => {
    const icons = ['https://icons.invalid/x.png', 'javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', `data:image/png;base64,${'A'.repeat(70_000)}`, { toString: () => 'data:image/png,' }];
    const wallets = icons.map((icon, at) => ({ name: `<img src=x onerror=alert(1)> \u202e${at}`, icon, chains: ['solana:localnet'], features: { 'standard:connect': { connect: async () => ({ accounts: [{ address: 'x', publicKey: new Uint8Array(32) }] }) } }, accounts: [] }));
    const broken = [null, 7, 'x', {}, { get name() { throw new Error('no'); } }, { chains: ['sui:mainnet'], features: { 'standard:connect': {} } }, new Proxy({}, { get: () => { throw new Error('no'); } })];
    const endless = { name: 'endless', chains: { *[Symbol.iterator]() { for (;;) yield 'solana:localnet'; } }, features: { 'standard:connect': {} } };
    addEventListener('wallet-standard:app-ready', ({ detail }) => detail.register(...wallets, ...broken, endless, ...wallets));
  };
  const page = await open('#/wallet', { before: [[hostile]] });
  await page.waitForSelector('.wallets button');
  assert.equal(await page.locator('.wallets button').count(), 7);
  assert.equal(await page.locator('main img').count(), 1, "the honest wallet's");
  const text = await page.textContent('main');
  assert.ok(text.includes('<img src=x onerror=alert(1)> \\u{202e}0') && !text.includes('\u202e'));
  assert.deepEqual([...page.hosts], [new URL(stack.api_url).host]);
  await page.click('.wallets button >> nth=0');
  await page.waitForSelector('text=connected without an account that this page can use');
  await page.click('.wallets button:has-text("endless")');
  await page.waitForSelector('text=does not offer standard:connect');
  // One that rejects, and one that comes late.
  const late = await open('#/wallet', { wallet: { late: true } });
  await late.waitForSelector('text=None registered itself');
  assert.deepEqual(await asked(late), []);
  await late.evaluate(() => globalThis.testWallet.register());
  await lie(late, 'rejects');
  await late.click('.wallets button');
  await late.waitForSelector('text=Test wallet refused: “User rejected the request.”');
});

test('another chain, another account and the end of a connection are said, and nothing is signed then', async () => {
  const ledger = await create();
  const elsewhere = await connected(ledger, { wallet: { chains: ['solana:mainnet', 'solana:devnet'] } });
  await elsewhere.waitForSelector('text=Your servers are of solana:localnet. Test wallet says that it signs for solana:mainnet, solana:devnet.');
  assert.equal(await elsewhere.locator('.actions button:enabled').count(), 0);
  const without = await connected(ledger, { servers: [] });
  await without.waitForSelector('text=No server of the chain is named');
  assert.equal(await without.locator('.actions button:enabled').count(), 0);
  const unable = await connected(ledger, { wallet: { features: ['standard:connect', 'solana:signMessage'] } });
  await unable.waitForSelector('text=Test wallet does not sign transactions for a page to look at first');

  const page = await connected(ledger);
  await append(page, 'by one key');
  await choose(page, 1);
  await page.waitForSelector('text=chose another account');
  assert.equal(await page.locator('.review').count(), 0);
  await choose(page, null);
  await page.waitForSelector('text=took its accounts back: no wallet is connected');
  await choose(page, 0);
  await page.click('.wallets button');
  await page.click('text=Disconnect');
  await page.waitForSelector('.wallets button');
  assert.deepEqual(await asked(page), ['connect', 'connect', 'disconnect']);
  assert.equal(await page.evaluate(() => globalThis.testWallet.state.listeners.length), 0);
});

test('a server that lies about rights alone is not believed where two have to agree', async (context) => {
  const ledger = await create();
  const liar = await proxy(context, stack.rpc_url, (_path, text, body) => {
    const answer = body && JSON.parse(text);
    if (!body.includes('getAccountInfo') || !answer.result?.value || body.includes('dataSlice')) return text;
    const data = Buffer.from(answer.result.value.data[0], 'base64');
    data.set(other.public, 80);
    answer.result.value.data[0] = data.toString('base64');
    return JSON.stringify(answer);
  });
  const page = await connected(ledger, { servers: [liar.url, stack.rpc_url] });
  await page.waitForSelector('text=Your servers do not agree on the rights of this ledger.');
  assert.equal(await page.locator('.actions button:enabled').count(), 0);
  assert.equal((await page.textContent('main')).includes('Authority\u00a0'), false);
});

test('an entry is appended by the keyboard alone', async () => {
  const page = await open(`#/ledger/${await create()}/wallet`);
  await page.waitForSelector('.wallets button');
  /** Goes on by the tabulator until what has the focus is what is wanted. */
  const reach = async (wanted) => {
    for (let step = 0; step < 60; step += 1) {
      if (await page.evaluate((selector) => document.activeElement?.matches(selector), wanted)) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`${wanted} is not reached`);
  };
  await reach('.wallets button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.actions button:enabled');
  await reach('.actions button[aria-label="Begin: Append an entry"]');
  await page.keyboard.press('Enter');
  await reach('#entry');
  await page.keyboard.type('typed');
  await reach('form .buttons button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.review');
  await reach('.review .buttons button');
  await page.keyboard.press('Enter');
  await outcome(page, 'verified');
});

test('no view of a wallet has a fault of accessibility, light and dark, on a desk and on a phone', async () => {
  const ledger = await create('--allow-subtrees');
  for (const [colorScheme, viewport] of [['light', { width: 1280, height: 800 }], ['dark', { width: 390, height: 800 }]]) {
    // The page's policy keeps out what a test would add, so that the same page is opened without it.
    const page = await open('#/wallet', { colorScheme, viewport, bypassCSP: true });
    await page.addScriptTag({ path: axe });
    const check = async (view) => {
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), [], `${view} ${colorScheme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${view} is ${overflow} pixels wider than ${viewport.width}`);
    };
    await page.waitForSelector('.wallets button');
    await check('wallets');
    await page.evaluate((hash) => (location.hash = hash), `#/ledger/${ledger}/wallet`);
    await page.waitForSelector('.wallets button');
    await check('a ledger without a wallet');
    await page.click('.wallets button');
    await page.waitForSelector('.actions button:enabled');
    await page.click('text=Show that it holds this key');
    await page.waitForSelector('.proven');
    await check('connected');
    for (const kind of ['grant', 'propose', 'seal', 'append']) {
      await begin(page, kind);
      await check(kind);
    }
    await page.fill('#entry', 'entry '.repeat(60));
    await review(page);
    for (const summary of await page.$$('.review summary')) await summary.click();
    await check('review');
    await lie(page, 'changes');
    await sign(page);
    await problem(page);
    await check('refused');
    await lie(page, 'honest');
    await sign(page);
    await outcome(page, 'pending');
    await check('sent');
    await outcome(page, 'verified');
    await check('verified');
  }
});
