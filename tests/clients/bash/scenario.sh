# A user of the generated command for shells, with jq for what it prints.
set -euo pipefail

client=$1 url=$2 key=$3
NUMBER=4479000000002

passed() {
    echo "ok $1"
}

# Calls an operation, with options for curl; `answer` is set afterwards.
options=()
call() {
    answer=$(bash "$client" --no-colors --host "$url" --silent "${options[@]}" "$1" "Authorization:Bearer $key" "${@:2}")
}

# What a path of jq says of the answer.
check() {
    local seen
    seen=$(jq --compact-output --raw-output "$1" <<<"$answer")
    [[ $seen == "$2" ]] || {
        echo "$1 of $answer is not $2" >&2
        exit 1
    }
}

call createContact username==ann 'phone_number==+44 20 7946 0001' display_name==Ann 'meta:={"CITY":"London"}' \
    Idempotency-Key:ann-1
check '[.username, .phone_number]' '["ann","+442079460001"]'
ann=$answer id=$(jq -r .id <<<"$answer")
passed 'create a contact'

call createAddressBookContact alias==ben msisdn=="$NUMBER"
check '[.record.alias, .record.msisdn]' "[\"ben\",\"$NUMBER\"]"
ben=$(jq -r .record.id <<<"$answer")
passed 'create an address book contact'

call getContact id="$id"
[[ $answer == "$ann" ]]
check '[.meta.CITY, .avatar_url]' '["London",null]'
passed 'read the contact'

call getAddressBookContact contact="$NUMBER"
check .record.id "$ben"
passed 'read the address book contact by its number'

call listContacts limit=1
check '[.has_more, .data[].id]' "[true,\"$ben\"]"
passed 'list the first page'

call listContacts limit=1 starting_after="$ben"
check '[.has_more, .data[].id]' "[false,\"$id\"]"
passed 'list the second page'

call listAddressBookContacts sortField=alias sortDir=ASC limit=1
check '[.total, .records[].alias]' '[2,"ann"]'
passed 'list the address book'

call updateContact id="$id" display_name==Annie 'meta:={"CITY":"Paris"}' 'If-Match:*'
check '[.display_name, .meta.CITY]' '["Annie","Paris"]'
passed 'update the contact'

call updateContact id="$id" display_name:=null
check .display_name ann
passed 'clear a member with null'

call updateAddressBookContact contact="$NUMBER" alias==benny
check .record.alias benny
passed 'update the address book contact'

# With a name of nothing but blanks.
call createContact 'username== ' phone_number=="$NUMBER"
check '[.error.code, .error.details[0].field, .error.details[0].code]' '["validation_failed","username","blank"]'
call createAddressBookContact 'alias== ' msisdn=="$NUMBER"
check .error.name ValidationError
echo 'cannot get a typed validation error: the client has no types; the error codes were compared'

call createContact username==ann phone_number=="$NUMBER"
check .error.code username_taken
call createAddressBookContact alias==ann msisdn=="$NUMBER"
check .error.name ConflictError
echo 'cannot get a typed conflict: the client has no types; the error codes were compared'

call deleteContact id="$id"
[[ -z $answer ]]
call getContact id="$id"
check .error.code not_found
call deleteAddressBookContact contact="$NUMBER"
check .success true
passed 'delete both'

mine=$key key=none
call listContacts
check .error.code unauthorized
call listAddressBookContacts
check .error.name UnauthorizedError
echo 'cannot get a typed error without a key: the client has no types; the error codes were compared'

key=$mine
call createContact username==cat 'phone_number==+44 7900 000003' 'meta:={"NAME":"Cat"}'
cat=$(jq -r .id <<<"$answer") number=$(jq -r .phone_number <<<"$answer")
call createGroup name==friends
call changeGroupMembers id="$(jq -r .id <<<"$answer")" "add:=[\"$cat\"]"
check '[.member_count, .data[].outcome]' '[1,"added"]'
call getContact id="$cat" expand=groups
check .groups[0].name friends
call listAddressBookGroupContacts group=friends
check .records[0].alias cat
call createOptOut 'phone_number==0044 7900 000003'
check .phone_number "$number"
passed 'group a contact and opt its number out'

