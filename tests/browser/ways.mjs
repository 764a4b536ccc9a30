// Ways into the page: links to operations, the filter, a phone, the keyboard alone.

import assert from 'node:assert/strict';
import { PHONE, open, picture } from './chrome.mjs';
import { authorise, change, execute, faulty, inspect, operation, overflow, unfold } from './page.mjs';
import { check } from './report.mjs';

export async function links(service) {
  await check('a link to an operation unfolds it', async () => {
    const page = await open(`${service.url}/swagger-ui/#/Contacts/createContact`);
    await operation(page, 'createContact').locator('.opblock-body').waitFor();
    assert.equal(await page.locator('.opblock.is-open').count(), 1);
    await picture(page, 'deep-link');
    await page.context().close();
  });

  await check('the filter finds operations by id, path, summary and tag, whatever the case', async () => {
    const page = await open(`${service.url}/swagger-ui/`);
    const shown = () => page.locator('.opblock .opblock-summary-operation-id').allInnerTexts();
    const all = await shown();
    const box = page.getByRole('searchbox', { name: 'Filter operations' });
    const filtered = async (phrase) => {
      await box.fill(phrase);
      // Typed and drawn at once.
      assert.equal(await box.inputValue(), phrase);
      return shown();
    };
    assert.deepEqual(await filtered('createcontact'), ['createContact']);
    assert.deepEqual(await filtered('GETCONTACTBATCH'), ['getContactBatch']);
    const described = await (await fetch(`${service.url}/openapi.json`)).json();
    for (const [phrase, matches] of [
      ['group', ({ path, operationId, summary, tags }) => /group/i.test([path, operationId, summary, tags[0]].join())],
      ['/V1/Opt_outs', ({ path }) => path.startsWith('/v1/opt_outs')],
      ['list  CONTACTS', ({ path, operationId, summary }) =>
        [/list/i, /contacts/i].every((word) => word.test([path, operationId, summary].join()))],
    ]) {
      const expected = Object.entries(described.paths).flatMap(([path, methods]) =>
        Object.values(methods).filter((of) => matches({ path, ...of })).map((of) => of.operationId),
      );
      assert.ok(expected.length > 0, phrase);
      assert.deepEqual((await filtered(phrase)).sort(), expected.sort(), phrase);
    }
    assert.ok((await filtered('resolve')).includes('resolveAddressBookAliases'));
    await picture(page, 'filter');
    const sections = page.locator('.opblock-tag-section');
    assert.equal(await sections.count(), await sections.filter({ has: page.locator('.opblock') }).count());
    assert.deepEqual(await filtered('no such thing'), []);
    await page.getByRole('status').getByText('No operation matches “no such thing”.').waitFor();
    await picture(page, 'filter-nothing');
    assert.deepEqual(await filtered(''), all);
    await page.context().close();
  });
}

export async function phone(service) {
  const page = await open(`${service.url}/swagger-ui/`, PHONE);
  await picture(page, 'phone-start', true);
  await check(`${PHONE.width} px: the page fits into the window`, async () => {
    assert.equal(await overflow(page), null);
  });
  const seen = await inspect(page);
  await check(`${PHONE.width} px: so does every operation`, () => {
    assert.ok(Object.keys(seen).length > 0);
    assert.deepEqual(faulty(seen, (of) => of.overflow), {});
  });
  await check(`${PHONE.width} px: so does an answer`, async () => {
    await authorise(page, service.key);
    const { status } = await execute(await unfold(page, 'listAddressBookContacts'));
    await picture(page, 'phone-answer', true);
    assert.equal(status, 200);
    assert.equal(await overflow(page), null);
  });
  await page.context().close();
}

// Presses Tab until the focus is where it should be; answers where it was on the way without being seen.
async function tabTo(page, target) {
  const unseen = [];
  for (let presses = 0; presses < 120; presses += 1) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluateHandle(() => document.activeElement);
    const { outline, width, visible, name } = await focus.evaluate((element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { width, height } = element.getBoundingClientRect();
      const name = `${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`;
      return { outline: outlineStyle, width: Number.parseFloat(outlineWidth), visible: width * height > 0, name };
    });
    if (outline === 'none' || width < 2 || !visible) unseen.push(name);
    if (await target.evaluate((element, focused) => element === focused, focus)) return unseen;
  }
  throw new Error('the focus did not come there');
}

export async function keyboard(service) {
  const page = await open(`${service.url}/swagger-ui/`);
  const press = (key) => page.keyboard.press(key);

  await check('keyboard: Enter opens the dialog, takes the key, and Escape leads back', async () => {
    const button = page.locator('.auth-wrapper').getByRole('button', { name: 'Authorize' });
    assert.deepEqual(await tabTo(page, button), []);
    await picture(page, 'keyboard-authorize');
    await press('Enter');
    const dialog = page.locator('.dialog-ux');
    await dialog.waitFor();
    await page.keyboard.type(service.key);
    await press('Enter');
    await dialog.getByText('Logout', { exact: true }).waitFor();
    await press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.waitForFunction(() => document.activeElement.matches('.auth-wrapper .authorize'));
  });

  const box = operation(page, 'createContact');
  await check('keyboard: Enter unfolds an operation, executes it, and folds it again', async () => {
    const control = box.locator('.opblock-summary-control');
    assert.deepEqual(await tabTo(page, control), []);
    await picture(page, 'keyboard-operation');
    await press('Enter');
    await box.locator('.responses-table').last().waitFor({ state: 'attached' });
    assert.deepEqual(await tabTo(page, box.locator('textarea')), []);
    await change(box, { username: 'typed' });
    assert.deepEqual(await tabTo(page, box.getByRole('button', { name: 'Execute' })), []);
    const { status, body } = await execute(box, () => press('Enter'));
    assert.deepEqual([status, body.username], [201, 'typed']);
  });

  await check('keyboard: it reaches the commands of other shells, and folds the operation again', async () => {
    const shell = box.locator('.request-snippets').getByRole('button', { name: 'cURL (PowerShell)' });
    assert.deepEqual(await tabTo(page, shell), []);
    await press('Enter');
    assert.equal(await shell.getAttribute('aria-pressed'), 'true');
    assert.match(await box.locator('.request-snippets code').innerText(), /^curl\.exe /);
    await box.locator('.opblock-summary-control').focus();
    await press('Enter');
    await box.locator('.opblock-body').waitFor({ state: 'detached' });
  });
  await page.context().close();
}
