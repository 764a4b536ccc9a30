//! Files as other programs write them. All names and numbers are invented.

use addressbook::domain::file_format::Delimiter;
use addressbook::formats::read::Note;

use super::harness::{File, Named, read, utf16};

fn cells<'a>(record: &'a Named, columns: &[&str]) -> Vec<&'a str> {
    columns.iter().map(|column| record.text(column)).collect()
}

/// The encoding and the delimiter, if every record could be read.
fn recognised(file: &File) -> (&'static str, Option<Delimiter>) {
    assert!(file.records.iter().all(|record| record.rejected.is_none()), "{file:#?}");
    (file.detected.encoding.as_str(), file.detected.delimiter)
}

fn windows_1252(text: &str) -> Vec<u8> {
    let (bytes, _, has_unmappable) = encoding_rs::WINDOWS_1252.encode(text);
    assert!(!has_unmappable);
    bytes.into_owned()
}

/// German Excel, "CSV UTF-8": semicolons, a byte order mark, CRLF, and a long number as Excel shows it.
#[test]
fn excel_csv() {
    let text = include_str!("samples/excel.csv").replace('\n', "\r\n");
    let file = read(format!("\u{feff}{text}"));
    assert_eq!(recognised(&file), ("UTF-8", Some(Delimiter::Semicolon)));
    assert_eq!(file.columns, ["Name", "Telefon", "Ort", "Bemerkung", "column 5"]);
    assert_eq!(file.records.len(), 3);
    let columns = ["Name", "Telefon", "Ort", "Bemerkung", "column 5"];
    assert_eq!(
        cells(&file.records[0], &columns),
        ["Jörg Müller", "4,479E+11", "Köln", "ruft \"gern\" an; oft", ""]
    );
    assert_eq!(
        cells(&file.records[1], &columns),
        ["Łukasz Żak", "+48 601 000 001", "Łódź", "zwei\r\nZeilen", ""]
    );
    assert_eq!(cells(&file.records[2], &columns), ["=Ina", "4.47E+11", "", "", ""]);
    assert_eq!(file.records.iter().map(|record| record.number).collect::<Vec<_>>(), [2, 3, 5]);

    // "CSV" without UTF-8, of the same table.
    let file = read(windows_1252(&text.replace("Łukasz Żak", "Lukasz Zak").replace("Łódź", "Lodz")));
    assert_eq!(recognised(&file), ("Windows-1252", Some(Delimiter::Semicolon)));
    assert_eq!(cells(&file.records[0], &["Name", "Ort"]), ["Jörg Müller", "Köln"]);
    assert_eq!(file.records[2].text("Name"), "'=Ina");

    // "Unicode text": UTF-16 with tabs.
    let tabs = "Name\tTelefon\r\nŁukasz\t+48 601 000 001\r\n\"a\tb\"\t2\r\n";
    let file = read(utf16(&format!("\u{feff}{tabs}"), u16::to_le_bytes));
    assert_eq!(recognised(&file), ("UTF-16LE", Some(Delimiter::Tab)));
    assert_eq!(cells(&file.records[1], &["Name", "Telefon"]), ["a\tb", "2"]);
}

/// One table, saved by LibreOffice Calc 7.4 in four ways: as it suggests; with semicolons for Western Europe; as Unicode with
/// tabs; with quotes around all texts.
#[test]
fn libreoffice_csv() {
    let columns = ["username", "phone_number", "display_name", "meta.CITY", "meta.NOTE"];
    let expected = [
        ["john", "+447900000001", "John \"Jack\" Sample; Sr.", "London", "first line\nsecond line"],
        ["zoë", "447900000002", "Zoë Müller", "Köln", "2"],
        // A number of more digits than it keeps, as it shows it.
        ["ina", "4.47900000000003E+017", "=Ina, 5,5", "", "tab\there"],
        ["last", "07900 000004", "", "", ""],
    ];
    let files: [(&[u8], _, _); 4] = [
        (include_bytes!("samples/libreoffice-utf-8.csv"), "UTF-8", Delimiter::Comma),
        (include_bytes!("samples/libreoffice-windows-1252.csv"), "Windows-1252", Delimiter::Semicolon),
        (include_bytes!("samples/libreoffice-utf-16.csv"), "UTF-16LE", Delimiter::Tab),
        (include_bytes!("samples/libreoffice-quoted.csv"), "UTF-8", Delimiter::Comma),
    ];
    for (bytes, encoding, delimiter) in files {
        let file = read(bytes);
        assert_eq!(recognised(&file), (encoding, Some(delimiter)));
        assert_eq!(file.columns, columns);
        let records: Vec<_> = file.records.iter().map(|record| cells(record, &columns)).collect();
        assert_eq!(records, expected, "{encoding}");
        // Two lines without a value are no records, and count as lines.
        assert_eq!(file.records.last().unwrap().number, 8);
    }
}

