// Drives Swagger UI with a real Chromium, as a person would.
// Usage: node explorer.mjs [BINARY]; settings: ADDRESSBOOK_BIN, CHROMIUM, SCREENSHOTS (a folder).

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { chromium } from 'playwright-core';
import { startService } from './service.mjs';

const PATIENCE = 15_000;
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
// A scroll bar or a rounded width is no overflow.
const OVERFLOW_TOLERANCE = 2;

const binary = process.argv[2] ?? process.env.ADDRESSBOOK_BIN;
if (!binary) {
  console.error('Name the binary: node explorer.mjs BINARY, or ADDRESSBOOK_BIN=BINARY');
  process.exit(2);
}

let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    fail(name, error.message);
  }
}

function fail(name, why) {
  failed += 1;
  console.log(`FAIL  ${name}\n      ${stripVTControlCharacters(why).trim().replaceAll('\n', '\n      ')}`);
}

// What the pages did, over the whole run.
const requests = [];
const refusals = []; // answers of 400 and above, as the network shows them
const complaints = []; // errors and warnings of the console
const violations = []; // of the Content-Security-Policy
const mishaps = []; // exceptions in the page, requests without an answer, dialogs
const provoked = []; // answers of 400 and above that the test wants: 'STATUS URL'

function watch(context) {
  context.on('request', (request) => requests.push(request.url()));
  context.on('response', (response) => {
    if (response.status() >= 400) refusals.push(`${response.status()} ${response.url()}`);
  });
  context.on('requestfailed', (request) => mishaps.push(`${request.failure()?.errorText} ${request.url()}`));
  context.on('weberror', (error) => mishaps.push(`exception: ${error.error().stack}`));
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    complaints.push({ text: message.text(), url: message.location().url });
  });
  context.on('page', (page) => {
    page.on('crash', () => mishaps.push('the page crashed'));
    page.on('websocket', (socket) => requests.push(socket.url()));
    page.on('dialog', (dialog) => {
      mishaps.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
  });
}

async function open(path, viewport = DESK) {
  const context = await browser.newContext({ viewport });
  context.setDefaultTimeout(PATIENCE);
  watch(context);
  // The console names most violations, but not all: the event names every one.
  await context.exposeBinding('tellViolation', (_, violation) => violations.push(violation));
  await context.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) =>
      window.tellViolation(`${event.violatedDirective}: ${event.blockedURI}`),
    ),
  );
  const page = await context.newPage();
  await page.goto(service.url + path);
  await page.locator('.opblock').first().waitFor();
  return page;
}

async function picture(page, name, fullPage = false) {
  if (!process.env.SCREENSHOTS) return;
  await mkdir(process.env.SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage, animations: 'disabled' });
}

