//! A flag comes before the environment, that before the file, and that before what is built in.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Database, command, text};

fn file(folder: &tempfile::TempDir, content: &str) -> PathBuf {
    let path = folder.path().join("indexer.toml");
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
    let path = file(&folder, "poll-ms = 30\nrpc = ['http://file:1', 'http://file:2']\nexit-with-stdin = true");
    let table = [
        (false, false, false, "1000 # built in", "# rpc = [] # not set"),
        (false, false, true, "30 # from the file", r#"rpc = ["http://file:1", "http://file:2"] # from the file"#),
        (false, true, false, "20 # from the environment, COUNTERFOIL_POLL_MS", ENVIRONMENT_RPC),
        (false, true, true, "20 # from the environment, COUNTERFOIL_POLL_MS", ENVIRONMENT_RPC),
        (true, false, false, "10 # from the flag", r#"rpc = ["http://flag:1"] # from the flag"#),
        (true, false, true, "10 # from the flag", r#"rpc = ["http://flag:1"] # from the flag"#),
        (true, true, false, "10 # from the flag", r#"rpc = ["http://flag:1"] # from the flag"#),
        (true, true, true, "10 # from the flag", r#"rpc = ["http://flag:1"] # from the flag"#),
    ];
    for (has_flag, has_environment, has_file, poll_ms, rpc) in table {
        let mut command = command();
        command.arg("--print-config");
        if has_flag {
            command.args(["--poll-ms", "10", "--rpc", "http://flag:1"]);
        }
        if has_environment {
            command.env("COUNTERFOIL_POLL_MS", "20").env("COUNTERFOIL_RPC", "http://env:1,http://env:2");
        }
        if has_file {
            command.arg("--config").arg(&path);
        }
        let output = command.output().unwrap();
        let printed = text(&output);
        assert!(output.status.success(), "{printed}");
        assert_eq!(setting(&printed, "poll-ms"), format!("poll-ms = {poll_ms}"));
        assert_eq!(setting(&printed, "rpc"), rpc);
        let switch = if has_file { "true # from the file" } else { "false # built in" };
        assert_eq!(setting(&printed, "exit-with-stdin"), format!("exit-with-stdin = {switch}"));
    }
}

const ENVIRONMENT_RPC: &str = r#"rpc = ["http://env:1", "http://env:2"] # from the environment, COUNTERFOIL_RPC"#;

#[test]
fn what_is_printed_is_a_file_that_sets_the_same_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let print = |path: Option<&PathBuf>| {
        let mut command = command();
        match path {
            Some(path) => command.env("COUNTERFOIL_CONFIG", path),
            None => command.args([
                "--rpc",
                "http://127.0.0.1:1",
                "--quorum",
                "1",
                "--poll-ms",
                "77",
                "--ws",
                "ws://h/SECRET",
            ]),
        };
        command.env("DATABASE_URL", "postgres://me:SECRET@db/index").env("COUNTERFOIL_GEYSER_TOKEN", "SECRET");
        let output = command.arg("--print-config").output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    let first = print(None);
    assert!(!first.contains("SECRET"), "{first}");
    assert_eq!(setting(&first, "ws"), r#"# ws = "ws://h/(hidden)" # from the flag"#);
    let database = r#"# database-url = "postgres://me:(hidden)@db/index" # from the environment, DATABASE_URL"#;
    assert_eq!(setting(&first, "database-url"), database);
    let second = print(Some(&file(&folder, &first)));
    for key in ["rpc", "quorum", "poll-ms", "listen", "program", "database-patience-s"] {
        let value = |printed: &str| setting(printed, key).split(" # ").next().unwrap().to_owned();
        assert_eq!(value(&first), value(&second));
        assert!(setting(&second, key).ends_with("from the file"), "{second}");
    }
}

#[test]
fn an_error_in_the_file_names_file_key_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        ("pol-ms = 30", "unknown key `pol-ms`; allowed are database-url, log-format, otlp, rpc, recording"),
        ("config = 'x'", "unknown key `config`"),
        ("poll-ms = 'SECRET'", "key `poll-ms`: it must be a whole number, not string"),
        ("poll-ms = [30]", "key `poll-ms`: it must be a whole number, not array"),
        ("poll-ms = 5", "key `poll-ms`: the value is not allowed: 5 is not in 10.."),
        ("rpc = ['http://a', 5]", "key `rpc`: it must be a string, or a list of strings, not array"),
        ("rpc = 'SECRET'", "key `rpc`: the value is not allowed: an RPC server's URL begins with http:// or https://"),
        ("exit-with-stdin = 1", "key `exit-with-stdin`: it must be true or false, not integer"),
        ("log-format = 'xml'", "key `log-format`: the value is not allowed: a log's format is text or json"),
        ("a = 1\ndatabase-url = 'SECRET", "line 2: "),
    ];
    for (content, message) in table {
        let path = file(&folder, content);
        for arguments in [&["--print-config"][..], &["fsck"]] {
            let output = command().args(arguments).arg("--config").arg(&path).output().unwrap();
            let said = text(&output);
            assert!(
                !output.status.success() && said.contains(message) && !said.contains("SECRET"),
                "{content}: {said}"
            );
            assert!(said.contains("indexer.toml"), "{content}: {said}");
        }
    }
    let output = command().args(["--config", "/nowhere", "--print-config"]).output().unwrap();
    assert!(!output.status.success() && text(&output).contains("/nowhere cannot be read"), "{}", text(&output));
}

#[test]
fn the_file_sets_what_commands_need() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new();
    let path =
        file(&folder, &format!("database-url = '{}'\nlog-format = 'json'\nlisten = '127.0.0.1:1'", database.url));
    let output = command().arg("doctor").arg("--config").arg(&path).output().unwrap();
    assert!(text(&output).contains("there is none in this database"), "{}", text(&output));
    let output = command().arg("rebuild").arg("--config").arg(&path).output().unwrap();
    assert!(text(&output).contains("the quorum must be") || text(&output).contains("--rpc"), "{}", text(&output));
}

#[test]
fn the_log_is_one_json_object_a_line_when_it_shall_be() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new();
    let recording = folder.path().join("recording");
    crate::history::record(&recording, crate::history::Shape { ledgers: 1, entries: 10, has_subtree: false });
    let arguments = ["rebuild", "--log-format", "json", "--recording", recording.to_str().unwrap()];
    let output = database.run(&arguments);
    assert!(output.status.success(), "{}", text(&output));
    let log = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<&str> = lines.iter().map(|line| line["fields"]["message"].as_str().unwrap()).collect();
    assert!(messages.iter().any(|message| message.starts_with("following ledger")), "{messages:?}");
    assert!(lines.iter().all(|line| line["level"] == "INFO" && line["timestamp"].is_string()), "{log}");
}