/// abook 0.6: no version, an empty line first, properties as in vCard 2.1.
#[test]
fn abook_vcard() {
    let file = read(include_bytes!("samples/abook.vcf"));
    assert_eq!(recognised(&file), ("UTF-8", None));
    let [john, zoe] = &file.records[..] else { panic!("{file:#?}") };
    let columns = ["FN", "TEL", "TEL 2", "EMAIL", "NICKNAME", "NOTE"];
    assert_eq!(
        cells(john, &columns),
        [
            "John \"Jack\" Sample",
            // The mobile number, though the other stands before it.
            "+44 7900 000001",
            "020 7946 0000",
            "john@example.com",
            "jack",
            "One, two; three"
        ]
    );
    assert_eq!(cells(zoe, &["FN", "N", "TEL"]), ["Zoë Müller", "Zoë Müller", "+447900000002"]);
}

#[test]
fn google_contacts_csv() {
    let file = read(include_str!("samples/google.csv"));
    assert_eq!(recognised(&file), ("UTF-8", Some(Delimiter::Comma)));
    assert_eq!((file.columns.len(), file.records.len()), (21, 2));
    let columns =
        ["First Name", "Last Name", "Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Value", "Labels"];
    assert_eq!(
        cells(&file.records[0], &columns),
        ["Ana", "Sample", "Mobile", "+44 7900 000003", "+44 20 7946 0000", "* myContacts ::: Friends"]
    );
    assert_eq!(file.records[1].text("Phone 1 - Value"), "+44 7900 000004 ::: +44 7900 000005");
    assert_eq!(file.records[1].text("Notes"), "Says \"hello\",\nand more");
}

/// Classic Outlook: Windows-1252, quotes around all that is not empty.
#[test]
fn outlook_csv() {
    let file = read(windows_1252(&include_str!("samples/outlook.csv").replace('\n', "\r\n")));
    assert_eq!(recognised(&file), ("Windows-1252", Some(Delimiter::Comma)));
    assert_eq!((file.columns.len(), file.records.len()), (14, 2));
    let columns = ["First Name", "Last Name", "Company", "Mobile Phone", "E-mail Address", "Notes"];
    assert_eq!(
        cells(&file.records[0], &columns),
        ["Renée", "O’Sample", "Café & Söhne", "+44 7900 000006", "renee@example.com", "Zeile 1\r\nZeile 2"]
    );
    assert_eq!(file.notes, []);
}

/// Google Contacts, vCard 3.0.
#[test]
fn google_vcard() {
    let file = read(include_str!("samples/google.vcf").replace('\n', "\r\n"));
    assert_eq!(recognised(&file), ("UTF-8", None));
    let [ana, bo] = &file.records[..] else { panic!("{file:#?}") };
    let columns = ["FN", "N", "TEL", "TEL 2", "EMAIL", "PHOTO", "NOTE", "BDAY"];
    assert_eq!(
        cells(ana, &columns),
        [
            "Ana Sample",
            "Dr. Ana María Sample",
            // The mobile number, though the other stands before it.
            "+44 7900 000003",
            "+44 20 7946 0000",
            "ana@example.com",
            "https://photos.example/ana",
            "One, two; three\nfour",
            "1990-02-03",
        ]
    );
    assert_eq!(ana.cells["CATEGORIES"], serde_json::json!(["myContacts", "Friends, old"]));
    assert_eq!(ana.cells.get("VERSION"), None);
    assert_eq!(cells(bo, &["FN", "TEL", "ORG"]), ["Bo", "+44 7900 000004", "Example Ltd., Sales"]);
}

/// iCloud, vCard 3.0: labels in groups, preferred values, a photo inside, umlauts folded in the middle.
#[test]
fn icloud_vcard() {
    // Longer than a record may be, but it is no text.
    let photo = "QUJD".repeat(18).as_str().to_owned() + "\n ";
    let text = include_str!("samples/icloud.vcf").replace("{PHOTO}", &photo.repeat(5_000));
    let file = read(text.replace('\n', "\r\n"));
    assert_eq!(recognised(&file), ("UTF-8", None));
    let [cleo] = &file.records[..] else { panic!("{file:#?}") };
    let columns = [
        "FN",
        "N",
        "TEL",
        "TEL 2",
        "TEL 3",
        "EMAIL",
        "EMAIL 2",
        "URL",
        "X-ABLABEL",
        "NICKNAME",
        "NOTE",
        "UID",
    ];
    assert_eq!(
        cells(cleo, &columns),
        [
            "Cleo Müßig-Beispiel",
            "Cleo Müßig-Beispiel",
            "+49 1512 0000001",
            "+49 170 0000001",
            "+49 30 000001",
            "cleo@work.example",
            "cleo@example.com",
            "https://cleo.example/?a=1,2;b",
            "_$!<HomePage>!$_",
            "Cleopatra, Cle",
            "A long note that is folded where a character of several bytes is: ÄÖÜ äöü",
            "3f6f2c1e-0000-4000-8000-000000000001",
        ]
    );
    assert_eq!(cleo.cells.get("PHOTO"), None);
    assert_eq!(file.notes, [Note::MediaWithoutUrl { count: 1, first: 1 }]);
}

