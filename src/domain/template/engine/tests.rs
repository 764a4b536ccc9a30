use serde_json::{Map, Value, json};

use super::environment::{FILTERS, TESTS};
use super::*;
use crate::domain::contact::fields::{DisplayName, Handle, Meta, Phone};
use crate::domain::template::sms::{Encoding, Size};
use crate::domain::violation::Violation;
use crate::domain::{Contact, NewContact};

fn contact(meta: &Value) -> Contact {
    Contact::new(NewContact {
        handle: Handle::parse("john").unwrap(),
        phone: Phone::parse("+4479000000001").unwrap(),
        display_name: DisplayName::parse("John from London").ok(),
        avatar_url: None,
        meta: Meta::parse(meta.as_object().unwrap()).unwrap(),
    })
}

fn render_with(
    text: &str,
    meta: &Value,
    fields: &Value,
    missing: MissingVariables,
) -> Result<String, RenderError> {
    let contact = contact(meta);
    let fields: Option<&Map<String, Value>> = fields.as_object();
    let template = Template::parse(text).unwrap_or_else(|violation| panic!("{text}: {violation:?}"));
    let recipient = RenderInput { phone: &contact.phone, contact: Some(&contact), fields };
    template.render(recipient, missing).expect("it is not too costly").map(|message| message.text)
}

fn render(text: &str, meta: &Value) -> Result<String, RenderError> {
    render_with(text, meta, &Value::Null, MissingVariables::Exclude)
}

fn missing<T>(variable: &str, similar: Option<&str>) -> Result<T, RenderError> {
    Err(RenderError::Missing { variable: variable.to_owned(), similar: similar.map(str::to_owned) })
}

#[test]
fn renders_the_recipients_own_data() {
    let meta = json!({"NAME": "John", "N": 3, "PI": 2.5, "OK": true, "ADDRESS": {"CITY": "London"}, "ITEMS": ["a", "b"]});
    for (text, filled) in [
        ("Hi {{NAME}}!", "Hi John!"),
        ("{{ NAME | upper }} {{ N }} {{ PI }} {{ OK }}", "JOHN 3 2.5 true"),
        ("{{ ADDRESS.CITY }} {{ ADDRESS['CITY'] }}", "London London"),
        ("{{ NICK | default(\"friend\") }}, {{ NICK | default(NAME) }}", "friend, John"),
        ("{% if NICK %}{{ NICK }}{% else %}{{ NAME }}{% endif %}", "John"),
        ("{{ NICK if NICK is defined else NAME }}", "John"),
        ("{% for item in ITEMS %}{{ loop.index }}{{ item }} {% endfor %}.", "1a 2b ."),
        (
            "{{ contact.alias }} {{ contact.username }} {{ contact.msisdn }} {{ contact.phone_number }}",
            "john john 4479000000001 +4479000000001",
        ),
        ("{{ contact.display_name }}", "John from London"),
        ("<b>&amp;</b> \"{{ NAME }}\"", "<b>&amp;</b> \"John\""),
        ("{# a comment #}{{ NAME }}\n", "John"),
    ] {
        assert_eq!(render(text, &meta).as_deref(), Ok(filled), "{text}");
    }
    assert_eq!(
        render_with(
            "{{ NAME }}{{ CODE }}",
            &meta,
            &json!({"CODE": "x", "NAME": "J"}),
            MissingVariables::Exclude
        )
        .as_deref(),
        Ok("Jx")
    );
}

#[test]
fn a_missing_variable_is_reported_or_left_blank_as_requested() {
    let meta =
        json!({"Name": "John", "EMPTY": "", "BLANK": "  ", "NULL": null, "ADDRESS": {"CITY": "London"}});
    for (text, expected) in [
        ("Hi {{ NAME }}", missing::<String>("NAME", Some("Name"))),
        ("Hi {{ CITY }}", missing("CITY", None)),
        ("Hi {{ EMPTY }}", missing("EMPTY", None)),
        ("Hi {{ BLANK }}", missing("BLANK", None)),
        ("Hi {{ NULL }}", missing("NULL", None)),
        ("Hi {{ ADDRESS.STREET }}", missing("ADDRESS.STREET", None)),
        ("Hi {{ address.CITY }}", missing("address", Some("ADDRESS"))),
        ("Hi {{ CITY | upper }}", missing("CITY", None)),
        ("Hi {{ Name ~ CITY }}", missing("CITY", None)),
        ("Hi {{ CITY + 1 }}", missing("CITY", None)),
        ("Hi {% for x in LIST %}{{ x }}{% endfor %}", missing("LIST", None)),
        ("{{ contact.avatar_url }}", missing("contact.avatar_url", None)),
        ("Hi {{ NICK | default('you') }} {{ CITY }}", missing("CITY", None)),
    ] {
        assert_eq!(render(text, &meta), expected, "{text}");
    }
    for (text, filled) in
        [("Hi {{ NAME }}.", "Hi ."), ("{{ A.B }}{{ NULL }}.", "."), ("{{ CITY | upper }}.", ".")]
    {
        assert_eq!(
            render_with(text, &meta, &Value::Null, MissingVariables::Blank).as_deref(),
            Ok(filled),
            "{text}"
        );
    }
}

