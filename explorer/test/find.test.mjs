import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';

import { launch, openPage, startProxy, startStack } from './support.mjs';

/** A worker that says of everything that it is verified, looking at nothing. */
const BLIND = "onmessage = ({ data }) => postMessage({ id: data.id, verdict: { verdict: 'verified', reason: '', compared: [], checked: [], not_checked: [], facts: { event: {} } } })";
let stack, browser, ledger, wallet;
const errors = [];

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  ledger = stack.cli(['ledger', 'create']);
  const lines = Array.from({ length: 70 }, (_, at) => JSON.stringify({ invoice: at, customer: { name: at % 7 === 3 ? 'Ada' : 'Bob' } }));
  stack.cli(['append', ledger, '--jsonl', '--wait'], `${lines.join('\n')}\n`);
  stack.cli(['append', ledger, 'plain text', '--wait']);
  wallet = JSON.parse(await stack.get(`/v1/ledgers/${ledger}/entries/0`)).event.signer;
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});
afterEach(() => assert.deepEqual(errors.splice(0), []));

async function proxy(context, alter, to = stack.api_url) {
  const started = await startProxy(to, alter);
  context.after(started.stop);
  return started.url;
}
/** An API that lies, and one that also gives the page a verifier that sees nothing. */
const liars = async (context, alter) => [
  await proxy(context, alter),
  await proxy(context, (path, text) => (path.endsWith('/worker.js') ? BLIND : alter(path, text))),
];
const open = (path, { api = stack.api_url, servers = [stack.rpc_url], ...options } = {}) => openPage(browser, `${api}/${path}`, { servers, errors, ...options });
const link = (search) => `#/ledger/${ledger}/search/${encodeURIComponent(new URLSearchParams(search))}`;
const words = async (page, selector) => (await page.textContent(selector)).replace(/\s+/g, ' ').trim();
const indexes = (page) => page.$$eval('.card tbody .number a', (links) => links.map((found) => Number(found.textContent.replace(/\D/g, ''))));
/** Waits until each row is judged, and gives the states. */
async function states(page) {
  await page.waitForFunction(() => document.querySelector('.card tbody tr') && !document.querySelector('.card tbody .mark.unknown'));
  return page.$$eval('.card tbody .mark', (marks) => marks.map((mark) => ['verified', 'pending', 'refuted', 'unasked'].find((name) => mark.classList.contains(name))));
}
async function download(page, button) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click(`button:has-text("${button}")`)]);
  return { name: file.suggestedFilename(), path: await file.path() };
}
const parse = (path) => readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
const ADA = [66, 59, 52, 45, 38, 31, 24, 17, 10, 3];

