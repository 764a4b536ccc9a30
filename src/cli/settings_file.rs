//! The settings file: a layer between environment variables and defaults.
//!
//! A value from the file becomes the default of the flag with the same name before clap parses the command line, so
//! that each setting is declared, validated and documented once.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, error::ErrorKind};

use crate::config::{CLIENT_KEY, CLIENT_URL};

/// The precedence of the layers, for `--help`.
pub(super) const HELP: &str = "A flag overrides its environment variable, which overrides the settings file \
    (--config), which overrides the default.";

/// The flag that names a settings file.
#[derive(Args, Debug)]
pub(super) struct SettingsFile {
    /// A TOML file with settings, named like the flags with `_` in place of `-`
    #[arg(long, env = "ADDRESSBOOK_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

const PREFIX: &str = "ADDRESSBOOK_";

/// The command with the values of the settings file, if one is given, as its defaults.
pub(super) fn with_defaults(
    command: Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Command, clap::Error> {
    check_environment(&command)?;
    // A first, lenient pass finds the file; the second reports errors.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(args) else {
        return Ok(command);
    };
    let Some(path) = config_path(&matches) else { return Ok(command) };
    let fail = |reason: String| {
        clap::Error::raw(ErrorKind::Io, format!("the settings file {}: {reason}\n", path.display()))
    };

    let text = std::fs::read_to_string(&path).map_err(|error| fail(error.to_string()))?;
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| fail(error.message().to_owned()))?;
    let mut known = Vec::new();
    for_each_arg(&command, &mut |arg| {
        if arg.get_env().is_some() && arg.get_id() != "config" {
            known.push(arg.get_id().to_string());
        }
    });
    let mut defaults = Vec::new();
    for (name, value) in table {
        if !known.contains(&name) {
            return Err(fail(format!("unknown setting `{name}`")));
        }
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(whether) => whether.to_string(),
            toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            _ => {
                return Err(fail(format!(
                    "`{name}` must be a string, a number, true, false or a list of strings"
                )));
            }
        };
        defaults.push((name, value));
    }
    Ok(set_defaults(command, &defaults))
}

/// Rejects unknown variables with the prefix of settings: a misspelt setting must not be ignored silently.
fn check_environment(command: &Command) -> Result<(), clap::Error> {
    let mut known = vec![OsString::from(CLIENT_URL), OsString::from(CLIENT_KEY)];
    for_each_arg(command, &mut |arg| known.extend(arg.get_env().map(OsString::from)));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(PREFIX) && !known.contains(&name) {
            let message = format!("unknown setting {} (environment variable)\n", name.to_string_lossy());
            return Err(clap::Error::raw(ErrorKind::UnknownArgument, message));
        }
    }
    Ok(())
}

fn config_path(matches: &ArgMatches) -> Option<PathBuf> {
    if let Some((_, matches)) = matches.subcommand() {
        return config_path(matches);
    }
    matches.try_get_one::<PathBuf>("config").ok().flatten().cloned()
}

fn for_each_arg(command: &Command, visit: &mut impl FnMut(&Arg)) {
    command.get_arguments().for_each(&mut *visit);
    for command in command.get_subcommands() {
        for_each_arg(command, visit);
    }
}

fn set_defaults(command: Command, defaults: &[(String, String)]) -> Command {
    let command = command.mut_args(|arg| {
        let value = defaults.iter().find(|(name, _)| arg.get_id() == name.as_str());
        match value {
            // `--help` prints defaults; one that may contain a password stays hidden.
            Some((_, value)) => {
                let secret = arg.is_hide_env_values_set();
                arg.default_value(value.clone()).hide_default_value(secret)
            }
            None => arg,
        }
    });
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| set_defaults(command, defaults))
    })
}
