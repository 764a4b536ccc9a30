// A user of the client that swagger-typescript-api makes: a method an operation, which throws typed errors.

import assert from 'node:assert/strict';
import { Api, type CreateAudience, type CreateContact, type HttpResponse } from './client/addressbook.js';

const [url, key] = process.argv.slice(2) as [string, string];
const NUMBER = '4479000000002';

const passed = (step: string) => console.log(`ok ${step}`);

// The answer of a call, or its typed error.
async function ok<T, E>(call: Promise<HttpResponse<T, E>>): Promise<T> {
  return (await call).data;
}
// (A 304 is an error here, and has no body.)
async function problem<T, E>(call: Promise<HttpResponse<T, { error: E } | void>>): Promise<E> {
  const answer = await call.then(() => assert.fail(), (thrown: HttpResponse<T, { error: E }>) => thrown);
  return answer.error.error;
}

const client = new Api<string>({
  baseUrl: url,
  securityWorker: (key) => (key === null ? {} : { headers: { Authorization: `Bearer ${key}` } }),
});
client.setSecurityData(key);

const body: CreateContact = {
  username: 'ann',
  phone_number: '+44 20 7946 0001',
  display_name: 'Ann',
  meta: { CITY: 'London' },
};
const ann = await ok(client.v1.createContact(body, { headers: { 'Idempotency-Key': 'ann-1' } }));
assert.deepEqual([ann.username, ann.phone_number], ['ann', '+442079460001']);
passed('create a contact');

const { record: ben } = await ok(client.addressbook.createAddressBookContact({ alias: 'ben', msisdn: NUMBER }));
assert.deepEqual([ben.alias, ben.msisdn], ['ben', NUMBER]);
passed('create an address book contact');

assert.deepEqual(await ok(client.v1.getContact(ann.id)), ann);
assert.equal(ann.meta['CITY'], 'London');
assert.equal(ann.avatar_url, null);
passed('read the contact');

assert.deepEqual((await ok(client.addressbook.getAddressBookContact(NUMBER))).record, ben);
passed('read the address book contact by its number');

const first = await ok(client.v1.listContacts({ limit: 1 }));
assert.equal(first.has_more, true);
assert.deepEqual(first.data.map(({ id }) => id), [ben.id]);
passed('list the first page');

const second = await ok(client.v1.listContacts({ limit: 1, starting_after: ben.id }));
assert.equal(second.has_more, false);
assert.deepEqual(second.data, [ann]);
passed('list the second page');

const list = await ok(client.addressbook.listAddressBookContacts({ sortField: 'alias', sortDir: 'ASC', limit: 1 }));
assert.equal(list.total, 2);
assert.deepEqual(list.records.map(({ alias }) => alias), ['ann']);
passed('list the address book');

const changes = { display_name: 'Annie', meta: { CITY: 'Paris' } };
const changed = await ok(client.v1.updateContact(ann.id, changes, { headers: { 'If-Match': '*' } }));
assert.deepEqual([changed.display_name, changed.meta?.['CITY']], ['Annie', 'Paris']);
passed('update the contact');

assert.equal((await ok(client.v1.updateContact(ann.id, { display_name: null }))).display_name, 'ann');
passed('clear a member with null');

const { record } = await ok(
  client.addressbook.updateAddressBookContact(NUMBER, { alias: 'benny' }),
);
assert.equal(record?.alias, 'benny');
passed('update the address book contact');

// With a name of nothing but blanks.
const fault = await problem(client.v1.createContact({ username: ' ', phone_number: NUMBER }));
assert.equal(fault.code, 'validation_failed');
assert.deepEqual([fault.details?.[0]?.field, fault.details?.[0]?.code], ['username', 'blank']);
const bookFault = await problem(client.addressbook.createAddressBookContact({ alias: ' ', msisdn: NUMBER }));
assert.equal(bookFault.name, 'ValidationError');
passed('get a typed validation error');

assert.equal((await problem(client.v1.createContact(body))).code, 'username_taken');
const conflict = await problem(client.addressbook.createAddressBookContact({ alias: 'ann', msisdn: NUMBER }));
assert.equal(conflict.name, 'ConflictError');
passed('get a typed conflict');

assert.equal((await client.v1.deleteContact(ann.id)).status, 204);
assert.equal((await problem(client.v1.getContact(ann.id))).code, 'not_found');
assert.equal((await ok(client.addressbook.deleteAddressBookContact(NUMBER))).success, true);
passed('delete both');

