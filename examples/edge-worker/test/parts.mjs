/** The parts that the tests start: a recorded history's index, the API over it, a proxy that counts and alters, workerd, nginx. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const HERE = fileURLToPath(new URL('..', import.meta.url));
const BINARIES = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug');
const started = [];

/** A process that ends with these tests. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  child.on('error', (error) => console.error(`${command}: ${error.message}`));
  started.push(child);
  return child;
}

export async function stopAll() {
  for (const child of started.splice(0).reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const closed = once(child, 'close');
    child.stdin?.end();
    child.kill('SIGTERM');
    await closed;
  }
}

export async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('it ended without a word');
}

/** A made-up history of one ledger in the database of DATABASE_URL, true to the last byte. */
export async function index(folder, records) {
  const recording = join(folder, 'recording');
  const args = ['--out', recording, '--records', String(records), '--entries-per-transaction', '100', '--entry-bytes', '8', '--seed', '7'];
  const made = spawnSync(join(BINARIES, 'counterfoil-history'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (made.status !== 0) throw new Error('counterfoil-history failed: build it with cargo build -p counterfoil-history');
  const indexer = start(join(BINARIES, 'counterfoil-indexer'), ['--recording', recording, '--listen', '127.0.0.1:0', '--exit-with-stdin']);
  const { url } = JSON.parse(await firstLine(indexer.stdout));
  for (const end = Date.now() + 300_000; ; ) {
    const response = await fetch(`${url}/readyz`);
    if (response.ok && (await response.json()).ledgers > 0) break;
    if (Date.now() > end) throw new Error('the history is not indexed in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  indexer.stdin.end();
  await once(indexer, 'close');
}

export async function startApi() {
  const api = start(join(BINARIES, 'counterfoil-api'), ['--listen', '127.0.0.1:0', '--exit-with-stdin', '--access', 'off']);
  return JSON.parse(await firstLine(api.stdout)).url;
}

/** A server before the API: `seen` has each path that was asked for, and `alter` may change an answer. */
export async function startProxy(api) {
  const proxy = { seen: [], alter: null };
  const server = createServer((incoming, outgoing) => {
    proxy.seen.push(incoming.url);
    const passed = httpRequest(new URL(incoming.url, api), { method: incoming.method, headers: { accept: '*/*' } }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        const { status = answer.statusCode, body = Buffer.concat(chunks) } = proxy.alter?.(incoming.url, Buffer.concat(chunks)) ?? {};
        const { 'content-length': _, connection: __, ...headers } = answer.headers;
        outgoing.writeHead(status, { ...headers, 'content-length': body.length });
        outgoing.end(body);
      });
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.address = `127.0.0.1:${server.address().port}`;
  proxy.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return proxy;
}

/** The worker in a workerd of its own: nothing is in its cache yet. */
export async function startWorker(api, settings) {
  // The program itself: the command of the package hands on no file descriptor.
  const workerd = createRequire(import.meta.url)('workerd').default;
  const args = ['serve', join(HERE, 'config.capnp'), '--external-addr', `api=${api}`, '--socket-addr', 'http=127.0.0.1:0', '--control-fd=3'];
  const child = start(workerd, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'], env: { PATH: process.env.PATH, HEAD: '', ...settings } });
  const { port } = JSON.parse(await firstLine(child.stdio[3]));
  return { url: `http://127.0.0.1:${port}`, stop: async () => (child.kill('SIGTERM'), once(child, 'close')) };
}

/** nginx with the committed configuration, its addresses and folders set. */
export async function startNginx(folder, api) {
  const port = await freePort();
  const committed = readFileSync(join(HERE, 'nginx.conf'), 'utf8');
  const log = join(folder, 'access.log');
  const changes = [
    ['/var/cache/nginx/counterfoil', join(folder, 'cache')],
    ['/var/log/nginx/counterfoil.log', log],
    ['server 127.0.0.1:8080', `server ${new URL(api).host}`],
    ['listen 127.0.0.1:8081', `listen 127.0.0.1:${port}`],
  ];
  const site = changes.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`nginx.conf does not have "${from}" once`);
    return text.replace(from, to);
  }, committed);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  // Where root starts it, its workers would be another user's, and could not enter this folder.
  const user = process.getuid() === 0 ? 'user root;' : '';
  const head = `${user} daemon off; pid ${folder}/nginx.pid; error_log stderr warn; worker_processes 1; events {}`;
  writeFileSync(join(folder, 'site.conf'), site);
  writeFileSync(join(folder, 'nginx.conf'), `${head} http { ${temporary.join(' ')} include ${folder}/site.conf; }\n`);
  start(process.env.NGINX ?? '/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')]);
  for (const end = Date.now() + 20_000; ; ) {
    const response = await fetch(`http://127.0.0.1:${port}/livez`).catch(() => null);
    if (response?.ok) break;
    if (Date.now() > end) throw new Error('nginx does not answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const url = `http://127.0.0.1:${port}`;
  return { url, lines: () => readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split(' ')) };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
