# A user of the generated Perl client.

use strict;
use warnings FATAL => 'all';
use utf8;

use JSON qw(decode_json);
use Time::HiRes qw(sleep);
use AddressBook::AddressBookApi;
use AddressBook::AddressBookAudiencesApi;
use AddressBook::AddressBookGroupsApi;
use AddressBook::AudiencesApi;
use AddressBook::ContactsApi;
use AddressBook::FieldsApi;
use AddressBook::GroupsApi;
use AddressBook::ImportsApi;
use AddressBook::Object::AddressBookError;
use AddressBook::Object::ApplyContactBatch;
use AddressBook::Object::AudienceItem;
use AddressBook::Object::AudienceTemplate;
use AddressBook::Object::ChangeMembers;
use AddressBook::Object::CommitImport;
use AddressBook::Object::ContactBatchItem;
use AddressBook::Object::CreateAddressBookRecord;
use AddressBook::Object::CreateAudience;
use AddressBook::Object::CreateContact;
use AddressBook::Object::CreateGroup;
use AddressBook::Object::CreateImport;
use AddressBook::Object::CreateOptOut;
use AddressBook::Object::CreateSegment;
use AddressBook::Object::DeclareField;
use AddressBook::Object::ResolveAddressBookAliases;
use AddressBook::Object::UpdateAddressBookRecord;
use AddressBook::Object::V1Error;
use AddressBook::OptOutsApi;
use AddressBook::SegmentsApi;

my ($url, $key) = @ARGV;
my $NUMBER = '4479000000002';
$| = 1;

sub passed { print "ok $_[0]\n" }

sub check {
    my ($seen, $expected) = @_;
    die "$seen is not $expected" unless $seen eq $expected;
}

# The typed error of a call that fails. (The client dies with a text that ends with the body; its types
# read it.)
sub problem {
    my ($type, $status, $call) = @_;
    eval { $call->(); 1 } and die 'it did not fail';
    my ($code, $body) = $@ =~ /^API Exception\((\d+)\): .*?\n(\{.*\})/s or die $@;
    check($code, $status);
    return "AddressBook::Object::$type"->new->from_hash(decode_json($body))->error;
}

my $contacts = AddressBook::ContactsApi->new(base_url => $url, access_token => $key);
my $book = AddressBook::AddressBookApi->new(base_url => $url, access_token => $key);

my $contact = AddressBook::Object::CreateContact->new(
    username => 'ann', phone_number => '+44 20 7946 0001', display_name => 'Ann', meta => { CITY => 'London' }
);
my $ann = $contacts->create_contact(contact => $contact, idempotency_key => 'ann-1');
check($ann->username . ' ' . $ann->phone_number, 'ann +442079460001');
passed('create a contact');

my $record = AddressBook::Object::CreateAddressBookRecord->new(alias => 'ben', msisdn => $NUMBER);
my $ben = $book->create_address_book_contact(contact => $record)->record;
check($ben->alias . ' ' . $ben->msisdn, "ben $NUMBER");
passed('create an address book contact');

my $read = $contacts->get_contact(id => $ann->id);
check($read->username . ' ' . $read->meta->{CITY}, 'ann London');
die 'avatar' if defined $read->avatar_url;
passed('read the contact');

check($book->get_address_book_contact(contact => $NUMBER)->record->id, $ben->id);
passed('read the address book contact by its number');

my $page = $contacts->list_contacts(limit => 1);
check(join(' ', !!$page->has_more, map { $_->id } @{ $page->data }), '1 ' . $ben->id);
passed('list the first page');

$page = $contacts->list_contacts(limit => 1, starting_after => $ben->id);
check(join(' ', !!$page->has_more, map { $_->id } @{ $page->data }), ' ' . $ann->id);
passed('list the second page');

my $list = $book->list_address_book_contacts(sort_field => 'alias', sort_dir => 'ASC', limit => 1);
check(join(' ', $list->total, map { $_->alias } @{ $list->records }), '2 ann');
passed('list the address book');

my $unwritten = 'the generator does not generate PATCH';
print "cannot update the contact: $unwritten\n";
print "cannot clear a member with null: $unwritten\n";

