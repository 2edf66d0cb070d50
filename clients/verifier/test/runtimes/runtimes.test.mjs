/** The vectors v1 in each runtime that the package names, by its own program, with the same module. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { EdgeVM } from '@edge-runtime/vm';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const PACKAGE = path('../..');
const VECTORS = path('../../../../docs/vectors/verdicts.json');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const FIREFOX = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
const COUNT = JSON.parse(readFileSync(VECTORS, 'utf8')).rules.reduce((sum, { vectors }) => sum + vectors.length, 0);

let folder, server, origin;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'runtimes-'));
  server = http.createServer((request, response) => {
    const file = FILES[request.url];
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': file[0] }).end(file[1] && readFileSync(file[1]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const FILES = {
  '/': ['text/html'],
  '/hold.mjs': ['text/javascript', path('hold.mjs')],
  '/index.mjs': ['text/javascript', join(PACKAGE, 'index.mjs')],
  '/counterfoil_verifier.wasm': ['application/wasm', join(PACKAGE, 'counterfoil_verifier.wasm')],
  '/verdicts.json': ['application/json', VECTORS],
};

/** Holds a runtime to all vectors, and its twin, which says one word, to none. */
async function expectAll(run) {
  assert.equal(Number(await run()), COUNT);
  await assert.rejects(run('verified'), /not (refused|cannot_tell|consistent)/);
}

async function command(program, args, blind) {
  const { stdout } = await promisify(execFile)(program, [...args, path('from-files.mjs'), PACKAGE, VECTORS, ...(blind ? [blind] : [])]);
  return stdout;
}

test('Node.js', () => expectAll((blind) => command(process.execPath, [], blind)));

test('deno', () => expectAll((blind) => command(path('node_modules/@deno/linux-x64-glibc/deno'), ['run', '--no-remote', '--allow-read'], blind)));

test('bun', () => expectAll((blind) => command(path('node_modules/@oven/bun-linux-x64/bin/bun'), ['run'], blind)));

test('the edge runtime', () =>
  expectAll(async (blind) => {
    const vm = new EdgeVM();
    const source = ['hold.mjs', '../../index.mjs'].map((name) => readFileSync(path(name), 'utf8').replaceAll(/^export /gm, '')).join('\n');
    vm.context.bytes = readFileSync(join(PACKAGE, 'counterfoil_verifier.wasm'));
    vm.context.vectors = readFileSync(VECTORS, 'utf8');
    vm.context.blind = blind;
    return vm.evaluate(`(async () => {
      ${source}
      const verifier = blind ? { verify: () => ({ verdict: blind }) } : await createVerifier(Uint8Array.from(bytes));
      return hold(verifier, JSON.parse(vectors));
    })()`);
  }));

test('workerd', async () => {
  const parts = [path('worker.mjs'), path('hold.mjs'), join(PACKAGE, 'index.mjs'), join(PACKAGE, 'counterfoil_verifier.wasm'), VECTORS];
  for (const part of parts) copyFileSync(part, join(folder, basename(part)));
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "2026-01-01", modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "hold.mjs", esModule = embed "hold.mjs"),
    (name = "index.mjs", esModule = embed "index.mjs"),
    (name = "counterfoil_verifier.wasm", wasm = embed "counterfoil_verifier.wasm"),
    (name = "verdicts.json", json = embed "verdicts.json"),
  ]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);\n`;
  writeFileSync(join(folder, 'config.capnp'), config);
  const program = path('node_modules/@cloudflare/workerd-linux-64/bin/workerd');
  const child = spawn(program, ['serve', join(folder, 'config.capnp'), '--control-fd=3'], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  try {
    const { port } = await new Promise((resolve, reject) => {
      let told = '';
      child.on('exit', (code) => reject(new Error(`workerd ended: ${code}`)));
      child.stdio[3].on('data', (part) => {
        told += part;
        const line = told.split('\n').find((line) => line.includes('"listen"'));
        if (line) resolve(JSON.parse(line));
      });
    });
    await expectAll(async (blind) => {
      const answer = await fetch(`http://127.0.0.1:${port}/${blind ? `?blind=${blind}` : ''}`);
      if (!answer.ok) throw new Error(await answer.text());
      return answer.text();
    });
  } finally {
    child.kill();
  }
});

/** Runs in a page. */
const inPage = async (blind) => {
  const [{ hold }, { createVerifier }] = await Promise.all([import('/hold.mjs'), import('/index.mjs')]);
  const bytes = async (url) => (await fetch(url)).arrayBuffer();
  const verifier = blind ? { verify: () => ({ verdict: blind }) } : await createVerifier(bytes('/counterfoil_verifier.wasm'));
  return hold(verifier, await (await fetch('/verdicts.json')).json());
};

/** Holds a browser to all vectors, and ends it. */
async function expectInPage(browser) {
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    await expectAll((blind) => page.evaluate(inPage, blind));
  } finally {
    await browser.close();
  }
}

test('Chromium', async () => {
  assert.ok(CHROMIUM, 'no Chromium is here: tools/setup page installs one');
  await expectInPage(await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] }));
});

/** Firefox with a profile of its own. */
async function firefox(extraPrefsFirefox = {}) {
  assert.ok(FIREFOX, 'no Firefox is here: tools/setup runtimes installs one');
  const userDataDir = mkdtempSync(join(folder, 'firefox-'));
  return puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX, headless: true, userDataDir, extraPrefsFirefox });
}

test('Firefox', async () => expectInPage(await firefox()));

test('the page gives verdicts in Firefox, from a disk and without a network', async () => {
  const { documents, pins, rules } = JSON.parse(readFileSync(VECTORS, 'utf8'));
  const { of, pin } = rules.find(({ rule }) => rule === 'receipt/pin/all').vectors.find(({ of }) => of === 'receipt 6');
  const { ledger, heads } = pins[pin];
  copyFileSync(join(PACKAGE, 'verify.html'), join(folder, 'verify.html'));
  writeFileSync(join(folder, 'receipt.json'), documents[of].text);
  writeFileSync(join(folder, 'altered.json'), documents[of].text.replace(/"payload":"(.)/, (_, first) => `"payload":"${first === 'A' ? 'B' : 'A'}`));
  const browser = await firefox({ 'network.proxy.type': 1, 'network.proxy.socks': '127.0.0.1', 'network.proxy.socks_port': 9 });
  try {
    const page = await browser.newPage();
    const requests = [];
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(join(folder, 'verify.html')).href);
    await page.waitForFunction(() => document.documentElement.dataset.ready === 'yes');
    await page.locator('#ledger').fill(ledger);
    for (const { log, size, root } of heads) await page.locator(`#${log}`).fill(`${size}:${root}`);
    const picker = await page.$('#picker');
    await picker.uploadFile(join(folder, 'receipt.json'), join(folder, 'altered.json'));
    await page.waitForFunction(() => document.querySelectorAll('#results > li').length === 2);
    const words = await page.$$eval('#results > li .word', (words) => words.map((word) => word.textContent));
    assert.deepEqual(words.toSorted(), ['refused', 'verified']);
    // Firefox's own font for its controls is an address with the bytes in it.
    assert.deepEqual(requests.filter((url) => !/^(file|data):/.test(url)), []);
  } finally {
    await browser.close();
  }
});
