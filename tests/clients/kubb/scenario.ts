// A user of the client that Kubb makes for fetch: a function an operation.

import assert from 'node:assert/strict';
import { setConfig } from '@kubb/plugin-client/clients/fetch';
import {
  type AddressBookError,
  applyContactBatch,
  changeGroupMembers,
  countContacts,
  createAddressBookContact,
  createAudience,
  type CreateAudience,
  createContact,
  type CreateContact,
  createGroup,
  createOptOut,
  createSegment,
  declareField,
  deleteAddressBookContact,
  deleteContact,
  deleteOptOut,
  getAddressBookContact,
  getContact,
  getField,
  listAddressBookContacts,
  listAddressBookGroupContacts,
  listAudienceRecipients,
  listContacts,
  listSegmentMembers,
  resolveAddressBookAliases,
  updateAddressBookContact,
  updateContact,
  type V1Error,
} from './client/index.js';

const [url, key] = process.argv.slice(2) as [string, string];
const NUMBER = '4479000000002';

const passed = (step: string) => console.log(`ok ${step}`);

// The answer of a call, or its error.
async function ok<T>(call: Promise<{ status: number; data: T }>): Promise<T> {
  const { status, data } = await call;
  assert([200, 201].includes(status), JSON.stringify(data));
  return data;
}
async function problem<E extends { error: unknown }>(call: Promise<{ status: number; data: unknown }>): Promise<E['error']> {
  const { status, data } = await call;
  assert(status >= 400);
  return (data as E).error;
}

