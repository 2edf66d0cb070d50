import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Lock {
  packages: { [path: string]: { version: string; license?: string; integrity?: string; resolved?: string } };
}

const PERMISSIVE = ['Apache-2.0', 'ISC', 'MIT', 'Public Domain'];

test('every package is permissively licensed, pinned by its hash, and bound to no registry', () => {
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as Lock;
  const { '': own, ...packages } = lock.packages;
  assert.equal(own?.license, 'Apache-2.0');
  assert.ok(Object.keys(packages).length > 0);
  for (const [path, { license, integrity, resolved }] of Object.entries(packages)) {
    assert.ok(license !== undefined && PERMISSIVE.includes(license), `${path} is licensed ${license}`);
    assert.match(integrity ?? '', /^sha512-/, path);
    assert.equal(resolved, undefined, path);
  }
});
