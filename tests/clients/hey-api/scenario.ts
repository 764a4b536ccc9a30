// A user of the client that @hey-api/openapi-ts makes: a function an operation, answers and errors typed.

import assert from 'node:assert/strict';
import { createClient } from './client/client/index.js';
import {
  applyContactBatch,
  changeGroupMembers,
  commitImport,
  countContacts,
  createAddressBookContact,
  createAudience,
  type CreateAudience,
  createContact,
  type CreateContact,
  createGroup,
  createImport,
  createOptOut,
  createSegment,
  declareField,
  deleteAddressBookContact,
  deleteContact,
  deleteOptOut,
  getAddressBookContact,
  getContact,
  getField,
  getImport,
  listAddressBookContacts,
  listAddressBookGroupContacts,
  listAudienceRecipients,
  listContacts,
  listSegmentMembers,
  putImportFile,
  resolveAddressBookAliases,
  undoImport,
  updateAddressBookContact,
  updateContact,
} from './client/index.js';

const [url, key] = process.argv.slice(2) as [string, string];
const NUMBER = '4479000000002';

const passed = (step: string) => console.log(`ok ${step}`);

// The answer of a call, or its typed error.
async function ok<T>(call: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  const { data, error } = await call;
  assert(data !== undefined, JSON.stringify(error));
  return data;
}
async function problem<E>(call: Promise<{ error?: { error: E } }>): Promise<E> {
  const { error } = await call;
  assert(error !== undefined);
  return error.error;
}

const client = createClient({ baseUrl: url, auth: key });

const body: CreateContact = {
  username: 'ann',
  phone_number: '+44 20 7946 0001',
  display_name: 'Ann',
  meta: { CITY: 'London' },
};
const ann = await ok(createContact({ client, body, headers: { 'Idempotency-Key': 'ann-1' } }));
assert.deepEqual([ann.username, ann.phone_number], ['ann', '+442079460001']);
passed('create a contact');

const { record: ben } = await ok(createAddressBookContact({ client, body: { alias: 'ben', msisdn: NUMBER } }));
assert.deepEqual([ben.alias, ben.msisdn], ['ben', NUMBER]);
passed('create an address book contact');

assert.deepEqual(await ok(getContact({ client, path: { id: ann.id } })), ann);
assert.equal(ann.meta['CITY'], 'London');
assert.equal(ann.avatar_url, null);
passed('read the contact');

assert.deepEqual((await ok(getAddressBookContact({ client, path: { contact: NUMBER } }))).record, ben);
passed('read the address book contact by its number');

const first = await ok(listContacts({ client, query: { limit: 1 } }));
assert.equal(first.has_more, true);
assert.deepEqual(first.data.map(({ id }) => id), [ben.id]);
passed('list the first page');

const second = await ok(listContacts({ client, query: { limit: 1, starting_after: ben.id } }));
assert.equal(second.has_more, false);
assert.deepEqual(second.data, [ann]);
passed('list the second page');

const list = await ok(listAddressBookContacts({ client, query: { sortField: 'alias', sortDir: 'ASC', limit: 1 } }));
assert.equal(list.total, 2);
assert.deepEqual(list.records.map(({ alias }) => alias), ['ann']);
passed('list the address book');

const path = { id: ann.id };
const changes = { display_name: 'Annie', meta: { CITY: 'Paris' } };
const changed = await ok(updateContact({ client, path, body: changes, headers: { 'If-Match': '*' } }));
assert.deepEqual([changed.display_name, changed.meta?.['CITY']], ['Annie', 'Paris']);
passed('update the contact');

assert.equal((await ok(updateContact({ client, path, body: { display_name: null } }))).display_name, 'ann');
passed('clear a member with null');

const { record } = await ok(
  updateAddressBookContact({ client, path: { contact: NUMBER }, body: { alias: 'benny' } }),
);
assert.equal(record?.alias, 'benny');
passed('update the address book contact');

// With a name of nothing but blanks.
const fault = await problem(createContact({ client, body: { username: ' ', phone_number: NUMBER } }));
assert.equal(fault.code, 'validation_failed');
assert.deepEqual([fault.details?.[0]?.field, fault.details?.[0]?.code], ['username', 'blank']);
const bookFault = await problem(createAddressBookContact({ client, body: { alias: ' ', msisdn: NUMBER } }));
assert.equal(bookFault.name, 'ValidationError');
passed('get a typed validation error');

assert.equal((await problem(createContact({ client, body }))).code, 'username_taken');
const conflict = await problem(createAddressBookContact({ client, body: { alias: 'ann', msisdn: NUMBER } }));
assert.equal(conflict.name, 'ConflictError');
passed('get a typed conflict');

assert.equal((await deleteContact({ client, path })).response?.status, 204);
assert.equal((await problem(getContact({ client, path }))).code, 'not_found');
assert.equal((await ok(deleteAddressBookContact({ client, path: { contact: NUMBER } }))).success, true);
passed('delete both');

const stranger = createClient({ baseUrl: url });
assert.equal((await problem(listContacts({ client: stranger }))).code, 'unauthorized');
assert.equal((await problem(listAddressBookContacts({ client: stranger }))).name, 'UnauthorizedError');
passed('get a typed error without a key');

