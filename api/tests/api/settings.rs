//! A flag comes before the environment, that before the file, and that before the built-in value.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The service, with nothing of this process' environment.
fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-api"));
    command.env_clear();
    command
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

fn file(folder: &tempfile::TempDir, content: &str) -> PathBuf {
    let path = folder.path().join("api.toml");
    fs::write(&path, content).unwrap();
    path
}

/// The line of a setting.
fn setting(printed: &str, key: &str) -> String {
    let is_it = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{key} = "));
    printed.lines().find(is_it).unwrap_or_else(|| panic!("{key} is not in {printed}")).to_owned()
}

#[test]
fn each_setting_comes_from_the_nearest_place() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        file(&folder, "listen = '127.0.0.1:3'\nmax-streams = 3\ntrusted-proxy = ['10.0.0.0/8']\nhost = 'a.example'");
    for (has_flag, has_environment, has_file, expected) in [
        (false, false, false, "\"127.0.0.1:8080\" # built in"),
        (false, false, true, "\"127.0.0.1:3\" # from the file"),
        (false, true, true, "\"127.0.0.1:2\" # from the environment, COUNTERFOIL_API_LISTEN"),
        (true, true, true, "\"127.0.0.1:1\" # from the flag"),
        (true, false, false, "\"127.0.0.1:1\" # from the flag"),
    ] {
        let mut command = command();
        command.arg("--print-config");
        if has_flag {
            command.args(["--listen", "127.0.0.1:1"]);
        }
        if has_environment {
            command.env("COUNTERFOIL_API_LISTEN", "127.0.0.1:2");
        }
        if has_file {
            command.env("COUNTERFOIL_API_CONFIG", &path);
        }
        let output = command.output().unwrap();
        let printed = text(&output);
        assert!(output.status.success(), "{printed}");
        assert_eq!(setting(&printed, "listen"), format!("listen = {expected}"));
        if has_file {
            assert_eq!(setting(&printed, "max-streams"), "max-streams = 3 # from the file");
            assert_eq!(setting(&printed, "trusted-proxy"), "trusted-proxy = [\"10.0.0.0/8\"] # from the file");
            assert_eq!(setting(&printed, "host"), "host = [\"a.example\"] # from the file");
        }
    }
}

#[test]
fn what_is_printed_is_a_file_that_sets_the_same_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let print = |path: Option<&PathBuf>| {
        let mut command = command();
        match path {
            Some(path) => command.arg("--config").arg(path),
            None => command.args(["--access", "public", "--address-rate", "7", "--otlp", "https://h/SECRET"]),
        };
        command.env("DATABASE_URL", "postgres://me:SECRET@db/index");
        let output = command.arg("--print-config").output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    let first = print(None);
    assert!(!first.contains("SECRET"), "{first}");
    assert_eq!(setting(&first, "otlp"), "# otlp = \"https://h/(hidden)\" # from the flag");
    let database = "# database-url = \"postgres://me:(hidden)@db/index\" # from the environment, DATABASE_URL";
    assert_eq!(setting(&first, "database-url"), database);
    let second = print(Some(&file(&folder, &first)));
    for key in ["access", "address-rate", "max-connections", "listen", "memory-mib", "sign-in-chain"] {
        let value = |printed: &str| setting(printed, key).split(" # ").next().unwrap().to_owned();
        assert_eq!(value(&first), value(&second));
        assert!(setting(&second, key).ends_with("from the file"), "{second}");
    }
}

#[test]
fn an_error_in_the_file_names_file_key_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    for (content, message) in [
        (
            "listn = '127.0.0.1:1'",
            "unknown key `listn`; allowed are database-url, listen, request-timeout-ms, max-streams",
        ),
        ("max-connections = 'SECRET'", "key `max-connections`: it must be a whole number, not string"),
        ("request-timeout-ms = 5", "key `request-timeout-ms`: the value is not allowed: 5 is not in 10.."),
        ("access = 'SECRET'", "key `access`: the value is not allowed: it must be one of off, public, required"),
        ("trusted-proxy = ['SECRET']", "key `trusted-proxy`: the value is not allowed: "),
        ("tls-certificate = '/certificate'", "--tls-certificate and --tls-key are given together"),
        ("database-url = 'SECRET", "line 1: "),
    ] {
        let path = file(&folder, content);
        let output = command().env("DATABASE_URL", "postgres://none").arg("--config").arg(&path).output().unwrap();
        let told = text(&output);
        assert!(!output.status.success() && told.contains(message) && !told.contains("SECRET"), "{content}: {told}");
        assert!(told.contains("api.toml") || content.starts_with("tls"), "{content}: {told}");
    }
}

#[test]
fn the_file_sets_what_commands_need() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "database-url = 'postgres://nobody@127.0.0.1:1/none'\nmax-streams = 3");
    let output = command().args(["key", "list", "--config"]).arg(&path).output().unwrap();
    assert!(text(&output).contains("cannot reach the database"), "{}", text(&output));
    let output = command().args(["key", "list"]).output().unwrap();
    assert!(text(&output).contains("give the index by --database-url or DATABASE_URL"), "{}", text(&output));
}
