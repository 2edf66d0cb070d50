import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';

import { launch, openPage, startProxy, startStack } from './support.mjs';

const HOSTILE = '<img src=x onerror="document.title=1"> \u202eevil\u202c [a](javascript:1) {{x}}';
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
let stack, browser, ledger, empty;
const errors = [];

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  empty = stack.cli(['ledger', 'create']);
  ledger = stack.cli(['ledger', 'create']);
  const lines = Array.from({ length: 70 }, (_, at) => JSON.stringify({ invoice: at, paid: at % 2 === 0, big: 12345678901234567890n.toString() }));
  stack.cli(['append', ledger, '--jsonl', '--wait'], `${lines.join('\n')}\n`);
  stack.cli(['append', ledger, HOSTILE, '--wait']);
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

// Whatever a test looks at: no script of the page failed.
afterEach(() => assert.deepEqual(errors.splice(0), []));

/** A proxy that ends with its test. */
async function proxy(context, to, alter) {
  const started = await startProxy(to, alter);
  context.after(started.stop);
  return started;
}

/** A page of an API, with these servers of the chain. */
const open = (path, { api = stack.api_url, servers = [stack.rpc_url], ...options } = {}) => openPage(browser, `${api}/${path}`, { servers, errors, ...options });

/** The state that the banner shows, once it is known. */
async function state(page) {
  await page.waitForSelector('.banner .mark:not(.unknown)');
  return page.$eval('.banner .mark:not(.unknown)', (mark) => [...mark.classList].find((name) => name !== 'mark' && !name.startsWith('svelte')));
}
const entry = (index) => `#/ledger/${ledger}/entry/${index}`;
const list = () => `#/ledger/${ledger}`;

test('entries are verified against the chain, and without a server nothing is called so', async () => {
  const page = await open(list());
  assert.equal(await state(page), 'verified');
  await page.waitForSelector('.state .mark.verified');
  assert.match(await page.textContent('.state'), /entries 21 to 70: all of them and no others/);
  assert.equal(await page.locator('.card tbody .mark.verified').count(), 50);
  assert.deepEqual(page.faults, []);

  const unasked = await open(list(), { servers: [] });
  assert.equal(await state(unasked), 'unasked');
  await unasked.waitForSelector('.state .mark.unasked');
  assert.equal(await unasked.locator('.mark.verified').count(), 1, 'the legend alone');
  assert.deepEqual([...unasked.hosts], [new URL(stack.api_url).host], 'no one else was asked');
});

test('an entry shows what its receipt proves, and events by whom and when', async () => {
  const page = await open(entry(3));
  assert.equal(await state(page), 'verified');
  assert.match(await page.textContent('pre'), /"invoice": 3,\n/);
  assert.match(await page.textContent('main'), /At, by the chain's clock/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download the receipt')]);
  const file = await download.path();
  stack.cli(['verify', file, '--ledger', ledger]);
  const { proof } = JSON.parse(readFileSync(file, 'utf8')).entry;
  assert.equal(await page.locator('.proof li').count(), proof.length + 2, 'the leaf, each sibling, and the root');

  const events = await open(`${list()}/events`);
  await events.waitForSelector('.state .mark.verified');
  assert.match(await events.textContent('.card table'), /ledger created/);
  const none = await open(`#/ledger/${empty}`);
  assert.equal(await state(none), 'verified');
});

test('an API that alters an entry is refuted; twin: a verifier that looks at nothing does not see it', async (context) => {
  const lie = (path, text) => (/\/entries(\?|\/3)/.test(path) ? text.replaceAll('"payload":"ey', '"payload":"ez') : text);
  const liar = await proxy(context, stack.api_url, lie);
  const page = await open(list(), { api: liar.url });
  await page.waitForSelector('.state .mark.refuted');
  assert.equal(await page.locator('.card tbody .mark.verified').count(), 0);
  const single = await open(entry(3), { api: liar.url });
  assert.equal(await state(single), 'refuted');

  const blind = await proxy(context, stack.api_url, (path, text) =>
    path.endsWith('/worker.js')
      ? "onmessage = ({ data }) => postMessage({ id: data.id, verdict: { verdict: 'verified', reason: '', compared: [], checked: [], not_checked: [] } })"
      : lie(path, text),
  );
  const fooled = await open(list(), { api: blind.url });
  await fooled.waitForSelector('.state .mark.verified');
});

