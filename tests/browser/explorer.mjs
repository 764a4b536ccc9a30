// Drives Swagger UI with a real Chromium, as a person would.
// Usage: node explorer.mjs [BINARY]; settings: ADDRESSBOOK_BIN, CHROMIUM, SCREENSHOTS (a folder).

import assert from 'node:assert/strict';
import { accessibility } from './a11y.mjs';
import { behind } from './behind.mjs';
import { complaints, launch, mishaps, provoked, quit, refusals, requests, violations } from './chrome.mjs';
import { desk } from './desk.mjs';
import { keptKey } from './key.mjs';
import { startProxy } from './proxy.mjs';
import { check, conclude, fail } from './report.mjs';
import { search } from './search.mjs';
import { startService } from './service.mjs';
import { keyboard, links, phone } from './ways.mjs';

const binary = process.argv[2] ?? process.env.ADDRESSBOOK_BIN;
if (!binary) {
  console.error('Name the binary: node explorer.mjs BINARY, or ADDRESSBOOK_BIN=BINARY');
  process.exit(2);
}

const services = [];
let proxy;

async function close() {
  await quit();
  await proxy?.stop();
  return Promise.all(services.map((service) => service.stop()));
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => close().finally(() => process.exit(1)));
}

// What holds over the whole run.
async function conduct(hosts) {
  await check('no request left for another host', () => {
    const sent = requests.filter((url) => !/^(data|blob):/.test(url));
    assert.deepEqual(sent.filter((url) => !hosts.includes(new URL(url).host)), []);
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

try {
  services.push(await startService(binary), await startService(binary, '--trust-proxy'));
  const [service, proxied] = services;
  proxy = await startProxy(proxied.url, '/team/contacts-api');
  await launch();
  await desk(service);
  await links(service);
  await keptKey(service);
  await keyboard(service);
  await phone(service);
  await accessibility(service);
  await search(service, proxy);
  await behind(proxy, proxied);
  await conduct([service.url, proxy.url].map((url) => new URL(url).host));
  await check('the services stop when they are told to', async () => assert.deepEqual(await close(), [0, 0]));
} catch (error) {
  fail('the run broke off', error.stack);
} finally {
  await close();
}

process.exitCode = conclude();
