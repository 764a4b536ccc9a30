// A reverse proxy as operators have it: it ends TLS, serves the service under a path, and takes that path
// off before it passes a request on.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A certificate that nobody but this test trusts.
async function certificate() {
  const folder = await mkdtemp(join(tmpdir(), 'addressbook-proxy-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const made = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', ...made, ...subject], { stdio: 'ignore' });
    return { key: await readFile(key), cert: await readFile(cert) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function startProxy(target, prefix) {
  const proxy = createServer(await certificate(), (asked, answer) => {
    if (!asked.url.startsWith(`${prefix}/`)) return answer.writeHead(404).end();
    const headers = { ...asked.headers, 'x-forwarded-prefix': prefix, 'x-forwarded-proto': 'https' };
    const passed = request(target + asked.url.slice(prefix.length), { method: asked.method, headers });
    passed.on('response', (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    passed.on('error', () => answer.writeHead(502).end());
    return asked.pipe(passed);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const stop = () => {
    proxy.closeAllConnections();
    return new Promise((closed) => proxy.close(closed));
  };
  return { url: `https://127.0.0.1:${proxy.address().port}${prefix}`, stop };
}
