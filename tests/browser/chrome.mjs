// Chromium, and everything that the pages in it did.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const PATIENCE = 60_000;
export const DESK = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

export const requests = [];
export const refusals = []; // answers of 400 and above, as the network shows them
export const complaints = []; // errors and warnings of the console
export const violations = []; // of the Content-Security-Policy
export const mishaps = []; // exceptions in the page, requests without an answer, dialogs
export const provoked = []; // answers of 400 and above that the test wants: 'STATUS URL'

let browser;

export async function launch() {
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
}

export const quit = () => browser?.close();

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

// Swagger UI, in a browser that nobody has used.
export async function open(url, viewport = DESK, settings = {}) {
  return visit(await fresh(viewport, settings), url);
}

// An empty page, in a browser that nobody has used.
export async function fresh(viewport = DESK, settings = {}) {
  const context = await browser.newContext({ viewport, ignoreHTTPSErrors: true, ...settings });
  context.setDefaultTimeout(PATIENCE);
  watch(context);
  // The console names most violations, but not all: the event names every one.
  await context.exposeBinding('tellViolation', (_, violation) => violations.push(violation));
  await context.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) =>
      window.tellViolation(`${event.violatedDirective}: ${event.blockedURI}`),
    ),
  );
  return context.newPage();
}

export async function visit(page, url) {
  await page.goto(url);
  await page.locator('.opblock').first().waitFor();
  return page;
}

export async function picture(page, name, fullPage = false) {
  if (!process.env.SCREENSHOTS) return;
  await mkdir(process.env.SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage, animations: 'disabled' });
}
