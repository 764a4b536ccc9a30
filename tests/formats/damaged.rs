//! Damaged, hostile and oversized files: each record that cannot be read is told, and the others are read.

use addressbook::domain::file_format::{Delimiter, FileFormat};
use addressbook::formats::read::{FormulaGuard, Note, ReadOptions, Reader};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::harness::{File, Named, OPTIONS, error_code, gzip, read, read_with, utf16};

/// Number, reason, and the cells of each record.
fn summary(file: &File) -> Vec<(u64, Option<&'static str>, String)> {
    let cells = |record: &Named| {
        let texts =
            record.cells.values().map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        texts.collect::<Vec<_>>().join("|")
    };
    file.records.iter().map(|record| (record.number, record.rejected, cells(record))).collect()
}

fn row(number: u64, cells: &str) -> (u64, Option<&'static str>, String) {
    (number, None, cells.to_owned())
}

fn rejected(number: u64, code: &'static str, cells: &str) -> (u64, Option<&'static str>, String) {
    (number, Some(code), cells.to_owned())
}

#[test]
fn csv_rows_keep_their_lines_and_their_cells() {
    let file = read(
        "a,b,c\r\n1,2,3\r\n\r\n\r\n4,\"x\r\ny\",6\n7\n,,\n8,9,10,\n11,12,13,14\n\"x\"\"y\",\"\", z \n\n",
    );
    assert_eq!(file.columns, ["a", "b", "c"]);
    assert_eq!(
        summary(&file),
        [
            row(2, "1|2|3"),
            row(5, "4|x\r\ny|6"),
            // Missing cells are absent, and empty ones are empty.
            row(7, "7"),
            // A delimiter at the end is no cell too many.
            row(9, "8|9|10"),
            rejected(10, "too_many_cells", "11|12|13,14"),
            row(11, "x\"y|| z "),
        ]
    );
}

#[test]
fn an_unclosed_quote_takes_the_rest_with_it_and_says_so() {
    let options = OPTIONS;
    let file = b"a,b\n1,2\n3,\"4\n5,6\n7,8\n".to_vec();
    let mut reader = Reader::open(std::io::Cursor::new(file), &options).unwrap();
    let records: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    let reason = records[1].rejected.as_ref().unwrap();
    assert_eq!((records[1].number, reason.code()), (3, "unclosed_quote"));
    assert!(reason.to_string().contains("from line 3 to line 6"), "{reason}");
    assert!(reader.next().is_none());
}

#[test]
fn long_records_are_skipped_and_the_next_ones_read() {
    let long = "x".repeat(300 * 1024);
    let lines = "\"y\n\"".repeat(100_000);
    let csv = format!("a,b\n1,2\n{long},\"{long}\n{long}\"\n3,4\n{lines}\n5,6\n");
    let line_of_last = 6 + 100_000 + 1;
    assert_eq!(
        summary(&read(csv)),
        [
            row(2, "1|2"),
            rejected(3, "record_too_long", ""),
            row(5, "3|4"),
            rejected(6, "record_too_long", ""),
            row(line_of_last, "5|6"),
        ]
    );
    let just_fits = "x".repeat(256 * 1024 - 2);
    assert_eq!(read(format!("a,b\n{just_fits},y\n")).records[0].rejected, None);
    assert_eq!(read(format!("a,b\n{just_fits}xx,y\n1,2")).records[0].rejected, Some("record_too_long"));

    let ndjson = format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"a\":2}}");
    let expected = [row(1, "1"), rejected(2, "record_too_long", ""), row(3, "2")];
    assert_eq!(summary(&read(ndjson)), expected);

    let card = |name: &str| format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n");
    let folded = "xyz\r\n ".repeat(100_000);
    for long in [&long, &folded] {
        let vcard = card("a") + &card(long) + &card("b");
        assert_eq!(summary(&read(vcard)), [row(1, "a"), rejected(2, "record_too_long", ""), row(3, "b")]);
    }

    let card = |name: &str| json!({"@type": "Card", "name": {"full": name}}).to_string();
    let cards = format!("[{},{},{}]", card("a"), card(&long), card("b"));
    assert_eq!(summary(&read(cards)), [row(1, "a"), rejected(2, "record_too_long", ""), row(3, "b")]);
}

