// A user of the generated C++ client (cpprestsdk).

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "AddressBook/ApiClient.h"
#include "AddressBook/ApiConfiguration.h"
#include "AddressBook/ApiException.h"
#include "AddressBook/api/AddressBookApi.h"
#include "AddressBook/api/AddressBookAudiencesApi.h"
#include "AddressBook/api/AddressBookGroupsApi.h"
#include "AddressBook/api/AudiencesApi.h"
#include "AddressBook/api/ContactsApi.h"
#include "AddressBook/api/FieldsApi.h"
#include "AddressBook/api/GroupsApi.h"
#include "AddressBook/api/OptOutsApi.h"
#include "AddressBook/api/SegmentsApi.h"
#include "AddressBook/model/AddressBookError.h"
#include "AddressBook/model/V1Error.h"

using namespace org::openapitools::client::api;
using namespace org::openapitools::client::model;

static const std::string NUMBER = "4479000000002";
static const auto NONE = boost::none;

static void passed(const std::string& step) { std::cout << "ok " << step << std::endl; }

template <typename A, typename B> static void check(const A& seen, const B& expected) {
    if (!(seen == expected)) {
        std::cerr << seen << " is not " << expected << std::endl;
        throw std::runtime_error("not as expected");
    }
}

static std::shared_ptr<ApiClient> client(const std::string& url, const std::string& key) {
    auto configuration = std::make_shared<ApiConfiguration>();
    configuration->setBaseUrl(url);
    if (!key.empty()) configuration->getDefaultHeaders()["Authorization"] = "Bearer " + key;
    return std::make_shared<ApiClient>(configuration);
}

/// The typed error of a call that fails. (The client throws the body as text; its types read it.)
template <typename E, typename Call> static E problem(int status, Call call) {
    try {
        call().get();
    } catch (const ApiException& exception) {
        check(exception.error_code().value(), status);
        E error;
        if (!error.fromJson(web::json::value::parse(*exception.getContent()))) throw std::runtime_error("no error");
        return error;
    }
    throw std::runtime_error("it did not fail");
}

static std::map<std::string, std::shared_ptr<AnyType>> meta(
    const std::string& name, const std::string& text) {
    auto value = std::make_shared<AnyType>();
    value->fromJson(web::json::value::string(text));
    return {{name, value}};
}

static std::shared_ptr<CreateContact> contact(const std::string& username, const std::string& number) {
    auto contact = std::make_shared<CreateContact>();
    contact->setUsername(username);
    contact->setPhoneNumber(number);
    return contact;
}

static std::shared_ptr<CreateAddressBookRecord> record(const std::string& alias) {
    auto record = std::make_shared<CreateAddressBookRecord>();
    record->setAlias(alias);
    record->setMsisdn(NUMBER);
    return record;
}

static std::string ids(const std::shared_ptr<ContactList>& page) {
    std::string ids;
    for (const auto& contact : page->getData()) ids += contact->getId() + " ";
    return ids;
}

