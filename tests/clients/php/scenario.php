<?php

// A user of the generated PHP client.

use AddressBook\Api\AddressBookApi;
use AddressBook\Api\AddressBookAudiencesApi;
use AddressBook\Api\AddressBookGroupsApi;
use AddressBook\Api\AudiencesApi;
use AddressBook\Api\ContactsApi;
use AddressBook\Api\FieldsApi;
use AddressBook\Api\GroupsApi;
use AddressBook\Api\ImportsApi;
use AddressBook\Api\OptOutsApi;
use AddressBook\Api\SegmentsApi;
use AddressBook\ApiException;
use AddressBook\Configuration;
use AddressBook\Model\AddressBookError;
use AddressBook\Model\ApplyContactBatch;
use AddressBook\Model\AudienceItem;
use AddressBook\Model\AudienceTemplate;
use AddressBook\Model\BatchMode;
use AddressBook\Model\ChangeMembers;
use AddressBook\Model\CommitImport;
use AddressBook\Model\ContactBatchItem;
use AddressBook\Model\ContactImport;
use AddressBook\Model\ContactMatchBy;
use AddressBook\Model\CreateAddressBookRecord;
use AddressBook\Model\CreateAudience;
use AddressBook\Model\CreateContact;
use AddressBook\Model\CreateGroup;
use AddressBook\Model\CreateImport;
use AddressBook\Model\CreateOptOut;
use AddressBook\Model\CreateSegment;
use AddressBook\Model\DeclareField;
use AddressBook\Model\Expand;
use AddressBook\Model\ResolveAddressBookAliases;
use AddressBook\Model\SortDirection;
use AddressBook\Model\SortField;
use AddressBook\Model\UpdateAddressBookRecord;
use AddressBook\Model\UpdateContact;
use AddressBook\Model\V1Error;

// Debian's Guzzle, and the client as Composer would find it.
require 'GuzzleHttp/autoload.php';
spl_autoload_register(function (string $class) use ($argv): void {
    if (str_starts_with($class, 'AddressBook\\')) {
        require $argv[1] . '/' . strtr(substr($class, strlen('AddressBook\\')), '\\', '/') . '.php';
    }
});
// What PHP would only warn of ends the scenario.
set_error_handler(fn (int $level, string $message, string $file, int $line) => throw new ErrorException(
    $message, 0, $level, $file, $line
));

[, , $url, $key] = $argv;
const NUMBER = '4479000000002';

function passed(string $step): void
{
    echo "ok $step\n";
}

function check(mixed $seen, mixed $expected): void
{
    if ($seen != $expected) {
        throw new RuntimeException(var_export($seen, true) . ' is not ' . var_export($expected, true));
    }
}

/** The typed error of a call that fails. */
function problem(int $status, string $type, callable $call): mixed
{
    try {
        $call();
    } catch (ApiException $exception) {
        check($exception->getCode(), $status);
        check(get_class($exception->getResponseObject()), $type);
        return $exception->getResponseObject()->getError();
    }
    throw new RuntimeException('it did not fail');
}

$configuration = (new Configuration())->setHost($url)->setAccessToken($key);
$contacts = new ContactsApi(config: $configuration);
$book = new AddressBookApi(config: $configuration);

$contact = (new CreateContact())
    ->setUsername('ann')->setPhoneNumber('+44 20 7946 0001')->setDisplayName('Ann')->setMeta(['CITY' => 'London']);
$ann = $contacts->createContact($contact, idempotency_key: 'ann-1');
check([$ann->getUsername(), $ann->getPhoneNumber()], ['ann', '+442079460001']);
passed('create a contact');

$record = (new CreateAddressBookRecord())->setAlias('ben')->setMsisdn(NUMBER);
$ben = $book->createAddressBookContact($record)->getRecord();
check([$ben->getAlias(), $ben->getMsisdn()], ['ben', NUMBER]);
passed('create an address book contact');

check($contacts->getContact($ann->getId()), $ann);
check([$ann->getMeta()['CITY'], $ann->getAvatarUrl()], ['London', null]);
passed('read the contact');

check($book->getAddressBookContact(NUMBER)->getRecord(), $ben);
passed('read the address book contact by its number');

$page = $contacts->listContacts(limit: 1);
check([$page->getHasMore(), count($page->getData()), $page->getData()[0]->getId()], [true, 1, $ben->getId()]);
passed('list the first page');

$page = $contacts->listContacts(limit: 1, starting_after: $ben->getId());
check([$page->getHasMore(), $page->getData()], [false, [$ann]]);
passed('list the second page');

