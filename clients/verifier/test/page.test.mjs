import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, copyFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';

import { loadVerifier } from '../node.mjs';
import { documents, flipped, pinOf } from './support.mjs';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const page_file = new URL('../verify.html', import.meta.url);
const texts = new Map([...documents()].map(([name, text]) => [name, text]));
const alteredReceipt = [...texts.keys()].find((name) => name.startsWith('receipt 6, entry.payload = "AgMD'));
const folder = mkdtempSync(join(tmpdir(), 'counterfoil-page-'));
let browser;
let verifier;

before(async () => {
  verifier = await loadVerifier();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** The page from a folder whose name is hard on addresses, with all that it asks for and all that it complains of. */
async function open({ colorScheme = 'light', file = page_file, viewport } = {}) {
  const place = join(folder, 'a b#1%25');
  mkdirSync(place, { recursive: true });
  copyFileSync(file, join(place, 'verify.html'));
  const context = await browser.newContext({ colorScheme, ...(viewport ? { viewport } : {}) });
  const page = await context.newPage();
  const requests = [];
  const complaints = [];
  context.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(pathToFileURL(join(place, 'verify.html')).href);
  await page.waitForFunction(() => document.documentElement.dataset.ready === 'yes');
  return { page, requests, complaints, close: () => context.close() };
}

const files = (...names) => names.map((name) => ({ name: `${name}.json`, mimeType: 'text/plain', buffer: Buffer.from(texts.get(name)) }));

/** Waits until this many files have a result: they are read after the event that hands them over. */
const results = (page, count) => page.waitForFunction((count) => document.querySelectorAll('#results > li').length === count, count);

/** The words of the results, of which there will be this many. */
async function words(page, count) {
  await results(page, count);
  return page.locator('#results > li .word').allTextContents();
}

async function fill(page, { ledger, heads }) {
  await page.fill('#ledger', ledger);
  for (const { log, size, root } of heads) await page.fill(`#${log}`, `${size}:${root}`);
}

/** The pin for a document: of each log the last head that it leads to. */
function lastHeads(name) {
  const pin = pinOf(verifier.verify(texts.get(name)));
  const last = ['entries', 'events'].map((log) => pin.heads.findLast((head) => head.log === log));
  return { ...pin, heads: last.filter(Boolean) };
}

test('the page is one small file', () => {
  const { size } = statSync(page_file);
  assert.ok(size <= 200_000, `${size} bytes`);
  const html = readFileSync(page_file, 'utf8');
  assert.match(html, /Content-Security-Policy" content="default-src 'none'; /);
  assert.ok(!/(?:src|href)="(?!#)/.test(html), 'it names no other file');
});

test('files get the words that the module gives, with and without what a person relies on', async () => {
  const { page, requests, complaints, close } = await open();
  const names = ['receipt 6', 'evidence 0', 'page 3', 'unreadable 1', 'consistency 20, null'];
  const present = names.map((name) => [...texts.keys()].find((key) => key.startsWith(name)));
  await page.setInputFiles('#picker', files(...present));
  assert.deepEqual(await words(page, names.length), present.map((name) => verifier.verify(texts.get(name)).verdict));

  const pin = lastHeads('receipt 6');
  await fill(page, pin);
  const pinned = { ledger: pin.ledger, heads: pin.heads };
  const expected = present.map((name) => verifier.verify(texts.get(name), pinned).verdict);
  assert.equal(expected[0], 'verified');
  assert.deepEqual(await words(page, names.length), expected);
  const count = expected.filter((word) => word === 'verified').length;
  assert.match(await page.locator('#status').textContent(), new RegExp(`^5 files: .*${count} verified`));

  // Twin: with the root of another log in the same field the word turns.
  const { size, root } = pin.heads[0];
  await page.fill('#entries', `${size}:${flipped(root)}`);
  assert.equal((await words(page, names.length))[0], 'refused');
  assert.deepEqual([requests.length, complaints], [1, []], requests.join());
  await close();
});

test('twin: a page that asks for something is seen, and stopped by its own policy', async () => {
  const html = readFileSync(page_file, 'utf8').replace('<footer>', '<footer><img src="http://127.0.0.1:9/x.png" alt="">');
  const other = join(folder, 'asks.html');
  writeFileSync(other, html);
  const { page, complaints, close } = await open({ file: other });
  await page.evaluate(() => fetch('http://127.0.0.1:9/').catch(() => 0));
  assert.ok(complaints.filter((text) => text.includes('Content Security Policy')).length >= 2, complaints.join('\n'));
  await close();
});

test('drop, paste and the text field take what the picker takes', async () => {
  const { page, complaints, close } = await open();
  const text = texts.get('receipt 3');
  await page.evaluate((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'one.json'));
    transfer.items.add(new File([text.slice(1)], 'two.json'));
    document.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true }));
  }, text);
  await results(page, 2);
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData('text/plain', text);
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  }, text);
  await page.locator('summary', { hasText: 'Paste a text' }).click();
  await page.fill('#text', text);
  await page.click('#verify-text');
  assert.deepEqual(await words(page, 4), ['cannot_tell', 'refused', 'cannot_tell', 'cannot_tell']);
  await page.click('#clear');
  assert.deepEqual(await words(page, 0), []);
  assert.deepEqual(complaints, []);
  await close();
});