const cat = await ok(
  createContact({ client, body: { username: 'cat', phone_number: '+44 7900 000003', meta: { NAME: 'Cat' } } }),
);
const group = await ok(createGroup({ client, body: { name: 'friends' } }));
const members = await ok(changeGroupMembers({ client, path: { id: group.id }, body: { add: [cat.id] } }));
assert.deepEqual([members.member_count, members.data[0]?.outcome], [1, 'added']);
const expanded = await ok(getContact({ client, path: { id: cat.id }, query: { expand: 'groups' } }));
assert.equal(expanded.groups?.[0]?.name, 'friends');
const grouped = await ok(listAddressBookGroupContacts({ client, path: { group: 'friends' } }));
assert.equal(grouped.records[0]?.alias, 'cat');
const optOut = await ok(createOptOut({ client, body: { phone_number: '0044 7900 000003' } }));
assert.equal(optOut.phone_number, cat.phone_number);
passed('group a contact and opt its number out');

const wanted: CreateAudience = { recipients: [{ group: 'friends' }], template: { text: 'Hello {{NAME}}!' } };
const silent = await ok(createAudience({ client, body: wanted }));
assert.deepEqual([silent.counts.excluded, silent.exclusions[0]?.reason], [1, 'opted_out']);
assert.equal((await deleteOptOut({ client, path: { opt_out: optOut.phone_number } })).response?.status, 204);
const greeted = await ok(createAudience({ client, body: wanted }));
assert.equal(greeted.id, undefined);
assert.deepEqual(greeted.recipients.map(({ text }) => text), ['Hello Cat!']);
const kept = await ok(createAudience({ client, body: { ...wanted, keep: true } }));
assert(kept.id !== undefined);
const recipients = await ok(listAudienceRecipients({ client, path: { id: kept.id } }));
assert.equal(recipients.data[0]?.text, 'Hello Cat!');
passed('resolve an audience');

const resolved = await ok(
  resolveAddressBookAliases({
    client,
    body: { aliases: ['cat'], template: 'Hello {{NAME}}!', fields: { cat: { NAME: 'Kitty' } } },
  }),
);
assert.deepEqual(resolved.records.map(({ text }) => text), ['Hello Kitty!']);
passed('resolve aliases with fields of their own');

// Eve is new, Dan is there already, and Fay lacks a phone number.
const dan = await ok(createContact({ client, body: { username: 'dan', phone_number: '+44 7900 000004' } }));
const applied = await ok(
  applyContactBatch({
    client,
    body: {
      mode: 'upsert',
      match_by: 'username',
      contacts: [
        { username: 'eve', phone_number: '+44 7900 000005' },
        { username: 'dan', display_name: 'Daniel' },
        { username: 'fay' },
      ],
    },
  }),
);
assert.deepEqual(applied.counts, { created: 1, updated: 1, unchanged: 0, failed: 1 });
assert.deepEqual(
  applied.results.map(({ index, status }) => [index, status]),
  [[0, 'created'], [1, 'updated'], [2, 'failed']],
);
const failed = applied.results[2]?.error;
assert.deepEqual([failed?.code, failed?.details?.[0]?.field], ['validation_failed', 'phone_number']);
assert.equal((await ok(getContact({ client, path: { id: dan.id } }))).display_name, 'Daniel');
passed('apply a batch');

const field = await ok(declareField({ client, body: { key: 'NAME', type: 'text' } }));
while ((await ok(getField({ client, path: { id: field.id } }))).state !== 'ready') {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const found = await ok(listContacts({ client, query: { search: 'ani' } }));
assert.deepEqual(found.data.map((it) => [it.id, it.match_type]), [[dan.id, 'part']]);
// Dan has no NAME, and so comes last.
const filter = 'meta.NAME = "Cat" OR username = "dan"';
const ordered = await ok(listContacts({ client, query: { filter, order_by: 'meta.NAME' } }));
assert.deepEqual(ordered.data.map((it) => it.id), [cat.id, dan.id]);
assert.equal((await ok(countContacts({ client, query: { filter } }))).count, 2);
const segment = await ok(createSegment({ client, body: { name: 'chosen', filter } }));
const chosen = await ok(listSegmentMembers({ client, path: { id: segment.id } }));
assert.deepEqual(chosen.data.map((it) => it.id), [dan.id, cat.id]);
passed('find contacts');

// The import, as soon as it is in a state.
async function reached(id: string, state: string) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const current = await ok(getImport({ client, path: { id } }));
    if (current.state === state) return current;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it is not ${state}`);
}

const { id } = await ok(createImport({ client, body: { mode: 'upsert' } }));
const file = new Blob(['username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n']);
await ok(putImportFile({ client, path: { id }, body: file }));
const planned = await reached(id, 'planned');
assert.deepEqual([planned.counts.rows, planned.counts.create, planned.counts.reject], [3, 2, 1]);
assert(planned.digest !== undefined);
await ok(commitImport({ client, path: { id }, body: { digest: planned.digest } }));
assert.equal((await reached(id, 'committed')).counts.applied, 2);
const gil = (await ok(listContacts({ client, query: { username: 'gil' } }))).data[0];
assert(gil !== undefined);
assert.equal(gil.phone_number, '+447900000006');
await ok(undoImport({ client, path: { id } }));
assert.equal((await reached(id, 'undone')).counts.undone, 2);
assert.equal((await problem(getContact({ client, path: { id: gil.id } }))).code, 'not_found');
passed('import a file');
