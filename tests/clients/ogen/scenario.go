// A user of the client that ogen makes: an answer is one of the types of the operation's statuses.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/go-faster/jx"
	"github.com/google/uuid"

	"clients/client"
)

const number = "4479000000002"

func passed(step string) { fmt.Println("ok " + step) }

func check(holds bool, seen ...any) {
	if !holds {
		log.Panic(seen...)
	}
}

// The answer of a call, as the type that it has to be.
func as[T any](answer any, err error) T {
	check(err == nil, err)
	typed, isTyped := answer.(T)
	check(isTyped, fmt.Sprintf("%T %v", answer, answer))
	return typed
}

type apiKey string

func (key apiKey) ApiKey(context.Context, addressbook.OperationName) (addressbook.ApiKey, error) {
	return addressbook.ApiKey{Token: string(key)}, nil
}

func client(url string, key apiKey) *addressbook.Client {
	client, err := addressbook.NewClient(url, key)
	check(err == nil, err)
	return client
}

func main() {
	ctx := context.Background()
	client, stranger := client(os.Args[1], apiKey(os.Args[2])), client(os.Args[1], "")

	contact := &addressbook.CreateContact{
		Username:    "ann",
		PhoneNumber: "+44 20 7946 0001",
		DisplayName: addressbook.NewOptString("Ann"),
		Meta:        addressbook.NewOptContactMeta(addressbook.ContactMeta{"CITY": jx.Raw(`"London"`)}),
	}
	first := addressbook.CreateContactParams{IdempotencyKey: addressbook.NewOptString("ann-1")}
	ann := as[*addressbook.ContactHeaders](client.CreateContact(ctx, contact, first)).Response
	check(ann.Username == "ann" && ann.PhoneNumber == "+442079460001", ann)
	passed("create a contact")

	once := addressbook.CreateAddressBookContactParams{}
	record := &addressbook.CreateAddressBookRecord{Alias: "ben", Msisdn: number}
	created := as[*addressbook.AddressBookRecordAnswerHeaders](client.CreateAddressBookContact(ctx, record, once))
	ben := created.Response.Record
	check(ben.Alias == "ben" && ben.Msisdn == number, ben)
	passed("create an address book contact")

	byID := addressbook.GetContactParams{ID: ann.ID}
	check(reflect.DeepEqual(as[*addressbook.GetContactOKHeaders](client.GetContact(ctx, byID)).Response, ann))
	check(string(ann.Meta["CITY"]) == `"London"` && ann.AvatarURL.Null, ann)
	passed("read the contact")

	byNumber := addressbook.GetAddressBookContactParams{Contact: number}
	read := as[*addressbook.GetAddressBookContactOKHeaders](client.GetAddressBookContact(ctx, byNumber))
	check(reflect.DeepEqual(read.Response.Record, ben), read)
	passed("read the address book contact by its number")

	query := addressbook.ListContactsParams{Limit: addressbook.NewOptInt32(1)}
	page := as[*addressbook.ContactListHeaders](client.ListContacts(ctx, query)).Response
	check(page.HasMore && len(page.Data) == 1 && page.Data[0].ID == ben.ID, page)
	passed("list the first page")

	query.StartingAfter = addressbook.NewOptUUID(ben.ID)
	page = as[*addressbook.ContactListHeaders](client.ListContacts(ctx, query)).Response
	check(!page.HasMore && reflect.DeepEqual(page.Data, []addressbook.Contact{ann}), page)
	passed("list the second page")

	sorted := addressbook.ListAddressBookContactsParams{
		SortField: addressbook.NewOptListAddressBookContactsSortField(addressbook.ListAddressBookContactsSortFieldAlias),
		SortDir:   addressbook.NewOptListAddressBookContactsSortDir(addressbook.ListAddressBookContactsSortDirASC),
		Limit:     addressbook.NewOptInt32(1),
	}
	list := as[*addressbook.AddressBookRecordListHeaders](client.ListAddressBookContacts(ctx, sorted)).Response
	check(list.Total == 2 && len(list.Records) == 1 && list.Records[0].Alias == "ann", list)
	passed("list the address book")

	changes := &addressbook.UpdateContact{
		DisplayName: addressbook.NewOptNilString("Annie"),
		Meta:        addressbook.NewOptNilContactMeta(addressbook.ContactMeta{"CITY": jx.Raw(`"Paris"`)}),
	}
	of := addressbook.UpdateContactParams{ID: ann.ID, IfMatch: addressbook.NewOptString("*")}
	changed := as[*addressbook.UpdatedContactHeaders](client.UpdateContact(ctx, changes, of)).Response
	check(changed.DisplayName.Value == "Annie" && string(changed.Meta.Value["CITY"]) == `"Paris"`, changed)
	passed("update the contact")

	changes = &addressbook.UpdateContact{}
	changes.DisplayName.SetToNull()
	changed = as[*addressbook.UpdatedContactHeaders](client.UpdateContact(ctx, changes, of)).Response
	check(changed.DisplayName.Value == "ann", changed)
	passed("clear a member with null")

	rename := &addressbook.UpdateAddressBookRecord{Alias: addressbook.NewOptString("benny")}
	ofNumber := addressbook.UpdateAddressBookContactParams{Contact: number}
	renamed := as[*addressbook.AddressBookRecordUpdatedHeaders](client.UpdateAddressBookContact(ctx, rename, ofNumber))
	check(renamed.Response.Record.Value.Alias == "benny", renamed)
	passed("update the address book contact")

	// With a name of nothing but blanks.
	again := addressbook.CreateContactParams{}
	bad := &addressbook.CreateContact{Username: " ", PhoneNumber: number}
	fault := as[*addressbook.CreateContactBadRequest](client.CreateContact(ctx, bad, again)).Response.Error
	check(fault.Code == "validation_failed", fault)
	check(fault.Details[0].Field == "username" && fault.Details[0].Code == "blank", fault)
	badRecord := &addressbook.CreateAddressBookRecord{Alias: " ", Msisdn: number}
	answer, err := client.CreateAddressBookContact(ctx, badRecord, once)
	check(as[*addressbook.CreateAddressBookContactBadRequest](answer, err).Response.Error.Name == "ValidationError")
	passed("get a typed validation error")

	conflict := as[*addressbook.CreateContactConflict](client.CreateContact(ctx, contact, again)).Response
	check(conflict.Error.Code == "username_taken", conflict)
	taken := &addressbook.CreateAddressBookRecord{Alias: "ann", Msisdn: number}
	answer, err = client.CreateAddressBookContact(ctx, taken, once)
	check(as[*addressbook.CreateAddressBookContactConflict](answer, err).Response.Error.Name == "ConflictError")
	passed("get a typed conflict")

	gone := addressbook.DeleteContactParams{ID: ann.ID}
	as[*addressbook.DeleteContactNoContent](client.DeleteContact(ctx, gone))
	missing := as[*addressbook.GetContactNotFound](client.GetContact(ctx, byID)).Response
	check(missing.Error.Code == "not_found", missing)
	goneNumber := addressbook.DeleteAddressBookContactParams{Contact: number}
	check(as[*addressbook.AddressBookDeletedHeaders](client.DeleteAddressBookContact(ctx, goneNumber)).Response.Success)
	passed("delete both")

	refused := as[*addressbook.ListContactsUnauthorized](stranger.ListContacts(ctx, addressbook.ListContactsParams{}))
	check(refused.Response.Error.Code == "unauthorized", refused)
	none := addressbook.ListAddressBookContactsParams{}
	bookRefused := as[*addressbook.ListAddressBookContactsUnauthorized](stranger.ListAddressBookContacts(ctx, none))
	check(bookRefused.Response.Error.Name == "UnauthorizedError", bookRefused)
	passed("get a typed error without a key")

	contact = &addressbook.CreateContact{
		Username:    "cat",
		PhoneNumber: "+44 7900 000003",
		Meta:        addressbook.NewOptContactMeta(addressbook.ContactMeta{"NAME": jx.Raw(`"Cat"`)}),
	}
	cat := as[*addressbook.ContactHeaders](client.CreateContact(ctx, contact, again)).Response
	friends := &addressbook.CreateGroup{Name: "friends"}
	group := as[*addressbook.GroupHeaders](client.CreateGroup(ctx, friends, addressbook.CreateGroupParams{})).Response
	joining := &addressbook.ChangeMembers{Add: []uuid.UUID{cat.ID}}
	ofGroup := addressbook.ChangeGroupMembersParams{ID: group.ID}
	members := as[*addressbook.GroupMembersChangedHeaders](client.ChangeGroupMembers(ctx, joining, ofGroup)).Response
	check(members.MemberCount.Value == 1 && members.Data[0].Outcome == "added", members)
	byID = addressbook.GetContactParams{
		ID: cat.ID, Expand: addressbook.NewOptGetContactExpand(addressbook.GetContactExpandGroups),
	}
	expanded := as[*addressbook.GetContactOKHeaders](client.GetContact(ctx, byID)).Response
	check(expanded.Groups[0].Name == "friends", expanded)
	byName := addressbook.ListAddressBookGroupContactsParams{Group: "friends"}
	grouped := as[*addressbook.AddressBookRecordListHeaders](client.ListAddressBookGroupContacts(ctx, byName)).Response
	check(grouped.Records[0].Alias == "cat", grouped)
	out := &addressbook.CreateOptOut{PhoneNumber: "0044 7900 000003"}
	optOut := as[*addressbook.CreateOptOutCreated](client.CreateOptOut(ctx, out, addressbook.CreateOptOutParams{})).Response
	check(optOut.PhoneNumber == cat.PhoneNumber, optOut)
	passed("group a contact and opt its number out")

	wanted := &addressbook.CreateAudience{
		Recipients: []addressbook.AudienceItem{{Group: addressbook.NewOptString("friends")}},
		Template: addressbook.NewOptAudienceTemplate(
			addressbook.AudienceTemplate{Text: addressbook.NewOptString("Hello {{NAME}}!")}),
	}
	campaign := addressbook.CreateAudienceParams{}
	audience := as[*addressbook.AudienceHeaders](client.CreateAudience(ctx, wanted, campaign)).Response
	check(audience.Counts.Excluded == 1 && audience.Exclusions[0].Reason == "opted_out", audience)
	back := addressbook.DeleteOptOutParams{OptOut: optOut.PhoneNumber}
	as[*addressbook.DeleteOptOutNoContent](client.DeleteOptOut(ctx, back))
	audience = as[*addressbook.AudienceHeaders](client.CreateAudience(ctx, wanted, campaign)).Response
	check(!audience.ID.Set && audience.Recipients[0].Text.Value == "Hello Cat!", audience)
	wanted.Keep = addressbook.NewOptBool(true)
	kept := as[*addressbook.CreateAudienceCreatedHeaders](client.CreateAudience(ctx, wanted, campaign)).Response
	ofAudience := addressbook.ListAudienceRecipientsParams{ID: kept.ID.Value}
	recipients := as[*addressbook.AudienceRecipientPageHeaders](client.ListAudienceRecipients(ctx, ofAudience)).Response
	check(recipients.Data[0].Text.Value == "Hello Cat!", recipients)
	passed("resolve an audience")

	resolved := as[*addressbook.AddressBookResolveAnswerHeaders](
		client.ResolveAddressBookAliases(ctx, &addressbook.ResolveAddressBookAliases{
			Aliases:  []string{"cat"},
			Template: addressbook.NewOptString("Hello {{NAME}}!"),
			Fields: addressbook.NewOptResolveAddressBookAliasesFields(
				addressbook.ResolveAddressBookAliasesFields{"cat": {"NAME": jx.Raw(`"Kitty"`)}}),
		})).Response
	check(resolved.Records[0].Text.Value == "Hello Kitty!", resolved)
	passed("resolve aliases with fields of their own")

	// Eve is new, Dan is there already, and Fay lacks a phone number.
	contact = &addressbook.CreateContact{Username: "dan", PhoneNumber: "+44 7900 000004"}
	dan := as[*addressbook.ContactHeaders](client.CreateContact(ctx, contact, again)).Response
	batch := &addressbook.ApplyContactBatch{
		Mode:    addressbook.ApplyContactBatchModeUpsert,
		MatchBy: addressbook.NewOptApplyContactBatchMatchBy(addressbook.ApplyContactBatchMatchByUsername),
		Contacts: []addressbook.ContactBatchItem{
			{Username: addressbook.NewOptString("eve"), PhoneNumber: addressbook.NewOptString("+44 7900 000005")},
			{Username: addressbook.NewOptString("dan"), DisplayName: addressbook.NewOptNilString("Daniel")},
			{Username: addressbook.NewOptString("fay")},
		},
	}
	atOnce := addressbook.ApplyContactBatchParams{}
	applied := as[*addressbook.ContactBatchResultsHeaders](client.ApplyContactBatch(ctx, batch, atOnce)).Response
	check(applied.Counts == addressbook.ContactBatchCounts{Created: 1, Updated: 1, Failed: 1}, applied)
	check(len(applied.Results) == 3, applied)
	for index, status := range []string{"created", "updated", "failed"} {
		result := applied.Results[index]
		check(result.Index == int32(index) && result.Status == status, result)
	}
	failed := applied.Results[2].Error.Value
	check(failed.Code == "validation_failed" && failed.Details[0].Field == "phone_number", failed)
	byID = addressbook.GetContactParams{ID: dan.ID}
	check(as[*addressbook.GetContactOKHeaders](client.GetContact(ctx, byID)).Response.DisplayName == "Daniel")
	passed("apply a batch")

	declare := &addressbook.DeclareField{Key: "NAME", Type: "text"}
	declared, err := client.DeclareField(ctx, declare, addressbook.DeclareFieldParams{})
	field := as[*addressbook.DeclaredFieldHeaders](declared, err).Response
	for field.State != "ready" {
		time.Sleep(50 * time.Millisecond)
		read, err := client.GetField(ctx, addressbook.GetFieldParams{ID: field.ID})
		field = as[*addressbook.GetFieldOKHeaders](read, err).Response
	}
	query = addressbook.ListContactsParams{Search: addressbook.NewOptString("ani")}
	page = as[*addressbook.ContactListHeaders](client.ListContacts(ctx, query)).Response
	check(len(page.Data) == 1 && page.Data[0].ID == dan.ID && page.Data[0].MatchType.Value == "part", page)
	// Dan has no NAME, and so comes last.
	filter := `meta.NAME = "Cat" OR username = "dan"`
	query = addressbook.ListContactsParams{
		Filter: addressbook.NewOptString(filter), OrderBy: addressbook.NewOptString("meta.NAME"),
	}
	page = as[*addressbook.ContactListHeaders](client.ListContacts(ctx, query)).Response
	check(len(page.Data) == 2 && page.Data[0].ID == cat.ID && page.Data[1].ID == dan.ID, page)
	matching := addressbook.CountContactsParams{Filter: addressbook.NewOptString(filter)}
	check(as[*addressbook.ContactCountHeaders](client.CountContacts(ctx, matching)).Response.Count == 2)
	chosen := &addressbook.CreateSegment{Name: "chosen", Filter: filter}
	saved, err := client.CreateSegment(ctx, chosen, addressbook.CreateSegmentParams{})
	ofSegment := addressbook.ListSegmentMembersParams{ID: as[*addressbook.ContactSegmentHeaders](saved, err).Response.ID}
	page = as[*addressbook.ContactListHeaders](client.ListSegmentMembers(ctx, ofSegment)).Response
	check(len(page.Data) == 2 && page.Data[0].ID == dan.ID && page.Data[1].ID == cat.ID, page)
	passed("find contacts")

	upsert, anew := &addressbook.CreateImport{Mode: addressbook.NewOptString("upsert")}, addressbook.CreateImportParams{}
	id := as[*addressbook.ContactImportHeaders](client.CreateImport(ctx, upsert, anew)).Response.ID
	// The import, as soon as it is in a state.
	reached := func(state string) addressbook.ContactImport {
		for range 200 {
			answer, err := client.GetImport(ctx, addressbook.GetImportParams{ID: id})
			if current := as[*addressbook.GetImportOKHeaders](answer, err).Response; current.State == state {
				return current
			}
			time.Sleep(50 * time.Millisecond)
		}
		log.Panicf("it is not %s", state)
		return addressbook.ContactImport{}
	}
	rows := strings.NewReader("username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n")
	file := addressbook.PutImportFileReq{Data: rows}
	as[*addressbook.GetImportOKHeaders](client.PutImportFile(ctx, file, addressbook.PutImportFileParams{ID: id}))
	planned := reached("planned")
	check(planned.Counts.Rows == 3 && planned.Counts.Create == 2 && planned.Counts.Reject == 1, planned)
	plan := &addressbook.CommitImport{Digest: planned.Digest.Value}
	as[*addressbook.GetImportOKHeaders](client.CommitImport(ctx, plan, addressbook.CommitImportParams{ID: id}))
	committed := reached("committed")
	check(committed.Counts.Applied == 2, committed)
	named := addressbook.ListContactsParams{Username: addressbook.NewOptString("gil")}
	found := as[*addressbook.ContactListHeaders](client.ListContacts(ctx, named)).Response
	check(len(found.Data) == 1 && found.Data[0].PhoneNumber == "+447900000006", found)
	as[*addressbook.GetImportOKHeaders](client.UndoImport(ctx, addressbook.UndoImportParams{ID: id}))
	undone := reached("undone")
	check(undone.Counts.Undone == 2, undone)
	byID = addressbook.GetContactParams{ID: found.Data[0].ID}
	missing = as[*addressbook.GetContactNotFound](client.GetContact(ctx, byID)).Response
	check(missing.Error.Code == "not_found", missing)
	passed("import a file")
}
