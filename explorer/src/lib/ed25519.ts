/** Ed25519, as far as a page needs it: whether bytes are a point of the curve, and whether a signature holds. */

const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

const mod = (value: bigint): bigint => ((value % P) + P) % P;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

/** The y that 32 bytes state, without the sign of x. */
function readY(key: Uint8Array): bigint {
  let y = 0n;
  for (let at = 31; at >= 0; at -= 1) y = (y << 8n) | BigInt(at === 31 ? key[at]! & 0x7f : key[at]!);
  return mod(y);
}

/** Whether a point of the curve has this encoding: x^2 = (y^2 - 1) / (d y^2 + 1) must be a square. A program's address must be none. */
export function isOnCurve(key: Uint8Array): boolean {
  const square = readY(key) ** 2n;
  const ratio = mod((square - 1n) * mod(D * square + 1n));
  return ratio === 0n || power(ratio, (P - 1n) / 2n) === 1n;
}

/** Whether the point's order divides 8: anybody can make signatures that hold under such a key. */
export function isSmallOrder(key: Uint8Array): boolean {
  const y = readY(key);
  return y === 0n || y === 1n || y === P - 1n || mod(D * y ** 4n + 2n * y ** 2n - 1n) === 0n;
}

/** Whether a key signed a message; null where this browser cannot tell. */
export async function isSignedBy(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean | null> {
  if (signature.length !== 64 || !isOnCurve(key) || isSmallOrder(key)) return false;
  try {
    const known = await crypto.subtle.importKey('raw', key.slice(), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', known, signature.slice(), message.slice());
  } catch {
    return null;
  }
}
