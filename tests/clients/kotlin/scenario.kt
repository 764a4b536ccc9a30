// A user of the generated Kotlin client.

import addressbook.apis.AddressBookApi
import addressbook.apis.AddressBookAudiencesApi
import addressbook.apis.AddressBookGroupsApi
import addressbook.apis.AudiencesApi
import addressbook.apis.ContactsApi
import addressbook.apis.FieldsApi
import addressbook.apis.GroupsApi
import addressbook.apis.ImportsApi
import addressbook.apis.OptOutsApi
import addressbook.apis.SegmentsApi
import addressbook.infrastructure.ApiClient
import addressbook.infrastructure.ClientError
import addressbook.infrastructure.ClientException
import addressbook.infrastructure.Serializer
import addressbook.models.AddressBookError
import addressbook.models.ApplyContactBatch
import addressbook.models.AudienceItem
import addressbook.models.AudienceTemplate
import addressbook.models.BatchMode
import addressbook.models.ChangeMembers
import addressbook.models.CommitImport
import addressbook.models.ContactBatchCounts
import addressbook.models.ContactBatchItem
import addressbook.models.ContactImport
import addressbook.models.ContactMatchBy
import addressbook.models.CreateAddressBookRecord
import addressbook.models.CreateAudience
import addressbook.models.CreateContact
import addressbook.models.CreateGroup
import addressbook.models.CreateImport
import addressbook.models.CreateOptOut
import addressbook.models.CreateSegment
import addressbook.models.DeclareField
import addressbook.models.Expand
import addressbook.models.ResolveAddressBookAliases
import addressbook.models.SortDirection
import addressbook.models.SortField
import addressbook.models.UpdateAddressBookRecord
import addressbook.models.UpdateContact
import addressbook.models.V1Error
import java.io.File
import java.util.UUID

const val NUMBER = "4479000000002"

fun passed(step: String) = println("ok $step")

fun check(seen: Any?, expected: Any?) {
    if (seen != expected) throw AssertionError("$seen is not $expected")
}

/** The typed error of a call that fails. (The client throws the body as text; its types read it.) */
inline fun <reified E> problem(status: Int, call: () -> Any?): E {
    try {
        call()
    } catch (exception: ClientException) {
        check(exception.statusCode, status)
        val body = (exception.response as ClientError<*>).body as String
        return Serializer.moshi.adapter(E::class.java).fromJson(body)!!
    }
    throw AssertionError("it did not fail")
}

/** The import, as soon as it is in a state. */
fun ImportsApi.reached(id: UUID, state: String): ContactImport {
    repeat(200) {
        val current = getImport(id)
        if (current.state == state) return current
        Thread.sleep(50)
    }
    throw AssertionError("it is not $state")
}

