/** The page: files and a pin in, cards with the module's verdicts out. Texts of files are shown as texts, never as markup. */

const element = (id) => document.getElementById(id);
const fields = ['ledger', 'entries', 'events', 'genesis_hash', 'program'];
const held = [];
let verifier;

async function loadModule() {
  const packed = Uint8Array.from(atob(element('module').textContent.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return createVerifier(new Response(stream).arrayBuffer());
}

/** The pin as the fields say. A field that cannot be read is the person's to mend: nothing is verified by a part of a pin. */
function readPin() {
  const pin = {};
  const heads = [];
  for (const name of fields) {
    const text = element(name).value.trim();
    if (!text) continue;
    if (name !== 'entries' && name !== 'events') {
      pin[name] = text;
      continue;
    }
    const found = /^(\d+):([0-9a-f]{64})$/.exec(text);
    if (!found) throw Object.assign(new VerifierError('a head is its size, a colon, and its root of 64 lowercase digits'), { field: name });
    heads.push({ log: name, size: found[1], root: found[2] });
  }
  return heads.length > 0 ? { ...pin, heads } : pin;
}

/** The name of a field in which a key is none, asked of the module itself. */
function wrongField(pin) {
  return fields.find((name) => {
    if (pin[name] === undefined) return false;
    try {
      verifier.verify('{}', { [name]: pin[name] });
      return false;
    } catch {
      return true;
    }
  });
}

function judgeAll() {
  let pin;
  let field;
  try {
    pin = readPin();
    field = wrongField(pin);
    if (field) throw new VerifierError(`the ${field.replace('_', ' ')} is none: 32 bytes in base58`);
    verifier.verify('{}', pin);
    element('pin-error').textContent = '';
  } catch (error) {
    field ??= error.field;
    pin = null;
    element('pin-error').textContent = `${error.message}. No file is verified until it is mended.`;
  }
  for (const name of fields) {
    if (name === field) element(name).setAttribute('aria-invalid', 'true');
    else element(name).removeAttribute('aria-invalid');
  }
  const cards = held.map(({ name, bytes, problem }) => card(name, problem ?? (pin ? judge(bytes, pin) : 'not verified: what you rely on cannot be read')));
  element('results').replaceChildren(...cards);
  element('clear').hidden = held.length === 0;
  element('status').classList.toggle('unseen', held.length === 0);
  element('drop').classList.toggle('small', held.length > 0);
  const counts = {};
  for (const { dataset } of cards) counts[dataset.verdict] = (counts[dataset.verdict] ?? 0) + 1;
  const words = Object.entries(counts).map(([word, count]) => `${count} ${word === 'none' ? 'without a verdict' : word}`);
  element('status').textContent = held.length === 0 ? 'No files.' : `${held.length === 1 ? '1 file' : `${held.length} files`}: ${words.join(', ')}.`;
}

function judge(bytes, pin) {
  try {
    return verifier.verify(bytes, pin);
  } catch (error) {
    return error.message;
  }
}

/** An element with children, texts among them. */
function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A card for a verdict, or for the reason why there is none. */
function card(name, verdict) {
  const found = typeof verdict === 'string' ? { verdict: 'none', reason: verdict, compared: [], checked: [], not_checked: [] } : verdict;
  const word = found.verdict === 'none' ? 'no verdict' : found.verdict;
  return make('li', { class: 'card', 'data-verdict': found.verdict },
    make('div', { class: 'top' },
      make('h3', { class: 'word' }, word),
      make('bdi', { class: 'name' }, plain(name)),
      make('span', { class: 'kind' }, found.kind ?? '')),
    make('div', { class: 'body' },
      make('p', {}, found.reason),
      found.where ? make('p', { class: 'where' }, 'Where: ', make('code', {}, found.where)) : null,
      found.facts ? facts(found.facts, found.claims) : null,
      list('Not checked', found.not_checked),
      found.compared.length > 0 ? comparisons(found) : null));
}

function facts({ payload, event, ...rest }, claims) {
  const rows = [];
  const row = (name, value) => rows.push(make('dt', {}, name), make('dd', {}, value));
  if (payload !== undefined) row('Content', make('pre', { tabindex: '0', 'aria-label': 'Content' }, content(payload)));
  if (event) {
    row('Appended by', make('span', { class: 'mono' }, event.signer));
    row('When', `${time(event.unix_time)} by the chain's clock, slot ${event.slot}`);
  }
  if (rest.index !== undefined) row('Entry', rest.index);
  if (rest.from !== undefined) row('Range', `${rest.log}, ${rest.from} up to ${rest.to}`);
  if (claims?.ledger) row('Ledger', make('span', { class: 'mono' }, claims.ledger));
  return make('dl', {}, ...rows);
}

function time(seconds) {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}

/** An entry's bytes: as text where they are, in hexadecimal where not. */
function content(payload) {
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!/[\0-\x08\x0e-\x1f\x7f]/.test(text)) return plain(text, true);
  } catch {
    // No text.
  }
  const shown = Array.from(bytes.subarray(0, 256), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${bytes.length} bytes that are no text, in hexadecimal: ${shown}${bytes.length > 256 ? '…' : ''}`;
}

/** A text with every character escaped that moves or hides others; line ends may stay. */
function plain(text, keepsLines = false) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\u{fe00}-\u{fe0f}\u{e0000}-\u{e0fff}]/gu, (character) =>
    keepsLines && (character === '\n' || character === '\t') ? character : `\\u{${character.codePointAt(0).toString(16)}}`);
}

function list(title, lines) {
  if (lines.length === 0) return null;
  return make('details', {}, make('summary', {}, `${title}: ${lines.length}`), make('ul', {}, ...lines.map((line) => make('li', {}, line))));
}

function comparisons({ compared }) {
  const head = make('tr', {}, ...['What', 'Found', 'Expected', 'By', 'Equal'].map((name) => make('th', { scope: 'col' }, name)));
  const rows = compared.map(({ what, found, expected, by, equal }) =>
    make('tr', {}, make('td', {}, what), make('td', { class: 'mono' }, found), make('td', { class: 'mono' }, expected),
      make('td', {}, by === 'pin' ? 'you' : 'the file'), make('td', {}, equal ? 'yes' : 'no')));
  const unequal = compared.filter(({ equal }) => !equal).length;
  const title = `Compared: ${compared.length}${unequal > 0 ? `, ${unequal} not equal` : ''}`;
  return make('details', {}, make('summary', {}, title), make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows)));
}

async function hold(name, read) {
  const file = { name, problem: 'it is being read' };
  held.push(file);
  try {
    file.bytes = await read();
    delete file.problem;
  } catch {
    file.problem = 'it cannot be read: a folder, or a file that is gone. Drop the files themselves';
  }
}

async function holdFiles(files) {
  await Promise.all([...files].map((file) => hold(file.name, async () => new Uint8Array(await file.arrayBuffer()))));
  judgeAll();
}

function holdText(text) {
  if (text.trim() === '') return;
  held.push({ name: 'pasted text', bytes: new TextEncoder().encode(text) });
  judgeAll();
}

function listen() {
  const drop = element('drop');
  element('pin').addEventListener('input', judgeAll);
  element('pin').addEventListener('submit', (event) => event.preventDefault());
  element('choose').addEventListener('click', () => element('picker').click());
  element('picker').addEventListener('change', async ({ target }) => {
    await holdFiles(target.files);
    target.value = '';
  });
  element('clear').addEventListener('click', () => {
    held.length = 0;
    judgeAll();
    element('choose').focus();
  });
  element('verify-text').addEventListener('click', () => holdText(element('text').value));
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  document.addEventListener('dragleave', (event) => event.relatedTarget === null && drop.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    holdFiles(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => {
    if (event.target.matches?.('input, textarea')) return;
    if (event.clipboardData.files.length > 0) holdFiles(event.clipboardData.files);
    else holdText(event.clipboardData.getData('text/plain'));
  });
}

loadModule().then((loaded) => {
  verifier = loaded;
  listen();
  document.documentElement.dataset.ready = 'yes';
}, () => {
  element('status').classList.remove('unseen');
  element('status').textContent = 'This browser cannot run the verifier. Use "counterfoil verify" or docs/verify.py.';
});