test('a search shows rows that are verified each by its receipt, and whose word it is that there are no others', async () => {
  const page = await open(`#/ledger/${ledger}/search`);
  await page.fill('#field', 'customer.name');
  await page.fill('#value', 'Ada');
  await page.click('button:has-text("Search")');
  assert.deepEqual(await states(page), ADA.map(() => 'verified'));
  assert.deepEqual(await indexes(page), ADA);
  assert.match(await words(page, '#found'), /10 rows, 10 verified .* that no other matches is the index's word\.$/);
  assert.equal(await page.evaluate(() => location.hash), link({ path: 'customer.name', value: 'Ada' }));

  const others = [
    [{ begins: 'plain' }, [70]],
    [{ signer: wallet, from: '68' }, [70, 69, 68]],
    [{ from: '4', to: '6' }, [5, 4]],
    [{ path: 'customer', to: '2' }, [1, 0]],
    [{ since: '2020-01-01T00:00:00', until: '2100-01-01T00:00', from: '69' }, [70, 69]],
  ];
  for (const [search, expected] of others) {
    const found = await open(link(search));
    assert.deepEqual(await states(found), expected.map(() => 'verified'), JSON.stringify(search));
    assert.deepEqual(await indexes(found), expected, JSON.stringify(search));
  }
  const none = await open(link({ signer: ledger }));
  await none.waitForSelector("text=No entry, by the index's word.");
  const unasked = await open(link({ from: '4', to: '6' }), { servers: [] });
  assert.deepEqual(await states(unasked), ['unasked', 'unasked']);
  for (const [field, value, wrong] of [['#signer', 'x', /not an address/], ['#value', 'x', /at a path/], ['#first', '-1', /is a number/]]) {
    const bad = await open(`#/ledger/${ledger}/search`);
    await bad.fill(field, value);
    await bad.click('button:has-text("Search")');
    assert.match(await words(bad, '[role=alert]'), wrong);
  }
});

test('rows that do not satisfy the search, or whose receipt is altered, are refuted; twin: without the verifier the alteration is not seen', async (context) => {
  // Entry 4 is in the ledger, and its customer is Bob.
  const other = await proxy(context, (path, text) => (path.includes('/find?') ? text.replace('"index":"66"', '"index":"4"') : text));
  const page = await open(link({ path: 'customer.name', value: 'Ada' }), { api: other });
  assert.deepEqual(await states(page), ['refuted', ...ADA.slice(1).map(() => 'verified')]);
  assert.match(await page.getAttribute('.card tbody .mark.refuted', 'title'), /does not satisfy the search/);

  const bob = Buffer.from('{"invoice":4,"customer":{"name":"Bob"}}').toString('base64');
  const ada = Buffer.from('{"invoice":4,"customer":{"name":"Ada"}}').toString('base64');
  const alter = (path, text) => (path.includes('/find?') ? text.replace('"index":"66"', '"index":"4"') : path.includes('/4/receipt') ? text.replace(bob, ada) : text);
  const [seeing, blind] = await liars(context, alter);
  assert.equal((await states(await open(link({ path: 'customer.name', value: 'Ada' }), { api: seeing })))[0], 'refuted');
  assert.equal((await states(await open(link({ path: 'customer.name', value: 'Ada' }), { api: blind })))[0], 'verified');
});

test('looking through the range finds what an index leaves out', async (context) => {
  const search = link({ path: 'customer.name', value: 'Ada' });
  const honest = await open(search);
  await states(honest);
  await honest.click('button:has-text("Look through 71 entries here")');
  await honest.waitForSelector('#whole .mark.verified');
  assert.match(await words(honest, '#whole'), /All 71 entries from 0 to 70 were read, by one certificate; 10 satisfy the search\. The index left none out\./);
  assert.match(await words(honest, '#found'), /These are all that match\.$/);

  const hiding = (path, text) => {
    if (!path.includes('/find?')) return text;
    const answer = JSON.parse(text);
    return JSON.stringify({ ...answer, entries: answer.entries.filter(({ index }) => index !== '24') });
  };
  const page = await open(search, { api: await proxy(context, hiding) });
  assert.equal((await states(page)).length, 9);
  await page.click('button:has-text("Look through")');
  await page.waitForSelector('#whole .mark.refuted');
  assert.match(await words(page, '#whole'), /The index left some out: entry 24$/);

  // An API that alters the page of entries as well, so that what it hides is not there.
  const [seeing, blind] = await liars(context, (path, text) => (/\/entries\?/.test(path) ? text.replaceAll(Buffer.from('"Ada"}}').toString('base64'), Buffer.from('"Eda"}}').toString('base64')).replace(/"payload":"eyJ([^"]*)"/g, '"payload":"eyI$1"') : hiding(path, text)));
  for (const [api, state] of [[seeing, 'refuted'], [blind, 'verified']]) {
    const fooled = await open(search, { api });
    await states(fooled);
    await fooled.click('button:has-text("Look through")');
    await fooled.waitForSelector('#whole .mark:not(.unknown)');
    assert.equal(await fooled.locator(`#whole .mark.${state}`).count(), 1, state);
  }
});

test('a search is downloaded as its verified rows, and the file says what is not in it', async (context) => {
  const page = await open(link({ path: 'customer.name', value: 'Ada' }));
  await states(page);
  const whole = await download(page, 'Download 10 rows');
  assert.equal(whole.name, `${ledger}-search-10-rows.jsonl`);
  const lines = parse(whole.path);
  assert.deepEqual(lines.slice(0, -1).map(({ index }) => Number(index)), ADA);
  assert.equal(lines[0].text, '{"invoice":66,"customer":{"name":"Ada"}}');
  assert.deepEqual([lines[0].signer, lines.at(-1).end.rows, lines.at(-1).end.whole, lines.at(-1).end.that_no_other_matches], [wallet, '10', true, "the index's word"]);

  const cut = await open(link({ from: '0' }));
  await states(cut);
  assert.match(await words(cut, '#taken'), /More rows are not in the file: the search goes on: more rows were not loaded\.$/);
  const part = await download(cut, 'Download 25 rows');
  assert.equal(part.name, `${ledger}-search-25-rows-not-whole.jsonl`);
  assert.deepEqual(parse(part.path).at(-1).end.left_out, [{ why: 'the search goes on: more rows were not loaded' }]);
  await cut.click('button:has-text("More rows")');
  await cut.waitForFunction(() => document.querySelectorAll('.card tbody tr').length === 50);
  assert.deepEqual([...new Set(await states(cut))], ['verified']);

  const other = await proxy(context, (path, text) => (path.includes('/find?') ? text.replace('"index":"66"', '"index":"4"') : text));
  const refuted = await open(link({ path: 'customer.name', value: 'Ada' }), { api: other });
  await states(refuted);
  const rest = parse((await download(refuted, 'Download 9 rows')).path);
  assert.equal(rest.length, 10, 'nine rows and the end');
  assert.match(rest.at(-1).end.left_out[0].why, /^refuted: It does not satisfy/);
});

test('a range is downloaded as evidence that the command and verify.html verify, or there is no file', async (context) => {
  const page = await open(`#/ledger/${ledger}/entries`);
  await page.click('.take summary');
  await page.fill('#take-from', '3');
  await page.fill('#take-to', '60');
  const evidence = await download(page, 'As evidence');
  assert.equal(evidence.name, `${ledger}-3-60.evidence.jsonl`);
  assert.match(await words(page, '#took'), /verified against the chain 57 entries, 3 to 59, all of them and no others, with their events\.$/);
  const verdict = JSON.parse(stack.cli(['verify', evidence.path, '--ledger', ledger, '--json']));
  assert.equal(verdict.verdict, 'verified', JSON.stringify(verdict));
  // The same bytes as the command's own, but for the heads of another moment.
  assert.equal(readFileSync(evidence.path, 'utf8'), `${stack.cli(['evidence', ledger, '--from', '3', '--to', '60', '--with-content', '--out', '-'])}\n`);

  const offline = await (await browser.newContext()).newPage();
  await offline.goto(new URL('../../clients/verifier/verify.html', import.meta.url).href);
  await offline.setInputFiles('input[type=file]', evidence.path);
  await offline.waitForFunction(() => /holds together/.test(document.body.textContent));

  for (let end = 4; end <= 71; end += 13) {
    await page.fill('#take-to', String(end));
    const { path } = await download(page, 'As evidence');
    assert.equal(JSON.parse(stack.cli(['verify', path, '--ledger', ledger, '--json'])).verdict, 'verified', `3 to ${end}`);
  }
  const lines = parse((await download(page, 'As lines of JSON')).path);
  assert.deepEqual([lines.length, lines[0].index, lines[0].signer, lines.at(-1).end.rows], [67, '3', wallet, '66']);

  await page.fill('#take-to', '72');
  await page.click('button:has-text("As evidence")');
  assert.match(await words(page, '.take .problem'), /No file was made/);
  const unasked = await open(`#/ledger/${ledger}/entries`, { servers: [] });
  await unasked.click('.take summary');
  await unasked.click('button:has-text("As lines of JSON")');
  await unasked.waitForSelector('#took .mark.unasked');
  assert.match(await words(unasked, '#took'), /No file was made, for none of 50 entries is verified/);

  const [seeing, blind] = await liars(context, (path, text) => (/\/entries\?/.test(path) ? text.replaceAll('"payload":"ey', '"payload":"ez') : text));
  const lied = await open(`#/ledger/${ledger}/entries`, { api: seeing });
  await lied.click('.take summary');
  await lied.click('button:has-text("As evidence")');
  await lied.waitForSelector('#took .mark.refuted');
  assert.match(await words(lied, '#took'), /No file was made/);
  const fooled = await open(`#/ledger/${ledger}/entries`, { api: blind });
  await fooled.click('.take summary');
  assert.ok(await download(fooled, 'As evidence'), 'without the verifier the file is given out');
});

const root = async (size) => JSON.parse(await stack.get(`/v1/ledgers/${ledger}/consistency?log=entries&first=${size}`)).first.root;
/** What the page says of heads, and in which state. */
async function compare(page, text) {
  await page.fill('#heads', text);
  await page.click('button:has-text("Compare")');
  await page.waitForSelector('#compared');
  return [await page.$eval('#compared', (banner) => ['verified', 'pending', 'refuted', 'unasked'].find((name) => banner.classList.contains(name))), await words(page, '#compared p')];
}

test('two heads are compared by a consistency proof, and with the chain', async () => {
  const [ten, forty, all, wrong] = [`10:${await root(10)}`, `40:${await root(40)}`, `71:${await root(71)}`, `10:${'a'.repeat(64)}`];
  const [page, unasked] = [await open(`#/ledger/${ledger}/compare`), await open(`#/ledger/${ledger}/compare`, { servers: [] })];
  const table = [
    [page, ten, 'verified', /^Verified: The chain's head of 71 goes on from that of 10\.$/],
    [page, `${forty} ${ten}`, 'verified', /^Verified: The head of 40 goes on from that of 10\. The chain's head of 71 goes on/],
    [page, `${ten}\n${all}`, 'verified', /The head of 71 is the chain's\.$/],
    [page, wrong, 'refuted', /^Refuted: the chain's log does not begin with the head of 10/],
    [page, `${wrong} ${forty}`, 'refuted', /^Refuted: no log has both heads/],
    [page, `${wrong} ${ten}`, 'refuted', /two roots over 10 entries/],
    [page, `71:${'a'.repeat(64)}`, 'refuted', /the chain has another root/],
    [page, `${ten} 40:${'b'.repeat(64)}`, 'pending', /^Cannot tell: the API's proof does not lead to the head of 40/],
    [page, `100:${'b'.repeat(64)}`, 'pending', /^Cannot tell: Your servers have 71 entries/],
    [unasked, ten, 'unasked', /^The index's head of 71 goes on from that of 10, and no server/],
    [unasked, wrong, 'unasked', /^Cannot tell: The index's log does not begin/],
    [unasked, `${wrong} ${forty}`, 'refuted', /^Refuted: no log has both heads/],
  ];
  for (const [on, text, state, reason] of table) {
    const [found, said] = await compare(on, text);
    assert.equal(found, state, `${text}: ${said}`);
    assert.match(said, reason);
  }
  assert.equal(await page.locator('.card tbody tr').count(), 0, 'nothing was compared with fewer entries');
  await compare(page, `${forty} ${ten}`);
  assert.equal(await page.locator('.card tbody tr').count(), 4, 'both ends of both proofs');
  for (const wrong of ['', '10', `10:${'z'.repeat(64)}`, `${ten} ${forty} ${all}`]) {
    await page.fill('#heads', wrong);
    await page.click('button:has-text("Compare")');
    assert.match(await words(page, '.problem'), /One head or two/);
  }
});

test('an API that proves a head that is none is not believed; twin: without the verifier it is', async (context) => {
  const wrong = 'c'.repeat(64);
  const right = await root(10);
  const [seeing, blind] = await liars(context, (path, text) => (path.includes('/consistency') ? text.replaceAll(right, wrong) : text));
  const found = [];
  for (const api of [seeing, blind]) found.push((await compare(await open(`#/ledger/${ledger}/compare`, { api }), `10:${wrong}`))[0]);
  assert.deepEqual(found, ['pending', 'verified']);
  // A proof of other heads than those that were asked for holds, and says nothing of them.
  const other = await stack.get(`/v1/ledgers/${ledger}/consistency?log=entries&first=20`);
  const api = await proxy(context, (path, text) => (path.includes('/consistency') ? other : text));
  assert.deepEqual(await compare(await open(`#/ledger/${ledger}/compare`, { api }), `10:${right}`), ['pending', 'Cannot tell: Whether the chain\'s head of 71 goes on from it is not shown: the API gave a proof of other heads.']);
});

const jsQR = createRequire(import.meta.url)('jsqr');
/** The link that the page of an entry gives out. */
async function linkOf(page) {
  await page.click('.share summary');
  await page.waitForSelector('.share .link a');
  return page.getAttribute('.share .link a', 'href');
}

test('a link holds the whole receipt, and is verified without asking the API', async () => {
  const page = await open(`#/ledger/${ledger}/entry/3`);
  await page.waitForSelector('.banner.verified');
  const given = await linkOf(page);
  assert.match(given, new RegExp(`^${stack.api_url}/#/receipt/d[A-Za-z0-9_-]+$`));
  const visit = async (url, options = {}) => {
    const found = await openPage(browser, `${stack.api_url}/#/verify`, { servers: [stack.rpc_url], errors, ...options });
    found.asked = [];
    found.on('request', (request) => found.asked.push(new URL(request.url()).pathname));
    await found.evaluate((hash) => (location.hash = hash), new URL(url).hash);
    await found.waitForSelector('main .banner .mark:not(.unknown), .problem');
    return found;
  };
  const opened = await visit(given);
  assert.equal(await opened.locator('main .banner.verified').count(), 1);
  assert.equal(await words(opened, 'h1'), 'A receipt of entry 3');
  assert.match(await opened.textContent('pre'), /"invoice": 3,/);
  assert.deepEqual(opened.asked.filter((path) => path.startsWith('/v1')), [], 'the API was asked nothing');
  await opened.fill('#own', ledger);
  assert.equal(await opened.locator('main .banner.verified').count(), 1);
  await opened.fill('#own', wallet);
  assert.match(await words(opened, 'main .banner.refuted'), /not of the one that you named/);
  const unasked = await visit(given, { servers: [] });
  assert.equal(await unasked.locator('main .banner.unasked').count(), 1);

  // The code that a reader's phone sees.
  const code = page.locator('.qr');
  await code.scrollIntoViewIfNeeded();
  const png = (await code.screenshot()).toString('base64');
  const { data, width, height } = await page.evaluate(async (base64) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(image.width * 2, image.height * 2);
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return { data: [...context.getImageData(0, 0, canvas.width, canvas.height).data], width: canvas.width, height: canvas.height };
  }, png);
  assert.equal(jsQR(Uint8ClampedArray.from(data), width, height)?.data, given);

  for (const wrong of ['#/receipt/', '#/receipt/d', `#/receipt/p${Buffer.from('{}').toString('base64url')}`, given.slice(0, -40), `#/receipt/p${'A'.repeat(20_000)}`]) {
    const refused = await visit(new URL(wrong, stack.api_url).href);
    assert.equal(await refused.locator('.mark.verified').count(), 1, 'the legend alone');
    assert.match(await words(refused, '.problem'), /holds|16000/);
  }
});

test('a link whose receipt was altered is refuted; twin: without the verifier it is not', async (context) => {
  const receipt = JSON.parse(await stack.get(`/v1/ledgers/${ledger}/entries/3/receipt`));
  receipt.entry.payload = Buffer.from('{"invoice":3,"customer":{"name":"Eve"}}').toString('base64');
  const forged = `#/receipt/p${Buffer.from(JSON.stringify(receipt)).toString('base64url')}`;
  const [seeing, blind] = await liars(context, (_path, text) => text);
  for (const [api, state] of [[seeing, 'refuted'], [blind, 'verified']]) {
    const page = await open(forged, { api });
    await page.waitForSelector('main .banner .mark:not(.unknown)');
    assert.equal(await page.locator(`main .banner.${state}`).count(), 1, state);
  }
});

test('a receipt that is too long for a link or a code is not cut: the page says so', async (context) => {
  for (const [bytes, expected] of [[1_500, '#no-code'], [14_000, '.share .problem']]) {
    const noise = randomBytes(bytes).toString('base64');
    const api = await proxy(context, (path, text) => (path.includes('/3/receipt') ? text.replace(/"payload":"[^"]*"/, `"payload":"${noise}"`) : text));
    const page = await open(`#/ledger/${ledger}/entry/3`, { api });
    await page.waitForSelector('.banner.refuted');
    await page.click('.share summary');
    await page.waitForSelector(expected);
    assert.equal(await page.locator('.qr').count(), 0);
    assert.match(await words(page, expected), /2,953 at most|has at most 16,000 characters: give the file/);
  }
});

test('bars are the index\'s word until they are counted again from the events', async (context) => {
  const page = await open(`#/ledger/${ledger}/entries`);
  await page.waitForSelector('.chart .word');
  assert.equal(await page.locator('.chart .bars.verified').count(), 0);
  await page.click('#again');
  await page.waitForSelector('.chart .bars.verified');
  assert.match(await words(page, '#counted'), /^336 bars, counted again from \d+ events: 336 verified against the chain\.$/);
  await page.click('.chart-table summary');
  const rows = await page.$$eval('.chart-table tbody tr', (all) => all.map((row) => row.children[1].textContent));
  assert.equal(rows.reduce((sum, count) => sum + Number(count), 0), 71);
  await page.click('button:has-text("a year by day")');
  await page.waitForSelector('.chart .word');
  await page.click('#again');
  await page.waitForSelector('.chart .bars.verified');
  assert.match(await words(page, '#counted'), /^365 bars, .*: 365 verified against the chain\.$/);
  const unasked = await open(`#/ledger/${ledger}/entries`, { servers: [] });
  await unasked.click('#again');
  await unasked.waitForSelector('.chart .bars.unasked');
  assert.match(await words(unasked, '#counted'), /: 336 chain not asked\.$/);

  const lie = (change) => (path, text) => (path.includes('/activity') ? JSON.stringify(change(JSON.parse(text))) : text);
  const more = (answer) => ({ ...answer, buckets: answer.buckets.map((bucket) => (bucket.count === '0' ? bucket : { ...bucket, count: String(BigInt(bucket.count) + 1n) })) });
  const lied = await open(`#/ledger/${ledger}/entries`, { api: await proxy(context, lie(more)) });
  await lied.click('#again');
  await lied.waitForSelector('.chart .bars.refuted');
  // An index that hides the newest event, and counts without it.
  const hidden = lie((answer) => ({ ...answer, event_head: { ...answer.event_head, size: String(BigInt(answer.event_head.size) - 1n) }, buckets: answer.buckets.map((bucket) => (bucket.count === '0' ? bucket : { ...bucket, count: String(BigInt(bucket.count) - 1n) })) }));
  const short = await open(`#/ledger/${ledger}/entries`, { api: await proxy(context, hidden) });
  await short.click('#again');
  await short.waitForSelector('.chart .bars.pending');
  assert.equal(await short.locator('.chart .bars.verified').count(), 0);
});

test('an index that alters events to fit its count is refuted; twin: without the verifier it is not', async (context) => {
  const fit = (path, text) => {
    if (path.includes('/activity')) return text.replaceAll('"count":"71"', '"count":"72"');
    if (!path.includes('/events?')) return text;
    const answer = JSON.parse(text);
    const leaf = Buffer.from(answer.events.at(-1).leaf, 'base64');
    leaf.writeBigUInt64LE(72n, 112);
    answer.events.at(-1).leaf = leaf.toString('base64');
    return JSON.stringify(answer);
  };
  const [seeing, blind] = await liars(context, fit);
  for (const [api, state] of [[seeing, 'refuted'], [blind, 'verified']]) {
    const page = await open(`#/ledger/${ledger}/entries`, { api });
    await page.click('button:has-text("a year by day")');
    await page.waitForFunction(() => /by day/.test(document.querySelector('.chart figcaption')?.textContent ?? ''));
    await page.click('#again');
    await page.waitForFunction(() => /counted again/.test(document.querySelector('#counted')?.textContent ?? ''));
    assert.equal(await page.locator(`.chart .bars.${state}`).count(), 1, state);
  }
});

test('a year by hour is drawn as one path, however many bars it has', async (context) => {
  const year = await proxy(context, (path, text) => {
    if (!path.includes('/activity')) return text;
    const answer = JSON.parse(text);
    answer.buckets = Array.from({ length: 8_760 }, (_, at) => ({ time: new Date(1_700_000_000_000 - (1_700_000_000_000 % 3_600_000) + at * 3_600_000).toISOString(), count: String(1 + ((at * 7919) % 997)), first_seq: '1' }));
    return JSON.stringify(answer);
  });
  const page = await open(`#/ledger/${ledger}/entries`, { api: year });
  await page.waitForSelector('.chart .bars');
  assert.deepEqual(await page.$$eval('.chart path', (paths) => paths.map((path) => path.getAttribute('d').split('M').length - 1)), [8_760]);
});