/// A long value is folded wherever it is too long for its line.
#[test]
fn a_folded_value_is_no_delimiter() {
    for words in ["BEGIN:VCARD", "END:VCARD"] {
        let vcard = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:a\r\n {words}\r\nEND:VCARD\r\n");
        assert_eq!(summary(&read(vcard)), [row(1, &format!("a{words}"))]);
    }
}

#[test]
fn columns_are_counted_named_and_unique() {
    assert_eq!(error_code("a,b,a\n"), "duplicate_column");
    assert_eq!(error_code("a, a \n"), "duplicate_column");
    let error = read_with("name,x,name\n", &OPTIONS).unwrap_err();
    assert_eq!(error.to_string(), "The column `name` occurs twice in the header");
    assert_eq!(read(" a ,,b,\n1,2,3,4").columns, ["a", "column 2", "b", "column 4"]);

    let header = |count: usize| (0..count).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",");
    assert_eq!(read(header(1_000) + "\n").columns.len(), 1_000);
    assert_eq!(error_code(header(1_001)), "too_many_columns");
    assert_eq!(error_code("x".repeat(300 * 1024)), "header_too_long");
    assert_eq!(error_code("a,\"b\nc"), "unclosed_quote");
    let wide = format!("a,b\n{}\n1,2", header(200_000));
    let expected = [rejected(2, "record_too_long", ""), row(3, "1|2")];
    assert_eq!(summary(&read(wide)), expected);
    let wide = read(format!("a,b\n{}\n1,2", header(2_000)));
    let kept = header(1_001).replacen(',', "|", 1);
    assert_eq!(summary(&wide), [rejected(2, "too_many_cells", &kept), row(3, "1|2")]);

    let objects = (0..1_001).map(|line| format!("{{\"c{line}\":{line}}}\n"));
    let file = read(objects.collect::<String>() + "{\"c0\":2}");
    assert_eq!(file.columns.len(), 1_000);
    let last: Vec<_> = file.records[999..].iter().map(|record| record.rejected).collect();
    assert_eq!(last, [None, Some("too_many_columns"), None]);
}

#[test]
fn a_file_that_is_no_text_is_named() {
    for (file, code) in [
        (&b""[..], "empty_file"),
        (b" \r\n\n", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"PK\x03\x04rest", "not_text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not_text"),
        (b"%PDF-1.7", "not_text"),
        (b"\x1f\x8bnonsense", "damaged_gzip"),
    ] {
        assert_eq!(error_code(file), code);
    }
    let whole = gzip("a,b\n1,2\n".repeat(10_000).as_bytes());
    assert_eq!(read(whole.clone()).records.len(), 19_999);
    assert_eq!(error_code(&whole[..whole.len() / 2]), "damaged_gzip");
    // The compressed file is small enough.
    let limited = ReadOptions { max_bytes: 1 << 20, ..OPTIONS };
    let bomb = gzip(&vec![b'x'; 10 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(read_with(bomb, &limited).unwrap_err().code(), "file_too_large");
}

#[test]
fn encodings_are_recognised() {
    let text = "name;city\nJörg;Łódź 😀\n";
    for (file, encoding, has_bom) in [
        (utf16(text, u16::to_le_bytes), "UTF-16LE", false),
        (utf16(text, u16::to_be_bytes), "UTF-16BE", false),
        (utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), "UTF-16LE", true),
        (utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), "UTF-16BE", true),
        (text.as_bytes().to_vec(), "UTF-8", false),
        (format!("\u{feff}{text}").into_bytes(), "UTF-8", true),
    ] {
        let file = read(file);
        assert_eq!(
            (file.detected.encoding.as_str(), file.detected.removes_formula_guard),
            (encoding, has_bom)
        );
        assert_eq!(file.columns, ["name", "city"]);
        assert_eq!(summary(&file), [row(2, "Jörg|Łódź 😀")]);
    }
    // Each record on its own: neither spoils the other.
    let mixed = b"name,city\nJ\xf6rg,K\xf6ln\nJ\xc3\xb6rg,\x80\nJ\xc3\xb6rg,M\xc3\xbcnchen\n";
    let file = read(&mixed[..]);
    assert_eq!(file.detected.encoding.as_str(), "Windows-1252");
    assert_eq!(summary(&file), [row(2, "Jörg|Köln"), row(3, "JÃ¶rg|€"), row(4, "Jörg|München")]);
    assert_eq!(file.notes, []);
    // Far behind what decides.
    let late = [b"name\n".repeat(20_000), b"J\xf6rg\n".to_vec()].concat();
    let file = read(late);
    assert_eq!(file.detected.encoding.as_str(), "UTF-8");
    assert_eq!(file.records.last().unwrap().text("name"), "Jörg");
    assert_eq!(file.notes, [Note::NotUtf8 { count: 1, first: 20_001 }]);
    // A character that is cut where the first 64 KiB end.
    let cut = format!("name\n{}é\n{}é\n", "x".repeat(65_530), "y".repeat(7));
    assert_eq!(read(cut).detected.encoding.as_str(), "UTF-8");
}