test('what an API says beside the bytes that were verified is not shown as verified', async (context) => {
  // The receipt of another entry of the same ledger holds, and is not the one that was asked for.
  const other = await stack.get(`/v1/ledgers/${ledger}/entries/5/receipt`);
  const liar = await proxy(context, stack.api_url, (path, text) => {
    if (path.endsWith('/entries/3/receipt')) return other;
    return path.includes('/events?') ? text.replace(/"(kind|signer|slot|time|seq)":"[^"]*"/g, '"$1":"1"') : text;
  });
  const single = await open(entry(3), { api: liar.url });
  assert.equal(await state(single), 'refuted');
  assert.match(await single.textContent('.banner'), /of entry 5/);
  const events = await open(`${list()}/events`, { api: liar.url });
  await events.waitForSelector('.state .mark.refuted', { timeout: 60_000 });
  const softer = await proxy(context, stack.api_url, (path, text) =>
    path.includes('/events?') ? text.replace(/"(kind|signer|slot|time)":"[^"]*"/g, '"$1":"1"') : text,
  );
  const [lied, honest] = [await open(`${list()}/events`, { api: softer.url }), await open(`${list()}/events`)];
  for (const page of [lied, honest]) await page.waitForSelector('.state .mark.verified');
  assert.equal(await lied.textContent('.card tbody'), await honest.textContent('.card tbody'), 'kinds, signers and times are read from the leaves');
});

test('a server of the chain that lies alone verifies nothing where two have to agree', async (context) => {
  const liar = await proxy(context, stack.rpc_url, (_path, text, asked) => {
    if (!asked.includes('getAccountInfo')) return text;
    const answer = JSON.parse(text);
    const data = Buffer.from(answer.result.value.data[0], 'base64');
    for (let slot = 0; slot < 16; slot += 1) data[3_280 + slot * 40 + 8] ^= 1;
    answer.result.value.data[0] = data.toString('base64');
    return JSON.stringify(answer);
  });
  const both = await open(list(), { servers: [stack.rpc_url, liar.url] });
  assert.equal(await state(both), 'unasked');
  assert.match(await both.textContent('.banner'), /contradict each other/);
  const alone = await open(list(), { servers: [liar.url] });
  assert.equal(await state(alone), 'refuted', 'its account contradicts the index');
  const away = await open(list(), { servers: [stack.rpc_url, 'http://127.0.0.1:1/'], quorum: 2 });
  assert.equal(await state(away), 'unasked');
  assert.match(await away.textContent('.banner'), /1 of 2 servers answered, 2 are needed/);
  const enough = await open(list(), { servers: [stack.rpc_url, 'http://127.0.0.1:1/'], quorum: 1 });
  assert.equal(await state(enough), 'verified');
});

test('a ledger goes on from the head that this browser saw, or is refuted', async () => {
  const own = stack.cli(['ledger', 'create']);
  stack.cli(['append', own, 'one', '--wait']);
  const page = await open(`#/ledger/${own}`);
  assert.equal(await state(page), 'verified');
  const [name, seen] = await page.evaluate(() => {
    const name = Object.keys(localStorage).find((key) => key.startsWith('counterfoil head '));
    return [name, JSON.parse(localStorage.getItem(name))];
  });
  assert.equal(seen.size, '1');
  assert.equal(await page.locator('#kept').count(), 0, 'the first visit');
  // More appends than heads that an account keeps, so that a proof has to show it.
  for (let at = 0; at < 18; at += 1) stack.cli(['append', own, `more ${at}`, ...(at === 17 ? ['--wait'] : [])]);
  const visit = async (head) => {
    const again = await open('');
    await again.evaluate(([key, value]) => localStorage.setItem(key, value), [name, JSON.stringify(head)]);
    await again.goto(`${stack.api_url}/#/ledger/${own}`);
    await again.waitForSelector('#kept');
    return (await again.textContent('#kept')).replace(/\s+/g, ' ');
  };
  assert.match(await visit(seen), /verified against the chain It goes on from the 1 entry that this browser saw on 20/);
  assert.match(await visit({ ...seen, root: seen.root.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }), /refuted It does not go on/);
  assert.match(await visit({ ...seen, size: '1000' }), /refuted The servers have fewer entries/);
});

