// A search over the guides and operations, in the page: the index is loaded with the first query.

const MAX_RESULTS = 12;
// How much of the text of an entry is shown: as many characters before and after what was found.
const BEFORE = 40;
const AFTER = 110;

// "Überprüfen" is found by "uberprufen". The length stays, so that a position in one is a position in the other.
function fold(text) {
  const simple = (character) => character.normalize('NFD').charAt(0).toLowerCase();
  return [...text].map((character) => (character.length > 1 ? character : simple(character))).join('');
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const PART_OF_WORD = /[\p{L}\p{N}]/u;

// How well a text has a word: not at all, inside of a word, at the beginning of one, or as a whole.
function rank(text, word) {
  let best = 0;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const begins = !PART_OF_WORD.test(text.charAt(at - 1));
    const ends = !PART_OF_WORD.test(text.charAt(at + word.length));
    best = Math.max(best, begins && ends ? 3 : begins ? 2 : 1);
  }
  return best;
}

// Each word has to be somewhere in the entry; one in the title says more than one in the text.
function score(entry, words) {
  let sum = 0;
  for (const word of words) {
    const best = Math.max(6 * rank(entry.folded.title, word), 3 * rank(entry.folded.about, word), rank(entry.folded.text, word));
    if (!best) return 0;
    sum += best;
  }
  return sum;
}

export function search(index, query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const scored = index.map((entry) => ({ entry, score: score(entry, words) })).filter(({ score }) => score > 0);
  // Among equals, the order of the menu.
  scored.sort((one, other) => other.score - one.score);
  return scored.slice(0, MAX_RESULTS).map(({ entry }) => ({ entry, words }));
}

// The part of the text around the first word that is in it, with the words marked.
function excerpt({ text, folded }, words) {
  const positions = words.map((word) => folded.text.indexOf(word)).filter((position) => position >= 0);
  const from = Math.max(0, Math.min(...positions, Infinity) - BEFORE);
  const start = Number.isFinite(from) ? from : 0;
  const part = text.slice(start, start + BEFORE + AFTER);
  const paragraph = document.createElement('p');
  paragraph.append(start > 0 ? '…' : '');
  const marks = new RegExp(words.map(escaped).join('|'), 'gu');
  let end = 0;
  for (const { index, 0: found } of fold(part).matchAll(marks)) {
    const mark = document.createElement('mark');
    mark.textContent = part.slice(index, index + found.length);
    paragraph.append(part.slice(end, index), mark);
    end = index + found.length;
  }
  paragraph.append(part.slice(end), start + part.length < text.length ? '…' : '');
  return paragraph;
}

let loading;
// The entries with their folded texts. A load that has failed is tried again.
function load() {
  loading ??= import('./search-index.js').then(
    ({ default: entries }) =>
      entries.map((entry) => {
        const [title, about, text] = [entry.title, entry.about, entry.text].map(fold);
        return { ...entry, folded: { title, about, text } };
      }),
    (error) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

function item({ entry, words }) {
  const link = document.createElement('a');
  link.href = entry.href;
  const title = document.createElement('b');
  title.textContent = entry.title;
  const about = document.createElement('span');
  about.textContent = entry.about;
  link.append(title, ' ', about, excerpt(entry, words));
  const element = document.createElement('li');
  element.append(link);
  return element;
}

export function addSearch(place) {
  const form = document.createElement('form');
  form.setAttribute('role', 'search');
  form.className = 'search';
  form.innerHTML = `
    <input type="search" aria-label="Search the documentation" placeholder="Search" autocomplete="off" spellcheck="false"
      aria-keyshortcuts="/" aria-controls="search-results">
    <div class="results" id="search-results" hidden>
      <p role="status"></p>
      <ol></ol>
    </div>`;
  place.after(form);
  const input = form.querySelector('input');
  const panel = form.querySelector('.results');
  const status = form.querySelector('[role=status]');
  const list = form.querySelector('ol');

  const show = async () => {
    const query = input.value;
    if (!query.trim()) {
      panel.hidden = true;
      list.replaceChildren();
      return;
    }
    let results;
    try {
      results = search(await load(), query);
    } catch {
      panel.hidden = false;
      status.textContent = 'The search could not be loaded.';
      return;
    }
    // Something else has been typed meanwhile.
    if (query !== input.value) return;
    list.replaceChildren(...results.map(item));
    panel.hidden = false;
    const count = results.length === MAX_RESULTS ? `The best ${MAX_RESULTS} results` : `${results.length} results`;
    status.textContent = { 0: 'Nothing found', 1: '1 result' }[results.length] ?? count;
  };
  const close = () => {
    panel.hidden = true;
  };

  input.addEventListener('focus', () => load().catch(() => {}));
  input.addEventListener('input', show);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    list.querySelector('a')?.click();
  });
  form.addEventListener('keydown', (event) => {
    const links = [...list.querySelectorAll('a')];
    const current = links.indexOf(document.activeElement);
    if (event.key === 'Escape') {
      input.value = '';
      input.focus();
      close();
    } else if (event.key === 'ArrowDown' && !panel.hidden) {
      (links[current + 1] ?? links[current])?.focus();
    } else if (event.key === 'ArrowUp' && !panel.hidden && current >= 0) {
      (links[current - 1] ?? input).focus();
    } else {
      return;
    }
    event.preventDefault();
  });
  // A result can be on the page that is open.
  list.addEventListener('click', close);
  form.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget && !form.contains(relatedTarget)) close();
  });
  document.addEventListener('click', ({ target }) => {
    if (!form.contains(target)) close();
  });
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target.closest('input, textarea, [contenteditable]');
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  });
}
