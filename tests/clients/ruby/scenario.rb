# A user of the generated Ruby client. (`alias` is a word of Ruby.)

require 'addressbook'
require 'json'
require 'uri'

URL = URI(ARGV[0])
KEY = ARGV[1]
NUMBER = '4479000000002'

$stdout.sync = true

def passed(step)
  puts "ok #{step}"
end

def check(seen, expected)
  raise "#{seen.inspect} is not #{expected.inspect}" unless seen == expected
end

# The typed error of a call that fails. (The client raises the body as text; its types read it.)
def problem(type, status)
  yield
rescue AddressBook::ApiError => e
  check e.code, status
  type.build_from_hash(JSON.parse(e.response_body)).error
else
  raise 'it did not fail'
end

def client(key)
  AddressBook::ApiClient.new(AddressBook::Configuration.new do |configuration|
    configuration.scheme = URL.scheme
    configuration.host = "#{URL.host}:#{URL.port}"
    configuration.access_token = key
  end)
end

contacts = AddressBook::ContactsApi.new(client(KEY))
book = AddressBook::AddressBookApi.new(client(KEY))

contact = AddressBook::CreateContact.new(
  username: 'ann', phone_number: '+44 20 7946 0001', display_name: 'Ann', meta: { CITY: 'London' }
)
ann = contacts.create_contact(contact, idempotency_key: 'ann-1')
check [ann.username, ann.phone_number], ['ann', '+442079460001']
passed 'create a contact'

record = AddressBook::CreateAddressBookRecord.new(_alias: 'ben', msisdn: NUMBER)
ben = book.create_address_book_contact(record).record
check [ben._alias, ben.msisdn], ['ben', NUMBER]
passed 'create an address book contact'

check contacts.get_contact(ann.id), ann
check [ann.meta['CITY'], ann.avatar_url], ['London', nil]
passed 'read the contact'

check book.get_address_book_contact(NUMBER).record, ben
passed 'read the address book contact by its number'

page = contacts.list_contacts(limit: 1)
check [page.has_more, page.data.map(&:id)], [true, [ben.id]]
passed 'list the first page'

page = contacts.list_contacts(limit: 1, starting_after: ben.id)
check [page.has_more, page.data], [false, [ann]]
passed 'list the second page'

list = book.list_address_book_contacts(
  sort_field: AddressBook::SortField::ALIAS, sort_dir: AddressBook::SortDirection::ASC, limit: 1
)
check [list.total, list.records.map(&:_alias)], [2, ['ann']]
passed 'list the address book'

changes = AddressBook::UpdateContact.new(display_name: 'Annie', meta: { CITY: 'Paris' })
changed = contacts.update_contact(ann.id, changes, if_match: '*')
check [changed.display_name, changed.meta['CITY']], ['Annie', 'Paris']
passed 'update the contact'

changed = contacts.update_contact(ann.id, AddressBook::UpdateContact.new(display_name: nil))
check changed.display_name, 'ann'
passed 'clear a member with null'

changes = AddressBook::UpdateAddressBookRecord.new(_alias: 'benny')
check book.update_address_book_contact(NUMBER, changes).record._alias, 'benny'
passed 'update the address book contact'

# With a name of nothing but blanks.
fault = problem(AddressBook::V1Error, 400) do
  contacts.create_contact(AddressBook::CreateContact.new(username: " ", phone_number: NUMBER))
end
check fault.code, 'validation_failed'
check [fault.details[0].field, fault.details[0].code], %w[username blank]
fault = problem(AddressBook::AddressBookError, 400) do
  book.create_address_book_contact(AddressBook::CreateAddressBookRecord.new(_alias: " ", msisdn: NUMBER))
end
check fault.name, 'ValidationError'
passed 'get a typed validation error'

check problem(AddressBook::V1Error, 409) { contacts.create_contact(contact) }.code, 'username_taken'
fault = problem(AddressBook::AddressBookError, 409) do
  book.create_address_book_contact(AddressBook::CreateAddressBookRecord.new(_alias: 'ann', msisdn: NUMBER))
end
check fault.name, 'ConflictError'
passed 'get a typed conflict'

contacts.delete_contact(ann.id)
check problem(AddressBook::V1Error, 404) { contacts.get_contact(ann.id) }.code, 'not_found'
check book.delete_address_book_contact(NUMBER).success, true
passed 'delete both'

stranger = client(nil)
fault = problem(AddressBook::V1Error, 401) { AddressBook::ContactsApi.new(stranger).list_contacts }
check fault.code, 'unauthorized'
fault = problem(AddressBook::AddressBookError, 401) do
  AddressBook::AddressBookApi.new(stranger).list_address_book_contacts
end
check fault.name, 'UnauthorizedError'
passed 'get a typed error without a key'