#[test]
fn each_other_failure_has_its_own_error() {
    let meta = json!({"NAME": "John", "LIST": [1], "LONG": "x".repeat(3_000), "MANY": vec![1; 2_000]});
    let failed = |text: &str| matches!(render(text, &meta), Err(RenderError::Failed { .. }));
    assert!(failed("{{ LIST }}") && failed("{{ NAME - 1 }}"));
    assert_eq!(render("{{ LONG }}", &meta), Err(RenderError::TooLong));
    assert_eq!(render("{{ LONG }}{{ LONG }}{{ LONG }}", &meta), Err(RenderError::TooLong));
    assert_eq!(render("{% if NICK %}x{% endif %} ", &meta), Err(RenderError::Empty));
    let john = contact(&meta);
    let recipient = RenderInput { phone: &john.phone, contact: Some(&john), fields: None };
    let message = Template::parse("Привет, {{ NAME }}")
        .unwrap()
        .render(recipient, MissingVariables::Exclude)
        .unwrap()
        .unwrap();
    assert_eq!(message.size, Size { encoding: Encoding::Ucs2, parts: 1 });
    let no_contact = RenderInput { phone: &john.phone, contact: None, fields: None };
    let to = |text| {
        let message = Template::parse(text).unwrap().render(no_contact, MissingVariables::Exclude).unwrap();
        message.map(|message| message.text)
    };
    assert_eq!(to("To {{ contact.msisdn }}").as_deref(), Ok("To 4479000000001"));
    assert_eq!(to("To {{ contact.alias }}"), missing("contact.alias", None));
}

