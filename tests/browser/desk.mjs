// At a desk: everything is there, and what is tried out works.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { DESK, open, picture, provoked, requests } from './chrome.mjs';
import { authorise, change, execute, faulty, inspect, operation, unfold } from './page.mjs';
import { check } from './report.mjs';

// What of `given` stands in `shown`: an answer may say more than was sent.
function assertContains(shown, given) {
  assert.deepEqual(Object.fromEntries(Object.keys(given).map((name) => [name, shown[name]])), given);
}

const permissionsOf = (of) => (of.security ?? []).flatMap((scheme) => Object.values(scheme).flat());

export async function desk(service) {
  const api = async (path) => {
    const response = await fetch(service.url + path, { headers: { authorization: `Bearer ${service.key}` } });
    assert.equal(response.status, 200, path);
    return response.json();
  };
  const page = await open(`${service.url}/`);
  const described = await api('/openapi.json');
  const operations = Object.fromEntries(
    Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, of]) => [of.operationId, { path, method, ...of }]),
    ),
  );
  const ids = Object.keys(operations);

  await check('/ leads to /swagger-ui/', async () => {
    assert.equal(page.url(), `${service.url}/swagger-ui/`);
    await page.getByRole('heading', { name: described.info.title, level: 1 }).waitFor();
  });

  await check('the header leads to the documentation', async () => {
    const link = page.getByRole('navigation').getByRole('link', { name: 'Documentation' });
    assert.equal(await link.evaluate((element) => element.href), `${service.url}/docs/`);
  });

  await check(`all ${ids.length} operations are there`, async () => {
    const shown = await page.locator('.opblock .opblock-summary-operation-id').allInnerTexts();
    assert.deepEqual(shown.sort(), [...ids].sort());
    assert.ok(shown.length > 0);
  });
  await picture(page, 'start', true);

  await check('every operation stands under a section that is described, none is empty', async () => {
    const sections = page.locator('.opblock-tag-section');
    const filled = sections.filter({ has: page.locator('.opblock') }).locator('.opblock-tag');
    const shown = await filled.evaluateAll((all) =>
      all.map((tag) => ({ name: tag.dataset.tag, description: tag.querySelector('small').innerText.trim() })),
    );
    assert.deepEqual(shown.map((tag) => tag.name), described.tags.map((tag) => tag.name));
    assert.deepEqual(shown.filter((tag) => !tag.description), []);
    assert.equal(await sections.count(), shown.length);
  });

  await check('the key is taken by the Authorize dialog', async () => {
    await authorise(page, service.key);
    const locks = Object.values(operations).filter((of) => of.security?.length).length;
    assert.equal(await page.locator('.opblock .authorization__btn:not(.unlocked)').count(), locks);
  });

  const seen = await inspect(page);
  await check('Swagger UI finds no error in the document', async () => {
    assert.deepEqual(await page.locator('.errors-wrapper').allInnerTexts(), []);
  });
  await check('every operation names the permission that it needs, folded and unfolded', () => {
    const unnamed = ({ header, description }, id) =>
      permissionsOf(operations[id]).filter((name) => !header.includes(name) || !description.includes(name));
    assert.deepEqual(faulty(seen, unnamed), {});
    assert.ok(ids.some((id) => permissionsOf(operations[id]).length));
  });
  await check('every parameter says what it is', () => {
    const silent = ({ parameters }) => parameters.filter(({ about }) => about === '');
    assert.deepEqual(faulty(seen, silent), {});
  });
  await check('every path and every body is filled in, no filter is', () => {
    const wrong = ({ parameters, body, takesFile }, id) => {
      const empty = parameters.filter(({ place, value }) => place === 'path' && !value);
      const filled = parameters.filter(({ name, place, value }) => {
        const schema = operations[id].parameters.find((of) => of.name === name).schema;
        return place !== 'path' && value && value !== '--' && value !== String(schema.default);
      });
      const content = operations[id].requestBody?.content ?? {};
      const isFilled = 'application/json' in content ? Object.keys(JSON.parse(body) ?? {}).length > 0 : takesFile;
      const bodiless = Object.keys(content).length > 0 && !isFilled ? ['body'] : [];
      return [...empty, ...filled, ...bodiless];
    };
    assert.deepEqual(faulty(seen, wrong), {});
  });
  await check('every error stands there with an example', () => {
    const bare = ({ errors }, id) => {
      const documented = Object.entries(operations[id].responses).filter(([code]) => code >= 400);
      return documented.filter(([code, { content }]) => {
        const examples = Object.values(content['application/json'].examples).map(({ value }) => value);
        return !examples.some((example) => isDeepStrictEqual(example, JSON.parse(errors[code] ?? 'null')));
      });
    };
    assert.deepEqual(faulty(seen, bare), {});
  });
  await check(`${DESK.width} px: every operation fits into the window`, () => {
    assert.deepEqual(faulty(seen, (of) => of.overflow), {});
  });

  await check('errors of nearly every operation are folded, those of its own are not', () => {
    const common = ['401', '403', '408', '413', '414', '415', '429', '500', '503', '507'];
    const wrong = ({ errors, folded }) => {
      const expected = Object.keys(errors).filter((code) => common.includes(code) && errors[code]?.includes('"error"'));
      return isDeepStrictEqual(folded, expected) ? [] : [folded, expected];
    };
    assert.deepEqual(faulty(seen, wrong), {});
    assert.ok(seen.createContact.folded.length > 5);
  });
  await check('of the conflicts, that of the name is shown', () => {
    const shown = (id) => JSON.parse(seen[id].errors[409]).error;
    assert.equal(shown('createContact').code, 'username_taken');
    assert.equal(shown('createGroup').code, 'name_taken');
    assert.equal(shown('createAddressBookContact').name, 'ConflictError');
  });

  let made;
  await check('createContact: the example works as it stands (201)', async () => {
    const box = await unfold(page, 'createContact');
    const sent = JSON.parse(await box.locator('textarea').inputValue());
    await picture(page, 'create-contact');
    const { status, body } = await execute(box);
    made = body;
    assert.match(body.username, /^john-\w+$/);
    assert.equal(described.paths['/v1/contacts'].post.requestBody.content['application/json'].examples.full.value.username, 'john');
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'create-contact-201');
    assert.equal(status, 201);
    assertContains(body, sent);
    assert.deepEqual(await api(`/v1/contacts/${body.id}`), body);
  });

  const links = Object.values(operations.createContact.responses[201].links ?? {});
  await check(`createContact: its answer fills in the ${links.length} operations that it links to`, async () => {
    for (const { operationId, parameters } of links) {
      const box = await unfold(page, operationId);
      for (const name of operations[operationId].parameters.filter((of) => of.in === 'path').map((of) => of.name)) {
        assert.equal(parameters[name], '$response.body#/id');
        const field = box.locator(`tr[data-param-name="${name}"] input`);
        assert.equal(await field.inputValue(), made.id, `${operationId} ${name}`);
      }
    }
    assert.ok(links.length > 0);
    // The link itself leads there, too.
    const box = operation(page, 'createContact');
    await box.locator('.operation-link').getByRole('link', { name: 'getContact', exact: true }).click();
    const { status, body } = await execute(operation(page, 'getContact'));
    assert.deepEqual([status, body], [200, made]);
    assert.match(page.url(), /#\/Contacts\/getContact$/);
  });

  await check('createContact: executed again, it creates another one (201)', async () => {
    const box = await unfold(page, 'createContact');
    for (const [id, name] of [['createContact', 'username'], ['createAddressBookContact', 'alias'], ['createGroup', 'name']]) {
      const other = await unfold(page, id);
      const names = new Set();
      for (let times = 0; times < 2; times += 1) {
        const sent = JSON.parse(await other.locator('textarea').inputValue());
        const { status, body } = await execute(other);
        assert.ok(status === 200 || status === 201, `${id}: ${status}`);
        assertContains(body.record ?? body, sent);
        names.add((body.record ?? body)[name]);
      }
      assert.equal(names.size, 2, id);
    }
    // So it does where another example is chosen.
    const choice = box.getByRole('combobox', { name: 'Example' }).first();
    await choice.selectOption('minimal');
    assert.equal((await execute(box)).status, 201);
    assert.deepEqual(Object.keys(JSON.parse(await box.locator('textarea').inputValue())), ['username', 'phone_number']);
    await choice.selectOption('full');
    assert.equal((await execute(box)).status, 201);
  });

  await check('createContact: a body without what is required is refused (400)', async () => {
    const box = await unfold(page, 'createContact');
    provoked.push(`400 ${service.url}/v1/contacts`);
    await box.locator('textarea').fill('{}');
    const { status, body } = await execute(box);
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'create-contact-400');
    assert.equal(status, 400);
    assert.deepEqual(body.error.details.map(({ field }) => field), ['username', 'phone_number']);
  });

  await check('other examples name the contact that there is', async () => {
    const box = await unfold(page, 'createAudience');
    const { recipients } = JSON.parse(await box.locator('textarea').inputValue());
    assert.equal(recipients[0].username, made.username);
  });

  await check('createAddressBookContact: an alias of one\'s own is kept, and refused where it is taken (409)', async () => {
    const box = await unfold(page, 'createAddressBookContact');
    const sent = await change(box, { alias: 'another-john' });
    const { status, body } = await execute(box);
    assert.equal(status, 200);
    assertContains(body.record, sent);
    assert.deepEqual(await api(`/addressbook/contacts/${body.record.id}`), body);
    assert.deepEqual(JSON.parse(await box.locator('textarea').inputValue()), sent);
    provoked.push(`409 ${service.url}/addressbook/contacts`);
    const refused = await execute(box);
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'create-address-book-contact-409');
    assert.equal(refused.status, 409);
    assert.equal(refused.body.success, false);
    assert.equal(refused.body.error.name, 'ConflictError');
    assert.equal(refused.body.error.statusCode, 409);
  });

  for (const id of ['listContacts', 'listAddressBookContacts']) {
    await check(`${id}: answers as it stands, with the contacts (200)`, async () => {
      const { status, body } = await execute(await unfold(page, id));
      assert.equal(status, 200);
      const names = (body.data ?? body.records).map((contact) => contact.username ?? contact.alias);
      for (const name of ['another-john', made.username]) assert.ok(names.includes(name), names.join());
    });
  }

  await check('createContact: the same username is refused (409), and the link there leads to its holder', async () => {
    const box = await unfold(page, 'createContact');
    provoked.push(`409 ${service.url}/v1/contacts`);
    await box.locator('textarea').fill(JSON.stringify({ username: made.username, phone_number: '+14155550100' }));
    const { status, body } = await execute(box);
    assert.deepEqual([status, body.error.code], [409, 'username_taken']);
    await box.locator('.response[data-code="409"] .operation-link').getByRole('link').click();
    // Unlike the rest, the link fills in what is not required, too.
    const found = await execute(operation(page, 'listContacts'));
    assert.deepEqual(found.body.data, [made]);
  });

  await check('putImportFile: a file is chosen, sent, and planned', async () => {
    const created = await execute(await unfold(page, 'createImport'));
    assert.deepEqual([created.status, created.body.state], [201, 'awaiting_file']);
    const box = await unfold(page, 'putImportFile');
    assert.equal(await box.locator('tr[data-param-name="id"] input').inputValue(), created.body.id);
    const buffer = Buffer.from('username,phone\nchosen,+447400123456\nwrong,123\n');
    await box.locator('input[type="file"]').setInputFiles({ name: 'contacts.csv', mimeType: 'text/csv', buffer });
    const sent = await execute(box);
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'put-import-file-202');
    assert.equal(sent.status, 202);
    let planned;
    do planned = await api(`/v1/imports/${created.body.id}`);
    while (planned.state === 'planning');
    assert.equal(planned.state, 'planned', JSON.stringify(planned));
    assertContains(planned.counts, { rows: 2, create: 1, reject: 1 });
    const { status, body } = await execute(await unfold(page, 'listImportRows'));
    assert.equal(status, 200);
    assert.deepEqual(body.data.map(({ outcome }) => outcome), ['create', 'reject']);
  });

  await check('getContact: asks for the id before it sends anything', async () => {
    const box = await unfold(page, 'getContact');
    await box.locator('tr[data-param-name="id"] input').fill('');
    const sent = () => requests.filter((url) => url.includes('/v1/contacts/')).length;
    const before = sent();
    await box.getByRole('button', { name: 'Execute' }).click();
    await box.locator('input.invalid').waitFor();
    assert.equal(sent(), before);
  });

  await check('the request stands there as a command for three shells; that for bash runs', async () => {
    const box = await unfold(page, 'createAddressBookContact');
    await change(box, { alias: "o'brien", meta: { NOTE: 'a "quoted" $HOME' } });
    const { body } = await execute(box);
    const commands = {};
    for (const button of await box.locator('.request-snippets .languages button').all()) {
      await button.click();
      const name = await button.innerText();
      await box.locator('.request-snippets code').scrollIntoViewIfNeeded();
      await picture(page, `snippet-${name}`);
      commands[name] = await box.locator('.request-snippets code').innerText();
    }
    assert.deepEqual(Object.keys(commands), ['cURL (bash)', 'cURL (PowerShell)', 'cURL (CMD)']);
    assert.match(commands['cURL (PowerShell)'], /^curl\.exe /);
    assert.match(commands['cURL (CMD)'], /\^\n/);
    for (const command of Object.values(commands)) {
      for (const part of [service.url, service.key, 'brien']) assert.ok(command.includes(part), command);
    }
    const again = commands['cURL (bash)'].replace("o'\\''brien", "o'\\''brien-2");
    const answer = JSON.parse(execFileSync('bash', ['-c', again], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    assert.equal(answer.record.alias, "o'brien-2");
    assert.deepEqual(answer.record.meta, body.record.meta);
  });

  await check('a key that may not is refused, and the answer names what it lacks (403)', async () => {
    await authorise(page, service.keyWith('read:Contacts'));
    provoked.push(`403 ${service.url}/v1/contacts`);
    const box = await unfold(page, 'createContact');
    const { status, body } = await execute(box);
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'create-contact-403');
    assert.equal(status, 403);
    assert.match(body.error.message, /create:Contacts/);
    assert.equal((await execute(await unfold(page, 'listContacts'))).status, 200);
  });

  await page.context().close();
}
