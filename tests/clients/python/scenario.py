"""A user of the generated Python client."""

import sys
import time

import addressbook
from addressbook import (
    AddressBookError,
    ApplyContactBatch,
    AudienceItem,
    AudienceTemplate,
    BatchMode,
    ChangeMembers,
    CommitImport,
    ContactBatchCounts,
    ContactBatchItem,
    ContactMatchBy,
    CreateAddressBookRecord,
    CreateAudience,
    CreateContact,
    CreateGroup,
    CreateImport,
    CreateOptOut,
    CreateSegment,
    DeclareField,
    Expand,
    ResolveAddressBookAliases,
    SortDirection,
    SortField,
    UpdateAddressBookRecord,
    UpdateContact,
    V1Error,
)
from addressbook.exceptions import (
    BadRequestException,
    ConflictException,
    NotFoundException,
    UnauthorizedException,
)

URL, KEY = sys.argv[1:]
NUMBER = "4479000000002"


def passed(step):
    print(f"ok {step}", flush=True)


def error(expected, call, *arguments, **named):
    """The typed error that a call fails with."""
    try:
        call(*arguments, **named)
    except expected as exception:
        return exception.data
    raise AssertionError(f"no {expected.__name__}")


client = addressbook.ApiClient(addressbook.Configuration(host=URL, access_token=KEY))
contacts = addressbook.ContactsApi(client)
book = addressbook.AddressBookApi(client)

new = CreateContact(
    username="ann", phone_number="+44 20 7946 0001", display_name="Ann", meta={"CITY": "London"}
)
ann = contacts.create_contact(new, idempotency_key="ann-1")
assert (ann.username, ann.phone_number) == ("ann", "+442079460001")
passed("create a contact")

ben = book.create_address_book_contact(CreateAddressBookRecord(alias="ben", msisdn=NUMBER)).record
assert (ben.alias, ben.msisdn) == ("ben", NUMBER)
passed("create an address book contact")

assert contacts.get_contact(ann.id) == ann
assert ann.meta["CITY"] == "London" and ann.avatar_url is None
passed("read the contact")

assert book.get_address_book_contact(NUMBER).record == ben
passed("read the address book contact by its number")

page = contacts.list_contacts(limit=1)
assert page.has_more and [contact.id for contact in page.data] == [ben.id]
passed("list the first page")

page = contacts.list_contacts(limit=1, starting_after=page.data[-1].id)
assert not page.has_more and page.data == [ann]
passed("list the second page")

records = book.list_address_book_contacts(
    sort_field=SortField.ALIAS, sort_dir=SortDirection.ASC, limit=1
)
assert records.total == 2 and [record.alias for record in records.records] == ["ann"]
passed("list the address book")

changed = contacts.update_contact(ann.id, UpdateContact(display_name="Annie", meta={"CITY": "Paris"}), if_match="*")
assert (changed.display_name, changed.meta["CITY"]) == ("Annie", "Paris")
passed("update the contact")

assert contacts.update_contact(ann.id, UpdateContact(display_name=None)).display_name == "ann"
passed("clear a member with null")

record = book.update_address_book_contact(NUMBER, UpdateAddressBookRecord(alias="benny")).record
assert record.alias == "benny"
passed("update the address book contact")

# With a name of nothing but blanks. (`field` is a word of pydantic.)
problem = error(BadRequestException, contacts.create_contact, CreateContact(username=" ", phone_number=NUMBER))
assert isinstance(problem, V1Error) and problem.error.code == "validation_failed"
assert (problem.error.details[0].var_field, problem.error.details[0].code) == ("username", "blank")
problem = error(
    BadRequestException, book.create_address_book_contact, CreateAddressBookRecord(alias=" ", msisdn=NUMBER)
)
assert isinstance(problem, AddressBookError) and problem.error.name == "ValidationError"
passed("get a typed validation error")

problem = error(ConflictException, contacts.create_contact, new)
assert isinstance(problem, V1Error) and problem.error.code == "username_taken"
problem = error(
    ConflictException, book.create_address_book_contact, CreateAddressBookRecord(alias="ann", msisdn=NUMBER)
)
assert isinstance(problem, AddressBookError) and problem.error.name == "ConflictError"
passed("get a typed conflict")

contacts.delete_contact(ann.id)
assert error(NotFoundException, contacts.get_contact, ann.id).error.code == "not_found"
assert book.delete_address_book_contact(NUMBER).success
passed("delete both")

stranger = addressbook.ApiClient(addressbook.Configuration(host=URL))
assert error(UnauthorizedException, addressbook.ContactsApi(stranger).list_contacts).error.code == "unauthorized"
problem = error(UnauthorizedException, addressbook.AddressBookApi(stranger).list_address_book_contacts)
assert problem.error.name == "UnauthorizedError"
passed("get a typed error without a key")