#[test]
fn rejects_unavailable_syntax_with_its_position() {
    for (text, line, column, part) in [
        ("Hi {{ NAME", 1, 7, "unexpected end"),
        ("Hi\n  {{ 1 + }}", 2, 10, "unexpected"),
        ("é {% if %}", 1, 9, "unexpected"),
        ("{{ NAME | uper }}", 1, 11, "there is no filter uper; available: default"),
        ("{% if 0 %}{{ NAME | uper }}{% endif %}", 1, 21, "uper"),
        ("{{ NAME is lower }}", 1, 12, "there is no test lower"),
        ("{{ range(3) }}", 1, 4, "functions"),
        ("{{ NAME.upper() }}", 1, 8, "functions"),
        ("{{ contact.meta }}", 1, 4, "the members of contact are id, alias"),
        ("{{ contact }}", 1, 4, "the members of contact are"),
        ("{% set x = NAME %}", 1, 4, "set"),
        ("{% with x = NAME %}{% endwith %}", 1, 4, "with"),
        ("{{ 'x' * 100000000 }}", 1, 4, "*"),
        ("{{ NAME ** 9 }}", 1, 4, "**"),
        ("{% include 'x' %}", 1, 4, "unknown statement"),
        ("{% macro m() %}{% endmacro %}", 1, 4, "unknown statement"),
        ("{% filter upper %}x{% endfilter %}", 1, 4, "filter"),
        ("{% for x in L recursive %}{{ loop(x) }}{% endfor %}", 1, 4, "recursive"),
    ] {
        match Template::parse(text) {
            Err(Violation::TemplateSyntax { line: at, column: here, message }) => {
                assert_eq!((at, here), (line, column), "{text}: {message}");
                assert!(message.contains(part), "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(Template::parse(" \n").err(), Some(Violation::Blank));
    assert_eq!(Template::parse(&"x".repeat(4_001)).err(), Some(Violation::TooLong { max: 4_000 }));
}

#[test]
fn lists_variables_and_whether_they_are_required() {
    let text = "{{ B }}{{ A | default(C) }}{% if D %}{{ D }}{{ E }}{% endif %}{{ contact.alias }}{{ X.Y }}\
                {% for F in LIST %}{{ F }}{{ loop.index }}{% endfor %}{{ G if G is defined else H }}{{ B | d('') }}\
                {{ I or J }}";
    let variables: Vec<(String, bool)> = Template::parse(text)
        .unwrap()
        .variables()
        .iter()
        .map(|variable| (variable.name.clone(), variable.required))
        .collect();
    let expected = [
        ("B", true),
        ("A", false),
        ("C", true),
        ("D", false),
        ("E", true),
        ("contact.alias", true),
        ("X.Y", true),
        ("LIST", true),
        ("G", false),
        ("H", true),
        ("I", false),
        ("J", true),
    ];
    assert_eq!(variables, expected.map(|(name, required)| (name.to_owned(), required)));
}

/// None of these takes long, uses much memory or overflows the stack.
#[test]
fn adversarial_templates_end_quickly() {
    let meta = json!({"A": "x".repeat(4_000), "L": vec!["y"; 2_500]});
    let long = |begin: &str, middle: &str, end: &str, times: usize| {
        format!("{}{middle}{}", begin.repeat(times), end.repeat(times))
    };
    let texts = [
        format!("{{{{ A{} }}}}", "~A".repeat(1_900)),
        format!("{{{{ A{} }}}}", "~A".repeat(60)),
        format!("{{{{ {}A{} }}}}", "(".repeat(1_900), ")".repeat(1_900)),
        format!("{{{{ {}A }}}}", "not ".repeat(900)),
        format!("{{{{ {}A{} }}}}", "[".repeat(1_900), "]".repeat(1_900)),
        format!("{{{{ A{} }}}}", ".a".repeat(1_900)),
        format!("{{{{ A{} }}}}", "[0]".repeat(1_200)),
        format!("{{{{ A{} }}}}", "|d".repeat(1_900)),
        format!("{{% if A %}}{}{{% endif %}}", "{% elif A %}".repeat(300)),
        long("{% for a in L %}", "x", "{% endfor %}", 30),
        long("{% if A %}", "x", "{% endif %}", 180),
        "{% for a in L %}{{ A }}{% endfor %}".to_owned(),
        "{% for a in L %}{% for b in L %}{% for c in L %}{% endfor %}{% endfor %}{% endfor %}x".to_owned(),
    ];
    for text in texts {
        let begun = std::time::Instant::now();
        let john = contact(&meta);
        let recipient = RenderInput { phone: &john.phone, contact: Some(&john), fields: None };
        let ended = Template::parse(&text).map_or(true, |template| {
            !matches!(template.render(recipient, MissingVariables::Exclude), Ok(Ok(_)))
        });
        assert!(ended, "{text}");
        let took = begun.elapsed();
        assert!(took.as_secs() < 5, "{text} took {took:?}");
    }
}

#[test]
fn every_listed_filter_and_test_exists() {
    for filter in FILTERS {
        let outcome = render(&format!("{{{{ A | {filter} }}}}"), &json!({"A": "7"}));
        let unknown = matches!(&outcome, Err(RenderError::Failed { reason }) if reason.contains("unknown"));
        assert!(!unknown, "{filter}: {outcome:?}");
    }
    for test in TESTS {
        let outcome = render(&format!("{{{{ 'yes' if A is {test} else 'no' }}}}"), &json!({"A": "7"}));
        assert!(matches!(outcome.as_deref(), Ok("yes" | "no")), "{test}: {outcome:?}");
    }
}

#[test]
fn a_template_beyond_its_budget_is_too_costly() {
    let costs = |text: &str, fields: &Value| {
        let template = Template::parse(text).unwrap_or_else(|violation| panic!("{text}: {violation:?}"));
        let contact = contact(&json!({}));
        let recipient =
            RenderInput { phone: &contact.phone, contact: Some(&contact), fields: fields.as_object() };
        template.render(recipient, MissingVariables::Exclude).is_err()
    };
    let long = |length: usize| json!({"A": "a".repeat(length), "L": ["b".repeat(length)], "N": "a"});
    for text in [
        format!("{{{{ (A{})[0] }}}}", "|title".repeat(40)),
        format!("{{% if {} %}}x{{% endif %}}", vec!["A == A"; 40].join(" and ")),
        format!("{{{{ {} | first }}}}", vec!["A[1:]"; 40].join(" ~ ")),
        "{{ A | trim(A) | first }}".to_owned(),
        "{% for x in L %}{{ x | first }}{% endfor %}".to_owned(),
        "{% for x in L %}{% if x == x and x ~ x == x %}{% endif %}{% endfor %}x".to_owned(),
    ] {
        assert!(costs(&text, &long(16_000)), "{text}");
        assert!(!costs(&text, &long(30)), "{text}");
    }
    let many = json!({"MANY": (0..100).collect::<Vec<_>>()});
    assert!(costs("{% for x in MANY %}{% for y in MANY %}{% endfor %}{% endfor %}x", &many), "steps");
    assert!(!costs("{{ A[:100] | upper }}", &long(16_000)), "the beginning of a long text");
    for text in ["{% for x in L %}{{ x[1:] }}{% endfor %}", "{{ A[1:][1:] }}", "{{ (A ~ A)[1:] }}"] {
        assert!(matches!(Template::parse(text), Err(Violation::TemplateSyntax { .. })), "{text}");
    }
}