/// vCard 2.1 as phones write it: quoted-printable, soft line breaks, types without names, a card in a card.
#[test]
fn phone_vcard() {
    let file = read(include_str!("samples/phone.vcf").replace('\n', "\r\n"));
    assert_eq!(recognised(&file), ("UTF-8", None));
    let [first, second] = &file.records[..] else { panic!("{file:#?}") };
    assert_eq!(
        cells(first, &["FN", "N", "TEL", "TEL 2", "NOTE"]),
        ["Jörg Groß", "Jörg Groß", "+447900000007", "+442079460001", "A long text, in two lines = one"]
    );
    assert_eq!(cells(second, &["FN", "N", "TEL"]), ["Zoë", "Zoë", "+447900000008"]);
    assert_eq!(file.notes, [Note::MediaWithoutUrl { count: 1, first: 1 }]);
}

/// vCard 4.0 after the examples of RFC 6350 and RFC 9554.
#[test]
fn vcard_4() {
    let file = read(concat!(
        "BEGIN:VCARD\nVERSION:4.0\nFN;DERIVED=true:Simon\n",
        "N:Sample;Simon;;;ing. jr,M.Sc.\n",
        "TEL;VALUE=uri;TYPE=\"voice,home\":tel:+1-418-555-0100;ext=102\n",
        "TEL;VALUE=uri;PREF=1;TYPE=\"voice,cell\":TEL:+14185550101\n",
        "TEL;PREF=2:+1 418 555 0102\n",
        "EMAIL;TYPE=work;X-A=\"a:b;c\":simon@example.com\n",
        "PHOTO:data:image/png;base64,QUJD\nPHOTO:HTTPS://photos.example/simon\n",
        "X-custom:a\\,b\\;c\\\\d\\ne\\x\\\n",
        "END:VCARD\n"
    ));
    assert_eq!(recognised(&file), ("UTF-8", None));
    let columns = ["FN", "N", "TEL", "TEL 2", "TEL 3", "EMAIL", "PHOTO", "X-CUSTOM"];
    assert_eq!(
        cells(&file.records[0], &columns),
        [
            "Simon",
            "Simon Sample ing. jr,M.Sc.",
            "+14185550101",
            "+1 418 555 0102",
            // An extension is not dropped: without it, the number would be another.
            "+1-418-555-0100;ext=102",
            "simon@example.com",
            "HTTPS://photos.example/simon",
            "a,b;c\\d\ne\\x\\",
        ]
    );
}

#[test]
fn jscontact() {
    let file = read(include_str!("samples/jscontact.json"));
    assert_eq!(recognised(&file), ("UTF-8", None));
    let [cleo, group] = &file.records[..] else { panic!("{file:#?}") };
    let columns = [
        "uid",
        "updated",
        "name.full",
        "nickname",
        "phone",
        "phone 2",
        "phone 3",
        "email",
        "organization",
        "title",
        "note",
        "photo",
        "url",
        "language",
    ];
    assert_eq!(
        cells(cleo, &columns),
        [
            "urn:uuid:3f6f2c1e-0000-4000-8000-000000000001",
            "2025-11-10T20:15:12Z",
            "Dr. Cleo Sample",
            "Cle",
            "+44 7900 000009",
            "+44 7900 000010",
            "+44 20 7946 0002",
            "cleo@example.com",
            "Example Ltd.",
            "Engineer",
            "A {note} with \"braces\"",
            "https://photos.example/cleo",
            "https://cleo.example",
            "en",
        ]
    );
    assert_eq!(cleo.cells["keywords"], serde_json::json!(["friends", "a,b"]));
    assert_eq!(cleo.cells["addresses"]["a"]["full"], "1 Sample Street");
    assert_eq!(cells(group, &["uid", "name.full", "kind"]), ["g", "Everybody", "group"]);
    assert_eq!(file.notes, [Note::MediaWithoutUrl { count: 1, first: 1 }]);
}