my $changes = AddressBook::Object::UpdateAddressBookRecord->new(alias => 'benny');
check($book->update_address_book_contact(contact => $NUMBER, changes => $changes)->record->alias, 'benny');
passed('update the address book contact');

# With a name of nothing but blanks.
my $bad = AddressBook::Object::CreateContact->new(username => ' ', phone_number => $NUMBER);
my $fault = problem('V1Error', 400, sub { $contacts->create_contact(contact => $bad) });
check($fault->code, 'validation_failed');
check($fault->details->[0]->field . ' ' . $fault->details->[0]->code, 'username blank');
$bad = AddressBook::Object::CreateAddressBookRecord->new(alias => ' ', msisdn => $NUMBER);
$fault = problem('AddressBookError', 400, sub { $book->create_address_book_contact(contact => $bad) });
check($fault->name, 'ValidationError');
passed('get a typed validation error');

check(problem('V1Error', 409, sub { $contacts->create_contact(contact => $contact) })->code, 'username_taken');
my $taken = AddressBook::Object::CreateAddressBookRecord->new(alias => 'ann', msisdn => $NUMBER);
$fault = problem('AddressBookError', 409, sub { $book->create_address_book_contact(contact => $taken) });
check($fault->name, 'ConflictError');
passed('get a typed conflict');

$contacts->delete_contact(id => $ann->id);
check(problem('V1Error', 404, sub { $contacts->get_contact(id => $ann->id) })->code, 'not_found');
die 'not deleted' unless $book->delete_address_book_contact(contact => $NUMBER)->success;
passed('delete both');

my $stranger = AddressBook::ContactsApi->new(base_url => $url);
check(problem('V1Error', 401, sub { $stranger->list_contacts })->code, 'unauthorized');
$stranger = AddressBook::AddressBookApi->new(base_url => $url);
check(problem('AddressBookError', 401, sub { $stranger->list_address_book_contacts })->name, 'UnauthorizedError');
passed('get a typed error without a key');

my @options = (base_url => $url, access_token => $key);
my $groups = AddressBook::GroupsApi->new(@options);
my $opt_outs = AddressBook::OptOutsApi->new(@options);
my $book_groups = AddressBook::AddressBookGroupsApi->new(@options);
$contact = AddressBook::Object::CreateContact->new(
    username => 'cat', phone_number => '+44 7900 000003', meta => { NAME => 'Cat' }
);
my $cat = $contacts->create_contact(contact => $contact);
my $group = $groups->create_group(group => AddressBook::Object::CreateGroup->new(name => 'friends'));
my $joining = AddressBook::Object::ChangeMembers->new(add => [$cat->id]);
my $members = $groups->change_group_members(id => $group->id, changes => $joining);
check($members->member_count . ' ' . $members->data->[0]->outcome, '1 added');
check($contacts->get_contact(id => $cat->id, expand => 'groups')->groups->[0]->name, 'friends');
check($book_groups->list_address_book_group_contacts(group => 'friends')->records->[0]->alias, 'cat');
my $number = AddressBook::Object::CreateOptOut->new(phone_number => '0044 7900 000003');
my $opt_out = $opt_outs->create_opt_out(opt_out => $number);
check($opt_out->phone_number, $cat->phone_number);
passed('group a contact and opt its number out');

my $audiences = AddressBook::AudiencesApi->new(@options);
my $wanted = AddressBook::Object::CreateAudience->new(
    recipients => [AddressBook::Object::AudienceItem->new(group => 'friends')],
    template => AddressBook::Object::AudienceTemplate->new(text => 'Hello {{NAME}}!'),
);
my $audience = $audiences->create_audience(audience => $wanted);
check($audience->counts->excluded . ' ' . $audience->exclusions->[0]->reason, '1 opted_out');
$opt_outs->delete_opt_out(opt_out => $opt_out->phone_number);
$audience = $audiences->create_audience(audience => $wanted);
die 'kept' if defined $audience->id;
check($audience->recipients->[0]->text, 'Hello Cat!');
$wanted->keep(JSON::true);
my $kept = $audiences->create_audience(audience => $wanted);
check($audiences->list_audience_recipients(id => $kept->id)->data->[0]->text, 'Hello Cat!');
passed('resolve an audience');

