// What a person does on the page of the explorer, and sees there.

import { picture } from './chrome.mjs';

// A scroll bar or a rounded width is no overflow.
const OVERFLOW_TOLERANCE = 2;

export async function authorise(page, key) {
  const dialog = page.locator('.dialog-ux');
  await page.locator('.auth-wrapper').getByRole('button', { name: 'Authorize' }).click();
  const logout = dialog.getByText('Logout', { exact: true });
  if (await logout.count()) await logout.click();
  await dialog.getByRole('textbox').pressSequentially(key);
  await picture(page, `authorize-${page.viewportSize().width}`);
  await dialog.getByText('Authorize', { exact: true }).click();
  await logout.waitFor();
  await dialog.getByText('Close', { exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}

// The box of an operation, by its operation id.
export function operation(page, id) {
  const name = page.locator('.opblock-summary-operation-id').filter({ hasText: new RegExp(`^${id}$`) });
  return page.locator('.opblock').filter({ has: name });
}

export async function unfold(page, id) {
  const box = operation(page, id);
  if (!(await box.locator('.opblock-body').count())) await box.locator('.opblock-summary-path').click();
  // Drawn last, and folded: what stands above is complete then.
  await box.locator('.responses-table').last().waitFor({ state: 'attached' });
  return box;
}

export async function fold(box) {
  await box.locator('.opblock-summary-path').click();
  await box.locator('.opblock-body').waitFor({ state: 'detached' });
}

// Changes members of the body that stands in the box.
export async function change(box, members) {
  const text = box.locator('textarea');
  const body = { ...JSON.parse(await text.inputValue()), ...members };
  await text.fill(JSON.stringify(body, null, 2));
  return body;
}

// Does what sends a request (presses Execute, if nothing else is said); answers what the page then shows.
export async function execute(box, press = () => box.getByRole('button', { name: 'Execute' }).click()) {
  const answered = box.page().waitForResponse((response) => response.request().resourceType() === 'fetch');
  await press();
  const answer = await answered;
  const shown = box.locator('.live-responses-table .response');
  // The answer before stands there until the page has drawn this one: the request id tells them apart.
  await shown.filter({ hasText: answer.headers()['x-request-id'] }).waitFor();
  const status = Number.parseInt(await shown.locator('.response-col_status').innerText(), 10);
  const text = shown.locator('.highlight-code code').first();
  const body = (await text.count()) ? JSON.parse(await text.innerText()) : null;
  return { status, body, url: answer.url() };
}

// How far the page is wider than the window, and what sticks out; null if it fits.
export async function overflow(page) {
  const { width, inner, culprits } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    inner: window.innerWidth,
    culprits: [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 1)
      .map((element) => [element.tagName.toLowerCase(), ...element.classList].join('.')),
  }));
  if (width <= inner + OVERFLOW_TOLERANCE) return null;
  return `${width} px: ${[...new Set(culprits)].slice(0, 6).join(', ')}`;
}

// What sticks out of the box of an operation to the right, where the eye expects its edge.
function sticksOut(box) {
  return box.evaluate((element) => {
    const edge = element.getBoundingClientRect().right + 1;
    const out = [...element.querySelectorAll('button, input, select, textarea, pre, table')].filter(
      (inner) => inner.getBoundingClientRect().right > edge,
    );
    return out.map((inner) => inner.className || inner.tagName);
  });
}

// What each operation looks like when it is unfolded, by operation id.
export async function inspect(page) {
  const seen = {};
  for (const id of await page.locator('.opblock .opblock-summary-operation-id').allTextContents()) {
    const header = await operation(page, id).locator('.opblock-summary-control').innerText();
    const box = await unfold(page, id);
    await box.scrollIntoViewIfNeeded();
    await picture(page, `${page.viewportSize().width}-${id}`);
    const parameters = await box.locator('tr[data-param-name]').evaluateAll((rows) =>
      rows.map((row) => ({
        name: row.dataset.paramName,
        place: row.dataset.paramIn,
        about: row.querySelector('.renderedMarkdown')?.innerText.trim() ?? '',
        value: row.querySelector('input, select, textarea')?.value,
      })),
    );
    const errors = await box.locator('.response[data-code^="4"], .response[data-code^="5"]').evaluateAll((rows) =>
      rows.map((row) => [row.dataset.code, row.querySelector('.model-example code')?.textContent]),
    );
    const folded = await box.locator('.common-errors:not([open]) .response').evaluateAll((rows) =>
      rows.map((row) => row.dataset.code),
    );
    seen[id] = {
      header,
      parameters,
      errors: Object.fromEntries(errors),
      folded,
      body: (await box.locator('textarea').count()) ? await box.locator('textarea').inputValue() : null,
      takesFile: (await box.locator('input[type="file"]').count()) > 0,
      overflow: (await overflow(page)) ?? (await sticksOut(box)),
      description: await box.locator('.opblock-description').innerText(),
    };
    await fold(box);
  }
  return seen;
}

// The operations of which `fault` finds something, with what it finds.
export function faulty(seen, fault) {
  const faults = Object.entries(seen).map(([id, of]) => [id, fault(of, id)]);
  return Object.fromEntries(faults.filter(([, found]) => found && found.length !== 0));
}