test('a server that a link names is asked once the person agrees, and not before', async () => {
  const page = await open(`#rpc=${encodeURIComponent(stack.rpc_url)}`, { servers: [] });
  await page.waitForSelector('button:has-text("Ask it")');
  await page.evaluate((hash) => (location.hash = hash), list());
  assert.equal(await state(page), 'unasked');
  assert.equal(page.hosts.has(new URL(stack.rpc_url).host), false);
  await page.click('button:has-text("Ask it")');
  await page.waitForSelector('section.banner.verified');
  for (const link of ['http://example.com/', 'javascript:alert(1)', 'file:///etc/passwd', '%']) {
    const refused = await open(`#rpc=${link}`, { servers: [] });
    await refused.waitForSelector('table');
    assert.equal(await refused.locator('button:has-text("Ask it")').count(), 0, link);
  }
});

test('a reader without scripts is sent to the facts', async () => {
  const page = await openPage(browser, `${stack.api_url}/`, { servers: [], errors, javaScriptEnabled: false });
  assert.equal(await page.getAttribute('noscript a', 'href'), './facts');
  await page.click('noscript a');
  assert.match(await page.textContent('body'), /This page verified nothing/);
});

test('bytes stay in their columns on a phone, and an unreadable server is named in plain words', async (context) => {
  const page = await open(entry(3), { viewport: { width: 390, height: 800 } });
  await page.click('.switch button:has-text("hex")');
  const [lines, wide, inner] = await page.$eval('pre.bytes', (pre) => [pre.textContent.split('\n').length, pre.scrollWidth > pre.clientWidth, pre.clientHeight / parseFloat(getComputedStyle(pre).lineHeight)]);
  assert.ok(wide && inner < lines + 3, 'no row is broken in two');
  const mute = await proxy(context, stack.rpc_url, (_path, text, asked) => (asked.includes('getAccountInfo') ? '{"jsonrpc":"2.0","id":1,"result":{"context":{"slot":1},"value":null}}' : text));
  const servers = await open(`${list()}/servers`, { servers: [mute.url] });
  await servers.waitForSelector('text=it has no account at this address');
  assert.doesNotMatch(await servers.textContent('main'), /Error:/);
});

test('texts of others become no markup, and what is hidden in them is written out', async (context) => {
  const page = await open(entry(70));
  assert.equal(await state(page), 'verified');
  assert.equal((await page.textContent('pre')).trim(), HOSTILE.replace('\u202e', '\\u{202e}').replace('\u202c', '\\u{202c}'));
  assert.equal(await page.locator('main img').count(), 0);
  assert.match(await page.title(), /^Counterfoil$/);
  // Each text of the API, in each view.
  const evil = '\\"><img src=x onerror=alert(1)>\\u202e';
  const liar = await proxy(context, stack.api_url, (path, text) =>
    path.startsWith('/v1/') ? text.replace(/"(kind|signer|server|authority|time|detail)":"[^"]*"/g, `"$1":"${evil}"`) : text,
  );
  for (const path of ['', list(), `${list()}/events`, `${list()}/rights`, `${list()}/servers`, entry(3), `#/ledger/${'1'.repeat(32)}`]) {
    const shown = await open(path, { api: liar.url });
    await shown.waitForLoadState('networkidle');
    assert.equal(await shown.locator('img').count(), 0, path);
    assert.equal((await shown.textContent('body')).includes('\u202e'), false, path);
  }
});

test('no view has a fault of accessibility, light and dark, on a desk and on a phone', async () => {
  const receipt = `#/receipt/p${Buffer.from(await stack.get(`/v1/ledgers/${ledger}/entries/3/receipt`)).toString('base64url')}`;
  for (const [colorScheme, viewport] of [['light', { width: 1280, height: 800 }], ['dark', { width: 390, height: 800 }]]) {
    for (const path of ['', list(), `${list()}/search/begins%3D%257B`, `${list()}/events`, `${list()}/rights`, `${list()}/compare`, `${list()}/servers`, entry(3), receipt, '#/verify', '#/wallet', `${list()}/wallet`, '#/x']) {
      // The page's policy keeps out what a test would add, so that the same page is opened without it.
      const page = await open(path, { colorScheme, viewport, bypassCSP: true });
      await page.waitForLoadState('networkidle');
      for (const summary of await page.$$('.take summary, .share summary')) await summary.click();
      await page.addScriptTag({ path: axe });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), [], `${path} ${colorScheme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${path} is ${overflow} pixels wider than ${viewport.width}`);
    }
  }
});
