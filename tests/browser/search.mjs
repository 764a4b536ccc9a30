// The search of the documentation, with the keyboard.

import assert from 'node:assert/strict';
import { findings } from './a11y.mjs';
import { DESK, PHONE, fresh, picture } from './chrome.mjs';
import { overflow } from './page.mjs';
import { check } from './report.mjs';

const box = (page) => page.getByRole('searchbox', { name: 'Search the documentation' });
const results = (page) => page.getByRole('search').getByRole('link');

// Types a query; answers with the titles of the results, once there are some. (Those of the query before go first.)
async function look(page, query) {
  await box(page).fill('');
  await box(page).fill(query);
  await results(page).first().waitFor();
  return results(page).locator('b').allTextContents();
}

export async function search(service, proxy) {
  const page = await fresh(DESK);
  const loaded = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto(`${service.url}/docs/createContact`);
  await box(page).waitFor();

  await check('search: the index is loaded only when somebody searches', async () => {
    assert.ok(!loaded.includes('/docs/search-index.js'), loaded.join());
    await page.keyboard.press('/');
    assert.ok(await box(page).evaluate((it) => it === document.activeElement));
    assert.equal(await box(page).inputValue(), '');
    assert.ok((await look(page, 'opt')).length > 3);
    assert.ok(loaded.includes('/docs/search-index.js'), loaded.join());
  });

  await check('search: what somebody would look for comes first', async () => {
    const first = {
      'delete contact': /delete.*contact/i,
      deleteGroup: /delete.*group/i,
      'rehearse a backup': /Rehearse/,
      'RATE limits': /Rate limits/,
      'every night': /Back up|Every/,
      payload_too_large: /./,
    };
    for (const [query, title] of Object.entries(first)) assert.match((await look(page, query))[0], title, query);
  });

  await check('search: Enter opens the first result, arrows the others, Escape closes', async () => {
    await look(page, 'rehearse');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/docs\/backups#rehearse$/);
    await page.keyboard.press('/');
    await look(page, 'idempotency key');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const second = results(page).nth(1);
    assert.ok(await second.evaluate((it) => it === document.activeElement));
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    assert.ok(await box(page).evaluate((it) => it === document.activeElement));
    await page.keyboard.press('Escape');
    assert.equal(await results(page).count(), 0);
    assert.equal(await box(page).inputValue(), '');
    await look(page, 'idempotency key');
    const href = await second.evaluate((it) => it.href);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(href);
  });

  await check('search: the number of results is announced, and so is that there is none', async () => {
    const status = page.getByRole('search').getByRole('status');
    await look(page, 'rehearse');
    assert.match(await status.textContent(), /^\d+ results?$/);
    await box(page).fill('zyxwv');
    await status.filter({ hasText: 'Nothing found' }).waitFor();
    // What is typed is text, not a pattern, and not markup.
    await box(page).fill('.*');
    await status.filter({ hasText: /Nothing found|result/ }).waitFor();
    await box(page).fill('<img src=x>');
    await status.filter({ hasText: 'Nothing found' }).waitFor();
    assert.equal(await page.getByRole('search').locator('img').count(), 0);
  });

  await check('search: nothing grave for axe, in both colour schemes, and a phone is wide enough', async () => {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await look(page, 'limit');
      await picture(page, `search-${colorScheme}`);
      assert.deepEqual(await findings(page), [], colorScheme);
    }
    await page.setViewportSize(PHONE);
    await look(page, 'limit');
    await picture(page, 'search-phone');
    assert.equal(await overflow(page), null);
  });

  await check('search: it works behind a prefix', async () => {
    await page.setViewportSize(DESK);
    await page.goto(`${proxy.url}/docs/`);
    await look(page, 'rehearse');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${proxy.url}/docs/backups#rehearse`);
  });
  await page.context().close();
}
