// How long the page keeps a key: as long as its tab is open.

import assert from 'node:assert/strict';
import { open, visit } from './chrome.mjs';
import { authorise, execute, unfold } from './page.mjs';
import { check } from './report.mjs';

const locked = (page) => page.locator('.auth-wrapper .authorize.locked').count();

export async function keptKey(service) {
  const address = `${service.url}/swagger-ui/`;
  const page = await open(address);

  await check('the key serves every operation, and outlives a reload', async () => {
    await authorise(page, service.key);
    for (const id of ['listContacts', 'listAddressBookContacts']) {
      assert.equal((await execute(await unfold(page, id))).status, 200, id);
    }
    await page.reload();
    await page.locator('.opblock').first().waitFor();
    assert.equal(await locked(page), 1);
    assert.equal((await execute(await unfold(page, 'listContacts'))).status, 200);
  });

  await check('another tab does not have it, nor does anything that outlives the tab', async () => {
    const other = await visit(await page.context().newPage(), address);
    assert.equal(await locked(other), 0);
    assert.deepEqual(await other.evaluate(() => [sessionStorage.length, localStorage.length]), [0, 0]);
    const { origins, cookies } = await page.context().storageState({ indexedDB: true });
    assert.deepEqual([origins, cookies], [[], []]);
    await other.close();
    const next = await visit(await page.context().newPage(), address);
    assert.equal(await locked(next), 0);
    await next.close();
  });

  await check('Logout forgets it at once', async () => {
    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.dialog-ux').getByText('Logout', { exact: true }).click();
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.reload();
    await page.locator('.opblock').first().waitFor();
    assert.equal(await locked(page), 0);
  });

  await check('what else stands in the place of the key does no harm', async () => {
    await authorise(page, service.key);
    await page.evaluate(() => sessionStorage.setItem(sessionStorage.key(0), '{"no'));
    await page.reload();
    await page.locator('.opblock').first().waitFor();
    assert.equal(await locked(page), 0);
  });
  await page.context().close();
}
