/** A chain, an index and an API of the tests' own, proxies that lie, and a browser. */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, chmodSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { chromium } from 'playwright-core';

const target = process.env.CARGO_TARGET_DIR ?? new URL('../../target', import.meta.url).pathname;
/** The folder of the programs. */
export const BINARIES = join(target, 'debug');
const program = join(BINARIES, 'counterfoil');
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts `counterfoil dev` in a folder of its own. */
export async function startStack() {
  const folder = mkdtempSync(join(tmpdir(), 'explorer-'));
  chmodSync(folder, 0o755);
  const ready = join(folder, 'ready.json');
  const ports = ['--api-port', '0', '--gateway-port', '0', '--rpc-port', '0'];
  const child = spawn(program, ['dev', '--data', join(folder, 'data'), '--ready-file', ready, ...ports], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  while (!existsSync(ready)) {
    if (child.exitCode !== null) throw new Error('counterfoil dev ended');
    await sleep(100);
  }
  const at = JSON.parse(readFileSync(ready, 'utf8'));
  const env = { ...process.env, COUNTERFOIL_API: at.api_url, COUNTERFOIL_RPC: at.rpc_url, COUNTERFOIL_WALLET: at.wallet };
  const cli = (args, input) => {
    const done = spawnSync(program, args, { env, input, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`counterfoil ${args.join(' ')}: ${done.stderr}`);
    return done.stdout.trim();
  };
  const stop = async () => {
    child.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const get = async (path) => (await fetch(at.api_url + path)).text();
  return { ...at, cli, get, stop };
}

/** A server that passes everything on, and alters what `alter` gives another text for. */
export async function startProxy(to, alter = (_path, text) => text) {
  const server = http.createServer(async (request, response) => {
    const body = [];
    for await (const part of request) body.push(part);
    const { 'accept-encoding': _, 'if-none-match': __, host: ___, ...headers } = request.headers;
    const answer = http.request(new URL(request.url, to), { method: request.method, headers }, (from) => {
      const isJson = /json/.test(from.headers['content-type'] ?? '') || request.url.endsWith('.js');
      const { 'content-length': _, ...passed } = from.headers;
      response.writeHead(from.statusCode, passed);
      if (!isJson) return void from.pipe(response);
      const parts = [];
      from.on('data', (part) => parts.push(part));
      from.on('end', () => response.end(alter(request.url, Buffer.concat(parts).toString(), Buffer.concat(body).toString())));
    });
    answer.on('error', () => response.destroy());
    answer.end(Buffer.concat(body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}

export function launch() {
  const executablePath = BROWSERS.find(existsSync);
  if (!executablePath) throw new Error('no Chromium is here: tools/setup page installs one');
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...(process.env.DIST ? ['--disable-features=LocalNetworkAccessChecks'] : [])] });
}

/** A page with these servers of the chain, the hosts that it asked, its faults, and what it posted. `before` runs ahead of its scripts. */
export async function openPage(browser, url, { servers, quorum = servers.length, program, errors, before = [], ...options }) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.PATIENCE ?? 60_000));
  Object.assign(page, { hosts: new Set(), faults: [], posted: [] });
  page.on('request', (request) => {
    page.hosts.add(new URL(request.url()).host);
    if (request.method() === 'POST') page.posted.push(request.postData());
  });
  page.on('pageerror', (error) => errors.push(error.stack));
  page.on('console', (message) => message.type() === 'error' && page.faults.push(message.text()));
  await context.addInitScript((chosen) => localStorage.setItem('counterfoil', chosen), JSON.stringify({ servers, quorum, program }));
  // The files of a folder (which come from no address, so that a browser takes them for ones of afar) in place of those that the program was built with.
  if (process.env.DIST) {
    for (const [path, name] of [['/app.js', 'app.js'], ['/app.css', 'app.css'], ['/', 'index.html']]) {
      const body = readFileSync(join(process.env.DIST, name));
      await context.route((asked) => asked.pathname === path && asked.origin === new URL(url).origin, async (route) => route.fulfill({ response: await route.fetch(), body }));
    }
  }
  for (const [script, argument] of before) await context.addInitScript(script, argument);
  await page.goto(url);
  return page;
}