groups = AddressBook::GroupsApi.new(client(KEY))
opt_outs = AddressBook::OptOutsApi.new(client(KEY))
contact = AddressBook::CreateContact.new(username: 'cat', phone_number: '+44 7900 000003', meta: { NAME: 'Cat' })
cat = contacts.create_contact(contact)
group = groups.create_group(AddressBook::CreateGroup.new(name: 'friends'))
members = groups.change_group_members(group.id, AddressBook::ChangeMembers.new(add: [cat.id]))
check [members.member_count, members.data.map(&:outcome)], [1, ['added']]
check contacts.get_contact(cat.id, expand: AddressBook::Expand::GROUPS).groups.map(&:name), ['friends']
check AddressBook::AddressBookGroupsApi.new(client(KEY)).list_address_book_group_contacts('friends').records.map(&:_alias), ['cat']
opt_out = opt_outs.create_opt_out(AddressBook::CreateOptOut.new(phone_number: '0044 7900 000003'))
check opt_out.phone_number, cat.phone_number
passed 'group a contact and opt its number out'

audiences = AddressBook::AudiencesApi.new(client(KEY))
wanted = AddressBook::CreateAudience.new(
  recipients: [AddressBook::AudienceItem.new(group: 'friends')],
  template: AddressBook::AudienceTemplate.new(text: 'Hello {{NAME}}!')
)
audience = audiences.create_audience(wanted)
check [audience.counts.excluded, audience.exclusions.map(&:reason)], [1, ['opted_out']]
opt_outs.delete_opt_out(opt_out.phone_number)
audience = audiences.create_audience(wanted)
check [audience.id, audience.recipients.map(&:text)], [nil, ['Hello Cat!']]
wanted.keep = true
kept = audiences.create_audience(wanted)
check audiences.list_audience_recipients(kept.id).data.map(&:text), ['Hello Cat!']
passed 'resolve an audience'

aliases = AddressBook::ResolveAddressBookAliases.new(
  aliases: ['cat'], template: 'Hello {{NAME}}!', fields: { cat: { NAME: 'Kitty' } }
)
check AddressBook::AddressBookAudiencesApi.new(client(KEY)).resolve_address_book_aliases(aliases).records.map(&:text), ['Hello Kitty!']
passed 'resolve aliases with fields of their own'

# Eve is new, Dan is there already, and Fay lacks a phone number.
dan = contacts.create_contact(AddressBook::CreateContact.new(username: 'dan', phone_number: '+44 7900 000004'))
batch = AddressBook::ApplyContactBatch.new(
  mode: AddressBook::BatchMode::UPSERT,
  match_by: AddressBook::ContactMatchBy::USERNAME,
  contacts: [
    AddressBook::ContactBatchItem.new(username: 'eve', phone_number: '+44 7900 000005'),
    AddressBook::ContactBatchItem.new(username: 'dan', display_name: 'Daniel'),
    AddressBook::ContactBatchItem.new(username: 'fay')
  ]
)
applied = contacts.apply_contact_batch(batch)
check applied.counts, AddressBook::ContactBatchCounts.new(created: 1, updated: 1, unchanged: 0, failed: 1)
check applied.results.map { |it| [it.index, it.status] }, [[0, 'created'], [1, 'updated'], [2, 'failed']]
failed = applied.results[2].error
check [failed.code, failed.details[0].field], %w[validation_failed phone_number]
check contacts.get_contact(dan.id).display_name, 'Daniel'
passed 'apply a batch'

fields = AddressBook::FieldsApi.new(client(KEY))
segments = AddressBook::SegmentsApi.new(client(KEY))
declared = fields.declare_field(AddressBook::DeclareField.new(key: 'NAME', type: 'text'))
sleep 0.05 until fields.get_field(declared.id).state == 'ready'
found = contacts.list_contacts(search: 'ani').data
check found.map { |it| [it.id, it.match_type] }, [[dan.id, 'part']]
# Dan has no NAME, and so comes last.
filter = 'meta.NAME = "Cat" OR username = "dan"'
check contacts.list_contacts(filter: filter, order_by: 'meta.NAME').data.map(&:id), [cat.id, dan.id]
check contacts.count_contacts(filter: filter).count, 2
segment = segments.create_segment(AddressBook::CreateSegment.new(name: 'chosen', filter: filter))
check segments.list_segment_members(segment.id).data.map(&:id), [dan.id, cat.id]
passed 'find contacts'

# The import, as soon as it is in a state.
def reached(imports, id, state)
  200.times do
    current = imports.get_import(id)
    return current if current.state == state

    sleep 0.05
  end
  raise "it is not #{state}"
end

imports = AddressBook::ImportsApi.new(client(KEY))
id = imports.create_import(AddressBook::CreateImport.new(mode: 'upsert')).id
imports.put_import_file(id, "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n")
planned = reached(imports, id, 'planned')
check [planned.counts.rows, planned.counts.create, planned.counts.reject], [3, 2, 1]
imports.commit_import(id, AddressBook::CommitImport.new(digest: planned.digest))
check reached(imports, id, 'committed').counts.applied, 2
gil = contacts.list_contacts(username: 'gil').data.first
check gil.phone_number, '+447900000006'
imports.undo_import(id)
check reached(imports, id, 'undone').counts.undone, 2
check problem(AddressBook::V1Error, 404) { contacts.get_contact(gil.id) }.code, 'not_found'
passed 'import a file'