test('a folder gets a clear word, and a page of 5 MB a verdict', async () => {
  const { page, complaints, close } = await open();
  await page.evaluate(() => {
    const gone = { name: 'folder', arrayBuffer: () => Promise.reject(new DOMException('', 'NotFoundError')) };
    const event = new Event('drop', { cancelable: true });
    Object.defineProperty(event, 'dataTransfer', { value: { files: [gone] } });
    document.dispatchEvent(event);
  });
  await results(page, 1);
  assert.match(await page.locator('#results').textContent(), /cannot be read: a folder/);
  const long = JSON.parse(texts.get('page 3'));
  long.note = 'x'.repeat(5 << 20);
  await page.setInputFiles('#picker', { name: 'long.json', mimeType: 'text/plain', buffer: Buffer.from(JSON.stringify(long)) });
  await results(page, 2);
  assert.equal((await words(page, 2))[1], 'cannot_tell');
  assert.deepEqual(complaints, []);
  await close();
});

test('what cannot be read of a pin is said at its field, and no file gets a verdict', async () => {
  const { page, close } = await open();
  await page.setInputFiles('#picker', files('receipt 3'));
  for (const [field, text] of [['ledger', 'x'], ['entries', '16'], ['program', '0']]) {
    await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
    await page.fill(`#${field}`, text);
    assert.equal(await page.getAttribute(`#${field}`, 'aria-invalid'), 'true', field);
    assert.match(await page.locator('#pin-error').textContent(), /No file is verified/);
    assert.deepEqual(await words(page, 1), ['no verdict']);
    await page.fill(`#${field}`, '');
  }
  assert.deepEqual(await words(page, 1), ['cannot_tell']);
  await close();
});

test('names and contents of files are texts, and hide nothing', async () => {
  const { page, complaints, close } = await open();
  const name = '<img src=x onerror=alert(1)>\u202egnp.json';
  await page.setInputFiles('#picker', { name, mimeType: 'text/plain', buffer: Buffer.from('{"<b>":1}') });
  await page.waitForSelector('#results > li');
  assert.equal(await page.locator('#results img, #results b').count(), 0);
  assert.equal(await page.locator('.name').textContent(), name.replace('\u202e', '\\u{202e}'));
  assert.deepEqual(complaints, []);
  await close();
});

test('all is reached by keyboard, and every text has contrast in both schemes', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const { page, close } = await open({ colorScheme });
    await fill(page, lastHeads('receipt 6'));
    await page.setInputFiles('#picker', files('receipt 6', 'receipt 3', alteredReceipt, 'consistency 20, null'));
    const kinds = new Set(await words(page, 4));
    assert.ok(['verified', 'refused', 'cannot_tell'].every((word) => kinds.has(word)), [...kinds].join());
    await page.focus('body');
    const reached = new Set();
    for (let step = 0; step < 40; step += 1) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
    }
    for (const id of ['ledger', 'entries', 'events', 'choose', 'clear', 'SUMMARY']) assert.ok(reached.has(id), `${id} of ${[...reached]}`);
    const poor = await page.evaluate(contrasts);
    assert.deepEqual(poor, [], colorScheme);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('input, textarea, button')].filter((control) => !control.labels?.length && !control.textContent && !control.ariaLabel).map(({ id }) => id));
    assert.deepEqual(unnamed, []);
    await close();
  }
});

/** The texts whose contrast with what is behind them is below 4.5 (WCAG 1.4.3); runs in the page. */
function contrasts() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const read = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = read(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const shown = [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && !['SCRIPT', 'STYLE'].includes(element.tagName));
  return shown.flatMap((element) => {
    const [light, dark] = [luminance(read(getComputedStyle(element).color)), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    return ratio < 4.5 ? [`${element.tagName} ${element.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`] : [];
  });
}

test('pictures of the page, for the documents', { skip: !process.env.PICTURES }, async () => {
  for (const colorScheme of ['light', 'dark']) {
    const { page, close } = await open({ colorScheme, viewport: { width: 1180, height: 1000 } });
    await fill(page, lastHeads('receipt 6'));
    const named = [['receipt.json', 'receipt 6'], ['altered.json', alteredReceipt], ['evidence.jsonl', 'evidence 0']];
    await page.setInputFiles('#picker', named.map(([name, key]) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(texts.get(key)) })));
    await results(page, 3);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: join(process.env.PICTURES, `verify-${colorScheme}.png`) });
    await close();
  }
});