wanted=('recipients:=[{"group":"friends"}]' 'template:={"text":"Hello {{NAME}}!"}')
call createAudience "${wanted[@]}"
check '[.counts.excluded, .exclusions[].reason]' '[1,"opted_out"]'
call deleteOptOut opt_out="$number"
call createAudience "${wanted[@]}"
check '[.id, .recipients[].text]' '[null,"Hello Cat!"]'
call createAudience "${wanted[@]}" keep:=true
call listAudienceRecipients id="$(jq -r .id <<<"$answer")"
check .data[0].text 'Hello Cat!'
passed 'resolve an audience'

call resolveAddressBookAliases 'aliases:=["cat"]' 'template==Hello {{NAME}}!' 'fields:={"cat":{"NAME":"Kitty"}}'
check .records[0].text 'Hello Kitty!'
passed 'resolve aliases with fields of their own'

# Eve is new, Dan is there already, and Fay lacks a phone number.
call createContact username==dan 'phone_number==+44 7900 000004'
dan=$(jq -r .id <<<"$answer")
call applyContactBatch mode==upsert match_by==username \
    'contacts:=[{"username":"eve","phone_number":"+44 7900 000005"},{"username":"dan","display_name":"Daniel"},{"username":"fay"}]'
check '.counts | [.created, .updated, .unchanged, .failed]' '[1,1,0,1]'
check '[.results[] | .index, .status]' '[0,"created",1,"updated",2,"failed"]'
check '.results[2].error | [.code, .details[0].field]' '["validation_failed","phone_number"]'
call getContact id="$dan"
check .display_name Daniel
passed 'apply a batch'

call declareField key==NAME type==text
field=$(jq -r .id <<<"$answer")
until [[ $(jq -r .state <<<"$answer") == ready ]]; do
    sleep 0.05
    call getField id="$field"
done
call listContacts search=ani
check '[.data[] | .id, .match_type]' "[\"$dan\",\"part\"]"
# Dan has no NAME, and so comes last.
filter='meta.NAME = "Cat" OR username = "dan"'
call listContacts filter="$filter" order_by=meta.NAME
check '[.data[].id]' "[\"$cat\",\"$dan\"]"
call countContacts filter="$filter"
check .count 2
# The command does not escape what it puts into a body.
call createSegment name==chosen filter:="$(jq --raw-input . <<<"$filter")"
call listSegmentMembers id="$(jq -r .id <<<"$answer")"
check '[.data[].id]' "[\"$dan\",\"$cat\"]"
passed 'find contacts'

# The import, as soon as it is in a state.
reached() {
    for _ in {1..200}; do
        call getImport id="$import"
        [[ $(jq -r .state <<<"$answer") != "$1" ]] || return 0
        sleep 0.05
    done
    echo "$answer is not $1" >&2
    exit 1
}

call createImport mode==upsert
import=$(jq -r .id <<<"$answer")
file=$(mktemp)
trap 'rm "$file"' EXIT
printf '%s\n' username,phone_number 'gil,+44 7900 000006' 'hal,+44 7900 000007' ida,none >"$file"
# Of a file that it reads from a pipe, the command removes the line breaks.
options=(--data-binary "@$file")
call putImportFile id="$import"
options=()
reached planned
check '.counts | [.rows, .create, .reject]' '[3,2,1]'
call commitImport id="$import" digest=="$(jq -r .digest <<<"$answer")"
reached committed
check .counts.applied 2
call listContacts username=gil
check .data[0].phone_number +447900000006
gil=$(jq -r .data[0].id <<<"$answer")
call undoImport id="$import"
reached undone
check .counts.undone 2
call getContact id="$gil"
check .error.code not_found
passed 'import a file'
