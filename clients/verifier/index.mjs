/** Verifies what Counterfoil gives out, without a request: bytes and a pin in, a verdict out. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** An instance whose memory has grown beyond this is dropped, for WebAssembly's memory never shrinks. */
const KEPT_BYTES = 8 << 20;

/** The module gave no verdict: the pin or the call is wrong, or the module is not the one that this file knows. */
export class VerifierError extends Error {
  name = 'VerifierError';
}

/** A verifier over a compiled module. */
export class Verifier {
  #module;
  #exports = null;

  /** @param {WebAssembly.Module} module the compiled `counterfoil_verifier.wasm` */
  constructor(module) {
    this.#module = module;
  }

  /**
   * Verifies a document, compared with what the verifier relies on.
   *
   * @param {Uint8Array | string} document the whole file
   * @param {object | string | Uint8Array} [pin] or its JSON; taken from elsewhere than the document; see the types
   */
  verify(document, pin) {
    const isJson = typeof pin === 'string' || ArrayBuffer.isView(pin);
    const pinned = pin === undefined ? new Uint8Array() : toBytes(isJson ? pin : JSON.stringify(pin));
    // To the module no bytes are no pin, and they are no JSON.
    if (isJson && pinned.length === 0) throw new VerifierError('the pin cannot be read: it is empty');
    const verdict = this.#call([pinned, toBytes(document)], (module) => module.verify(pinned.length));
    if (!WORDS.includes(verdict.verdict)) throw new VerifierError('the module gave no verdict');
    return verdict;
  }

  /**
   * Makes a proof of tiles that lead to a head.
   *
   * @param {object} request `head`, `frontier`, and `range` or `first`; see the types
   * @param {Map<string, Uint8Array>} [tiles] the tiles and bundles that are there, by their paths
   */
  prove(request, tiles = new Map()) {
    const listed = [...tiles].map(([path, bytes]) => ({ path, bytes: String(bytes.length) }));
    const line = encoder.encode(`${JSON.stringify({ ...request, tiles: listed })}\n`);
    return this.#call([line, ...tiles.values()], (module) => module.prove());
  }

  #call(parts, compute) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const module = (this.#exports ??= new WebAssembly.Instance(this.#module).exports);
    try {
      let at = module.input(length);
      if (at === 0) throw new VerifierError(`${length} bytes are more than the module takes: use "counterfoil verify"`);
      for (const part of parts) {
        // A view of the memory is detached when the memory grows.
        new Uint8Array(module.memory.buffer).set(part, at);
        at += part.length;
      }
      const answer = compute(module);
      const text = decoder.decode(new Uint8Array(module.memory.buffer, answer, module.length()));
      const value = JSON.parse(text);
      if (value.error !== undefined) throw new VerifierError(value.error);
      if (module.memory.buffer.byteLength > KEPT_BYTES) this.#exports = null;
      return value;
    } catch (error) {
      this.#exports = null;
      throw error instanceof VerifierError ? error : new VerifierError('the module ended early', { cause: error });
    }
  }
}

/** All verdicts that there are. */
export const WORDS = Object.freeze(['verified', 'refused', 'cannot_tell', 'consistent']);

/**
 * A verifier from the module's bytes, or from the module that a bundler or worker gives.
 *
 * @param {WebAssembly.Module | BufferSource | Promise<WebAssembly.Module | BufferSource>} source
 */
export async function createVerifier(source) {
  const given = await source;
  return new Verifier(given instanceof WebAssembly.Module ? given : await WebAssembly.compile(given));
}

function toBytes(document) {
  if (typeof document === 'string') return encoder.encode(document);
  if (document instanceof ArrayBuffer) return new Uint8Array(document);
  if (ArrayBuffer.isView(document)) return new Uint8Array(document.buffer, document.byteOffset, document.byteLength);
  throw new VerifierError('a document is bytes, or a text');
}