const stranger = new Api({ baseUrl: url });
assert.equal((await problem(stranger.v1.listContacts())).code, 'unauthorized');
assert.equal((await problem(stranger.addressbook.listAddressBookContacts())).name, 'UnauthorizedError');
passed('get a typed error without a key');

const cat = await ok(
  client.v1.createContact({ username: 'cat', phone_number: '+44 7900 000003', meta: { NAME: 'Cat' } }),
);
const group = await ok(client.v1.createGroup({ name: 'friends' }));
const members = await ok(client.v1.changeGroupMembers(group.id, { add: [cat.id] }));
assert.deepEqual([members.member_count, members.data[0]?.outcome], [1, 'added']);
const expanded = await ok(client.v1.getContact(cat.id, { expand: 'groups' }));
assert.equal(expanded.groups?.[0]?.name, 'friends');
const grouped = await ok(client.addressbook.listAddressBookGroupContacts('friends'));
assert.equal(grouped.records[0]?.alias, 'cat');
const optOut = await ok(client.v1.createOptOut({ phone_number: '0044 7900 000003' }));
assert.equal(optOut.phone_number, cat.phone_number);
passed('group a contact and opt its number out');

const wanted: CreateAudience = { recipients: [{ group: 'friends' }], template: { text: 'Hello {{NAME}}!' } };
const silent = await ok(client.v1.createAudience(wanted));
assert.deepEqual([silent.counts.excluded, silent.exclusions[0]?.reason], [1, 'opted_out']);
assert.equal((await client.v1.deleteOptOut(optOut.phone_number)).status, 204);
const greeted = await ok(client.v1.createAudience(wanted));
assert.equal(greeted.id, undefined);
assert.deepEqual(greeted.recipients.map(({ text }) => text), ['Hello Cat!']);
const kept = await ok(client.v1.createAudience({ ...wanted, keep: true }));
assert(kept.id !== undefined);
const recipients = await ok(client.v1.listAudienceRecipients(kept.id));
assert.equal(recipients.data[0]?.text, 'Hello Cat!');
passed('resolve an audience');

const resolved = await ok(
  client.addressbook.resolveAddressBookAliases({ aliases: ['cat'], template: 'Hello {{NAME}}!', fields: { cat: { NAME: 'Kitty' } } }),
);
assert.deepEqual(resolved.records.map(({ text }) => text), ['Hello Kitty!']);
passed('resolve aliases with fields of their own');

// Eve is new, Dan is there already, and Fay lacks a phone number.
const dan = await ok(client.v1.createContact({ username: 'dan', phone_number: '+44 7900 000004' }));
const applied = await ok(
  client.v1.applyContactBatch({
    mode: 'upsert',
    match_by: 'username',
    contacts: [
      { username: 'eve', phone_number: '+44 7900 000005' },
      { username: 'dan', display_name: 'Daniel' },
      { username: 'fay' },
    ],
  }),
);
assert.deepEqual(applied.counts, { created: 1, updated: 1, unchanged: 0, failed: 1 });
assert.deepEqual(
  applied.results.map(({ index, status }) => [index, status]),
  [[0, 'created'], [1, 'updated'], [2, 'failed']],
);
const failed = applied.results[2]?.error;
assert.deepEqual([failed?.code, failed?.details?.[0]?.field], ['validation_failed', 'phone_number']);
assert.equal((await ok(client.v1.getContact(dan.id))).display_name, 'Daniel');
passed('apply a batch');

const field = await ok(client.v1.declareField({ key: 'NAME', type: 'text' }));
while ((await ok(client.v1.getField(field.id))).state !== 'ready') {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const found = await ok(client.v1.listContacts({ search: 'ani' }));
assert.deepEqual(found.data.map((it) => [it.id, it.match_type]), [[dan.id, 'part']]);
// Dan has no NAME, and so comes last.
const filter = 'meta.NAME = "Cat" OR username = "dan"';
const ordered = await ok(client.v1.listContacts({ filter, order_by: 'meta.NAME' }));
assert.deepEqual(ordered.data.map((it) => it.id), [cat.id, dan.id]);
assert.equal((await ok(client.v1.countContacts({ filter }))).count, 2);
const segment = await ok(client.v1.createSegment({ name: 'chosen', filter }));
const chosen = await ok(client.v1.listSegmentMembers(segment.id));
assert.deepEqual(chosen.data.map((it) => it.id), [dan.id, cat.id]);
passed('find contacts');

console.log('cannot import a file: the client would send it as JSON');
