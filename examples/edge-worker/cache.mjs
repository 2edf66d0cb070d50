/** A store for workerd's Cache API, which a platform brings of its own: answers in memory, the oldest dropped first. */

const MOST = 10_000;
const kept = new Map();

export default {
  async fetch(request) {
    if (request.method === 'PUT') {
      // The body is an answer as it stands on the wire.
      const bytes = new Uint8Array(await request.arrayBuffer());
      const end = findEnd(bytes);
      const [status, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split('\r\n');
      const headers = lines.map((line) => line.split(/:\s*/, 2)).filter(([name]) => name.toLowerCase() !== 'transfer-encoding');
      if (kept.size >= MOST) kept.delete(kept.keys().next().value);
      const isChunked = lines.some((line) => /^transfer-encoding:\s*chunked/i.test(line));
      const body = bytes.slice(end + 4);
      kept.set(request.url, { status: Number(status.split(' ')[1]), headers, body: isChunked ? joinChunks(body) : body });
      return new Response(null, { status: 204 });
    }
    if (request.method === 'PURGE') return new Response(null, { status: kept.delete(request.url) ? 200 : 404 });
    const found = kept.get(request.url);
    if (!found) return new Response(null, { status: 504, headers: { 'cf-cache-status': 'MISS' } });
    return new Response(found.body, { status: found.status, headers: [...found.headers, ['cf-cache-status', 'HIT']] });
  },
};

/** Where the header ends. */
function findEnd(bytes) {
  for (let at = 0; at + 3 < bytes.length; at += 1) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return bytes.length;
}

/** A body that came in chunks, each after its length in hexadecimal. */
function joinChunks(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf(13, at);
    const length = parseInt(new TextDecoder().decode(bytes.subarray(at, line)), 16);
    if (!length) break;
    parts.push(...bytes.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return Uint8Array.from(parts);
}