setConfig({ baseURL: url, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' } });

const body: CreateContact = {
  username: 'ann',
  phone_number: '+44 20 7946 0001',
  display_name: 'Ann',
  meta: { CITY: 'London' },
};
const ann = await ok(createContact({ data: body, headers: { 'Idempotency-Key': 'ann-1' } }));
assert.deepEqual([ann.username, ann.phone_number], ['ann', '+442079460001']);
passed('create a contact');

const { record: ben } = await ok(createAddressBookContact({ data: { alias: 'ben', msisdn: NUMBER } }));
assert.deepEqual([ben.alias, ben.msisdn], ['ben', NUMBER]);
passed('create an address book contact');

assert.deepEqual(await ok(getContact({ id: ann.id })), ann);
assert.equal(ann.meta['CITY'], 'London');
assert.equal(ann.avatar_url, null);
passed('read the contact');

assert.deepEqual((await ok(getAddressBookContact({ contact: NUMBER }))).record, ben);
passed('read the address book contact by its number');

const first = await ok(listContacts({ params: { limit: 1 } }));
assert.equal(first.has_more, true);
assert.deepEqual(first.data.map(({ id }) => id), [ben.id]);
passed('list the first page');

const second = await ok(listContacts({ params: { limit: 1, starting_after: ben.id } }));
assert.equal(second.has_more, false);
assert.deepEqual(second.data, [ann]);
passed('list the second page');

const list = await ok(listAddressBookContacts({ params: { sortField: 'alias', sortDir: 'ASC', limit: 1 } }));
assert.equal(list.total, 2);
assert.deepEqual(list.records.map(({ alias }) => alias), ['ann']);
passed('list the address book');

const changes = { display_name: 'Annie', meta: { CITY: 'Paris' } };
const changed = await ok(updateContact({ id: ann.id, data: changes, headers: { 'If-Match': '*' } }));
assert.deepEqual([changed.display_name, changed.meta?.['CITY']], ['Annie', 'Paris']);
passed('update the contact');

assert.equal((await ok(updateContact({ id: ann.id, data: { display_name: null } }))).display_name, 'ann');
passed('clear a member with null');

const { record } = await ok(
  updateAddressBookContact({ contact: NUMBER, data: { alias: 'benny' } }),
);
assert.equal(record?.alias, 'benny');
passed('update the address book contact');

// With a name of nothing but blanks.
const fault = await problem<V1Error>(createContact({ data: { username: ' ', phone_number: NUMBER } }));
assert.equal(fault.code, 'validation_failed');
assert.deepEqual([fault.details?.[0]?.field, fault.details?.[0]?.code], ['username', 'blank']);
const bookFault = await problem<AddressBookError>(createAddressBookContact({ data: { alias: ' ', msisdn: NUMBER } }));
assert.equal(bookFault.name, 'ValidationError');
passed('get a typed validation error');

assert.equal((await problem<V1Error>(createContact({ data: body }))).code, 'username_taken');
const conflict = await problem<AddressBookError>(createAddressBookContact({ data: { alias: 'ann', msisdn: NUMBER } }));
assert.equal(conflict.name, 'ConflictError');
passed('get a typed conflict');

assert.equal((await deleteContact({ id: ann.id })).status, 204);
assert.equal((await problem<V1Error>(getContact({ id: ann.id }))).code, 'not_found');
assert.equal((await ok(deleteAddressBookContact({ contact: NUMBER }))).success, true);
passed('delete both');

const stranger = { headers: { Authorization: '' } };
assert.equal((await problem<V1Error>(listContacts({}, stranger))).code, 'unauthorized');
assert.equal((await problem<AddressBookError>(listAddressBookContacts({}, stranger))).name, 'UnauthorizedError');
passed('get a typed error without a key');

const cat = await ok(
  createContact({ data: { username: 'cat', phone_number: '+44 7900 000003', meta: { NAME: 'Cat' } } }),
);
const group = await ok(createGroup({ data: { name: 'friends' } }));
const members = await ok(changeGroupMembers({ id: group.id, data: { add: [cat.id] } }));
assert.deepEqual([members.member_count, members.data[0]?.outcome], [1, 'added']);
const expanded = await ok(getContact({ id: cat.id, params: { expand: 'groups' } }));
assert.equal(expanded.groups?.[0]?.name, 'friends');
const grouped = await ok(listAddressBookGroupContacts({ group: 'friends' }));
assert.equal(grouped.records[0]?.alias, 'cat');
const optOut = await ok(createOptOut({ data: { phone_number: '0044 7900 000003' } }));
assert.equal(optOut.phone_number, cat.phone_number);
passed('group a contact and opt its number out');

const wanted: CreateAudience = { recipients: [{ group: 'friends' }], template: { text: 'Hello {{NAME}}!' } };
const silent = await ok(createAudience({ data: wanted }));
assert.deepEqual([silent.counts.excluded, silent.exclusions[0]?.reason], [1, 'opted_out']);
assert.equal((await deleteOptOut({ opt_out: optOut.phone_number })).status, 204);
const greeted = await ok(createAudience({ data: wanted }));
assert.equal(greeted.id, undefined);
assert.deepEqual(greeted.recipients.map(({ text }) => text), ['Hello Cat!']);
const kept = await ok(createAudience({ data: { ...wanted, keep: true } }));
assert(kept.id !== undefined);
const recipients = await ok(listAudienceRecipients({ id: kept.id }));
assert.equal(recipients.data[0]?.text, 'Hello Cat!');
passed('resolve an audience');

const resolved = await ok(
  resolveAddressBookAliases({ data: { aliases: ['cat'], template: 'Hello {{NAME}}!', fields: { cat: { NAME: 'Kitty' } } } }),
);
assert.deepEqual(resolved.records.map(({ text }) => text), ['Hello Kitty!']);
passed('resolve aliases with fields of their own');

// Eve is new, Dan is there already, and Fay lacks a phone number.
const dan = await ok(createContact({ data: { username: 'dan', phone_number: '+44 7900 000004' } }));
const applied = await ok(
  applyContactBatch({
    data: {
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
assert.equal((await ok(getContact({ id: dan.id }))).display_name, 'Daniel');
passed('apply a batch');

const field = await ok(declareField({ data: { key: 'NAME', type: 'text' } }));
while ((await ok(getField({ id: field.id }))).state !== 'ready') {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const found = await ok(listContacts({ params: { search: 'ani' } }));
assert.deepEqual(found.data.map((it) => [it.id, it.match_type]), [[dan.id, 'part']]);
// Dan has no NAME, and so comes last.
const filter = 'meta.NAME = "Cat" OR username = "dan"';
const ordered = await ok(listContacts({ params: { filter, order_by: 'meta.NAME' } }));
assert.deepEqual(ordered.data.map((it) => it.id), [cat.id, dan.id]);
assert.equal((await ok(countContacts({ params: { filter } }))).count, 2);
const segment = await ok(createSegment({ data: { name: 'chosen', filter } }));
const chosen = await ok(listSegmentMembers({ id: segment.id }));
assert.deepEqual(chosen.data.map((it) => it.id), [dan.id, cat.id]);
passed('find contacts');

console.log('cannot import a file: the client would send it as JSON');