#[test]
fn delimiters_are_guessed_or_given() {
    for (file, delimiter) in [
        ("a,b;c,d\n", Delimiter::Comma),
        ("\"a,b,c\";d;e\n,,,,,,\n", Delimiter::Semicolon),
        ("a\tb\n", Delimiter::Tab),
        ("a|b|c,d\n", Delimiter::Pipe),
        ("a\n;;;;\n", Delimiter::Comma),
        ("a,b;c\n", Delimiter::Comma),
    ] {
        assert_eq!(read(file).detected.delimiter, Some(delimiter), "{file}");
    }
    let declared = read("sep=|\r\na|b,c\r\n1|2\r\n");
    assert_eq!(declared.columns, ["a", "b,c"]);
    assert_eq!(summary(&declared), [row(3, "1|2")]);
    let given = ReadOptions { delimiter: Some(Delimiter::Semicolon), ..OPTIONS };
    assert_eq!(read_with("a,b,c;d\n", &given).unwrap().columns, ["a,b,c", "d"]);
    for delimiter in Delimiter::ALL {
        assert_eq!(Delimiter::parse(delimiter.as_str()), Some(delimiter));
    }
}

#[test]
fn the_guard_against_formulas_is_taken_off_where_one_is_expected() {
    let rows = "a,b\n'=1,'x\n''+1,'-\n";
    let kept = [row(2, "'=1|'x"), row(3, "''+1|'-")];
    let removed = [row(2, "=1|'x"), row(3, "'+1|-")];
    let with_bom = format!("\u{feff}{rows}");
    let options = |formula_guard| ReadOptions { formula_guard, ..OPTIONS };
    for (file, guard, expected) in [
        (rows, FormulaGuard::Auto, &kept),
        (rows, FormulaGuard::Remove, &removed),
        (&with_bom, FormulaGuard::Auto, &removed),
        (&with_bom, FormulaGuard::Keep, &kept),
    ] {
        assert_eq!(summary(&read_with(file, &options(guard)).unwrap()), *expected);
    }
}

#[test]
fn json_lines_fail_alone() {
    let file = read(
        "{\"a\":\"x\",\"b\":null}\r\n\n{\"a\":\n[1]\n{\"a\":1,\"a\":2}\n{\"a\":12345678901234567890123}\n{\"$position\":\"p\"}\n{\"a\":{\"b\":[1.5]}}",
    );
    assert_eq!(
        summary(&file),
        [
            row(1, "x|null"),
            rejected(3, "not_json", ""),
            rejected(4, "not_object", ""),
            rejected(5, "duplicate_member", ""),
            rejected(6, "inexact_number", ""),
            row(8, "{\"b\":[1.5]}"),
        ]
    );
}

