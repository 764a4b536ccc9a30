// A user of the generated Java clients: what differs between OpenAPI Generator's libraries is in each one's `Library`.

import addressbook.ApiClient;
import addressbook.api.AddressBookApi;
import addressbook.api.AddressBookAudiencesApi;
import addressbook.api.AddressBookGroupsApi;
import addressbook.api.AudiencesApi;
import addressbook.api.ContactsApi;
import addressbook.api.FieldsApi;
import addressbook.api.GroupsApi;
import addressbook.api.ImportsApi;
import addressbook.api.OptOutsApi;
import addressbook.api.SegmentsApi;
import addressbook.model.*;
import java.io.File;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

public final class Scenario {
    private static final String NUMBER = "4479000000002";

    /** A call that may fail. */
    interface Call {
        Object run() throws Exception;
    }

    private static void passed(String step) {
        System.out.println("ok " + step);
    }

    static void check(Object seen, Object expected) {
        if (!Objects.equals(seen, expected)) throw new AssertionError(seen + " is not " + expected);
    }

    /** The import, as soon as it is in a state. */
    private static ContactImport reached(ImportsApi imports, UUID id, String state) throws Exception {
        for (int attempt = 0; attempt < 200; attempt++) {
            ContactImport current = imports.getImport(id);
            if (current.getState().equals(state)) return current;
            Thread.sleep(50);
        }
        throw new AssertionError("it is not " + state);
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = Library.client(arguments[0], arguments[1]);
        ContactsApi contacts = new ContactsApi(client);
        AddressBookApi book = new AddressBookApi(client);

        CreateContact contact = new CreateContact()
                .username("ann").phoneNumber("+44 20 7946 0001").displayName("Ann").meta(Map.of("CITY", "London"));
        Contact ann = contacts.createContact(contact, "ann-1");
        check(List.of(ann.getUsername(), ann.getPhoneNumber()), List.of("ann", "+442079460001"));
        passed("create a contact");

        CreateAddressBookRecord record = new CreateAddressBookRecord().alias("ben").msisdn(NUMBER);
        AddressBookRecord ben = book.createAddressBookContact(record, null).getRecord();
        check(List.of(ben.getAlias(), ben.getMsisdn()), List.of("ben", NUMBER));
        passed("create an address book contact");

        check(contacts.getContact(ann.getId(), null, null), ann);
        check(ann.getMeta().get("CITY"), "London");
        check(ann.getAvatarUrl(), null);
        passed("read the contact");

        check(book.getAddressBookContact(NUMBER).getRecord(), ben);
        passed("read the address book contact by its number");

        ContactList page = contacts.listContacts(1, null, null, null, null, null, null, null, null, null, null, null, null, null);
        check(page.getHasMore(), true);
        check(page.getData().stream().map(Contact::getId).toList(), List.of(ben.getId()));
        passed("list the first page");

        page = contacts.listContacts(1, ben.getId(), null, null, null, null, null, null, null, null, null, null, null, null);
        check(page.getHasMore(), false);
        check(page.getData(), List.of(ann));
        passed("list the second page");

        AddressBookRecordList list =
                book.listAddressBookContacts(SortField.ALIAS, SortDirection.ASC, null, 1, null, null, null, null);
        check(list.getTotal(), 2L);
        check(list.getRecords().stream().map(AddressBookRecord::getAlias).toList(), List.of("ann"));
        passed("list the address book");

        UpdateContact changes = new UpdateContact().displayName("Annie").meta(Map.of("CITY", "Paris"));
        UpdatedContact changed = contacts.updateContact(ann.getId(), changes, "*");
        check(List.of(changed.getDisplayName(), changed.getMeta().get("CITY")), List.of("Annie", "Paris"));
        passed("update the contact");

        if (Library.SENDS_NULL) {
            changed = contacts.updateContact(ann.getId(), new UpdateContact().displayName(null), null);
            check(changed.getDisplayName(), "ann");
            passed("clear a member with null");
        } else {
            System.out.println("cannot clear a member with null: the generated types omit null members");
        }

        UpdateAddressBookRecord rename = new UpdateAddressBookRecord().alias("benny");
        check(book.updateAddressBookContact(NUMBER, rename).getRecord().getAlias(), "benny");
        passed("update the address book contact");

        // With a name of nothing but blanks.
        CreateContact bad = new CreateContact().username(" ").phoneNumber(NUMBER);
        V1ErrorBody fault = Library.problem(V1Error.class, 400, () -> contacts.createContact(bad, null)).getError();
        check(fault.getCode(), "validation_failed");
        FieldError detail = fault.getDetails().get(0);
        check(List.of(detail.getField(), detail.getCode()), List.of("username", "blank"));
        CreateAddressBookRecord badRecord = new CreateAddressBookRecord().alias(" ").msisdn(NUMBER);
        AddressBookError bookFault =
                Library.problem(AddressBookError.class, 400, () -> book.createAddressBookContact(badRecord, null));
        check(bookFault.getError().getName(), "ValidationError");
        passed("get a typed validation error");

        fault = Library.problem(V1Error.class, 409, () -> contacts.createContact(contact, null)).getError();
        check(fault.getCode(), "username_taken");
        CreateAddressBookRecord taken = new CreateAddressBookRecord().alias("ann").msisdn(NUMBER);
        bookFault = Library.problem(AddressBookError.class, 409, () -> book.createAddressBookContact(taken, null));
        check(bookFault.getError().getName(), "ConflictError");
        passed("get a typed conflict");

        contacts.deleteContact(ann.getId(), null);
        fault = Library.problem(V1Error.class, 404, () -> contacts.getContact(ann.getId(), null, null)).getError();
        check(fault.getCode(), "not_found");
        check(book.deleteAddressBookContact(NUMBER).getSuccess(), true);
        passed("delete both");

        ApiClient stranger = Library.client(arguments[0], null);
        fault = Library.problem(
                V1Error.class, 401,
                () -> new ContactsApi(stranger).listContacts(null, null, null, null, null, null, null, null, null, null, null, null, null, null)).getError();
        check(fault.getCode(), "unauthorized");
        bookFault = Library.problem(
                AddressBookError.class, 401,
                () -> new AddressBookApi(stranger).listAddressBookContacts(null, null, null, null, null, null, null, null));
        check(bookFault.getError().getName(), "UnauthorizedError");
        passed("get a typed error without a key");

        GroupsApi groups = new GroupsApi(client);
        OptOutsApi optOuts = new OptOutsApi(client);
        CreateContact another = new CreateContact()
                .username("cat").phoneNumber("+44 7900 000003").meta(Map.of("NAME", "Cat"));
        Contact cat = contacts.createContact(another, null);
        Group group = groups.createGroup(new CreateGroup().name("friends"), null);
        GroupMembersChanged members = groups.changeGroupMembers(group.getId(), new ChangeMembers().addAddItem(cat.getId()));
        check(members.getMemberCount(), 1);
        check(members.getData().get(0).getOutcome(), "added");
        check(contacts.getContact(cat.getId(), Expand.GROUPS, null).getGroups().get(0).getName(), "friends");
        AddressBookGroupsApi bookGroups = new AddressBookGroupsApi(client);
        check(bookGroups.listAddressBookGroupContacts("friends", null, null).getRecords().get(0).getAlias(), "cat");
        OptOut optOut = optOuts.createOptOut(new CreateOptOut().phoneNumber("0044 7900 000003"), null);
        check(optOut.getPhoneNumber(), cat.getPhoneNumber());
        passed("group a contact and opt its number out");

        AudiencesApi audiences = new AudiencesApi(client);
        CreateAudience wanted = new CreateAudience()
                .addRecipientsItem(new AudienceItem().group("friends"))
                .template(new AudienceTemplate().text("Hello {{NAME}}!"));
        Audience audience = audiences.createAudience(wanted, null);
        check(audience.getCounts().getExcluded(), 1L);
        check(audience.getExclusions().get(0).getReason(), "opted_out");
        optOuts.deleteOptOut(optOut.getPhoneNumber());
        audience = audiences.createAudience(wanted, null);
        check(audience.getId(), null);
        check(audience.getRecipients().stream().map(AudienceRecipient::getText).toList(), List.of("Hello Cat!"));
        Audience kept = audiences.createAudience(wanted.keep(true), null);
        AudienceRecipientPage recipients = audiences.listAudienceRecipients(kept.getId(), null, null);
        check(recipients.getData().get(0).getText(), "Hello Cat!");
        passed("resolve an audience");

        AddressBookAudiencesApi bookAudiences = new AddressBookAudiencesApi(client);
        AddressBookResolveAnswer resolved = bookAudiences.resolveAddressBookAliases(new ResolveAddressBookAliases()
                .addAliasesItem("cat").template("Hello {{NAME}}!").fields(Map.of("cat", Map.of("NAME", "Kitty"))));
        check(resolved.getRecords().stream().map(ResolvedAddressBookRecord::getText).toList(), List.of("Hello Kitty!"));
        passed("resolve aliases with fields of their own");

        // Eve is new, Dan is there already, and Fay lacks a phone number.
        Contact dan = contacts.createContact(new CreateContact().username("dan").phoneNumber("+44 7900 000004"), null);
        ApplyContactBatch batch = new ApplyContactBatch()
                .mode(BatchMode.UPSERT)
                .matchBy(ContactMatchBy.USERNAME)
                .addContactsItem(new ContactBatchItem().username("eve").phoneNumber("+44 7900 000005"))
                .addContactsItem(new ContactBatchItem().username("dan").displayName("Daniel"))
                .addContactsItem(new ContactBatchItem().username("fay"));
        ContactBatchResults applied = contacts.applyContactBatch(batch, null);
        check(applied.getCounts(), new ContactBatchCounts().created(1).updated(1).unchanged(0).failed(1));
        List<ContactBatchResult> results = applied.getResults();
        check(results.stream().map(ContactBatchResult::getIndex).toList(), List.of(0, 1, 2));
        check(results.stream().map(ContactBatchResult::getStatus).toList(), List.of("created", "updated", "failed"));
        V1ErrorBody failed = results.get(2).getError();
        check(failed.getCode(), "validation_failed");
        check(failed.getDetails().get(0).getField(), "phone_number");
        check(contacts.getContact(dan.getId(), null, null).getDisplayName(), "Daniel");
        passed("apply a batch");

        FieldsApi fields = new FieldsApi(client);
        SegmentsApi segments = new SegmentsApi(client);
        DeclaredField field = fields.declareField(new DeclareField().key("NAME").type("text"), null);
        while (!field.getState().equals("ready")) {
            Thread.sleep(50);
            field = fields.getField(field.getId());
        }
        page = contacts.listContacts(
                null, null, null, null, null, null, null, null, "ani", null, null, null, null, null);
        check(page.getData().stream().map(Contact::getId).toList(), List.of(dan.getId()));
        check(page.getData().get(0).getMatchType(), "part");
        // Dan has no NAME, and so comes last.
        String filter = "meta.NAME = \"Cat\" OR username = \"dan\"";
        page = contacts.listContacts(
                null, null, null, null, null, null, null, filter, null, null, null, null, "meta.NAME", null);
        check(page.getData().stream().map(Contact::getId).toList(), List.of(cat.getId(), dan.getId()));
        check(contacts.countContacts(null, null, null, null, filter).getCount(), 2);
        ContactSegment segment = segments.createSegment(new CreateSegment().name("chosen").filter(filter), null);
        page = segments.listSegmentMembers(segment.getId(), null, null, null, null);
        check(page.getData().stream().map(Contact::getId).toList(), List.of(dan.getId(), cat.getId()));
        passed("find contacts");

        ImportsApi imports = new ImportsApi(client);
        File file = File.createTempFile("contacts", ".csv");
        file.deleteOnExit();
        Files.writeString(file.toPath(), "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n");
        UUID id = imports.createImport(new CreateImport().mode("upsert"), null).getId();
        imports.putImportFile(id, Library.content(file));
        ContactImport planned = reached(imports, id, "planned");
        check(planned.getCounts().getRows(), 3L);
        check(planned.getCounts().getCreate(), 2L);
        check(planned.getCounts().getReject(), 1L);
        imports.commitImport(id, new CommitImport().digest(planned.getDigest()));
        check(reached(imports, id, "committed").getCounts().getApplied(), 2L);
        Contact gil = contacts.listContacts(null, null, null, "gil", null, null, null, null, null, null, null, null, null, null).getData().get(0);
        check(gil.getPhoneNumber(), "+447900000006");
        imports.undoImport(id);
        check(reached(imports, id, "undone").getCounts().getUndone(), 2L);
        fault = Library.problem(V1Error.class, 404, () -> contacts.getContact(gil.getId(), null, null)).getError();
        check(fault.getCode(), "not_found");
        passed("import a file");
    }
}
