"""A user of the client that openapi-python-client makes: a function an operation, in a module of its own."""

import sys
import time
from io import BytesIO

from addressbook import AuthenticatedClient, Client
from addressbook.api.address_book import (
    create_address_book_contact,
    delete_address_book_contact,
    get_address_book_contact,
    list_address_book_contacts,
    update_address_book_contact,
)
from addressbook.api.address_book_audiences import resolve_address_book_aliases
from addressbook.api.address_book_groups import list_address_book_group_contacts
from addressbook.api.audiences import create_audience, list_audience_recipients
from addressbook.api.contacts import (
    apply_contact_batch,
    count_contacts,
    create_contact,
    delete_contact,
    get_contact,
    list_contacts,
    update_contact,
)
from addressbook.api.fields import declare_field, get_field
from addressbook.api.groups import change_group_members, create_group
from addressbook.api.imports import commit_import, create_import, get_import, put_import_file, undo_import
from addressbook.api.opt_outs import create_opt_out, delete_opt_out
from addressbook.api.segments import create_segment, list_segment_members
from addressbook.models import (
    AddressBookDeleted,
    AddressBookError,
    AddressBookRecordAnswer,
    AddressBookRecordUpdated,
    AddressBookRecordList,
    AddressBookResolveAnswer,
    ApplyContactBatch,
    ApplyContactBatchBatchMode,
    ApplyContactBatchContactMatchBy,
    Audience,
    AudienceItem,
    AudienceRecipientPage,
    AudienceTemplate,
    ChangeMembers,
    CommitImport,
    Contact,
    ContactBatchCounts,
    ContactBatchItem,
    ContactBatchResults,
    ContactCount,
    ContactImport,
    ContactList,
    ContactMeta,
    ContactSegment,
    CreateAddressBookRecord,
    CreateAudience,
    CreateContact,
    CreateGroup,
    CreateImport,
    CreateOptOut,
    CreateSegment,
    DeclareField,
    DeclaredField,
    GetContactExpand,
    Group,
    GroupMembersChanged,
    ListAddressBookContactsSortDirection,
    ListAddressBookContactsSortField,
    OptOut,
    ResolveAddressBookAliases,
    ResolveAddressBookAliasesFields,
    UpdateAddressBookRecord,
    UpdateContact,
    UpdatedContact,
    V1Error,
    V1ErrorBody,
)
from addressbook.types import File

URL, KEY = sys.argv[1:]
NUMBER = "4479000000002"


def passed(step):
    print(f"ok {step}", flush=True)


def of(kind, answer):
    assert isinstance(answer, kind), answer
    return answer


client = AuthenticatedClient(base_url=URL, token=KEY)

new = CreateContact(
    username="ann",
    phone_number="+44 20 7946 0001",
    display_name="Ann",
    meta=ContactMeta.from_dict({"CITY": "London"}),
)
ann = of(Contact, create_contact.sync(client=client, body=new, idempotency_key="ann-1"))
assert (ann.username, ann.phone_number) == ("ann", "+442079460001")
passed("create a contact")

record = CreateAddressBookRecord(alias="ben", msisdn=NUMBER)
ben = of(AddressBookRecordAnswer, create_address_book_contact.sync(client=client, body=record)).record
assert (ben.alias, ben.msisdn) == ("ben", NUMBER)
passed("create an address book contact")

assert get_contact.sync(ann.id, client=client) == ann
assert ann.meta["CITY"] == "London" and ann.avatar_url is None
passed("read the contact")

assert of(AddressBookRecordAnswer, get_address_book_contact.sync(NUMBER, client=client)).record == ben
passed("read the address book contact by its number")

page = of(ContactList, list_contacts.sync(client=client, limit=1))
assert page.has_more and [contact.id for contact in page.data] == [ben.id]
passed("list the first page")

page = of(ContactList, list_contacts.sync(client=client, limit=1, starting_after=page.data[-1].id))
assert not page.has_more and page.data == [ann]
passed("list the second page")

