/** The reader's choice of whom to rely on. It stays in this browser. */

const KEY = 'counterfoil';
/** The program of the releases. */
export const PROGRAM = 'BNCzrkTu6NddRckZgzqSDshk9bGuWBzNtTTRKmkamkEL';

export interface Settings {
  /** URLs of JSON-RPC servers. */
  servers: string[];
  /** How many of them have to agree. */
  quorum: number;
  program: string;
}

function load(): Settings {
  const settings: Settings = { servers: [], quorum: 1, program: PROGRAM };
  try {
    const { servers, quorum, program } = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    if (Array.isArray(servers)) settings.servers = servers.map(serverUrl).filter((url) => url !== null);
    if (Number.isInteger(quorum)) settings.quorum = clamp(quorum, settings.servers.length);
    if (typeof program === 'string' && /^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(program)) settings.program = program;
  } catch {
    // A choice that cannot be read is as good as none.
  }
  return settings;
}

const clamp = (quorum: number, servers: number) => Math.max(1, Math.min(quorum, Math.max(servers, 1)));

/** A server's URL in one form; null where it is none. Without TLS it is one of this machine's, as the page's policy has it. */
export function serverUrl(text: unknown): string | null {
  try {
    const url = new URL(String(text).trim());
    const isOwn = url.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(url.hostname);
    return url.protocol === 'https:' || isOwn ? url.href : null;
  } catch {
    return null;
  }
}

export const settings: Settings = $state(load());

export function choose(chosen: Settings): void {
  settings.servers = chosen.servers;
  settings.quorum = clamp(chosen.quorum, chosen.servers.length);
  settings.program = chosen.program;
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing forgets it with the page.
  }
}