$list = $book->listAddressBookContacts(SortField::ALIAS, SortDirection::ASC, limit: 1);
check([$list->getTotal(), count($list->getRecords()), $list->getRecords()[0]->getAlias()], [2, 1, 'ann']);
passed('list the address book');

$changes = (new UpdateContact())->setDisplayName('Annie')->setMeta(['CITY' => 'Paris']);
$changed = $contacts->updateContact($ann->getId(), $changes, if_match: '*');
check([$changed->getDisplayName(), $changed->getMeta()['CITY']], ['Annie', 'Paris']);
passed('update the contact');

$changed = $contacts->updateContact($ann->getId(), (new UpdateContact())->setDisplayName(null));
check($changed->getDisplayName(), 'ann');
passed('clear a member with null');

$changed = $book->updateAddressBookContact(NUMBER, (new UpdateAddressBookRecord())->setAlias('benny'));
check($changed->getRecord()->getAlias(), 'benny');
passed('update the address book contact');

// With a name of nothing but blanks.
$bad = (new CreateContact())->setUsername(' ')->setPhoneNumber(NUMBER);
$fault = problem(400, V1Error::class, fn () => $contacts->createContact($bad));
check($fault->getCode(), 'validation_failed');
check([$fault->getDetails()[0]->getField(), $fault->getDetails()[0]->getCode()], ['username', 'blank']);
$bad = (new CreateAddressBookRecord())->setAlias(' ')->setMsisdn(NUMBER);
$fault = problem(400, AddressBookError::class, fn () => $book->createAddressBookContact($bad));
check($fault->getName(), 'ValidationError');
passed('get a typed validation error');

$fault = problem(409, V1Error::class, fn () => $contacts->createContact($contact));
check($fault->getCode(), 'username_taken');
$taken = (new CreateAddressBookRecord())->setAlias('ann')->setMsisdn(NUMBER);
$fault = problem(409, AddressBookError::class, fn () => $book->createAddressBookContact($taken));
check($fault->getName(), 'ConflictError');
passed('get a typed conflict');

$contacts->deleteContact($ann->getId());
check(problem(404, V1Error::class, fn () => $contacts->getContact($ann->getId()))->getCode(), 'not_found');
check($book->deleteAddressBookContact(NUMBER)->getSuccess(), true);
passed('delete both');

$stranger = (new Configuration())->setHost($url);
$fault = problem(401, V1Error::class, fn () => (new ContactsApi(config: $stranger))->listContacts());
check($fault->getCode(), 'unauthorized');
$fault = problem(
    401, AddressBookError::class, fn () => (new AddressBookApi(config: $stranger))->listAddressBookContacts()
);
check($fault->getName(), 'UnauthorizedError');
passed('get a typed error without a key');

$groups = new GroupsApi(config: $configuration);
$optOuts = new OptOutsApi(config: $configuration);
$bookGroups = new AddressBookGroupsApi(config: $configuration);
$cat = $contacts->createContact(
    (new CreateContact())->setUsername('cat')->setPhoneNumber('+44 7900 000003')->setMeta(['NAME' => 'Cat'])
);
$group = $groups->createGroup((new CreateGroup())->setName('friends'));
$members = $groups->changeGroupMembers($group->getId(), (new ChangeMembers())->setAdd([$cat->getId()]));
check([$members->getMemberCount(), $members->getData()[0]->getOutcome()], [1, 'added']);
check($contacts->getContact($cat->getId(), Expand::GROUPS)->getGroups()[0]->getName(), 'friends');
check($bookGroups->listAddressBookGroupContacts('friends')->getRecords()[0]->getAlias(), 'cat');
$optOut = $optOuts->createOptOut((new CreateOptOut())->setPhoneNumber('0044 7900 000003'));
check($optOut->getPhoneNumber(), $cat->getPhoneNumber());
passed('group a contact and opt its number out');

$audiences = new AudiencesApi(config: $configuration);
$wanted = (new CreateAudience())
    ->setRecipients([(new AudienceItem())->setGroup('friends')])
    ->setTemplate((new AudienceTemplate())->setText('Hello {{NAME}}!'));
$audience = $audiences->createAudience($wanted);
check([$audience->getCounts()->getExcluded(), $audience->getExclusions()[0]->getReason()], [1, 'opted_out']);
$optOuts->deleteOptOut($optOut->getPhoneNumber());
$audience = $audiences->createAudience($wanted);
check([$audience->getId(), $audience->getRecipients()[0]->getText()], [null, 'Hello Cat!']);
$kept = $audiences->createAudience($wanted->setKeep(true));
check($audiences->listAudienceRecipients($kept->getId())->getData()[0]->getText(), 'Hello Cat!');
passed('resolve an audience');

