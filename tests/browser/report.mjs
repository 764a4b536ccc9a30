// One line a check, and how many of them held.

import { stripVTControlCharacters } from 'node:util';

let passed = 0;
let failed = 0;

export async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    fail(name, error.message);
  }
}

export function fail(name, why) {
  failed += 1;
  console.log(`FAIL  ${name}\n      ${stripVTControlCharacters(why).trim().replaceAll('\n', '\n      ')}`);
}

// Says how it ended; the exit code.
export function conclude() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed || !passed ? 1 : 0;
}
