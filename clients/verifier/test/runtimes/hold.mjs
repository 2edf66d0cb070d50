/** Holds a verifier to the vectors v1 by what every runtime has. Gives how many there are; throws at the first that differs. */
export function hold(verifier, { documents, pins, answers, rules }) {
  const encoder = new TextEncoder();
  const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const texts = Object.fromEntries(Object.entries(documents).map(([name, { text }]) => [name, encoder.encode(text)]));
  const nothing = { claims: null, facts: null };
  let count = 0;
  for (const { rule, verdict, vectors } of rules) {
    for (const { of, pin, at, remove, insert, insert_base64, answer } of vectors) {
      const text = texts[of];
      const inserted = insert === undefined ? fromBase64(insert_base64) : encoder.encode(insert);
      const document = new Uint8Array(text.length - remove + inserted.length);
      document.set(text.subarray(0, at));
      document.set(inserted, at);
      document.set(text.subarray(at + remove), at + inserted.length);
      const found = verifier.verify(document, pins[pin]);
      const shown = canonical({ claims: found.claims ?? null, facts: found.facts ?? null });
      if (found.verdict !== verdict || shown !== canonical(answers[answer] ?? nothing)) {
        throw new Error(`${rule} of ${of} at ${at}: ${found.verdict}, not ${verdict}: ${found.reason}`);
      }
      count += 1;
    }
  }
  return count;
}

/** A value's JSON with its members in their order. */
function canonical(value) {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
