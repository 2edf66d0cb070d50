/** A picture of each view: light and dark, on a desk and on a phone, and printed. Usage: npm run screenshots [-- FOLDER] */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { launch, openPage, startStack } from './support.mjs';

const folder = process.argv[2] ?? new URL('../screenshots', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const [stack, browser] = await Promise.all([startStack(), launch()]);
const errors = [];

const ledger = stack.cli(['ledger', 'create']);
const NAMES = ['Ada Lovelace', 'Grace Hopper', 'Alan Turing', 'Katherine Johnson', 'Edsger Dijkstra'];
const line = (at) => JSON.stringify({ invoice: `2026-${String(1_000 + at)}`, customer: { name: NAMES[at % NAMES.length], country: at % 3 ? 'DE' : 'FR' }, total: `${((at * 7919) % 100_000) / 100} EUR`, paid: at % 4 !== 0 });
for (let part = 0; part < 4; part += 1) stack.cli(['append', ledger, '--jsonl', '--wait'], `${Array.from({ length: 60 }, (_, at) => line(part * 60 + at)).join('\n')}\n`);
const head = JSON.parse(await stack.get(`/v1/ledgers/${ledger}/consistency?log=entries&first=100`)).first;

const of = (tab) => `#/ledger/${ledger}/${tab}`;
const receipt = await stack.get(`/v1/ledgers/${ledger}/entries/123/receipt`);
const VIEWS = {
  ledgers: ['', async () => undefined],
  ledger: [of('entries'), (page) => page.click('#again').then(() => page.waitForSelector('.bars.verified'))],
  download: [of('entries'), (page) => page.click('.take summary')],
  search: [`${of('search')}/${encodeURIComponent('path=customer.name&value=Ada Lovelace')}`, async (page) => {
    await page.waitForFunction(() => document.querySelector('.card tbody tr') && !document.querySelector('.card tbody .mark.unknown'));
    await page.click('button:has-text("Look through")');
    await page.waitForSelector('#whole .mark.verified');
  }],
  events: [of('events'), (page) => page.waitForSelector('.card tbody .mark.verified')],
  rights: [of('rights'), async () => undefined],
  compare: [of('compare'), async (page) => {
    await page.fill('#heads', `100:${head.root}`);
    await page.click('button:has-text("Compare")');
    await page.waitForSelector('#compared');
  }],
  servers: [of('servers'), (page) => page.waitForSelector('.card tbody')],
  entry: [`#/ledger/${ledger}/entry/123`, (page) => page.waitForSelector('.banner.verified')],
  share: [`#/ledger/${ledger}/entry/123`, (page) => page.click('.share summary').then(() => page.waitForSelector('.qr'))],
  link: [`#/receipt/p${Buffer.from(receipt).toString('base64url')}`, (page) => page.waitForSelector('main .banner.verified')],
  verify: ['#/verify', async () => undefined],
  wallet: ['#/wallet', async () => undefined],
  nowhere: ['#/x', async () => undefined],
};
const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
  print: { colorScheme: 'light', viewport: { width: 800, height: 1100 } },
};

const wanted = (process.env.ONLY ?? '').split(',').filter(Boolean);
for (const [name, [path, prepare]] of Object.entries(VIEWS)) {
  if (wanted.length && !wanted.includes(name)) continue;
  for (const [look, options] of Object.entries(LOOKS)) {
    const page = await openPage(browser, `${stack.api_url}/${path}`, { servers: [stack.rpc_url], errors, ...options });
    await page.waitForLoadState('networkidle');
    await prepare(page);
    if (look === 'print') await page.emulateMedia({ media: 'print' });
    await page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true });
    await page.context().close();
  }
}
await browser.close();
await stack.stop();
if (errors.length) throw new Error(errors.join('\n'));
console.log(folder);
process.exit(0);
