import type { Verifier } from './index.mjs';

export * from './index.mjs';

/** Reads the module from the disk. */
export function loadVerifier(): Promise<Verifier>;
