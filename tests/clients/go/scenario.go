// A user of the generated Go client.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"reflect"
	"time"

	"clients/client"
)

const number = "4479000000002"

func passed(step string) { fmt.Println("ok " + step) }

func check(holds bool, seen ...any) {
	if !holds {
		log.Panic(seen...)
	}
}

// The answer of a call that has to succeed.
func ok[T, R any](answer T, _ R, err error) T {
	check(err == nil, err)
	return answer
}

// The typed error of a call that has to fail.
func problem[E, T, R any](_ T, _ R, err error) E {
	var failure *addressbook.GenericOpenAPIError
	check(errors.As(err, &failure), err)
	typed, isTyped := failure.Model().(E)
	check(isTyped, failure.Model())
	return typed
}

func api(url string) *addressbook.APIClient {
	configuration := addressbook.NewConfiguration()
	configuration.Servers = addressbook.ServerConfigurations{{URL: url}}
	return addressbook.NewAPIClient(configuration)
}

func main() {
	url, key := os.Args[1], os.Args[2]
	ctx := context.WithValue(context.Background(), addressbook.ContextAccessToken, key)
	contacts, book := api(url).ContactsAPI, api(url).AddressBookAPI

	contact := addressbook.CreateContact{
		Username:    "ann",
		PhoneNumber: "+44 20 7946 0001",
		DisplayName: addressbook.PtrString("Ann"),
		Meta:        map[string]any{"CITY": "London"},
	}
	ann := ok(contacts.CreateContact(ctx).Contact(contact).IdempotencyKey("ann-1").Execute())
	check(ann.Username == "ann" && ann.PhoneNumber == "+442079460001", ann)
	passed("create a contact")

	record := addressbook.CreateAddressBookRecord{Alias: "ben", Msisdn: number}
	ben := ok(book.CreateAddressBookContact(ctx).Contact(record).Execute()).Record
	check(ben.Alias == "ben" && ben.Msisdn == number, ben)
	passed("create an address book contact")

	check(reflect.DeepEqual(ok(contacts.GetContact(ctx, ann.Id).Execute()), ann))
	check(ann.Meta["CITY"] == "London" && ann.AvatarUrl.Get() == nil, ann)
	passed("read the contact")

	check(reflect.DeepEqual(ok(book.GetAddressBookContact(ctx, number).Execute()).Record, ben))
	passed("read the address book contact by its number")

	page := ok(contacts.ListContacts(ctx).Limit(1).Execute())
	check(page.HasMore && len(page.Data) == 1 && page.Data[0].Id == ben.Id, page)
	passed("list the first page")

	page = ok(contacts.ListContacts(ctx).Limit(1).StartingAfter(ben.Id).Execute())
	check(!page.HasMore && reflect.DeepEqual(page.Data, []addressbook.Contact{*ann}), page)
	passed("list the second page")

	list := ok(book.ListAddressBookContacts(ctx).
		SortField(addressbook.SORTFIELD_ALIAS).SortDir(addressbook.SORTDIRECTION_ASC).Limit(1).Execute())
	check(list.Total == 2 && len(list.Records) == 1 && list.Records[0].Alias == "ann", list)
	passed("list the address book")

	changes := addressbook.UpdateContact{Meta: map[string]any{"CITY": "Paris"}}
	changes.SetDisplayName("Annie")
	changed := ok(contacts.UpdateContact(ctx, ann.Id).Changes(changes).IfMatch("*").Execute())
	check(changed.GetDisplayName() == "Annie" && changed.Meta["CITY"] == "Paris", changed)
	passed("update the contact")

	changes = addressbook.UpdateContact{}
	changes.SetDisplayNameNil()
	check(ok(contacts.UpdateContact(ctx, ann.Id).Changes(changes).Execute()).GetDisplayName() == "ann")
	passed("clear a member with null")

	rename := addressbook.UpdateAddressBookRecord{Alias: addressbook.PtrString("benny")}
	check(ok(book.UpdateAddressBookContact(ctx, number).Changes(rename).Execute()).Record.Alias == "benny")
	passed("update the address book contact")

	// With a name of nothing but blanks.
	bad := addressbook.CreateContact{Username: " ", PhoneNumber: number}
	fault := problem[addressbook.V1Error](contacts.CreateContact(ctx).Contact(bad).Execute()).Error
	check(fault.Code == "validation_failed", fault)
	check(fault.Details[0].Field == "username" && fault.Details[0].Code == "blank", fault)
	badRecord := addressbook.CreateAddressBookRecord{Alias: " ", Msisdn: number}
	bookFault := problem[addressbook.AddressBookError](book.CreateAddressBookContact(ctx).Contact(badRecord).Execute())
	check(bookFault.Error.Name == "ValidationError", bookFault)
	passed("get a typed validation error")

	fault = problem[addressbook.V1Error](contacts.CreateContact(ctx).Contact(contact).Execute()).Error
	check(fault.Code == "username_taken", fault)
	taken := addressbook.CreateAddressBookRecord{Alias: "ann", Msisdn: number}
	bookFault = problem[addressbook.AddressBookError](book.CreateAddressBookContact(ctx).Contact(taken).Execute())
	check(bookFault.Error.Name == "ConflictError", bookFault)
	passed("get a typed conflict")

	_, err := contacts.DeleteContact(ctx, ann.Id).Execute()
	check(err == nil, err)
	fault = problem[addressbook.V1Error](contacts.GetContact(ctx, ann.Id).Execute()).Error
	check(fault.Code == "not_found", fault)
	check(ok(book.DeleteAddressBookContact(ctx, number).Execute()).Success)
	passed("delete both")

	stranger := context.Background()
	fault = problem[addressbook.V1Error](contacts.ListContacts(stranger).Execute()).Error
	check(fault.Code == "unauthorized", fault)
	bookFault = problem[addressbook.AddressBookError](book.ListAddressBookContacts(stranger).Execute())
	check(bookFault.Error.Name == "UnauthorizedError", bookFault)
	passed("get a typed error without a key")

	groups, optOuts, audiences := api(url).GroupsAPI, api(url).OptOutsAPI, api(url).AudiencesAPI
	contact = addressbook.CreateContact{
		Username: "cat", PhoneNumber: "+44 7900 000003", Meta: map[string]any{"NAME": "Cat"},
	}
	cat := ok(contacts.CreateContact(ctx).Contact(contact).Execute())
	group := ok(groups.CreateGroup(ctx).Group(addressbook.CreateGroup{Name: "friends"}).Execute())
	join := addressbook.ChangeMembers{Add: []string{cat.Id}}
	members := ok(groups.ChangeGroupMembers(ctx, group.Id).Changes(join).Execute())
	check(members.GetMemberCount() == 1 && members.Data[0].Outcome == "added", members)
	check(ok(contacts.GetContact(ctx, cat.Id).Expand(addressbook.EXPAND_GROUPS).Execute()).Groups[0].Name == "friends")
	check(ok(api(url).AddressBookGroupsAPI.ListAddressBookGroupContacts(ctx, "friends").Execute()).Records[0].Alias == "cat")
	number := addressbook.CreateOptOut{PhoneNumber: "0044 7900 000003"}
	optOut := ok(optOuts.CreateOptOut(ctx).OptOut(number).Execute())
	check(optOut.PhoneNumber == cat.PhoneNumber, optOut)
	passed("group a contact and opt its number out")

	wanted := addressbook.CreateAudience{
		Recipients: []addressbook.AudienceItem{{Group: addressbook.PtrString("friends")}},
		Template:   &addressbook.AudienceTemplate{Text: addressbook.PtrString("Hello {{NAME}}!")},
	}
	audience := ok(audiences.CreateAudience(ctx).Audience(wanted).Execute())
	check(audience.Counts.Excluded == 1 && audience.Exclusions[0].Reason == "opted_out", audience)
	_, err = optOuts.DeleteOptOut(ctx, optOut.PhoneNumber).Execute()
	check(err == nil, err)
	audience = ok(audiences.CreateAudience(ctx).Audience(wanted).Execute())
	check(!audience.HasId() && *audience.Recipients[0].Text == "Hello Cat!", audience)
	wanted.Keep = addressbook.PtrBool(true)
	kept := ok(audiences.CreateAudience(ctx).Audience(wanted).Execute())
	recipients := ok(audiences.ListAudienceRecipients(ctx, *kept.Id).Execute())
	check(*recipients.Data[0].Text == "Hello Cat!", recipients)
	passed("resolve an audience")

	resolved := ok(api(url).AddressBookAudiencesAPI.ResolveAddressBookAliases(ctx).Audience(addressbook.ResolveAddressBookAliases{
		Aliases:  []string{"cat"},
		Template: addressbook.PtrString("Hello {{NAME}}!"),
		Fields:   map[string]map[string]any{"cat": {"NAME": "Kitty"}},
	}).Execute())
	check(*resolved.Records[0].Text == "Hello Kitty!", resolved)
	passed("resolve aliases with fields of their own")

	// Eve is new, Dan is there already, and Fay lacks a phone number.
	there := addressbook.CreateContact{Username: "dan", PhoneNumber: "+44 7900 000004"}
	dan := ok(contacts.CreateContact(ctx).Contact(there).Execute())
	daniel := addressbook.ContactBatchItem{Username: addressbook.PtrString("dan")}
	daniel.SetDisplayName("Daniel")
	applied := ok(contacts.ApplyContactBatch(ctx).Batch(addressbook.ApplyContactBatch{
		Mode:    addressbook.BATCHMODE_UPSERT,
		MatchBy: addressbook.CONTACTMATCHBY_USERNAME.Ptr(),
		Contacts: []addressbook.ContactBatchItem{
			{Username: addressbook.PtrString("eve"), PhoneNumber: addressbook.PtrString("+44 7900 000005")},
			daniel,
			{Username: addressbook.PtrString("fay")},
		},
	}).Execute())
	check(applied.Counts == addressbook.ContactBatchCounts{Created: 1, Updated: 1, Failed: 1}, applied.Counts)
	check(len(applied.Results) == 3, applied)
	for index, status := range []string{"created", "updated", "failed"} {
		result := applied.Results[index]
		check(result.Index == int32(index) && result.Status == status, result)
	}
	fault = *applied.Results[2].Error
	check(fault.Code == "validation_failed" && fault.Details[0].Field == "phone_number", fault)
	check(ok(contacts.GetContact(ctx, dan.Id).Execute()).DisplayName == "Daniel")
	passed("apply a batch")

	fields, segments := api(url).FieldsAPI, api(url).SegmentsAPI
	declare := addressbook.DeclareField{Key: "NAME", Type: "text"}
	field := ok(fields.DeclareField(ctx).Field(declare).Execute())
	for field.State != "ready" {
		time.Sleep(50 * time.Millisecond)
		field = ok(fields.GetField(ctx, field.Id).Execute())
	}
	page = ok(contacts.ListContacts(ctx).Search("ani").Execute())
	check(len(page.Data) == 1 && page.Data[0].Id == dan.Id && page.Data[0].GetMatchType() == "part", page)
	// Dan has no NAME, and so comes last.
	filter := `meta.NAME = "Cat" OR username = "dan"`
	page = ok(contacts.ListContacts(ctx).Filter(filter).OrderBy("meta.NAME").Execute())
	check(len(page.Data) == 2 && page.Data[0].Id == cat.Id && page.Data[1].Id == dan.Id, page)
	check(ok(contacts.CountContacts(ctx).Filter(filter).Execute()).Count == 2)
	chosen := addressbook.CreateSegment{Name: "chosen", Filter: filter}
	segment := ok(segments.CreateSegment(ctx).Segment(chosen).Execute())
	page = ok(segments.ListSegmentMembers(ctx, segment.Id).Execute())
	check(len(page.Data) == 2 && page.Data[0].Id == dan.Id && page.Data[1].Id == cat.Id, page)
	passed("find contacts")

	imports := api(url).ImportsAPI
	create := addressbook.CreateImport{Mode: addressbook.PtrString("upsert")}
	id := ok(imports.CreateImport(ctx).Options(create).Execute()).Id
	// The import, as soon as it is in a state.
	reached := func(state string) *addressbook.ContactImport {
		for range 200 {
			if current := ok(imports.GetImport(ctx, id).Execute()); current.State == state {
				return current
			}
			time.Sleep(50 * time.Millisecond)
		}
		log.Panicf("it is not %s", state)
		return nil
	}
	file, err := os.CreateTemp("", "*.csv")
	check(err == nil, err)
	defer os.Remove(file.Name())
	_, err = file.WriteString("username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n")
	check(err == nil, err)
	_, err = file.Seek(0, io.SeekStart)
	check(err == nil, err)
	ok(imports.PutImportFile(ctx, id).File(file).Execute())
	planned := reached("planned")
	check(planned.Counts.Rows == 3 && planned.Counts.Create == 2 && planned.Counts.Reject == 1, planned)
	ok(imports.CommitImport(ctx, id).Plan(addressbook.CommitImport{Digest: *planned.Digest}).Execute())
	committed := reached("committed")
	check(committed.Counts.Applied == 2, committed)
	gil := ok(contacts.ListContacts(ctx).Username("gil").Execute()).Data[0]
	check(gil.PhoneNumber == "+447900000006", gil)
	ok(imports.UndoImport(ctx, id).Execute())
	undone := reached("undone")
	check(undone.Counts.Undone == 2, undone)
	fault = problem[addressbook.V1Error](contacts.GetContact(ctx, gil.Id).Execute()).Error
	check(fault.Code == "not_found", fault)
	passed("import a file")
}