my $book_audiences = AddressBook::AddressBookAudiencesApi->new(@options);
my $aliases = AddressBook::Object::ResolveAddressBookAliases->new(
    aliases => ['cat'], template => 'Hello {{NAME}}!', fields => { cat => { NAME => 'Kitty' } }
);
check($book_audiences->resolve_address_book_aliases(audience => $aliases)->records->[0]->text, 'Hello Kitty!');
passed('resolve aliases with fields of their own');

# Eve is new, Dan is there already, and Fay lacks a phone number.
$contact = AddressBook::Object::CreateContact->new(username => 'dan', phone_number => '+44 7900 000004');
my $dan = $contacts->create_contact(contact => $contact);
my $batch = AddressBook::Object::ApplyContactBatch->new(
    mode => 'upsert',
    match_by => 'username',
    contacts => [
        AddressBook::Object::ContactBatchItem->new(username => 'eve', phone_number => '+44 7900 000005'),
        AddressBook::Object::ContactBatchItem->new(username => 'dan', display_name => 'Daniel'),
        AddressBook::Object::ContactBatchItem->new(username => 'fay'),
    ],
);
my $applied = $contacts->apply_contact_batch(batch => $batch);
my $counts = $applied->counts;
check(join(' ', $counts->created, $counts->updated, $counts->unchanged, $counts->failed), '1 1 0 1');
check(join(' ', map { ($_->index, $_->status) } @{$applied->results}), '0 created 1 updated 2 failed');
my $failed = $applied->results->[2]->error;
check($failed->code . ' ' . $failed->details->[0]->field, 'validation_failed phone_number');
check($contacts->get_contact(id => $dan->id)->display_name, 'Daniel');
passed('apply a batch');

my $fields = AddressBook::FieldsApi->new(@options);
my $segments = AddressBook::SegmentsApi->new(@options);
sub ids { join(' ', map { $_->id } @{ $_[0]->data }) }
my $declare = AddressBook::Object::DeclareField->new(key => 'NAME', type => 'text');
my $field = $fields->declare_field(field => $declare);
while ($field->state ne 'ready') {
    sleep(0.05);
    $field = $fields->get_field(id => $field->id);
}
$page = $contacts->list_contacts(search => 'ani');
check(ids($page) . ' ' . $page->data->[0]->match_type, $dan->id . ' part');
# Dan has no NAME, and so comes last.
my $filter = 'meta.NAME = "Cat" OR username = "dan"';
$page = $contacts->list_contacts(filter => $filter, order_by => 'meta.NAME');
check(ids($page), $cat->id . ' ' . $dan->id);
check($contacts->count_contacts(filter => $filter)->count, 2);
my $chosen = AddressBook::Object::CreateSegment->new(name => 'chosen', filter => $filter);
my $segment = $segments->create_segment(segment => $chosen);
check(ids($segments->list_segment_members(id => $segment->id)), $dan->id . ' ' . $cat->id);
passed('find contacts');

my $imports = AddressBook::ImportsApi->new(@options);
my $options = AddressBook::Object::CreateImport->new(mode => 'upsert');
my $id = $imports->create_import(options => $options)->id;

# The import, as soon as it is in a state.
sub reached {
    my ($state) = @_;
    for (1 .. 200) {
        my $current = $imports->get_import(id => $id);
        return $current if $current->state eq $state;
        sleep(0.05);
    }
    die "it is not $state";
}

my $file = "username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n";
$imports->put_import_file(id => $id, file => $file);
my $planned = reached('planned');
check(join(' ', $planned->counts->rows, $planned->counts->create, $planned->counts->reject), '3 2 1');
my $plan = AddressBook::Object::CommitImport->new(digest => $planned->digest);
$imports->commit_import(id => $id, plan => $plan);
check(reached('committed')->counts->applied, 2);
my $gil = $contacts->list_contacts(username => 'gil')->data->[0];
check($gil->phone_number, '+447900000006');
$imports->undo_import(id => $id);
check(reached('undone')->counts->undone, 2);
check(problem('V1Error', 404, sub { $contacts->get_contact(id => $gil->id) })->code, 'not_found');
passed('import a file');