int main(int, char** arguments) {
    ContactsApi contacts(client(arguments[1], arguments[2]));
    AddressBookApi book(client(arguments[1], arguments[2]));

    auto created = contact("ann", "+44 20 7946 0001");
    created->setDisplayName("Ann");
    created->setMeta(meta("CITY", "London"));
    const auto ann = contacts.createContact(created, std::string("ann-1")).get();
    check(ann->getUsername() + " " + ann->getPhoneNumber(), "ann +442079460001");
    passed("create a contact");

    const auto ben = book.createAddressBookContact(record("ben"), NONE).get()->getRecord();
    check(ben->getAlias() + " " + ben->getMsisdn(), "ben " + NUMBER);
    passed("create an address book contact");

    const auto read = contacts.getContact(ann->getId(), NONE, NONE).get();
    check(read->getUsername() + " " + read->getMeta().at("CITY")->toJson().as_string(), "ann London");
    check(read->avatarUrlIsSet(), false);
    passed("read the contact");

    check(book.getAddressBookContact(NUMBER).get()->getRecord()->getId(), ben->getId());
    passed("read the address book contact by its number");

    auto page = contacts.listContacts(1, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE).get();
    check(page->isHasMore(), true);
    check(page->getData().size(), 1u);
    check(page->getData().front()->getId(), ben->getId());
    passed("list the first page");

    page = contacts.listContacts(1, ben->getId(), NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE).get();
    check(page->isHasMore(), false);
    check(page->getData().size(), 1u);
    check(page->getData().front()->getId(), ann->getId());
    passed("list the second page");

    const auto list = book.listAddressBookContacts(std::string("alias"), std::string("ASC"), NONE, 1, NONE, NONE, NONE, NONE).get();
    check(list->getTotal(), 2);
    check(list->getRecords().size(), 1u);
    check(list->getRecords().front()->getAlias(), "ann");
    passed("list the address book");

    auto changes = std::make_shared<UpdateContact>();
    changes->setDisplayName("Annie");
    changes->setMeta(meta("CITY", "Paris"));
    const auto changed = contacts.updateContact(ann->getId(), changes, std::string("*")).get();
    check(changed->getDisplayName() + " " + changed->getMeta().at("CITY")->toJson().as_string(), "Annie Paris");
    passed("update the contact");

    std::cout << "cannot clear a member with null: the generated types omit null members" << std::endl;

    auto rename = std::make_shared<UpdateAddressBookRecord>();
    rename->setAlias("benny");
    check(book.updateAddressBookContact(NUMBER, rename).get()->getRecord()->getAlias(), "benny");
    passed("update the address book contact");

    // With a name of nothing but blanks.
    auto fault = problem<V1Error>(400, [&] { return contacts.createContact(contact(" ", NUMBER), NONE); });
    check(fault.getError()->getCode(), "validation_failed");
    const auto detail = fault.getError()->getDetails().front();
    check(detail->getField() + " " + detail->getCode(), "username blank");
    auto bookFault =
        problem<AddressBookError>(400, [&] { return book.createAddressBookContact(record(" "), NONE); });
    check(bookFault.getError()->getName(), "ValidationError");
    passed("get a typed validation error");

    fault = problem<V1Error>(409, [&] { return contacts.createContact(created, NONE); });
    check(fault.getError()->getCode(), "username_taken");
    bookFault = problem<AddressBookError>(409, [&] { return book.createAddressBookContact(record("ann"), NONE); });
    check(bookFault.getError()->getName(), "ConflictError");
    passed("get a typed conflict");

    contacts.deleteContact(ann->getId(), NONE).get();
    fault = problem<V1Error>(404, [&] { return contacts.getContact(ann->getId(), NONE, NONE); });
    check(fault.getError()->getCode(), "not_found");
    check(book.deleteAddressBookContact(NUMBER).get()->isSuccess(), true);
    passed("delete both");

    // By name: they have to outlive their calls.
    const ContactsApi strangeContacts(client(arguments[1], ""));
    const AddressBookApi strangeBook(client(arguments[1], ""));
    fault = problem<V1Error>(
        401, [&] { return strangeContacts.listContacts(NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE); });
    check(fault.getError()->getCode(), "unauthorized");
    bookFault = problem<AddressBookError>(
        401, [&] { return strangeBook.listAddressBookContacts(NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE); });
    check(bookFault.getError()->getName(), "UnauthorizedError");
    passed("get a typed error without a key");

    GroupsApi groups(client(arguments[1], arguments[2]));
    OptOutsApi optOuts(client(arguments[1], arguments[2]));
    AddressBookGroupsApi bookGroups(client(arguments[1], arguments[2]));
    auto another = contact("cat", "+44 7900 000003");
    another->setMeta(meta("NAME", "Cat"));
    const auto cat = contacts.createContact(another, NONE).get();
    auto friends = std::make_shared<CreateGroup>();
    friends->setName("friends");
    const auto group = groups.createGroup(friends, NONE).get();
    auto joining = std::make_shared<ChangeMembers>();
    joining->setAdd({cat->getId()});
    const auto members = groups.changeGroupMembers(group->getId(), joining).get();
    check(members->getMemberCount(), 1);
    check(members->getData().front()->getOutcome(), "added");
    const auto expanded = contacts.getContact(cat->getId(), std::string("groups"), NONE).get();
    check(expanded->getGroups().front()->getName(), "friends");
    check(bookGroups.listAddressBookGroupContacts("friends", NONE, NONE).get()->getRecords().front()->getAlias(), "cat");
    auto number = std::make_shared<CreateOptOut>();
    number->setPhoneNumber("0044 7900 000003");
    const auto optOut = optOuts.createOptOut(number, NONE).get();
    check(optOut->getPhoneNumber(), cat->getPhoneNumber());
    passed("group a contact and opt its number out");

    AudiencesApi audiences(client(arguments[1], arguments[2]));
    auto item = std::make_shared<AudienceItem>();
    item->setGroup("friends");
    auto greeting = std::make_shared<AudienceTemplate>();
    greeting->setText("Hello {{NAME}}!");
    auto wanted = std::make_shared<CreateAudience>();
    wanted->setRecipients({item});
    wanted->setRTemplate(greeting);
    auto audience = audiences.createAudience(wanted, NONE).get();
    check(audience->getCounts()->getExcluded(), 1);
    check(audience->getExclusions().front()->getReason(), "opted_out");
    optOuts.deleteOptOut(optOut->getPhoneNumber()).get();
    audience = audiences.createAudience(wanted, NONE).get();
    check(audience->idIsSet(), false);
    check(audience->getRecipients().front()->getText(), "Hello Cat!");
    wanted->setKeep(true);
    const auto kept = audiences.createAudience(wanted, NONE).get();
    const auto recipients = audiences.listAudienceRecipients(kept->getId(), NONE, NONE).get();
    check(recipients->getData().front()->getText(), "Hello Cat!");
    passed("resolve an audience");

    auto aliases = std::make_shared<ResolveAddressBookAliases>();
    aliases->setAliases({"cat"});
    aliases->setRTemplate("Hello {{NAME}}!");
    aliases->setFields({{"cat", meta("NAME", "Kitty")}});
    AddressBookAudiencesApi bookAudiences(client(arguments[1], arguments[2]));
    const auto resolved = bookAudiences.resolveAddressBookAliases(aliases).get();
    check(resolved->getRecords().front()->getText(), "Hello Kitty!");
    passed("resolve aliases with fields of their own");

    // Eve is new, Dan is there already, and Fay lacks a phone number.
    const auto dan = contacts.createContact(contact("dan", "+44 7900 000004"), NONE).get();
    std::vector<std::shared_ptr<ContactBatchItem>> items;
    for (const auto& name : {"eve", "dan", "fay"}) {
        items.push_back(std::make_shared<ContactBatchItem>());
        items.back()->setUsername(name);
    }
    items[0]->setPhoneNumber("+44 7900 000005");
    items[1]->setDisplayName("Daniel");
    auto batch = std::make_shared<ApplyContactBatch>();
    batch->setMode(ApplyContactBatch::ModeEnum::UPSERT);
    batch->setMatchBy(ApplyContactBatch::Match_byEnum::USERNAME);
    batch->setContacts(items);
    const auto applied = contacts.applyContactBatch(batch, NONE).get();
    check(applied->getCounts()->getCreated(), 1);
    check(applied->getCounts()->getUpdated(), 1);
    check(applied->getCounts()->getUnchanged(), 0);
    check(applied->getCounts()->getFailed(), 1);
    std::string statuses;
    for (const auto& result : applied->getResults()) {
        statuses += std::to_string(result->getIndex()) + " " + result->getStatus() + " ";
    }
    check(statuses, "0 created 1 updated 2 failed ");
    const auto failed = applied->getResults().back()->getError();
    check(failed->getCode(), "validation_failed");
    check(failed->getDetails().front()->getField(), "phone_number");
    check(contacts.getContact(dan->getId(), NONE, NONE).get()->getDisplayName(), "Daniel");
    passed("apply a batch");

    FieldsApi fields(client(arguments[1], arguments[2]));
    SegmentsApi segments(client(arguments[1], arguments[2]));
    auto key = std::make_shared<DeclareField>();
    key->setKey("NAME");
    key->setType("text");
    auto field = fields.declareField(key, NONE).get();
    while (field->getState() != "ready") {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        field = fields.getField(field->getId()).get();
    }
    const auto search = std::string("ani"), filter = std::string("meta.NAME = \"Cat\" OR username = \"dan\"");
    page = contacts.listContacts(
        NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, search, NONE, NONE, NONE, NONE, NONE).get();
    check(ids(page), dan->getId() + " ");
    check(page->getData().front()->getMatchType(), "part");
    // Dan has no NAME, and so comes last.
    const auto order = std::string("meta.NAME");
    page = contacts.listContacts(
        NONE, NONE, NONE, NONE, NONE, NONE, NONE, filter, NONE, NONE, NONE, NONE, order, NONE).get();
    check(ids(page), cat->getId() + " " + dan->getId() + " ");
    check(contacts.countContacts(NONE, NONE, NONE, NONE, filter).get()->getCount(), 2);
    auto chosen = std::make_shared<CreateSegment>();
    chosen->setName("chosen");
    chosen->setFilter(filter);
    const auto segment = segments.createSegment(chosen, NONE).get();
    page = segments.listSegmentMembers(segment->getId(), NONE, NONE, NONE, NONE).get();
    check(ids(page), dan->getId() + " " + cat->getId() + " ");
    passed("find contacts");

    std::cout << "cannot import a file: the client sends only JSON and forms" << std::endl;
}
