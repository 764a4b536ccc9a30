// Accessibility by axe-core, in both colour schemes, and what a first screen has.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { DESK, PHONE, fresh, open, picture, provoked } from './chrome.mjs';
import { authorise, execute, operation, overflow, unfold } from './page.mjs';
import { check } from './report.mjs';

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// What axe-core finds that is critical or serious, with the places.
export async function findings(page) {
  // As a debugger does it: the Content-Security-Policy holds for the page's own scripts.
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const grave = violations.filter(({ impact }) => ['critical', 'serious'].includes(impact));
  return grave.map(({ id, nodes }) => [id, nodes.length, ...nodes.slice(0, 5).map(({ target }) => target.join(' '))]);
}

async function explorer(service, colorScheme) {
  const page = await open(`${service.url}/swagger-ui/`, DESK, { colorScheme });
  const says = async (state) => {
    await picture(page, `axe-${colorScheme}-${state}`);
    assert.deepEqual(await findings(page), [], state);
  };
  await check(`axe, ${colorScheme}: nothing grave on Swagger UI, closed`, () => says('closed'));
  await check(`${colorScheme}: the page is ${colorScheme}`, async () => {
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    assert.equal(background === 'rgb(28, 32, 34)', colorScheme === 'dark', background);
  });
  await check(`axe, ${colorScheme}: nor in the dialog of the key`, async () => {
    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.dialog-ux').waitFor();
    await says('dialog');
    await page.locator('.dialog-ux').getByRole('button', { name: 'Close' }).first().click();
  });
  await check(`axe, ${colorScheme}: nor with operations of each method open, executed and unfolded`, async () => {
    await authorise(page, service.key);
    for (const id of ['createContact', 'listContacts', 'updateContact', 'deleteContact', 'createAudience']) {
      await unfold(page, id);
    }
    assert.equal((await execute(operation(page, 'createContact'))).status, 201);
    for (const details of await page.locator('.opblock details').all()) await details.evaluate((it) => (it.open = true));
    await page.locator('section.models button').first().click();
    await says('open');
  });
  await check(`axe, ${colorScheme}: nor where nothing matches`, async () => {
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByRole('status').waitFor();
    await says('nothing');
  });
  await page.context().close();
}

const PAGES = ['', 'createContact', 'createAudience'];

async function documentation(service, colorScheme) {
  await check(`axe, ${colorScheme}: nothing grave on pages of the documentation`, async () => {
    const page = await fresh(DESK, { colorScheme });
    for (const path of PAGES) {
      await page.goto(`${service.url}/docs/${path}`);
      await picture(page, `docs-${colorScheme}-${path}`);
      assert.deepEqual(await findings(page), [], path);
    }
    provoked.push(`404 ${service.url}/docs/nothing`);
    await page.goto(`${service.url}/docs/nothing`);
    await page.getByRole('heading', { name: 'Page not found' }).waitFor();
    await picture(page, `docs-${colorScheme}-nothing`);
    assert.deepEqual(await findings(page), [], 'nothing');
    await page.context().close();
  });
}

async function reading(service) {
  const page = await fresh(DESK, { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.goto(`${service.url}/docs/createAudience`);

  await check('documentation: a sample is copied', async () => {
    const sample = page.locator('.samples pre').first();
    await sample.getByRole('button', { name: 'Copy' }).click();
    await sample.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, await sample.locator('code').textContent());
    assert.ok(copied.startsWith('curl --fail-with-body "$BASE_URL/v1/audiences"'), copied);
  });

  await check('documentation: the menu stays, and marks the page that it is on', async () => {
    const current = page.getByRole('navigation', { name: 'Operations' }).locator('[aria-current=page]');
    assert.equal(await current.count(), 1);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight / 2));
    await page.waitForFunction(() => scrollY > 0);
    const menu = await page.locator('.menu').evaluate((it) => it.getBoundingClientRect().toJSON());
    assert.ok(menu.top >= 0 && menu.top < 5 && menu.bottom <= DESK.height, JSON.stringify(menu));
    await picture(page, 'docs-scrolled');
  });

  await check('documentation: a heading leads to itself', async () => {
    await page.locator('#errors').hover();
    await page.locator('#errors').getByRole('link').click();
    assert.match(page.url(), /createAudience#errors$/);
  });

  await check(`documentation: ${PHONE.width} px are enough`, async () => {
    await page.setViewportSize(PHONE);
    for (const path of PAGES) {
      await page.goto(`${service.url}/docs/${path}`);
      await picture(page, `docs-phone-${path}`);
      assert.equal(await overflow(page), null, path);
    }
  });
  await page.context().close();

  await check('documentation: without JavaScript, it is the same but for the buttons', async () => {
    const plain = await fresh(DESK, { javaScriptEnabled: false });
    await plain.goto(`${service.url}/docs/createAudience`);
    await plain.locator('label[for=language-2]').click();
    await plain.locator('.samples pre').nth(2).getByText('import requests').waitFor();
    assert.equal(await plain.getByRole('button').count(), 0);
    await plain.context().close();
  });
}

export async function accessibility(service) {
  for (const colorScheme of ['light', 'dark']) await documentation(service, colorScheme);
  await reading(service);
  for (const colorScheme of ['light', 'dark']) await explorer(service, colorScheme);

  await check(`${DESK.width}×${DESK.height}: the first operation is on the first screen`, async () => {
    const page = await open(`${service.url}/swagger-ui/`);
    await picture(page, 'first-screen');
    const { bottom } = await page.locator('.opblock').first().evaluate((box) => box.getBoundingClientRect().toJSON());
    assert.ok(bottom <= DESK.height, `${bottom}`);
    await page.context().close();
  });

  await check('the first Tab offers to skip to the content, and Enter does', async () => {
    const page = await open(`${service.url}/swagger-ui/`);
    await page.keyboard.press('Tab');
    const link = page.getByRole('link', { name: 'Skip to content' });
    assert.ok(await link.evaluate((it) => it === document.activeElement && it.getBoundingClientRect().top >= 0));
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement.id === 'swagger-ui');
    await page.context().close();
  });
}
