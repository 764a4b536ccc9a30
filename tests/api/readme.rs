//! The commands in the README work as written.

use std::process::{Command, Stdio};

use addressbook::config::Settings;
use addressbook::domain::Permission;
use clap::Args;
use serde_json::{Value, json};

use crate::harness::imports::counts;
use crate::harness::{Backend, Service, folder};

const README: &str = include_str!("../../README.md");

#[test]
fn curl_lines_run() {
    let service = Service::start(Backend::Sqlite, |_| {}).unwrap();
    // The first block exports URL and key; the others run unchanged.
    let blocks: Vec<&str> =
        README.split("```bash\n").skip(2).map(|rest| rest.split("```").next().unwrap()).collect();
    let lines = blocks.concat();
    assert!(!lines.contains("127.0.0.1"), "{lines}");
    let folder = folder();
    let output = Command::new("bash")
        .current_dir(&folder)
        .args(["-e", "-c", &lines])
        .env("BASE_URL", format!("http://{}", service.address))
        .env("KEY", service.client().key.unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let responses: Vec<Value> =
        serde_json::Deserializer::from_str(&stdout).into_iter().map(Result::unwrap).collect();
    assert_eq!(responses.len(), 26, "{stdout}");
    assert_eq!(responses[0]["record"]["alias"], "john");
    assert_eq!(responses[1]["phone_number"], "+442079460000");
    assert_eq!(responses[2]["data"][1]["username"], "john");
    assert_eq!(responses[3]["record"]["meta"]["CITY"], "Paris");
    assert_eq!(responses[4]["success"], true);
    assert_eq!(responses[5]["username"], "paul");
    assert_eq!(responses[6]["counts"], json!({"created": 1, "updated": 1, "unchanged": 0, "failed": 0}));
    let expected = json!({"rows": 3, "create": 1, "update": 1, "reject": 1});
    assert_eq!(counts(&responses[8]), expected, "{stdout}");
    assert_eq!(responses[9]["data"][0]["changes"], json!(["CITY: none → \"Leeds\""]));
    let states = [10, 11].map(|index: usize| responses[index]["state"].as_str().unwrap());
    assert_eq!(states, ["committing", "undoing"]);
    let rejects = std::fs::read_to_string(folder.join("rejects.csv")).unwrap();
    assert!(rejects.contains("oscar,4.47E+11,Bath,spreadsheet_number,Mobile,"), "{rejects}");
    let joined = responses[16]["results"].as_array().unwrap();
    assert!(joined.len() == 3 && joined.iter().all(|result| result["outcome"] == "added"), "{stdout}");
    assert_eq!(responses[17]["record"]["msisdn"], "4479000000013");
    let problems = responses[18]["problems"].as_array().unwrap();
    // As the first screen shows it.
    let spaced = |value: &Value| value.to_string().replace("\":", "\": ").replace(",\"", ", \"");
    assert!(README.contains(&spaced(&responses[18]["counts"])), "{stdout}");
    assert_eq!(problems.len(), 2, "{stdout}");
    for problem in problems {
        let shown = ["reason", "count", "message"].map(|name| format!("\"{name}\": {}", problem[name]));
        assert!(README.contains(&shown.join(", ")), "{problem}");
    }
    let texts: Vec<_> =
        responses[19..23].iter().filter_map(|line| line["recipient"]["text"].as_str()).collect();
    assert_eq!(texts, ["Hi Ben, we open in your town!", "Hi Anna, we open in Leeds!"]);
    assert_eq!(responses[22]["summary"]["counts"]["asked"], 3);
    assert_eq!(responses[23]["data"][0]["username"], "ann", "{stdout}");
    assert_eq!(responses[25]["data"][0]["contact"], responses[24]);
}

#[test]
fn every_setting_and_permission_is_documented() {
    let settings = Settings::augment_args(clap::Command::new("addressbook"));
    for setting in settings.get_arguments() {
        let flag = format!("`--{}`", setting.get_long().unwrap());
        let variable = setting.get_env().unwrap().to_str().unwrap();
        let row = README.lines().find(|line| line.starts_with(&format!("| {flag} ")));
        let row = row.unwrap_or_else(|| panic!("{flag} is not in the README"));
        assert!(row.contains(&format!("`{variable}`")), "{row}");
        for default in setting.get_default_values() {
            let default = default.to_str().unwrap();
            assert!(flag == "`--log`" || row.contains(&format!("`{default}`")), "{row}: {default}");
        }
    }
    for permission in Permission::ALL {
        let row = format!("| `{permission}` | {} |", permission.about());
        assert!(README.contains(&row), "{row}");
    }
}

/// A line such as `#page_max = 100` is a setting that is commented out; `# ` begins a comment.
#[test]
fn the_settings_of_the_package_are_known_and_those_commented_out_are_the_defaults() {
    let file = include_str!("../../packaging/addressbook.toml");
    let command = Settings::augment_args(clap::Command::new("addressbook"));
    let (mut compared, mut set) = (0, Vec::new());
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (name, value) =
            line.trim_start_matches('#').split_once(" = ").unwrap_or_else(|| panic!("{line}"));
        let setting = command.get_arguments().find(|setting| setting.get_id() == name);
        let setting = setting.unwrap_or_else(|| panic!("{name} is not a setting"));
        if !line.starts_with('#') {
            set.push(name);
            continue;
        }
        let example = name == "database_url";
        if let ([default], false) = (setting.get_default_values(), example) {
            assert_eq!(value.trim_matches('"'), default.to_str().unwrap(), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 5, "{compared}");
    assert_eq!(set, ["database_url", "first_key_file"]);
}