fun main(arguments: Array<String>) {
    val (url, key) = arguments
    ApiClient.accessToken = key
    val contacts = ContactsApi(url)
    val book = AddressBookApi(url)

    val contact = CreateContact(
        username = "ann",
        phoneNumber = "+44 20 7946 0001",
        displayName = "Ann",
        meta = mapOf("CITY" to "London"),
    )
    val ann = contacts.createContact(contact, idempotencyKey = "ann-1")
    check(ann.username to ann.phoneNumber, "ann" to "+442079460001")
    passed("create a contact")

    val ben = book.createAddressBookContact(CreateAddressBookRecord(alias = "ben", msisdn = NUMBER)).record
    check(ben.alias to ben.msisdn, "ben" to NUMBER)
    passed("create an address book contact")

    check(contacts.getContact(ann.id), ann)
    check(ann.meta["CITY"] to ann.avatarUrl, "London" to null)
    passed("read the contact")

    check(book.getAddressBookContact(NUMBER).record, ben)
    passed("read the address book contact by its number")

    val first = contacts.listContacts(limit = 1)
    check(first.hasMore to first.data.map { it.id }, true to listOf(ben.id))
    passed("list the first page")

    val second = contacts.listContacts(limit = 1, startingAfter = ben.id)
    check(second.hasMore to second.data, false to listOf(ann))
    passed("list the second page")

    val list = book.listAddressBookContacts(SortField.ALIAS, SortDirection.ASC, limit = 1)
    check(list.total to list.records.map { it.alias }, 2L to listOf("ann"))
    passed("list the address book")

    val changes = UpdateContact(displayName = "Annie", meta = mapOf("CITY" to "Paris"))
    val changed = contacts.updateContact(ann.id, changes, ifMatch = "*")
    check(changed.displayName to changed.meta!!["CITY"], "Annie" to "Paris")
    passed("update the contact")

    println("cannot clear a member with null: the generated types omit null members")

    val renamed = book.updateAddressBookContact(NUMBER, UpdateAddressBookRecord(alias = "benny")).record
    check(renamed!!.alias, "benny")
    passed("update the address book contact")

    // With a name of nothing but blanks.
    val fault = problem<V1Error>(400) { contacts.createContact(CreateContact(username = " ", phoneNumber = NUMBER)) }
    check(fault.error.code, "validation_failed")
    check(fault.error.details?.map { it.field to it.code }, listOf("username" to "blank"))
    val bookFault = problem<AddressBookError>(400) {
        book.createAddressBookContact(CreateAddressBookRecord(alias = " ", msisdn = NUMBER))
    }
    check(bookFault.error.name, "ValidationError")
    passed("get a typed validation error")

    check(problem<V1Error>(409) { contacts.createContact(contact) }.error.code, "username_taken")
    val conflict = problem<AddressBookError>(409) {
        book.createAddressBookContact(CreateAddressBookRecord(alias = "ann", msisdn = NUMBER))
    }
    check(conflict.error.name, "ConflictError")
    passed("get a typed conflict")

    contacts.deleteContact(ann.id)
    check(problem<V1Error>(404) { contacts.getContact(ann.id) }.error.code, "not_found")
    check(book.deleteAddressBookContact(NUMBER).success, true)
    passed("delete both")

    ApiClient.accessToken = null
    check(problem<V1Error>(401) { contacts.listContacts() }.error.code, "unauthorized")
    check(problem<AddressBookError>(401) { book.listAddressBookContacts() }.error.name, "UnauthorizedError")
    passed("get a typed error without a key")

    ApiClient.accessToken = key
    val groups = GroupsApi(url)
    val optOuts = OptOutsApi(url)
    val another = CreateContact(username = "cat", phoneNumber = "+44 7900 000003", meta = mapOf("NAME" to "Cat"))
    val cat = contacts.createContact(another)
    val group = groups.createGroup(CreateGroup(name = "friends"))
    val members = groups.changeGroupMembers(group.id, ChangeMembers(add = listOf(cat.id)))
    check(members.memberCount to members.`data`.map { it.outcome }, 1 to listOf("added"))
    check(contacts.getContact(cat.id, expand = Expand.GROUPS).groups?.map { it.name }, listOf("friends"))
    check(AddressBookGroupsApi(url).listAddressBookGroupContacts("friends").records.map { it.alias }, listOf("cat"))
    val optOut = optOuts.createOptOut(CreateOptOut(phoneNumber = "0044 7900 000003"))
    check(optOut.phoneNumber, cat.phoneNumber)
    passed("group a contact and opt its number out")

    val audiences = AudiencesApi(url)
    val wanted = CreateAudience(
        recipients = listOf(AudienceItem(group = "friends")),
        template = AudienceTemplate(text = "Hello {{NAME}}!"),
    )
    val silent = audiences.createAudience(wanted)
    check(silent.counts.excluded to silent.exclusions.map { it.reason }, 1L to listOf("opted_out"))
    optOuts.deleteOptOut(optOut.phoneNumber)
    val greeted = audiences.createAudience(wanted)
    check(greeted.id to greeted.recipients.map { it.text }, null to listOf("Hello Cat!"))
    val kept = audiences.createAudience(wanted.copy(keep = true))
    check(audiences.listAudienceRecipients(kept.id!!).`data`.map { it.text }, listOf("Hello Cat!"))
    passed("resolve an audience")

    val resolved = AddressBookAudiencesApi(url).resolveAddressBookAliases(
        ResolveAddressBookAliases(
            aliases = listOf("cat"),
            template = "Hello {{NAME}}!",
            fields = mapOf("cat" to mapOf("NAME" to "Kitty")),
        )
    )
    check(resolved.records.map { it.text }, listOf("Hello Kitty!"))
    passed("resolve aliases with fields of their own")

    // Eve is new, Dan is there already, and Fay lacks a phone number.
    val dan = contacts.createContact(CreateContact(username = "dan", phoneNumber = "+44 7900 000004"))
    val applied = contacts.applyContactBatch(
        ApplyContactBatch(
            mode = BatchMode.UPSERT,
            matchBy = ContactMatchBy.USERNAME,
            contacts = listOf(
                ContactBatchItem(username = "eve", phoneNumber = "+44 7900 000005"),
                ContactBatchItem(username = "dan", displayName = "Daniel"),
                ContactBatchItem(username = "fay"),
            ),
        )
    )
    check(applied.counts, ContactBatchCounts(created = 1, updated = 1, unchanged = 0, failed = 1))
    check(applied.results.map { it.index to it.status }, listOf(0 to "created", 1 to "updated", 2 to "failed"))
    val failed = applied.results[2].error!!
    check(failed.code to failed.details!![0].`field`, "validation_failed" to "phone_number")
    check(contacts.getContact(dan.id).displayName, "Daniel")
    passed("apply a batch")

    val fields = FieldsApi(url)
    val segments = SegmentsApi(url)
    val declared = fields.declareField(DeclareField(key = "NAME", type = "text"))
    while (fields.getField(declared.id).state != "ready") Thread.sleep(50)
    val found = contacts.listContacts(search = "ani")
    check(found.`data`.map { it.id to it.matchType }, listOf(dan.id to "part"))
    // Dan has no NAME, and so comes last.
    val filter = "meta.NAME = \"Cat\" OR username = \"dan\""
    val ordered = contacts.listContacts(filter = filter, orderBy = "meta.NAME")
    check(ordered.`data`.map { it.id }, listOf(cat.id, dan.id))
    check(contacts.countContacts(filter = filter).count, 2)
    val segment = segments.createSegment(CreateSegment(name = "chosen", filter = filter))
    check(segments.listSegmentMembers(segment.id).`data`.map { it.id }, listOf(dan.id, cat.id))
    passed("find contacts")

    val imports = ImportsApi(url)
    val id = imports.createImport(CreateImport(mode = "upsert")).id
    val file = File.createTempFile("contacts", ".csv").apply { deleteOnExit() }
    file.writeText("username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n")
    imports.putImportFile(id, file)
    val planned = imports.reached(id, "planned")
    check(planned.counts.run { listOf(rows, create, reject) }, listOf(3L, 2L, 1L))
    imports.commitImport(id, CommitImport(digest = planned.digest!!))
    check(imports.reached(id, "committed").counts.applied, 2L)
    val gil = contacts.listContacts(username = "gil").`data`.single()
    check(gil.phoneNumber, "+447900000006")
    imports.undoImport(id)
    check(imports.reached(id, "undone").counts.undone, 2L)
    check(problem<V1Error>(404) { contacts.getContact(gil.id) }.error.code, "not_found")
    passed("import a file")
}
