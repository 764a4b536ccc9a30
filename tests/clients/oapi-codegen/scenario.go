// A user of the client that oapi-codegen makes: an answer has a member for each status.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"
	"github.com/oapi-codegen/runtime/types"

	"clients/client"
)

const number = "4479000000002"

func passed(step string) { fmt.Println("ok " + step) }

func check(holds bool, seen ...any) {
	if !holds {
		log.Panic(seen...)
	}
}

// The answer of a call that reached the service.
func got[T any](answer *T, err error) *T {
	check(err == nil, err)
	return answer
}

func to[T any](value T) *T { return &value }

func main() {
	url, key := os.Args[1], os.Args[2]
	ctx := context.Background()
	authorize := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+key)
		return nil
	}
	client := got(addressbook.NewClientWithResponses(url, addressbook.WithRequestEditorFn(authorize)))

	contact := addressbook.CreateContact{
		Username:    "ann",
		PhoneNumber: "+44 20 7946 0001",
		DisplayName: to("Ann"),
		Meta:        &addressbook.ContactMeta{"CITY": "London"},
	}
	first := addressbook.CreateContactParams{IdempotencyKey: to("ann-1")}
	ann := got(client.CreateContactWithResponse(ctx, &first, contact)).JSON201
	check(ann != nil && ann.Username == "ann" && ann.PhoneNumber == "+442079460001", ann)
	passed("create a contact")

	record := addressbook.CreateAddressBookRecord{Alias: "ben", Msisdn: number}
	ben := got(client.CreateAddressBookContactWithResponse(ctx, nil, record)).JSON200.Record
	check(ben.Alias == "ben" && ben.Msisdn == number, ben)
	passed("create an address book contact")

	check(reflect.DeepEqual(got(client.GetContactWithResponse(ctx, ann.Id, nil)).JSON200, ann))
	check(ann.Meta["CITY"] == "London" && ann.AvatarUrl.IsNull(), ann)
	passed("read the contact")

	check(reflect.DeepEqual(got(client.GetAddressBookContactWithResponse(ctx, number)).JSON200.Record, ben))
	passed("read the address book contact by its number")

	query := addressbook.ListContactsParams{Limit: to[int32](1)}
	page := got(client.ListContactsWithResponse(ctx, &query)).JSON200
	check(page.HasMore && len(page.Data) == 1 && page.Data[0].Id == ben.Id, page)
	passed("list the first page")

	query.StartingAfter = &ben.Id
	page = got(client.ListContactsWithResponse(ctx, &query)).JSON200
	check(!page.HasMore && reflect.DeepEqual(page.Data, []addressbook.Contact{*ann}), page)
	passed("list the second page")

	sorted := addressbook.ListAddressBookContactsParams{
		SortField: to(addressbook.ListAddressBookContactsParamsSortFieldAlias),
		SortDir:   to(addressbook.ListAddressBookContactsParamsSortDirASC),
		Limit:     to[int32](1),
	}
	list := got(client.ListAddressBookContactsWithResponse(ctx, &sorted)).JSON200
	check(list.Total == 2 && len(list.Records) == 1 && list.Records[0].Alias == "ann", list)
	passed("list the address book")

	changes := addressbook.UpdateContact{
		DisplayName: nullable.NewNullableWithValue("Annie"),
		Meta:        nullable.NewNullableWithValue(addressbook.ContactMeta{"CITY": "Paris"}),
	}
	anyVersion := addressbook.UpdateContactParams{IfMatch: to("*")}
	changed := got(client.UpdateContactWithResponse(ctx, ann.Id, &anyVersion, changes)).JSON200
	check(*changed.DisplayName == "Annie" && (*changed.Meta)["CITY"] == "Paris", changed)
	passed("update the contact")

	changes = addressbook.UpdateContact{DisplayName: nullable.NewNullNullable[string]()}
	check(*got(client.UpdateContactWithResponse(ctx, ann.Id, nil, changes)).JSON200.DisplayName == "ann")
	passed("clear a member with null")

	rename := addressbook.UpdateAddressBookRecord{Alias: to("benny")}
	check(got(client.UpdateAddressBookContactWithResponse(ctx, number, rename)).JSON200.Record.Alias == "benny")
	passed("update the address book contact")

	// With a name of nothing but blanks.
	bad := addressbook.CreateContact{Username: " ", PhoneNumber: number}
	fault := got(client.CreateContactWithResponse(ctx, nil, bad)).JSON400.Error
	check(fault.Code == "validation_failed", fault)
	details := *fault.Details
	check(details[0].Field == "username" && details[0].Code == "blank", fault)
	badRecord := addressbook.CreateAddressBookRecord{Alias: " ", Msisdn: number}
	bookFault := got(client.CreateAddressBookContactWithResponse(ctx, nil, badRecord)).JSON400.Error
	check(bookFault.Name == "ValidationError", bookFault)
	passed("get a typed validation error")

	fault = got(client.CreateContactWithResponse(ctx, nil, contact)).JSON409.Error
	check(fault.Code == "username_taken", fault)
	taken := addressbook.CreateAddressBookRecord{Alias: "ann", Msisdn: number}
	bookFault = got(client.CreateAddressBookContactWithResponse(ctx, nil, taken)).JSON409.Error
	check(bookFault.Name == "ConflictError", bookFault)
	passed("get a typed conflict")

	check(got(client.DeleteContactWithResponse(ctx, ann.Id, nil)).StatusCode() == http.StatusNoContent)
	check(got(client.GetContactWithResponse(ctx, ann.Id, nil)).JSON404.Error.Code == "not_found")
	check(got(client.DeleteAddressBookContactWithResponse(ctx, number)).JSON200.Success)
	passed("delete both")

	stranger := got(addressbook.NewClientWithResponses(url))
	check(got(stranger.ListContactsWithResponse(ctx, nil)).JSON401.Error.Code == "unauthorized")
	check(got(stranger.ListAddressBookContactsWithResponse(ctx, nil)).JSON401.Error.Name == "UnauthorizedError")
	passed("get a typed error without a key")

	contact = addressbook.CreateContact{
		Username: "cat", PhoneNumber: "+44 7900 000003", Meta: &addressbook.ContactMeta{"NAME": "Cat"},
	}
	cat := got(client.CreateContactWithResponse(ctx, nil, contact)).JSON201
	group := got(client.CreateGroupWithResponse(ctx, nil, addressbook.CreateGroup{Name: "friends"})).JSON201
	join := addressbook.ChangeMembers{Add: &[]types.UUID{cat.Id}}
	members := got(client.ChangeGroupMembersWithResponse(ctx, group.Id, join)).JSON200
	check(*members.MemberCount == 1 && members.Data[0].Outcome == "added", members)
	with := addressbook.GetContactParams{Expand: to(addressbook.GetContactParamsExpandGroups)}
	groups := *got(client.GetContactWithResponse(ctx, cat.Id, &with)).JSON200.Groups
	check(groups[0].Name == "friends", groups)
	grouped := got(client.ListAddressBookGroupContactsWithResponse(ctx, "friends", nil)).JSON200
	check(grouped.Records[0].Alias == "cat", grouped)
	optOut := got(client.CreateOptOutWithResponse(ctx, nil, addressbook.CreateOptOut{PhoneNumber: "0044 7900 000003"})).JSON201
	check(optOut.PhoneNumber == cat.PhoneNumber, optOut)
	passed("group a contact and opt its number out")

	wanted := addressbook.CreateAudience{
		Recipients: []addressbook.AudienceItem{{Group: to("friends")}},
		Template:   &addressbook.AudienceTemplate{Text: to("Hello {{NAME}}!")},
	}
	audience := got(client.CreateAudienceWithResponse(ctx, nil, wanted)).JSON200
	check(audience.Counts.Excluded == 1 && audience.Exclusions[0].Reason == "opted_out", audience)
	back := got(client.DeleteOptOutWithResponse(ctx, optOut.PhoneNumber))
	check(back.StatusCode() == http.StatusNoContent)
	audience = got(client.CreateAudienceWithResponse(ctx, nil, wanted)).JSON200
	check(audience.Id == nil && *audience.Recipients[0].Text == "Hello Cat!", audience)
	wanted.Keep = to(true)
	kept := got(client.CreateAudienceWithResponse(ctx, nil, wanted)).JSON201
	recipients := got(client.ListAudienceRecipientsWithResponse(ctx, *kept.Id, nil)).JSON200
	check(*recipients.Data[0].Text == "Hello Cat!", recipients)
	passed("resolve an audience")

	resolved := got(client.ResolveAddressBookAliasesWithResponse(ctx, addressbook.ResolveAddressBookAliases{
		Aliases:  []string{"cat"},
		Template: to("Hello {{NAME}}!"),
		Fields:   &map[string]addressbook.ContactMeta{"cat": {"NAME": "Kitty"}},
	})).JSON200
	check(*resolved.Records[0].Text == "Hello Kitty!", resolved)
	passed("resolve aliases with fields of their own")

	// Eve is new, Dan is there already, and Fay lacks a phone number.
	contact = addressbook.CreateContact{Username: "dan", PhoneNumber: "+44 7900 000004"}
	dan := got(client.CreateContactWithResponse(ctx, nil, contact)).JSON201
	applied := got(client.ApplyContactBatchWithResponse(ctx, nil, addressbook.ApplyContactBatch{
		Mode:    addressbook.ApplyContactBatchModeUpsert,
		MatchBy: to(addressbook.ApplyContactBatchMatchByUsername),
		Contacts: []addressbook.ContactBatchItem{
			{Username: to("eve"), PhoneNumber: to("+44 7900 000005")},
			{Username: to("dan"), DisplayName: nullable.NewNullableWithValue("Daniel")},
			{Username: to("fay")},
		},
	})).JSON200
	check(applied.Counts == addressbook.ContactBatchCounts{Created: 1, Updated: 1, Failed: 1}, applied)
	check(len(applied.Results) == 3, applied)
	for index, status := range []string{"created", "updated", "failed"} {
		result := applied.Results[index]
		check(result.Index == int32(index) && result.Status == status, result)
	}
	failed := *applied.Results[2].Error
	check(failed.Code == "validation_failed" && (*failed.Details)[0].Field == "phone_number", failed)
	check(got(client.GetContactWithResponse(ctx, dan.Id, nil)).JSON200.DisplayName == "Daniel")
	passed("apply a batch")

	declare := addressbook.DeclareField{Key: "NAME", Type: "text"}
	field := got(client.DeclareFieldWithResponse(ctx, nil, declare)).JSON201
	for field.State != "ready" {
		time.Sleep(50 * time.Millisecond)
		field = got(client.GetFieldWithResponse(ctx, field.Id)).JSON200
	}
	page = got(client.ListContactsWithResponse(ctx, &addressbook.ListContactsParams{Search: to("ani")})).JSON200
	check(len(page.Data) == 1 && page.Data[0].Id == dan.Id && *page.Data[0].MatchType == "part", page)
	// Dan has no NAME, and so comes last.
	filter := `meta.NAME = "Cat" OR username = "dan"`
	query = addressbook.ListContactsParams{Filter: &filter, OrderBy: to("meta.NAME")}
	page = got(client.ListContactsWithResponse(ctx, &query)).JSON200
	check(len(page.Data) == 2 && page.Data[0].Id == cat.Id && page.Data[1].Id == dan.Id, page)
	matching := addressbook.CountContactsParams{Filter: &filter}
	check(got(client.CountContactsWithResponse(ctx, &matching)).JSON200.Count == 2)
	chosen := addressbook.CreateSegment{Name: "chosen", Filter: filter}
	segment := got(client.CreateSegmentWithResponse(ctx, nil, chosen)).JSON201
	page = got(client.ListSegmentMembersWithResponse(ctx, segment.Id, nil)).JSON200
	check(len(page.Data) == 2 && page.Data[0].Id == dan.Id && page.Data[1].Id == cat.Id, page)
	passed("find contacts")

	id := got(client.CreateImportWithResponse(ctx, nil, addressbook.CreateImport{Mode: to("upsert")})).JSON201.Id
	// The import, as soon as it is in a state.
	reached := func(state string) *addressbook.ContactImport {
		for range 200 {
			if current := got(client.GetImportWithResponse(ctx, id)).JSON200; current.State == state {
				return current
			}
			time.Sleep(50 * time.Millisecond)
		}
		log.Panicf("it is not %s", state)
		return nil
	}
	file := strings.NewReader("username,phone_number\ngil,+44 7900 000006\nhal,+44 7900 000007\nida,none\n")
	check(got(client.PutImportFileWithBodyWithResponse(ctx, id, "application/octet-stream", file)).JSON202 != nil)
	planned := reached("planned")
	check(planned.Counts.Rows == 3 && planned.Counts.Create == 2 && planned.Counts.Reject == 1, planned)
	plan := addressbook.CommitImport{Digest: *planned.Digest}
	check(got(client.CommitImportWithResponse(ctx, id, plan)).JSON202 != nil)
	committed := reached("committed")
	check(committed.Counts.Applied == 2, committed)
	page = got(client.ListContactsWithResponse(ctx, &addressbook.ListContactsParams{Username: to("gil")})).JSON200
	check(len(page.Data) == 1 && page.Data[0].PhoneNumber == "+447900000006", page)
	check(got(client.UndoImportWithResponse(ctx, id)).JSON202 != nil)
	undone := reached("undone")
	check(undone.Counts.Undone == 2, undone)
	check(got(client.GetContactWithResponse(ctx, page.Data[0].Id, nil)).JSON404.Error.Code == "not_found")
	passed("import a file")
}