groups, opt_outs, audiences = addressbook.GroupsApi(client), addressbook.OptOutsApi(client), addressbook.AudiencesApi(client)
cat = contacts.create_contact(CreateContact(username="cat", phone_number="+44 7900 000003", meta={"NAME": "Cat"}))
group = groups.create_group(CreateGroup(name="friends"))
members = groups.change_group_members(group.id, ChangeMembers(add=[cat.id]))
assert (members.member_count, members.data[0].outcome) == (1, "added")
assert contacts.get_contact(cat.id, expand=Expand.GROUPS).groups[0].name == "friends"
assert addressbook.AddressBookGroupsApi(client).list_address_book_group_contacts("friends").records[0].alias == "cat"
opt_out = opt_outs.create_opt_out(CreateOptOut(phone_number="0044 7900 000003"))
assert opt_out.phone_number == cat.phone_number
passed("group a contact and opt its number out")

friends, greeting = [AudienceItem(group="friends")], AudienceTemplate(text="Hello {{NAME}}!")
wanted = CreateAudience(recipients=friends, template=greeting)
audience = audiences.create_audience(wanted)
assert audience.counts.excluded == 1 and audience.exclusions[0].reason == "opted_out"
opt_outs.delete_opt_out(opt_out.phone_number)
audience = audiences.create_audience(wanted)
assert audience.id is None and [recipient.text for recipient in audience.recipients] == ["Hello Cat!"]
kept = audiences.create_audience(CreateAudience(recipients=friends, template=greeting, keep=True))
assert audiences.list_audience_recipients(kept.id).data[0].text == "Hello Cat!"
passed("resolve an audience")

resolved = addressbook.AddressBookAudiencesApi(client).resolve_address_book_aliases(
    ResolveAddressBookAliases(aliases=["cat"], template="Hello {{NAME}}!", fields={"cat": {"NAME": "Kitty"}})
)
assert [record.text for record in resolved.records] == ["Hello Kitty!"]
passed("resolve aliases with fields of their own")

# Eve is new, Dan is there already, and Fay lacks a phone number.
dan = contacts.create_contact(CreateContact(username="dan", phone_number="+44 7900 000004"))
applied = contacts.apply_contact_batch(
    ApplyContactBatch(
        mode=BatchMode.UPSERT,
        match_by=ContactMatchBy.USERNAME,
        contacts=[
            ContactBatchItem(username="eve", phone_number="+44 7900 000005"),
            ContactBatchItem(username="dan", display_name="Daniel"),
            ContactBatchItem(username="fay"),
        ],
    )
)
assert applied.counts == ContactBatchCounts(created=1, updated=1, unchanged=0, failed=1)
results = [(result.index, result.status) for result in applied.results]
assert results == [(0, "created"), (1, "updated"), (2, "failed")]
failed = applied.results[2].error
assert (failed.code, failed.details[0].var_field) == ("validation_failed", "phone_number")
assert contacts.get_contact(dan.id).display_name == "Daniel"
passed("apply a batch")

fields, segments = addressbook.FieldsApi(client), addressbook.SegmentsApi(client)
declared = fields.declare_field(DeclareField(key="NAME", type="text"))
while fields.get_field(declared.id).state != "ready":
    time.sleep(0.05)
page = contacts.list_contacts(search="ani")
assert [(contact.id, contact.match_type) for contact in page.data] == [(dan.id, "part")]
# Dan has no NAME, and so comes last.
where = 'meta.NAME = "Cat" OR username = "dan"'
page = contacts.list_contacts(filter=where, order_by="meta.NAME")
assert [contact.id for contact in page.data] == [cat.id, dan.id]
assert contacts.count_contacts(filter=where).count == 2
segment = segments.create_segment(CreateSegment(name="chosen", filter=where))
assert [contact.id for contact in segments.list_segment_members(segment.id).data] == [dan.id, cat.id]
passed("find contacts")

imports = addressbook.ImportsApi(client)


def reached(state):
    """The import, as soon as it is in a state."""
    for _ in range(200):
        current = imports.get_import(opened.id)
        if current.state == state:
            return current
        time.sleep(0.05)
    raise AssertionError(f"{current.state} is not {state}")


opened = imports.create_import(CreateImport(mode="upsert"))
file = b"username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n"
imports.put_import_file(opened.id, file)
planned = reached("planned")
assert (planned.counts.rows, planned.counts.create, planned.counts.reject) == (3, 2, 1)
imports.commit_import(opened.id, CommitImport(digest=planned.digest))
assert reached("committed").counts.applied == 2
[gil] = contacts.list_contacts(username="gil").data
assert gil.phone_number == "+447900000006"
imports.undo_import(opened.id)
assert reached("undone").counts.undone == 2
assert error(NotFoundException, contacts.get_contact, gil.id).error.code == "not_found"
passed("import a file")
