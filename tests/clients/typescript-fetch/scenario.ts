// A user of the generated fetch client.

import assert from 'node:assert/strict';
import {
  AddressBookApi,
  AddressBookAudiencesApi,
  AddressBookGroupsApi,
  type AddressBookError,
  AddressBookErrorFromJSON,
  AudiencesApi,
  BatchMode,
  Configuration,
  ContactMatchBy,
  ContactsApi,
  type CreateAudience,
  type CreateContact,
  Expand,
  FieldsApi,
  GroupsApi,
  ImportsApi,
  OptOutsApi,
  ResponseError,
  SegmentsApi,
  SortDirection,
  SortField,
  type V1Error,
  V1ErrorFromJSON,
} from './client/index.js';

const [url, key] = process.argv.slice(2) as [string, string];
const NUMBER = '4479000000002';

const passed = (step: string) => console.log(`ok ${step}`);

// The typed error of a call that fails. (The client throws the response; its types read the body.)
async function error<T>(status: number, read: (body: unknown) => T, call: Promise<unknown>): Promise<T> {
  try {
    await call;
  } catch (thrown) {
    assert(thrown instanceof ResponseError);
    assert.equal(thrown.response.status, status);
    return read(await thrown.response.json());
  }
  assert.fail('it did not fail');
}
const problem = (status: number, call: Promise<unknown>): Promise<V1Error> => error(status, V1ErrorFromJSON, call);
const bookProblem = (status: number, call: Promise<unknown>): Promise<AddressBookError> =>
  error(status, AddressBookErrorFromJSON, call);

const configuration = new Configuration({ basePath: url, accessToken: key });
const contacts = new ContactsApi(configuration);
const book = new AddressBookApi(configuration);

const contact: CreateContact = {
  username: 'ann',
  phoneNumber: '+44 20 7946 0001',
  displayName: 'Ann',
  meta: { CITY: 'London' },
};
const ann = await contacts.createContact({ contact, idempotencyKey: 'ann-1' });
assert.deepEqual([ann.username, ann.phoneNumber], ['ann', '+442079460001']);
passed('create a contact');

const { record: ben } = await book.createAddressBookContact({ contact: { alias: 'ben', msisdn: NUMBER } });
assert.deepEqual([ben.alias, ben.msisdn], ['ben', NUMBER]);
passed('create an address book contact');

assert.deepEqual(await contacts.getContact({ id: ann.id }), ann);
assert.equal(ann.meta['CITY'], 'London');
assert.equal(ann.avatarUrl, null);
passed('read the contact');

assert.deepEqual((await book.getAddressBookContact({ contact: NUMBER })).record, ben);
passed('read the address book contact by its number');

const first = await contacts.listContacts({ limit: 1 });
assert.equal(first.hasMore, true);
assert.deepEqual(first.data.map(({ id }) => id), [ben.id]);
passed('list the first page');

const second = await contacts.listContacts({ limit: 1, startingAfter: ben.id });
assert.equal(second.hasMore, false);
assert.deepEqual(second.data, [ann]);
passed('list the second page');

const list = await book.listAddressBookContacts({
  sortField: SortField.Alias,
  sortDir: SortDirection.Asc,
  limit: 1,
});
assert.equal(list.total, 2);
assert.deepEqual(list.records.map(({ alias }) => alias), ['ann']);
passed('list the address book');

const changed = await contacts.updateContact({
  id: ann.id,
  changes: { displayName: 'Annie', meta: { CITY: 'Paris' } },
  ifMatch: '*',
});
assert.deepEqual([changed.displayName, changed.meta?.['CITY']], ['Annie', 'Paris']);
passed('update the contact');

const cleared = await contacts.updateContact({ id: ann.id, changes: { displayName: null } });
assert.equal(cleared.displayName, 'ann');
passed('clear a member with null');

const { record } = await book.updateAddressBookContact({ contact: NUMBER, changes: { alias: 'benny' } });
assert.equal(record?.alias, 'benny');
passed('update the address book contact');

// With a name of nothing but blanks.
const { error: fault } = await problem(
  400,
  contacts.createContact({ contact: { username: ' ', phoneNumber: NUMBER } }),
);
assert.equal(fault.code, 'validation_failed');
assert.deepEqual([fault.details?.[0]?.field, fault.details?.[0]?.code], ['username', 'blank']);
const bookFault = await bookProblem(
  400,
  book.createAddressBookContact({ contact: { alias: ' ', msisdn: NUMBER } }),
);
assert.equal(bookFault.error.name, 'ValidationError');
passed('get a typed validation error');

assert.equal((await problem(409, contacts.createContact({ contact }))).error.code, 'username_taken');
const conflict = await bookProblem(409, book.createAddressBookContact({ contact: { alias: 'ann', msisdn: NUMBER } }));
assert.equal(conflict.error.name, 'ConflictError');
passed('get a typed conflict');

await contacts.deleteContact({ id: ann.id });
assert.equal((await problem(404, contacts.getContact({ id: ann.id }))).error.code, 'not_found');
assert.equal((await book.deleteAddressBookContact({ contact: NUMBER })).success, true);
passed('delete both');

const stranger = new Configuration({ basePath: url });
assert.equal((await problem(401, new ContactsApi(stranger).listContacts())).error.code, 'unauthorized');
const refused = await bookProblem(401, new AddressBookApi(stranger).listAddressBookContacts());
assert.equal(refused.error.name, 'UnauthorizedError');
passed('get a typed error without a key');