records = list_address_book_contacts.sync(
    client=client, sort_field=ListAddressBookContactsSortField.ALIAS, sort_dir=ListAddressBookContactsSortDirection.ASC, limit=1
)
records = of(AddressBookRecordList, records)
assert records.total == 2 and [record.alias for record in records.records] == ["ann"]
passed("list the address book")

changes = UpdateContact(display_name="Annie", meta=ContactMeta.from_dict({"CITY": "Paris"}))
changed = of(UpdatedContact, update_contact.sync(ann.id, client=client, body=changes, if_match="*"))
assert (changed.display_name, changed.meta["CITY"]) == ("Annie", "Paris")
passed("update the contact")

changed = of(UpdatedContact, update_contact.sync(ann.id, client=client, body=UpdateContact(display_name=None)))
assert changed.display_name == "ann"
passed("clear a member with null")

changed = update_address_book_contact.sync(NUMBER, client=client, body=UpdateAddressBookRecord(alias="benny"))
assert of(AddressBookRecordUpdated, changed).record.alias == "benny"
passed("update the address book contact")

# With a name of nothing but blanks.
bad = CreateContact(username=" ", phone_number=NUMBER)
problem = of(V1Error, create_contact.sync(client=client, body=bad)).error
assert problem.code == "validation_failed"
assert (problem.details[0].field, problem.details[0].code) == ("username", "blank")
bad = CreateAddressBookRecord(alias=" ", msisdn=NUMBER)
problem = of(AddressBookError, create_address_book_contact.sync(client=client, body=bad)).error
assert problem.name == "ValidationError"
passed("get a typed validation error")

assert of(V1Error, create_contact.sync(client=client, body=new)).error.code == "username_taken"
taken = CreateAddressBookRecord(alias="ann", msisdn=NUMBER)
problem = of(AddressBookError, create_address_book_contact.sync(client=client, body=taken)).error
assert problem.name == "ConflictError"
passed("get a typed conflict")

assert delete_contact.sync_detailed(ann.id, client=client).status_code == 204
assert of(V1Error, get_contact.sync(ann.id, client=client)).error.code == "not_found"
assert of(AddressBookDeleted, delete_address_book_contact.sync(NUMBER, client=client)).success
passed("delete both")

stranger = Client(base_url=URL)
assert of(V1Error, list_contacts.sync(client=stranger)).error.code == "unauthorized"
problem = of(AddressBookError, list_address_book_contacts.sync(client=stranger)).error
assert problem.name == "UnauthorizedError"
passed("get a typed error without a key")

new = CreateContact(username="cat", phone_number="+44 7900 000003", meta=ContactMeta.from_dict({"NAME": "Cat"}))
cat = of(Contact, create_contact.sync(client=client, body=new))
group = of(Group, create_group.sync(client=client, body=CreateGroup(name="friends")))
members = of(GroupMembersChanged, change_group_members.sync(group.id, client=client, body=ChangeMembers(add=[cat.id])))
assert (members.member_count, members.data[0].outcome) == (1, "added")
expanded = of(Contact, get_contact.sync(cat.id, client=client, expand=GetContactExpand.GROUPS))
assert expanded.groups[0].name == "friends"
grouped = of(AddressBookRecordList, list_address_book_group_contacts.sync("friends", client=client))
assert grouped.records[0].alias == "cat"
opt_out = of(OptOut, create_opt_out.sync(client=client, body=CreateOptOut(phone_number="0044 7900 000003")))
assert opt_out.phone_number == cat.phone_number
passed("group a contact and opt its number out")

wanted = CreateAudience(recipients=[AudienceItem(group="friends")], template=AudienceTemplate(text="Hello {{NAME}}!"))
audience = of(Audience, create_audience.sync(client=client, body=wanted))
assert audience.counts.excluded == 1 and audience.exclusions[0].reason == "opted_out"
assert delete_opt_out.sync_detailed(opt_out.phone_number, client=client).status_code == 204
audience = of(Audience, create_audience.sync(client=client, body=wanted))
assert [recipient.text for recipient in audience.recipients] == ["Hello Cat!"]
wanted.keep = True
kept = of(Audience, create_audience.sync(client=client, body=wanted))
recipients = of(AudienceRecipientPage, list_audience_recipients.sync(kept.id, client=client))
assert recipients.data[0].text == "Hello Cat!"
passed("resolve an audience")

