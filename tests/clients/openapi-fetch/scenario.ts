// A user of openapi-fetch: paths as they are on the wire, typed by what openapi-typescript makes.

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './client.js';

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

// JSON is what it reads; one of the answers can be lines of it, too.
const client = createClient<paths, 'application/json'>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

const body: components['schemas']['CreateContact'] = {
  username: 'ann',
  phone_number: '+44 20 7946 0001',
  display_name: 'Ann',
  meta: { CITY: 'London' },
};
const ann = await ok(client.POST('/v1/contacts', { body, params: { header: { 'Idempotency-Key': 'ann-1' } } }));
assert.deepEqual([ann.username, ann.phone_number], ['ann', '+442079460001']);
passed('create a contact');

const { record: ben } = await ok(client.POST('/addressbook/contacts', { body: { alias: 'ben', msisdn: NUMBER } }));
assert.deepEqual([ben.alias, ben.msisdn], ['ben', NUMBER]);
passed('create an address book contact');

const path = { id: ann.id };
assert.deepEqual(await ok(client.GET('/v1/contacts/{id}', { params: { path } })), ann);
assert.equal(ann.meta['CITY'], 'London');
assert.equal(ann.avatar_url, null);
passed('read the contact');

const params = { path: { contact: NUMBER } };
assert.deepEqual((await ok(client.GET('/addressbook/contacts/{contact}', { params }))).record, ben);
passed('read the address book contact by its number');

const first = await ok(client.GET('/v1/contacts', { params: { query: { limit: 1 } } }));
assert.equal(first.has_more, true);
assert.deepEqual(first.data.map(({ id }) => id), [ben.id]);
passed('list the first page');

const second = await ok(client.GET('/v1/contacts', { params: { query: { limit: 1, starting_after: ben.id } } }));
assert.equal(second.has_more, false);
assert.deepEqual(second.data, [ann]);
passed('list the second page');

const list = await ok(
  client.GET('/addressbook/contacts', { params: { query: { sortField: 'alias', sortDir: 'ASC', limit: 1 } } }),
);
assert.equal(list.total, 2);
assert.deepEqual(list.records.map(({ alias }) => alias), ['ann']);
passed('list the address book');

const changed = await ok(
  client.PATCH('/v1/contacts/{id}', {
    params: { path, header: { 'If-Match': '*' } },
    body: { display_name: 'Annie', meta: { CITY: 'Paris' } },
  }),
);
assert.deepEqual([changed.display_name, changed.meta?.['CITY']], ['Annie', 'Paris']);
passed('update the contact');

const cleared = await ok(client.PATCH('/v1/contacts/{id}', { params: { path }, body: { display_name: null } }));
assert.equal(cleared.display_name, 'ann');
passed('clear a member with null');

const { record } = await ok(client.POST('/addressbook/contacts/{contact}', { params, body: { alias: 'benny' } }));
assert.equal(record?.alias, 'benny');
passed('update the address book contact');

// With a name of nothing but blanks.
const fault = await problem(client.POST('/v1/contacts', { body: { username: ' ', phone_number: NUMBER } }));
assert.equal(fault.code, 'validation_failed');
assert.deepEqual([fault.details?.[0]?.field, fault.details?.[0]?.code], ['username', 'blank']);
const bookFault = await problem(
  client.POST('/addressbook/contacts', { body: { alias: ' ', msisdn: NUMBER } }),
);
assert.equal(bookFault.name, 'ValidationError');
passed('get a typed validation error');

assert.equal((await problem(client.POST('/v1/contacts', { body }))).code, 'username_taken');
const conflict = await problem(client.POST('/addressbook/contacts', { body: { alias: 'ann', msisdn: NUMBER } }));
assert.equal(conflict.name, 'ConflictError');
passed('get a typed conflict');

assert.equal((await client.DELETE('/v1/contacts/{id}', { params: { path } })).response.status, 204);
assert.equal((await problem(client.GET('/v1/contacts/{id}', { params: { path } }))).code, 'not_found');
assert.equal((await ok(client.DELETE('/addressbook/contacts/{contact}', { params }))).success, true);
passed('delete both');

const stranger = createClient<paths, 'application/json'>({ baseUrl: url });
assert.equal((await problem(stranger.GET('/v1/contacts'))).code, 'unauthorized');
assert.equal((await problem(stranger.GET('/addressbook/contacts'))).name, 'UnauthorizedError');
passed('get a typed error without a key');

const cat = await ok(
  client.POST('/v1/contacts', {
    body: { username: 'cat', phone_number: '+44 7900 000003', meta: { NAME: 'Cat' } },
  }),
);
const group = await ok(client.POST('/v1/groups', { body: { name: 'friends' } }));
const members = await ok(
  client.POST('/v1/groups/{id}/members', { params: { path: { id: group.id } }, body: { add: [cat.id] } }),
);
assert.deepEqual([members.member_count, members.data[0]?.outcome], [1, 'added']);
const expanded = await ok(
  client.GET('/v1/contacts/{id}', { params: { path: { id: cat.id }, query: { expand: 'groups' } } }),
);
assert.equal(expanded.groups?.[0]?.name, 'friends');
const grouped = await ok(
  client.GET('/addressbook/groups/{group}/contacts', { params: { path: { group: 'friends' } } }),
);
assert.equal(grouped.records[0]?.alias, 'cat');
const optOut = await ok(client.POST('/v1/opt_outs', { body: { phone_number: '0044 7900 000003' } }));
assert.equal(optOut.phone_number, cat.phone_number);
passed('group a contact and opt its number out');