const groups = new GroupsApi(configuration);
const optOuts = new OptOutsApi(configuration);
const bookGroups = new AddressBookGroupsApi(configuration);
const cat = await contacts.createContact({
  contact: { username: 'cat', phoneNumber: '+44 7900 000003', meta: { NAME: 'Cat' } },
});
const group = await groups.createGroup({ group: { name: 'friends' } });
const members = await groups.changeGroupMembers({ id: group.id, changes: { add: [cat.id] } });
assert.deepEqual([members.memberCount, members.data[0]?.outcome], [1, 'added']);
const expanded = await contacts.getContact({ id: cat.id, expand: Expand.Groups });
assert.equal(expanded.groups?.[0]?.name, 'friends');
const grouped = await bookGroups.listAddressBookGroupContacts({ group: 'friends' });
assert.equal(grouped.records[0]?.alias, 'cat');
const optOut = await optOuts.createOptOut({ optOut: { phoneNumber: '0044 7900 000003' } });
assert.equal(optOut.phoneNumber, cat.phoneNumber);
passed('group a contact and opt its number out');

const audiences = new AudiencesApi(configuration);
const audience: CreateAudience = { recipients: [{ group: 'friends' }], template: { text: 'Hello {{NAME}}!' } };
const silent = await audiences.createAudience({ audience });
assert.deepEqual([silent.counts.excluded, silent.exclusions[0]?.reason], [1, 'opted_out']);
await optOuts.deleteOptOut({ optOut: optOut.phoneNumber });
const greeted = await audiences.createAudience({ audience });
assert.equal(greeted.id, undefined);
assert.deepEqual(greeted.recipients.map(({ text }) => text), ['Hello Cat!']);
const kept = await audiences.createAudience({ audience: { ...audience, keep: true } });
assert(kept.id !== undefined);
assert.equal((await audiences.listAudienceRecipients({ id: kept.id })).data[0]?.text, 'Hello Cat!');
passed('resolve an audience');

const bookAudiences = new AddressBookAudiencesApi(configuration);
const resolved = await bookAudiences.resolveAddressBookAliases({
  audience: { aliases: ['cat'], template: 'Hello {{NAME}}!', fields: { cat: { NAME: 'Kitty' } } },
});
assert.deepEqual(resolved.records.map(({ text }) => text), ['Hello Kitty!']);
passed('resolve aliases with fields of their own');

// Eve is new, Dan is there already, and Fay lacks a phone number.
const dan = await contacts.createContact({ contact: { username: 'dan', phoneNumber: '+44 7900 000004' } });
const applied = await contacts.applyContactBatch({
  batch: {
    mode: BatchMode.Upsert,
    matchBy: ContactMatchBy.Username,
    contacts: [
      { username: 'eve', phoneNumber: '+44 7900 000005' },
      { username: 'dan', displayName: 'Daniel' },
      { username: 'fay' },
    ],
  },
});
assert.deepEqual(applied.counts, { created: 1, updated: 1, unchanged: 0, failed: 1 });
assert.deepEqual(
  applied.results.map(({ index, status }) => [index, status]),
  [[0, 'created'], [1, 'updated'], [2, 'failed']],
);
const failed = applied.results[2]?.error;
assert.deepEqual([failed?.code, failed?.details?.[0]?.field], ['validation_failed', 'phone_number']);
assert.equal((await contacts.getContact({ id: dan.id })).displayName, 'Daniel');
passed('apply a batch');

const fields = new FieldsApi(configuration);
const segments = new SegmentsApi(configuration);
const field = await fields.declareField({ field: { key: 'NAME', type: 'text' } });
while ((await fields.getField({ id: field.id })).state !== 'ready') {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const found = await contacts.listContacts({ search: 'ani' });
assert.deepEqual(found.data.map((it) => [it.id, it.matchType]), [[dan.id, 'part']]);
// Dan has no NAME, and so comes last.
const filter = 'meta.NAME = "Cat" OR username = "dan"';
const ordered = await contacts.listContacts({ filter, orderBy: 'meta.NAME' });
assert.deepEqual(ordered.data.map((it) => it.id), [cat.id, dan.id]);
assert.equal((await contacts.countContacts({ filter })).count, 2);
const segment = await segments.createSegment({ segment: { name: 'chosen', filter } });
const chosen = await segments.listSegmentMembers({ id: segment.id });
assert.deepEqual(chosen.data.map((it) => it.id), [dan.id, cat.id]);
passed('find contacts');

const imports = new ImportsApi(configuration);

// The import, as soon as it is in a state.
async function reached(id: string, state: string) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const current = await imports.getImport({ id });
    if (current.state === state) return current;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it is not ${state}`);
}

const { id } = await imports.createImport({ options: { mode: 'upsert' } });
const file = new Blob(['username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n']);
await imports.putImportFile({ id, file });
const planned = await reached(id, 'planned');
assert.deepEqual([planned.counts.rows, planned.counts.create, planned.counts.reject], [3, 2, 1]);
assert(planned.digest !== undefined);
await imports.commitImport({ id, plan: { digest: planned.digest } });
assert.equal((await reached(id, 'committed')).counts.applied, 2);
const gil = (await contacts.listContacts({ username: 'gil' })).data[0];
assert(gil !== undefined);
assert.equal(gil.phoneNumber, '+447900000006');
await imports.undoImport({ id });
assert.equal((await reached(id, 'undone')).counts.undone, 2);
assert.equal((await problem(404, contacts.getContact({ id: gil.id }))).error.code, 'not_found');
passed('import a file');
