// Runs the service in a temporary folder, as somebody does who starts it for the first time.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PATIENCE = 20_000;

export async function startService(binary, ...settings) {
  const folder = await mkdtemp(join(tmpdir(), 'addressbook-browser-'));
  // Settings of the caller's shell must not reach the service: the test is about the defaults.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ADDRESSBOOK_')));
  const service = spawn(resolve(binary), ['--bind', '127.0.0.1:0', ...settings], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(service, 'close').catch(() => {});

  // Answers with the exit code; null after a signal, or where nothing had started.
  const stop = async () => {
    const alive = () => service.pid !== undefined && service.exitCode === null && service.signalCode === null;
    if (alive()) {
      service.kill('SIGTERM');
      const late = setTimeout(() => alive() && service.kill('SIGKILL'), PATIENCE);
      await ended;
      clearTimeout(late);
    }
    await rm(folder, { recursive: true, force: true });
    return service.exitCode;
  };

  // Another key of the same account, with one permission.
  const keyWith = (permission) => {
    const asked = ['keys', 'create', '--account', 'default', '--permission', permission];
    return /ab_live_\S+/.exec(execFileSync(resolve(binary), asked, { cwd: folder, env, encoding: 'utf8' }))[0];
  };

  try {
    return { ...(await banner(service)), keyWith, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

// The address and the key, as they are printed for people.
function banner(service) {
  return new Promise((found, fail) => {
    let text = '';
    const giveUp = (why) => {
      clearTimeout(timer);
      fail(new Error(`${why}; it printed:\n${text}`));
    };
    const timer = setTimeout(() => giveUp('The service did not come up in time'), PATIENCE);
    service.on('error', (error) => giveUp(`The service did not start: ${error.message}`));
    service.on('exit', (code, signal) => giveUp(`The service ended (${code ?? signal})`));
    service.stderr.setEncoding('utf8').on('data', (part) => {
      text += part;
      const url = /Swagger UI\s+(http:\/\/127\.0\.0\.1:\d+)\/swagger-ui\/\s/.exec(text)?.[1];
      const key = /API key\s+(ab_live_\S+)\s/.exec(text)?.[1];
      if (url && key) {
        clearTimeout(timer);
        found({ url, key });
      }
    });
  });
}
