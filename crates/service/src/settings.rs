//! The layers of a service's settings: built-in values, a TOML file, the environment, flags; each overrides those before it.
//!
//! A setting is a flag of the service's clap command. The file's values become the defaults of the flags of the same name, so
//! that each setting is defined once, and the flag's own parser checks it wherever it comes from.
//!
//! The file is trusted as the command line is.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::{Table, Value};

use crate::output::out_bytes;

/// Flags that are about the file and not in it.
const NOT_IN_FILE: [&str; 4] = ["config", "print-config", "help", "version"];
const HIDDEN: &str = "(hidden)";

/// The parts of a service's settings that its flags do not tell.
///
/// A flag whose environment value clap hides is a secret: its value is not printed. Of those named here a part is.
#[derive(Clone, Copy, Debug)]
pub struct SettingsRules {
    /// The environment variable that names the file when `--config` does not.
    pub file_env: &'static str,
    /// The subcommands that take settings of the same names.
    pub commands: &'static [&'static str],
    /// Secret flags that are URLs: scheme and host are printed.
    pub urls: &'static [&'static str],
    /// Secret flags that are URLs of databases: user and database are printed too.
    pub database_urls: &'static [&'static str],
}

/// Parses the process's arguments over its environment and file; none when `--print-config` asked for the settings alone, which
/// are then printed. The command needs the flags `--config` and `--print-config`.
///
/// Exits with a message when the arguments are not those of the command, as clap does.
///
/// # Errors
/// When the file cannot be read, has an unknown key, or a value that the flag does not take.
pub fn parse_settings<T: CommandFactory + FromArgMatches>(rules: &SettingsRules) -> anyhow::Result<Option<T>> {
    let arguments: Vec<OsString> = env::args_os().collect();
    let (mut command, mut in_file) = (T::command(), BTreeSet::new());
    if let Some(path) = find_file(&arguments, env::var_os(rules.file_env)) {
        (command, in_file) = with_file(command, &path, rules)?;
    }
    let matches = command.clone().get_matches_from(arguments);
    if matches.get_flag("print_config") {
        out_bytes(print(&command, &matches, &in_file, rules).as_bytes());
        return Ok(None);
    }
    Ok(Some(T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())))
}

/// The file that `--config` or the environment names. It is found before clap parses, for it sets clap's defaults.
fn find_file(arguments: &[OsString], environment: Option<OsString>) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--config") => return arguments.next().map(PathBuf::from),
            Some("--") => break,
            Some(text) if let Some(path) = text.strip_prefix("--config=") => return Some(PathBuf::from(path)),
            _ => {}
        }
    }
    environment.filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Makes a file's values the defaults of the flags; also returns the file's keys.
fn with_file(mut command: Command, path: &Path, rules: &SettingsRules) -> anyhow::Result<(Command, BTreeSet<String>)> {
    let file = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("{file} cannot be read"))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        // Its own text repeats the line, which may hold a password.
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        anyhow!("{file}, line {line}: {}", error.message())
    })?;
    for (key, value) in &table {
        let arg = arguments(&command).find(|arg| arg.get_long() == Some(key)).cloned().with_context(|| {
            let allowed: Vec<&str> = arguments(&command).filter_map(Arg::get_long).collect();
            format!("{file}: unknown key `{key}`; allowed are {}", allowed.join(", "))
        })?;
        let wrong = |error: anyhow::Error| anyhow!("{file}: key `{key}`: {error}");
        let values = texts(&arg, value).map_err(wrong)?;
        expect_valid(&arg, &values).map_err(wrong)?;
        let id = arg.get_id().clone();
        for name in rules.commands {
            let has = command
                .find_subcommand(*name)
                .is_some_and(|found| found.get_arguments().any(|arg| *arg.get_id() == id));
            if has {
                command =
                    command.mut_subcommand(*name, |found| found.mut_arg(&id, |arg| arg.default_values(values.clone())));
            }
        }
        command = command.mut_arg(&id, |arg| arg.default_values(values));
    }
    Ok((command, table.keys().cloned().collect()))
}

/// The settings in effect, as a file, each with its source. A value with a hidden part is commented out, so that it cannot be
/// taken for the setting.
fn print(command: &Command, matches: &ArgMatches, in_file: &BTreeSet<String>, rules: &SettingsRules) -> String {
    let mut text = String::new();
    for arg in arguments(command) {
        let (Some(key), id) = (arg.get_long(), arg.get_id().as_str()) else { continue };
        let values: Vec<String> = matches
            .get_raw(id)
            .map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        let from = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "from the flag".to_owned(),
            Some(ValueSource::EnvVariable) => {
                format!("from the environment, {}", arg.get_env().unwrap_or_default().to_string_lossy())
            }
            Some(_) if in_file.contains(key) => "from the file".to_owned(),
            Some(_) => "built in".to_owned(),
            None => "not set".to_owned(),
        };
        let shown: Vec<String> = values.iter().map(|value| shown(arg, key, value, rules)).collect();
        let is_commented = values.is_empty() || shown != values;
        let rendered: Vec<String> = shown
            .iter()
            .map(|value| match kind(arg) {
                Kind::Text => Value::String(value.clone()).to_string(),
                Kind::Number | Kind::Switch => value.clone(),
            })
            .collect();
        let value = match is_list(arg) {
            true => format!("[{}]", rendered.join(", ")),
            false => rendered.into_iter().next().unwrap_or_default(),
        };
        let comment = if is_commented { "# " } else { "" };
        text.push_str(&format!("{comment}{key} = {value} # {from}\n"));
    }
    text
}

fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_long().is_some_and(|long| !NOT_IN_FILE.contains(&long)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Switch,
}

fn kind(arg: &Arg) -> Kind {
    let numbers = [TypeId::of::<u64>(), TypeId::of::<usize>(), TypeId::of::<u32>(), TypeId::of::<NonZeroU32>()];
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Switch,
        _ if numbers.iter().any(|number| arg.get_value_parser().type_id() == *number) => Kind::Number,
        _ => Kind::Text,
    }
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// A value as it stands on the command line.
fn texts(arg: &Arg, value: &Value) -> anyhow::Result<Vec<String>> {
    let wanted = match (kind(arg), is_list(arg)) {
        (Kind::Text, false) => "a string",
        (Kind::Text, true) => "a string, or a list of strings",
        (Kind::Number, _) => "a whole number",
        (Kind::Switch, _) => "true or false",
    };
    let text = |value: &Value| match (kind(arg), value) {
        (Kind::Text, Value::String(text)) => Some(text.clone()),
        (Kind::Number, Value::Integer(number)) => Some(number.to_string()),
        (Kind::Switch, Value::Boolean(is_on)) => Some(is_on.to_string()),
        _ => None,
    };
    let values: Option<Vec<String>> = match value {
        Value::Array(values) if is_list(arg) => values.iter().map(text).collect(),
        value => text(value).map(|value| vec![value]),
    };
    values.with_context(|| format!("it must be {wanted}, not {}", value.type_str()))
}

/// Checks a value with the flag's own parser.
fn expect_valid(arg: &Arg, values: &[String]) -> anyhow::Result<()> {
    let (Some(long), false) = (arg.get_long(), kind(arg) == Kind::Switch) else { return Ok(()) };
    let given = values.iter().map(|value| format!("--{long}={value}"));
    // Other flags are not in this command.
    let alone = arg.clone().requires(Resettable::Reset).conflicts_with(Resettable::Reset);
    let Err(error) = Command::new("file").no_binary_name(true).arg(alone).try_get_matches_from(given) else {
        return Ok(());
    };
    // The source names the allowed values; the error's own text repeats the value, which may be a secret.
    match error.source() {
        Some(source) => bail!("the value is not allowed: {source}"),
        None => {
            let allowed: Vec<String> =
                arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            ensure!(allowed.is_empty(), "the value is not allowed: it must be one of {}", allowed.join(", "));
            bail!("the value is not allowed")
        }
    }
}

/// A value as it may be printed.
fn shown(arg: &Arg, key: &str, value: &str, rules: &SettingsRules) -> String {
    let is_database = rules.database_urls.contains(&key);
    match arg.is_hide_env_values_set() {
        false => value.to_owned(),
        true if is_database || rules.urls.contains(&key) => without_secrets(value, is_database),
        true => HIDDEN.to_owned(),
    }
}

/// A URL without the parts that can hold a secret: the user, the path and the query. The path of a database is its name.
fn without_secrets(url: &str, is_path_open: bool) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => (format!("{name}:{HIDDEN}@"), host),
            None => (format!("{user}@"), host),
        },
        None => (String::new(), authority),
    };
    let user = if is_path_open || user.is_empty() { user } else { format!("{HIDDEN}@") };
    let path = match path.split_once('?') {
        Some((path, _)) if is_path_open => format!("{path}?{HIDDEN}"),
        None if is_path_open || path.is_empty() || path == "/" => path.to_owned(),
        _ => format!("/{HIDDEN}"),
    };
    format!("{scheme}://{user}{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::{find_file, without_secrets};

    #[test]
    fn the_file_is_named_by_a_flag_or_else_by_the_environment() {
        let find = |arguments: &[&str], environment: &str| {
            let arguments: Vec<_> = arguments.iter().map(Into::into).collect();
            find_file(&arguments, Some(environment.into())).map(|path| path.display().to_string())
        };
        assert_eq!(find(&["x", "--config", "a", "--rpc", "b"], "c").as_deref(), Some("a"));
        assert_eq!(find(&["x", "fsck", "--config=a"], "").as_deref(), Some("a"));
        assert_eq!(find(&["x", "--rpc", "b"], "c").as_deref(), Some("c"));
        assert_eq!(find(&["x"], ""), None);
    }

    #[test]
    fn of_a_url_nothing_is_shown_that_can_hold_a_secret() {
        let rpc = "https://user:SECRET@rpc.example.com:8899/SECRET?api-key=SECRET#SECRET";
        assert_eq!(without_secrets(rpc, false), "https://(hidden)@rpc.example.com:8899/(hidden)");
        assert_eq!(without_secrets("https://SECRET@h/#SECRET", false), "https://(hidden)@h/(hidden)");
        assert_eq!(without_secrets("http://127.0.0.1:8899", false), "http://127.0.0.1:8899");
        let database = "postgres://me:SECRET@db:5432/index?sslpassword=SECRET";
        assert_eq!(without_secrets(database, true), "postgres://me:(hidden)@db:5432/index?(hidden)");
        assert_eq!(without_secrets("postgres://me@db/index", true), "postgres://me@db/index");
        assert_eq!(without_secrets("SECRET", true), "(hidden)");
    }
}