const wanted: components['schemas']['CreateAudience'] = {
  recipients: [{ group: 'friends' }],
  template: { text: 'Hello {{NAME}}!' },
};
const silent = await ok(client.POST('/v1/audiences', { body: wanted }));
assert.deepEqual([silent.counts.excluded, silent.exclusions[0]?.reason], [1, 'opted_out']);
const back = await client.DELETE('/v1/opt_outs/{opt_out}', { params: { path: { opt_out: optOut.phone_number } } });
assert.equal(back.response.status, 204);
const greeted = await ok(client.POST('/v1/audiences', { body: wanted }));
assert.equal(greeted.id, undefined);
assert.deepEqual(greeted.recipients.map(({ text }) => text), ['Hello Cat!']);
const kept = await ok(client.POST('/v1/audiences', { body: { ...wanted, keep: true } }));
assert(kept.id !== undefined);
const recipients = await ok(
  client.GET('/v1/audiences/{id}/recipients', { params: { path: { id: kept.id } } }),
);
assert.equal(recipients.data[0]?.text, 'Hello Cat!');
passed('resolve an audience');

const resolved = await ok(
  client.POST('/addressbook/resolve', {
    body: { aliases: ['cat'], template: 'Hello {{NAME}}!', fields: { cat: { NAME: 'Kitty' } } },
  }),
);
assert.deepEqual(resolved.records.map(({ text }) => text), ['Hello Kitty!']);
passed('resolve aliases with fields of their own');

// Eve is new, Dan is there already, and Fay lacks a phone number.
const dan = await ok(client.POST('/v1/contacts', { body: { username: 'dan', phone_number: '+44 7900 000004' } }));
const applied = await ok(
  client.POST('/v1/contacts/batch', {
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
assert.equal((await ok(client.GET('/v1/contacts/{id}', { params: { path: { id: dan.id } } }))).display_name, 'Daniel');
passed('apply a batch');

const field = await ok(client.POST('/v1/fields', { body: { key: 'NAME', type: 'text' } }));
while ((await ok(client.GET('/v1/fields/{id}', { params: { path: { id: field.id } } }))).state !== 'ready') {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const found = await ok(client.GET('/v1/contacts', { params: { query: { search: 'ani' } } }));
assert.deepEqual(found.data.map((it) => [it.id, it.match_type]), [[dan.id, 'part']]);
// Dan has no NAME, and so comes last.
const filter = 'meta.NAME = "Cat" OR username = "dan"';
const ordered = await ok(client.GET('/v1/contacts', { params: { query: { filter, order_by: 'meta.NAME' } } }));
assert.deepEqual(ordered.data.map((it) => it.id), [cat.id, dan.id]);
assert.equal((await ok(client.GET('/v1/contacts/count', { params: { query: { filter } } }))).count, 2);
const segment = await ok(client.POST('/v1/segments', { body: { name: 'chosen', filter } }));
const chosen = await ok(client.GET('/v1/segments/{id}/members', { params: { path: { id: segment.id } } }));
assert.deepEqual(chosen.data.map((it) => it.id), [dan.id, cat.id]);
passed('find contacts');

// The import, as soon as it is in a state.
async function reached(id: string, state: string) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const current = await ok(client.GET('/v1/imports/{id}', { params: { path: { id } } }));
    if (current.state === state) return current;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it is not ${state}`);
}

const { id } = await ok(client.POST('/v1/imports', { body: { mode: 'upsert' } }));
const file = 'username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n';
// Unless told otherwise, it would send the text as JSON.
await ok(
  client.PUT('/v1/imports/{id}/file', {
    params: { path: { id } },
    headers: { 'Content-Type': 'application/octet-stream' },
    body: file,
    bodySerializer: (text) => text,
  }),
);
const planned = await reached(id, 'planned');
assert.deepEqual([planned.counts.rows, planned.counts.create, planned.counts.reject], [3, 2, 1]);
assert(planned.digest !== undefined);
await ok(
  client.POST('/v1/imports/{id}/commit', { params: { path: { id } }, body: { digest: planned.digest } }),
);
assert.equal((await reached(id, 'committed')).counts.applied, 2);
const gil = (await ok(client.GET('/v1/contacts', { params: { query: { username: 'gil' } } }))).data[0];
assert(gil !== undefined);
assert.equal(gil.phone_number, '+447900000006');
await ok(client.POST('/v1/imports/{id}/undo', { params: { path: { id } } }));
assert.equal((await reached(id, 'undone')).counts.undone, 2);
assert.equal((await problem(client.GET('/v1/contacts/{id}', { params: { path: { id: gil.id } } }))).code, 'not_found');
passed('import a file');
