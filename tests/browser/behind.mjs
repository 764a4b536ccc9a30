// Behind a proxy that ends TLS and serves the service under a path.

import assert from 'node:assert/strict';
import { open, picture, requests } from './chrome.mjs';
import { authorise, execute, operation, unfold } from './page.mjs';
import { check } from './report.mjs';

export async function behind(proxy, service) {
  const page = await open(`${proxy.url}/`);
  await check('behind a proxy: / leads to the page under its path', () => {
    assert.equal(page.url(), `${proxy.url}/swagger-ui/`);
  });

  await check('behind a proxy: both dialects create, and lists show it', async () => {
    await authorise(page, service.key);
    const made = await execute(await unfold(page, 'createContact'));
    assert.deepEqual([made.status, made.url], [201, `${proxy.url}/v1/contacts`]);
    const other = await execute(await unfold(page, 'createAddressBookContact'));
    assert.deepEqual([other.status, other.url], [200, `${proxy.url}/addressbook/contacts`]);
    const { body } = await execute(await unfold(page, 'listContacts'));
    assert.deepEqual(body.data.map((contact) => contact.username), [other.body.record.alias, made.body.username]);
    await picture(page, 'behind-a-proxy', true);
  });

  await check('behind a proxy: commands, links and the key keep to the path', async () => {
    const command = await operation(page, 'listContacts').locator('.request-snippets code').innerText();
    assert.ok(command.includes(`'${proxy.url}/v1/contacts?limit=10'`), command);
    const link = page.getByRole('navigation').getByRole('link', { name: 'Documentation' });
    assert.equal(await link.evaluate((element) => element.href), `${proxy.url}/docs/`);
    const names = await page.evaluate(() => Object.keys(sessionStorage));
    assert.deepEqual(names, [`key for ${new URL(proxy.url).pathname}/swagger-ui/`]);
    await page.goto(`${proxy.url}/swagger-ui/#/Contacts/getContact`);
    await page.reload();
    await operation(page, 'getContact').locator('.opblock-body').waitFor();
    assert.equal(await page.locator('.auth-wrapper .authorize.locked').count(), 1);
  });

  await check('behind a proxy: nothing was asked for beside the path', () => {
    const { host, pathname } = new URL(proxy.url);
    const asked = requests.filter((url) => new URL(url).host === host).map((url) => new URL(url).pathname);
    assert.deepEqual(asked.filter((path) => !path.startsWith(`${pathname}/`)), []);
    assert.ok(asked.length > 0);
  });
  await page.context().close();
}
