// Writes src/generated/ from the program's committed IDL; with --check, writes nothing and fails where that differs.

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { rootNodeFromAnchor } from '@codama/nodes-from-anchor';
import { renderVisitor } from '@codama/renderers-js';
import { visit } from '@codama/visitors-core';
import { getProgramDerivedAddress } from '@solana/kit';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const GENERATED = join('src', 'generated');

await main(process.argv.slice(2));

async function main(args) {
  const isCheck = args[0] === '--check';
  if (args.length > (isCheck ? 1 : 0)) throw new Error('usage: generate.mjs [--check]');
  if (!isCheck) return render(FOLDER);
  const scratch = mkdtempSync(join(tmpdir(), 'counterfoil-generate-'));
  try {
    await render(scratch);
    expectSame(join(scratch, GENERATED), join(FOLDER, GENERATED));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function render(folder) {
  const { prettier } = JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8'));
  const options = {
    generatedFolder: GENERATED,
    kitImportStrategy: 'rootOnly',
    prettierOptions: { ...prettier, parser: 'typescript' },
    syncPackageJson: false,
  };
  await visit(rootNodeFromAnchor(await readIdl()), renderVisitor(folder, options));
  for (const file of filesBelow(join(folder, GENERATED))) nameFilesInImports(join(folder, GENERATED, file));
}

// What the renderer does not do by itself: it renders no events, whose kinds src/event.ts knows, and the IDL does not
// say that two accounts of each instruction are always the same.
async function readIdl() {
  const idl = JSON.parse(readFileSync(join(FOLDER, '../../idls/counterfoil.json'), 'utf8'));
  delete idl.events;
  const [eventAuthority] = await getProgramDerivedAddress({
    programAddress: idl.address,
    seeds: ['__event_authority'],
  });
  const fixed = {
    event_authority: { address: eventAuthority, docs: ["The program's event authority."] },
    program: { address: idl.address, docs: ['The program itself, which it calls to emit the event.'] },
  };
  for (const instruction of idl.instructions) {
    instruction.accounts = instruction.accounts.map((account) => ({ ...account, ...fixed[account.name] }));
  }
  return idl;
}

// The renderer names folders and leaves endings out, which only bundlers understand.
function nameFilesInImports(path) {
  const text = readFileSync(path, 'utf8').replace(/(from ')(\.[^']*)(')/g, (_, before, specifier, after) => {
    const target = join(dirname(path), specifier);
    const isFolder = existsSync(target) && statSync(target).isDirectory();
    return `${before}${specifier}${isFolder ? '/index' : ''}.js${after}`;
  });
  writeFileSync(path, text);
}

function expectSame(fresh, committed) {
  const files = new Set([...filesBelow(fresh), ...filesBelow(committed)]);
  const read = (folder, file) =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : undefined;
  const stale = [...files].filter((file) => read(fresh, file) !== read(committed, file));
  if (stale.length === 0) return;
  console.error(`src/generated is not what the IDL gives: run \`npm run generate\`. These differ: ${stale.join(', ')}`);
  process.exitCode = 1;
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).filter((file) => statSync(join(folder, file)).isFile());
}