#[test]
fn malformed_cards_fail_alone() {
    let card = |lines: &str| format!("BEGIN:VCARD\nVERSION:3.0\n{lines}\nEND:VCARD\n");
    let file = [
        card("FN:a"),
        "who is this?\nand this:\n".to_owned(),
        card("FN:b\nno colon here"),
        "BEGIN:VCARD\nVERSION:5.0\nFN:c\nEND:VCARD\n".to_owned(),
        "BEGIN:VCARD\nVERSION:3.0\nFN:no end\n".to_owned(),
        card("FN:d"),
        "begin:vcard\nFN:no version\nend:vcard\n".to_owned(),
        "BEGIN:VCARD\nVERSION:4.0\nFN:e".to_owned(),
    ];
    let expected = [
        row(1, "a"),
        rejected(2, "outside_card", ""),
        rejected(3, "malformed_line", ""),
        rejected(4, "unsupported_version", ""),
        rejected(5, "unterminated_card", ""),
        row(6, "d"),
        row(7, "no version"),
        rejected(8, "unterminated_card", ""),
    ];
    assert_eq!(summary(&read(file.concat())), expected);

    let jscontact = read(concat!(
        "[\n{\"@type\":\"Card\",\"uid\":\"a\"},\n",
        "{\"@type\":\"Card\",\"uid\":\"b\n,\"notes\":{\"@type\":\"Note\"}},\n",
        "{\"@type\":\"Card\",\"uid\":\"c}{[\\\"]\"}, {\"@type\":\"Group\"},\n",
        "nonsense {\"@type\":\"Card\",\"uid\":\"d\",\"uid\":\"e\"}\n]\n{\"@type\":\"Card\""
    ));
    assert_eq!(
        summary(&jscontact),
        [
            row(1, "a"),
            rejected(2, "not_json", ""),
            row(3, "c}{[\"]"),
            rejected(4, "not_card", ""),
            rejected(5, "not_json", ""),
            rejected(6, "duplicate_member", ""),
            rejected(7, "unterminated_card", ""),
        ]
    );
    let lines = "{\"@type\":\"Card\",\"uid\":\"a\"}\n{\n \"@type\": \"Card\",\n \"uid\": \"b\"\n}\n";
    assert_eq!(summary(&read(lines)), [row(1, "a"), row(2, "b")]);
}

/// Each of these took minutes if every line looked at all lines before it.
#[test]
fn the_cost_of_folded_lines_is_linear() {
    for start in ["NOTE;ENCODING=QUOTED-PRINTABLE", "NOTE;ENCODING=QUOTED-PRINTABLE:", "NOTE:", "X"] {
        let folded = format!("{start}{}", "=\r\n ".repeat(60_000));
        let file = read(format!("BEGIN:VCARD\r\nVERSION:2.1\r\n{folded}\r\nEND:VCARD\r\n"));
        assert_eq!(file.records.len(), 1);
    }
}

fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token: &[&[u8]] = &[
        b"BEGIN:VCARD\n",
        b"END:VCARD\n",
        b"VERSION:2.1\n",
        b"FN:",
        b"PHOTO;ENCODING=b:",
        b"QUOTED-PRINTABLE",
        b"=\n",
        b"=C3",
        b"\n ",
        b"\r\n",
        b"\"",
        b",",
        b";",
        b":",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"{\"@type\":\"Card\"",
        b"\"a\":1",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\0",
        b"\xc3",
        b"\xa4",
        b"1e999",
        b"'=",
        b"sep=;",
        b"CHARSET=UTF-16:",
        b"AGENT:\n",
        b"\x1f\x8b",
        b"TEL;TYPE=\"",
        b"name",
        b"\xf6",
    ];
    vec(prop_oneof![3 => proptest::sample::select(token).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..5)], 0..60)
        .prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No bytes make a reader panic or go on forever, and none loses a record in silence: a file that is not empty has
    /// columns, records or an error.
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in tokens()) {
        for format in FileFormat::ALL.into_iter().map(Some).chain([None]) {
            for formula_guard in [FormulaGuard::Remove, FormulaGuard::Keep] {
                let options = ReadOptions { format, formula_guard, ..OPTIONS };
                if let Ok(file) = read_with(bytes.clone(), &options) {
                    prop_assert!(file.records.len() <= bytes.len());
                    prop_assert!(file.records.iter().all(|record| record.number > 0));
                }
            }
        }
    }
}