fields = ResolveAddressBookAliasesFields.from_dict({"cat": {"NAME": "Kitty"}})
wanted = ResolveAddressBookAliases(aliases=["cat"], template="Hello {{NAME}}!", fields=fields)
resolved = of(AddressBookResolveAnswer, resolve_address_book_aliases.sync(client=client, body=wanted))
assert [record.text for record in resolved.records] == ["Hello Kitty!"]
passed("resolve aliases with fields of their own")

# Eve is new, Dan is there already, and Fay lacks a phone number.
new = CreateContact(username="dan", phone_number="+44 7900 000004")
dan = of(Contact, create_contact.sync(client=client, body=new))
batch = ApplyContactBatch(
    mode=ApplyContactBatchBatchMode.UPSERT,
    match_by=ApplyContactBatchContactMatchBy.USERNAME,
    contacts=[
        ContactBatchItem(username="eve", phone_number="+44 7900 000005"),
        ContactBatchItem(username="dan", display_name="Daniel"),
        ContactBatchItem(username="fay"),
    ],
)
applied = of(ContactBatchResults, apply_contact_batch.sync(client=client, body=batch))
assert applied.counts == ContactBatchCounts(created=1, updated=1, unchanged=0, failed=1)
results = [(result.index, result.status) for result in applied.results]
assert results == [(0, "created"), (1, "updated"), (2, "failed")]
failed = of(V1ErrorBody, applied.results[2].error)
assert (failed.code, failed.details[0].field) == ("validation_failed", "phone_number")
assert of(Contact, get_contact.sync(dan.id, client=client)).display_name == "Daniel"
passed("apply a batch")

declared = of(DeclaredField, declare_field.sync(client=client, body=DeclareField(key="NAME", type_="text")))
while of(DeclaredField, get_field.sync(declared.id, client=client)).state != "ready":
    time.sleep(0.05)
page = of(ContactList, list_contacts.sync(client=client, search="ani"))
assert [(contact.id, contact.match_type) for contact in page.data] == [(dan.id, "part")]
# Dan has no NAME, and so comes last.
where = 'meta.NAME = "Cat" OR username = "dan"'
page = of(ContactList, list_contacts.sync(client=client, filter_=where, order_by="meta.NAME"))
assert [contact.id for contact in page.data] == [cat.id, dan.id]
assert of(ContactCount, count_contacts.sync(client=client, filter_=where)).count == 2
chosen = CreateSegment(name="chosen", filter_=where)
segment = of(ContactSegment, create_segment.sync(client=client, body=chosen))
page = of(ContactList, list_segment_members.sync(segment.id, client=client))
assert [contact.id for contact in page.data] == [dan.id, cat.id]
passed("find contacts")


def reached(state):
    """The import, as soon as it is in a state."""
    for _ in range(200):
        current = of(ContactImport, get_import.sync(opened.id, client=client))
        if current.state == state:
            return current
        time.sleep(0.05)
    raise AssertionError(f"{current.state} is not {state}")


opened = of(ContactImport, create_import.sync(client=client, body=CreateImport(mode="upsert")))
file = BytesIO(b"username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n")
of(ContactImport, put_import_file.sync(opened.id, client=client, body=File(payload=file)))
planned = reached("planned")
assert (planned.counts.rows, planned.counts.create, planned.counts.reject) == (3, 2, 1)
of(ContactImport, commit_import.sync(opened.id, client=client, body=CommitImport(digest=planned.digest)))
assert reached("committed").counts.applied == 2
[gil] = of(ContactList, list_contacts.sync(client=client, username="gil")).data
assert gil.phone_number == "+447900000006"
of(ContactImport, undo_import.sync(opened.id, client=client))
assert reached("undone").counts.undone == 2
assert of(V1Error, get_contact.sync(gil.id, client=client)).error.code == "not_found"
passed("import a file")