$bookAudiences = new AddressBookAudiencesApi(config: $configuration);
$resolved = $bookAudiences->resolveAddressBookAliases(
    (new ResolveAddressBookAliases())
        ->setAliases(['cat'])->setTemplate('Hello {{NAME}}!')->setFields(['cat' => ['NAME' => 'Kitty']])
);
check($resolved->getRecords()[0]->getText(), 'Hello Kitty!');
passed('resolve aliases with fields of their own');

// Eve is new, Dan is there already, and Fay lacks a phone number.
$dan = $contacts->createContact((new CreateContact())->setUsername('dan')->setPhoneNumber('+44 7900 000004'));
$batch = (new ApplyContactBatch())->setMode(BatchMode::UPSERT)->setMatchBy(ContactMatchBy::USERNAME)->setContacts([
    (new ContactBatchItem())->setUsername('eve')->setPhoneNumber('+44 7900 000005'),
    (new ContactBatchItem())->setUsername('dan')->setDisplayName('Daniel'),
    (new ContactBatchItem())->setUsername('fay'),
]);
$applied = $contacts->applyContactBatch($batch);
$counts = $applied->getCounts();
check(
    [$counts->getCreated(), $counts->getUpdated(), $counts->getUnchanged(), $counts->getFailed()],
    [1, 1, 0, 1]
);
check(
    array_map(fn ($result) => [$result->getIndex(), $result->getStatus()], $applied->getResults()),
    [[0, 'created'], [1, 'updated'], [2, 'failed']]
);
$failed = $applied->getResults()[2]->getError();
check([$failed->getCode(), $failed->getDetails()[0]->getField()], ['validation_failed', 'phone_number']);
check($contacts->getContact($dan->getId())->getDisplayName(), 'Daniel');
passed('apply a batch');

$fields = new FieldsApi(config: $configuration);
$segments = new SegmentsApi(config: $configuration);
$ids = fn ($page) => array_map(fn ($contact) => $contact->getId(), $page->getData());
$field = $fields->declareField((new DeclareField())->setKey('NAME')->setType('text'));
while ($field->getState() !== 'ready') {
    usleep(50_000);
    $field = $fields->getField($field->getId());
}
$page = $contacts->listContacts(search: 'ani');
check([$ids($page), $page->getData()[0]->getMatchType()], [[$dan->getId()], 'part']);
// Dan has no NAME, and so comes last.
$filter = 'meta.NAME = "Cat" OR username = "dan"';
$page = $contacts->listContacts(filter: $filter, order_by: 'meta.NAME');
check($ids($page), [$cat->getId(), $dan->getId()]);
check($contacts->countContacts(filter: $filter)->getCount(), 2);
$segment = $segments->createSegment((new CreateSegment())->setName('chosen')->setFilter($filter));
check($ids($segments->listSegmentMembers($segment->getId())), [$dan->getId(), $cat->getId()]);
passed('find contacts');

$imports = new ImportsApi(config: $configuration);

/** The import, as soon as it is in a state. */
function reached(ImportsApi $imports, string $id, string $state): ContactImport
{
    for ($attempt = 0; $attempt < 200; $attempt++) {
        $current = $imports->getImport($id);
        if ($current->getState() === $state) {
            return $current;
        }
        usleep(50_000);
    }
    throw new RuntimeException("it is not $state");
}

$id = $imports->createImport((new CreateImport())->setMode('upsert'))->getId();
$file = "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n";
$imports->putImportFile($id, $file);
$planned = reached($imports, $id, 'planned');
$counts = $planned->getCounts();
check([$counts->getRows(), $counts->getCreate(), $counts->getReject()], [3, 2, 1]);
$imports->commitImport($id, (new CommitImport())->setDigest($planned->getDigest()));
check(reached($imports, $id, 'committed')->getCounts()->getApplied(), 2);
$gil = $contacts->listContacts(username: 'gil')->getData()[0];
check($gil->getPhoneNumber(), '+447900000006');
$imports->undoImport($id);
check(reached($imports, $id, 'undone')->getCounts()->getUndone(), 2);
check(problem(404, V1Error::class, fn () => $contacts->getContact($gil->getId()))->getCode(), 'not_found');
passed('import a file');
