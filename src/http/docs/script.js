// A button at each block of code that copies it, a menu that begins where the page is, and a search. Without a
// script the pages say the same.

// Browsers have a clipboard over HTTPS and on this machine only; elsewhere the selection is copied.
async function copy(code) {
  if (navigator.clipboard) return navigator.clipboard.writeText(code.textContent);
  const selection = getSelection();
  selection.selectAllChildren(code);
  const isCopied = document.execCommand('copy');
  selection.removeAllRanges();
  return isCopied ? undefined : Promise.reject(new Error('nothing was copied'));
}

for (const block of document.querySelectorAll('main pre')) {
  const code = block.querySelector('code');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    button.textContent = await copy(code).then(() => 'Copied', () => 'Copy failed');
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
  block.prepend(button);
}

const menu = document.querySelector('.menu');
const current = menu.querySelector('[aria-current]');
if (current) menu.scrollTop = current.offsetTop - menu.offsetTop - menu.clientHeight / 2;

import('./search.js').then(({ addSearch }) => addSearch(document.querySelector('header nav')));