async function authorise(page) {
  const dialog = page.locator('.dialog-ux');
  await page.locator('.auth-wrapper').getByRole('button', { name: 'Authorize' }).click();
  await dialog.getByRole('textbox').pressSequentially(service.key);
  await picture(page, `authorize-${page.viewportSize().width}`);
  await dialog.getByText('Authorize', { exact: true }).click();
  await dialog.getByText('Logout', { exact: true }).waitFor();
  await dialog.getByText('Close', { exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}

// The box of an operation, by its operation id.
function operation(page, id) {
  const name = page.locator('.opblock-summary-operation-id').filter({ hasText: new RegExp(`^${id}$`) });
  return page.locator('.opblock').filter({ has: name });
}

async function unfold(page, id) {
  const box = operation(page, id);
  await box.locator('.opblock-summary-path').click();
  // Drawn last: what stands above is complete then.
  await box.locator('.responses-table').last().waitFor();
  const tryOut = box.getByRole('button', { name: 'Try it out' });
  if (await tryOut.count()) await tryOut.click();
  return box;
}

async function fold(box) {
  await box.locator('.opblock-summary-path').click();
  await box.locator('.opblock-body').waitFor({ state: 'detached' });
}

// Presses Execute; answers what the page then shows.
async function execute(box) {
  const answered = box.page().waitForResponse((response) => response.request().resourceType() === 'fetch');
  await box.getByRole('button', { name: 'Execute' }).click();
  const answer = await answered;
  const shown = box.locator('.live-responses-table .response');
  // The answer before stands there until the page has drawn this one: the request id tells them apart.
  await shown.filter({ hasText: answer.headers()['x-request-id'] }).waitFor();
  const status = Number.parseInt(await shown.locator('.response-col_status').innerText(), 10);
  const body = JSON.parse(await shown.locator('.highlight-code code').first().innerText());
  return { status, body };
}

async function api(path) {
  const response = await fetch(service.url + path, { headers: { authorization: `Bearer ${service.key}` } });
  assert.equal(response.status, 200, path);
  return response.json();
}

// What of `given` stands in `shown`: an answer may say more than was sent.
function assertContains(shown, given) {
  assert.deepEqual(Object.fromEntries(Object.keys(given).map((name) => [name, shown[name]])), given);
}

// How far the page is wider than the window, and what sticks out; null if it fits.
async function overflow(page) {
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

// What each operation looks like when it is unfolded, by operation id.
async function inspect(page) {
  const seen = {};
  for (const id of await page.locator('.opblock .opblock-summary-operation-id').allInnerTexts()) {
    const box = await unfold(page, id);
    await box.scrollIntoViewIfNeeded();
    await picture(page, `${page.viewportSize().width}-${id}`);
    const parameters = await box.locator('tr[data-param-name]').evaluateAll((rows) =>
      rows.map((row) => [row.dataset.paramName, row.querySelector('.renderedMarkdown')?.innerText.trim() ?? '']),
    );
    seen[id] = {
      overflow: await overflow(page),
      description: await box.locator('.opblock-description').innerText(),
      undescribed: parameters.filter(([, text]) => text === '').map(([name]) => name),
    };
    await fold(box);
  }
  return seen;
}

// The operations of which `fault` finds something, with what it finds.
function faulty(seen, fault) {
  const faults = Object.entries(seen).map(([id, of]) => [id, fault(of, id)]);
  return Object.fromEntries(faults.filter(([, found]) => found && found.length !== 0));
}

async function desk() {
  const page = await open('/');
  const described = await api('/openapi.json');
  const operations = Object.values(described.paths)
    .flatMap((path) => Object.values(path))
    .filter((of) => of.operationId);

  await check('/ leads to /swagger-ui/', async () => {
    assert.equal(page.url(), `${service.url}/swagger-ui/`);
    await page.getByRole('heading', { name: described.info.title }).waitFor();
  });

  await check(`all ${operations.length} operations are there`, async () => {
    const shown = await page.locator('.opblock .opblock-summary-operation-id').allInnerTexts();
    assert.deepEqual(shown.sort(), operations.map((of) => of.operationId).sort());
    assert.ok(shown.length > 0);
  });
  await picture(page, 'start', true);

  await check('every operation stands under a section that is described, none is empty', async () => {
    const sections = page.locator('.opblock-tag-section');
    const filled = sections.filter({ has: page.locator('.opblock') }).locator('.opblock-tag');
    const tags = await filled.evaluateAll((all) => all.map((tag) => tag.dataset.tag));
    assert.deepEqual(tags, described.tags.map((tag) => tag.name));
    assert.equal(await sections.count(), tags.length);
  });

  await check('the key is taken by the Authorize dialog', async () => {
    await authorise(page);
    const locks = operations.filter((of) => of.security?.length).length;
    assert.equal(await page.locator('.opblock .authorization__btn:not(.unlocked)').count(), locks);
  });

  const seen = await inspect(page);
  await check('Swagger UI finds no error in the document', async () => {
    assert.deepEqual(await page.locator('.errors-wrapper').allInnerTexts(), []);
  });
  await check('every operation names the permission that it needs', () => {
    const unnamed = ({ description }, id) =>
      (operations.find((of) => of.operationId === id).security ?? [])
        .flatMap((scheme) => Object.values(scheme).flat())
        .filter((permission) => !description.includes(permission));
    assert.deepEqual(faulty(seen, unnamed), {});
  });
  await check('every parameter says what it is', () => {
    assert.deepEqual(faulty(seen, (of) => of.undescribed), {});
  });
  await check(`${DESK.width} px: every operation fits into the window`, () => {
    assert.deepEqual(faulty(seen, (of) => of.overflow), {});
  });

  await check('createContact: the example works as it stands (201)', async () => {
    const box = await unfold(page, 'createContact');
    const sent = JSON.parse(await box.locator('textarea').inputValue());
    await picture(page, 'create-contact');
    const { status, body } = await execute(box);
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'create-contact-201');
    assert.equal(status, 201);
    assertContains(body, sent);
    assert.deepEqual(await api(`/v1/contacts/${body.id}`), body);
  });

  await check('createAddressBookContact: the same alias is refused (409 ConflictError)', async () => {
    const box = await unfold(page, 'createAddressBookContact');
    provoked.push(`409 ${service.url}/addressbook/contacts`);
    const { status, body } = await execute(box);
    await box.locator('.live-responses-table').scrollIntoViewIfNeeded();
    await picture(page, 'create-address-book-contact-409');
    assert.equal(status, 409);
    assert.equal(body.success, false);
    assert.equal(body.error.name, 'ConflictError');
    assert.equal(body.error.statusCode, 409);
  });

  await check('createAddressBookContact: another alias is taken (200)', async () => {
    const box = operation(page, 'createAddressBookContact');
    const text = box.locator('textarea');
    const sent = { ...JSON.parse(await text.inputValue()), alias: 'another-john' };
    await text.fill(JSON.stringify(sent, null, 2));
    const { status, body } = await execute(box);
    assert.equal(status, 200);
    assertContains(body.record, sent);
    assert.deepEqual(await api(`/addressbook/contacts/${body.record.id}`), body);
  });

  for (const id of ['listContacts', 'listAddressBookContacts']) {
    await check(`${id}: answers as it stands, with both contacts (200)`, async () => {
      const box = await unfold(page, id);
      const { status, body } = await execute(box);
      assert.equal(status, 200);
      const names = (body.data ?? body.records).map((contact) => contact.username ?? contact.alias);
      assert.deepEqual(names.sort(), ['another-john', 'john']);
    });
  }

  await check('getContact: asks for the id before it sends anything', async () => {
    const box = await unfold(page, 'getContact');
    const sent = () => requests.filter((url) => url.includes('/v1/contacts/'));
    await box.getByRole('button', { name: 'Execute' }).click();
    await box.locator('input.invalid, .live-responses-table').first().waitFor();
    assert.deepEqual(sent(), []);
  });

  await page.context().close();
}

async function links() {
  await check('a link to an operation unfolds it', async () => {
    const page = await open('/swagger-ui/#/Contacts/createContact');
    await operation(page, 'createContact').locator('.opblock-body').waitFor();
    assert.equal(await page.locator('.opblock.is-open').count(), 1);
    await picture(page, 'deep-link');
    await page.context().close();
  });

  await check('the filter leaves the tag that is typed', async () => {
    const page = await open('/swagger-ui/');
    const all = await page.locator('.opblock').count();
    const box = page.getByPlaceholder('Filter by tag');
    await box.pressSequentially('Address');
    await operation(page, 'createContact').waitFor({ state: 'detached' });
    await picture(page, 'filter');
    const left = await page.locator('.opblock .opblock-summary-path').allInnerTexts();
    assert.ok(left.length > 0);
    // Swagger UI puts zero-width spaces into paths, for line breaks.
    for (const path of left) assert.ok(path.replaceAll('\u200b', '').startsWith('/addressbook/'), path);
    await box.fill('');
    await operation(page, 'createContact').waitFor();
    assert.equal(await page.locator('.opblock').count(), all);
    await page.context().close();
  });
}

async function phone() {
  const page = await open('/swagger-ui/', PHONE);
  await picture(page, 'phone-start', true);
  await check(`${PHONE.width} px: the page fits into the window`, async () => {
    assert.equal(await overflow(page), null);
  });
  const seen = await inspect(page);
  await check(`${PHONE.width} px: so does every operation`, () => {
    assert.deepEqual(faulty(seen, (of) => of.overflow), {});
  });
  await check(`${PHONE.width} px: so does an answer`, async () => {
    await authorise(page);
    const { status } = await execute(await unfold(page, 'listAddressBookContacts'));
    await picture(page, 'phone-answer', true);
    assert.equal(status, 200);
    assert.equal(await overflow(page), null);
  });
  await page.context().close();
}

async function conduct() {
  await check('no request left for another host', () => {
    const { host } = new URL(service.url);
    const sent = requests.filter((url) => !/^(data|blob):/.test(url));
    assert.deepEqual(sent.filter((url) => new URL(url).host !== host), []);
    assert.ok(sent.length > 0);
  });
  await check('no request failed, none was refused but those that had to be', () => {
    assert.deepEqual(mishaps, []);
    assert.deepEqual(refusals, provoked);
  });
  await check('the console is silent but for those', () => {
    const status = /^Failed to load resource: the server responded with a status of (\d+)/;
    assert.deepEqual(complaints.map(({ text, url }) => `${status.exec(text)?.[1] ?? text} ${url}`), provoked);
  });
  await check('the Content-Security-Policy refused nothing', () => assert.deepEqual(violations, []));
}

let service;
let browser;

async function close() {
  await browser?.close();
  return service?.stop();
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => close().finally(() => process.exit(1)));
}

try {
  service = await startService(binary);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    handleSIGINT: false,
    handleSIGTERM: false,
    args: [
      // Root has no sandbox.
      '--no-sandbox',
      '--disable-gpu',
      // The rest keeps Chromium's own traffic off the network.
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  await desk();
  await links();
  await phone();
  await conduct();
  await check('the service stops when it is told to', async () => assert.equal(await close(), 0));
} catch (error) {
  fail('the run broke off', error.stack);
} finally {
  await close();
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
