//! Clients that hold up, ask for too much, or speak no HTTP: each gets an answer or a closed connection in bounded time, and
//! the service goes on. Over real sockets, against the process.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};

use crate::index::{BIG, Index};
use crate::process::Process;

/// The longest time that the service gives a client, with room for a busy machine.
const BOUND: Duration = Duration::from_secs(40);

fn connect(process: &Process) -> TcpStream {
    let stream = TcpStream::connect(&process.address).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream
}

/// All that comes until the service closes the connection, which it does within bounds.
fn read_to_end(mut stream: impl Read) -> String {
    let (begun, mut answer) = (Instant::now(), Vec::new());
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // Closed with bytes of ours unread.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        Err(error) => panic!("the connection is still open after {:?}: {error}", begun.elapsed()),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn expect_well(process: &Process) {
    let mut stream = connect(process);
    write!(stream, "GET /v1/ledgers/{BIG} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 200 "));
}

/// Sends what `next` gives every half second, until the service closes.
fn drip(mut stream: TcpStream, mut next: impl FnMut() -> &'static [u8] + Send + 'static) -> String {
    let mut writer = stream.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        while writer.write_all(next()).is_ok() {
            std::thread::park_timeout(Duration::from_millis(500));
        }
    });
    let mut answer = Vec::new();
    let begun = Instant::now();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection is still open after {:?}: {error}", begun.elapsed()),
        }
        assert!(begun.elapsed() < BOUND, "the connection is still open");
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
    dripping.join().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hold_up_are_let_go_and_the_others_are_served() {
    let index = Index::open().await;
    let process = Process::start(&index.url, &[]);
    std::thread::scope(|scope| {
        // Half open: connected, and nothing more.
        let silent = scope.spawn(|| assert_eq!(read_to_end(connect(&process)), ""));
        // A line of the head now and then prolongs nothing.
        let slow_head = scope.spawn(|| {
            let mut stream = connect(&process);
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n").unwrap();
            let answer = drip(stream, || b"x-more: y\r\n");
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
        });
        // Nor does a byte of the body.
        let slow_body = scope.spawn(|| {
            let mut stream = connect(&process);
            let head =
                "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            let answer = drip(stream, || b" ");
            assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
        });
        // Idle after an answer.
        let idle = scope.spawn(|| {
            let mut stream = connect(&process);
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            assert!(read_to_end(stream).starts_with("HTTP/1.1 200 "));
        });
        let held = [silent, slow_head, slow_body, idle];
        while !held.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            expect_well(&process);
        }
        held.into_iter().for_each(|held| held.join().unwrap());
    });
    expect_well(&process);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_no_http_is_refused_and_the_service_goes_on() {
    let index = Index::open().await;
    let process = Process::start(&index.url, &[]);
    let long = "x".repeat(100_000);
    let many = "a: b\r\n".repeat(2_000);
    for (request, expected) in [
        (format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nx-long: {long}\r\n\r\n"), "HTTP/1.1 431 "),
        (format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"), "HTTP/1.1 431 "),
        (format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"), "HTTP/1.1 4"),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("GET /livez HTTP/9.9\r\n\r\n".to_owned(), "HTTP/1.1 4"),
        (
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"
                .to_owned(),
            "HTTP/1.1 400 ",
        ),
    ] {
        let mut stream = connect(&process);
        // The service may have closed before all was sent.
        let _ = stream.write_all(request.as_bytes());
        let answer = read_to_end(stream);
        let start = &request[..request.len().min(40)];
        assert!(answer.is_empty() || answer.starts_with(expected), "{start}: {answer}");
        expect_well(&process);
    }
    // As large as it says, and larger than it says.
    for head in ["content-length: 5000000", "transfer-encoding: chunked"] {
        let mut stream = connect(&process);
        let head =
            format!("POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = format!("{:x}\r\n{}\r\n", 10_000, " ".repeat(10_000));
        let mut sent = 0;
        while sent < 500 && stream.write_all(chunk.as_bytes()).is_ok() {
            sent += 1;
        }
        let answer = read_to_end(stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
        expect_well(&process);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_places_wait_for_one() {
    let index = Index::open().await;
    let process = Process::start(&index.url, &["--max-connections", "2", "--max-connections-per-address", "2"]);
    let held = [connect(&process), connect(&process)];
    let mut third = connect(&process);
    third.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    // Places come free when the service lets the silent ones go.
    assert!(read_to_end(third).starts_with("HTTP/1.1 200 "));
    drop(held);
    expect_well(&process);
}

/// From another address of this machine.
fn connect_from(process: &Process, address: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        socket.connect(process.address.parse().unwrap()).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_a_share_of_the_connections_and_leaves_the_others_theirs() {
    let index = Index::open().await;
    for flags in [&["--max-connections", "16"][..], &["--max-connections-per-address", "2"]] {
        let process = Process::start(&index.url, flags);
        std::thread::scope(|scope| {
            let tried = scope.spawn(|| {
                let ask = |address| {
                    let mut stream = connect_from(&process, address);
                    // The service may have closed it already.
                    let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
                    read_to_end(stream)
                };
                // The heads of its share do not end, however many it opens.
                let held: Vec<_> = (0..20).map(|_| connect_from(&process, "127.0.0.2")).collect();
                let refused = ask("127.0.0.2");
                let others = ["127.0.0.3", "127.0.0.1"].map(ask);
                // A connection that ends makes room.
                drop(held);
                let begun = Instant::now();
                while !ask("127.0.0.2").starts_with("HTTP/1.1 200 ") {
                    assert!(begun.elapsed() < BOUND, "no place came free");
                }
                (refused, others)
            });
            let (refused, others) = tried.join().unwrap();
            assert_eq!(refused, "", "{flags:?}");
            assert!(others.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "{flags:?}: {others:?}");
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_of_a_trusted_proxy_are_those_of_many() {
    let index = Index::open().await;
    let flags = ["--max-connections-per-address", "1", "--trusted-proxy", "127.0.0.0/8"];
    let process = Process::start(&index.url, &flags);
    let held: Vec<_> = (0..5).map(|_| connect(&process)).collect();
    let mut stream = connect(&process);
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 200 "));
    drop(held);
}

/// A certificate for localhost that signs itself.
fn make_certificate(folder: &Path) -> (String, String) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_served_and_who_does_not_shake_hands_is_let_go() {
    let index = Index::open().await;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = make_certificate(folder.path());
    let process = Process::start(&index.url, &["--tls-certificate", &certificate, "--tls-key", &key]);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = Arc::new(config.with_no_client_auth());
    let ask = || {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(config.clone(), name).unwrap();
        let mut stream = StreamOwned::new(client, connect(&process));
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        read_to_end(stream)
    };
    assert!(ask().starts_with("HTTP/1.1 200 "));
    assert_eq!(read_to_end(connect(&process)), "", "nothing was said");
    let mut plain = connect(&process);
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(!read_to_end(plain).contains("HTTP/"));
    assert!(ask().starts_with("HTTP/1.1 200 "));
}

/// The status of an answer to a request of these lines.
fn status(process: &Process, lines: &[&str]) -> String {
    let mut stream = connect(process);
    stream.write_all(format!("{}\r\nconnection: close\r\n\r\n", lines.join("\r\n")).as_bytes()).unwrap();
    read_to_end(stream)[9..12].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_makes_its_own_name_lead_here_reads_nothing() {
    let index = Index::open().await;
    let (evil, own) = ("rebind.evil.example", "api.example.com");
    for (flags, is_evil_known, is_own_known) in [
        (&[][..], false, false),
        (&["--access", "public"], false, false),
        (&["--host", own], false, true),
        (&["--sign-in-uri", "https://api.example.com:8443/in"], false, true),
        (&["--listen", "0.0.0.0:0", "--access", "off"], false, false),
        (&["--listen", "0.0.0.0:0", "--access", "public", "--host", own], false, true),
        // Whom else it asks, and who asks it through a proxy, is told by what comes with the request.
        (&["--listen", "0.0.0.0:0", "--access", "public"], true, true),
        (&["--trusted-proxy", "192.0.2.1/32", "--access", "public"], true, true),
    ] {
        let mut process = Process::start(&index.url, flags);
        process.address = process.address.replace("0.0.0.0", "127.0.0.1");
        let ask = |host: &str| {
            let path = format!("/v1/ledgers/{BIG}");
            let upgrade =
                "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: MTIzNDU2Nzg5MDEyMzQ1Ng==";
            let socket = format!("{upgrade}\r\nsec-websocket-protocol: graphql-transport-ws\r\norigin: http://{host}");
            let host = format!("host: {host}");
            [
                status(&process, &[&format!("GET {path} HTTP/1.1"), &host]),
                status(&process, &["GET /livez HTTP/1.1", &host]),
                status(&process, &["OPTIONS /v1/ledgers HTTP/1.1", &host]),
                status(&process, &["GET /graphql HTTP/1.1", &host, &socket]),
            ]
        };
        // The last one says that a connection to be closed cannot be a socket.
        let (known, unknown) = (["200", "200", "405", "405"], ["421"; 4]);
        let expected = |is_known: bool| if is_known { known } else { unknown };
        for host in [evil, "rebind.evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert_eq!(ask(host), expected(is_evil_known), "{flags:?} {host}");
        }
        for host in [own, "API.example.com:8080"] {
            assert_eq!(ask(host), expected(is_own_known), "{flags:?} {host}");
        }
        for host in [&process.address, "localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "[::1]:8080"] {
            assert_eq!(ask(host), known, "{flags:?} {host}");
        }
        // The host in the line of the request counts before the header.
        let line = format!("GET http://{evil}/livez HTTP/1.1");
        assert_eq!(
            status(&process, &[&line, "host: localhost"]),
            if is_evil_known { "200" } else { "421" },
            "{flags:?}"
        );
    }
    for bad in ["https://api.example.com", "api.example.com:80", "api.example.com.", ""] {
        let refused = run(&index.url, &["--host", bad]);
        assert_eq!(refused.status.code(), Some(2), "{bad}");
        let message = String::from_utf8(refused.stderr).unwrap();
        assert!(message.contains("without scheme and port"), "{bad}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_one_host() {
    let index = Index::open().await;
    let process = Process::start(&index.url, &[]);
    for (lines, expected) in [
        (&["GET /livez HTTP/1.1", "host: localhost"][..], "200"),
        (&["GET /livez HTTP/1.1"], "400"),
        (&["GET /livez HTTP/1.1", "host: localhost", "host: localhost"], "400"),
        (&["GET /livez HTTP/1.1", "host: localhost", "host: evil.example"], "400"),
        // Older than the header.
        (&["GET /livez HTTP/1.0"], "200"),
        (&["GET /livez HTTP/1.0", "host: localhost", "host: localhost"], "400"),
    ] {
        assert_eq!(status(&process, lines), expected, "{lines:?}");
    }
    expect_well(&process);
}

fn run(database_url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil-api"));
    command.args(arguments).env("DATABASE_URL", database_url).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_and_revokes_keys_while_the_service_runs() {
    let index = Index::open().await;
    let mut process = Process::start(&index.url, &["--access", "required"]);
    // Each refusal is a line of it.
    process.drain_log();
    let wallet = bs58::encode([7; 32]).into_string();
    let done = |arguments: &[&str]| {
        let output = run(&index.url, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let ask = |key: &str| {
        let mut stream = connect(&process);
        let head = format!("host: localhost\r\nauthorization: Bearer {key}\r\nconnection: close");
        write!(stream, "GET /v1/ledgers/{BIG} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        read_to_end(stream)[9..12].to_owned()
    };
    let made = done(&["key", "create", "--name", "auditor", "--ledger", &BIG.to_string()]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    done(&["reader", "add", &BIG.to_string(), &wallet]);
    assert!(done(&["reader", "list"]).contains(&wallet));
    let list = done(&["key", "list"]);
    assert!(list.contains(id) && list.contains("auditor") && !list.contains(key.rsplit('_').next().unwrap()), "{list}");
    // The service notices within seconds.
    let until = |status: &str| {
        let begun = Instant::now();
        while ask(key) != status {
            assert!(begun.elapsed() < BOUND, "still {}", ask(key));
        }
    };
    until("200");
    done(&["key", "revoke", id]);
    until("401");
    assert!(!run(&index.url, &["key", "revoke", id]).status.success());
    done(&["reader", "remove", &BIG.to_string(), &wallet]);
    assert!(!run(&index.url, &["reader", "remove", &BIG.to_string(), &wallet]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_name_is_refused_before_the_database_and_says_why() {
    let (long, longest) = ("é".repeat(101), "é".repeat(100));
    for (name, expected) in [
        ("", "must not be empty"),
        (" \t", "must not be empty"),
        (&long, "at most 100 characters, this one has 101"),
        // Good, so that the database is asked, which is not there.
        (&longest, "cannot reach the database"),
    ] {
        let refused = run("postgres://nobody@127.0.0.1:1/none", &["key", "create", "--name", name]);
        let message = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && message.contains(expected), "{name}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_of_the_database_has_its_own_advice() {
    let index = Index::open().await;
    let wallet = bs58::encode([7; 32]).into_string();
    let with_role = |role: &str| {
        let (scheme, rest) = index.url.split_once("://").unwrap();
        format!("{scheme}://{role}:secret@{}", rest.split_once('@').unwrap().1)
    };
    index.execute("create role only_reads login password 'secret'").await;
    index.execute("grant select on all tables in schema public to only_reads").await;
    let refused = |url: &str, expected: &str| {
        for arguments in [&["key", "create", "--name", "a"][..], &["reader", "add", &BIG.to_string(), &wallet]] {
            let output = run(url, arguments);
            let message = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && message.contains(expected), "{arguments:?}: {message}");
        }
    };
    refused(&with_role("only_reads"), "this role may not do that");
    let name = index.url.rsplit('/').next().unwrap().to_owned();
    index.execute(&format!("alter database {name} set default_transaction_read_only = on")).await;
    refused(&index.url, "this database only reads");
    index.execute(&format!("alter database {name} reset default_transaction_read_only")).await;
    index.execute("drop table api_key, reader").await;
    refused(&index.url, "the tables are not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_asked_unless_only_this_machine_can_ask() {
    let index = Index::open().await;
    for (flags, expected) in [
        (&[][..], "200"),
        (&["--trusted-proxy", "127.0.0.0/8"], "401"),
        (&["--listen", "0.0.0.0:0"], "401"),
        (&["--listen", "0.0.0.0:0", "--access", "public"], "200"),
    ] {
        let process = Process::start(&index.url, flags);
        let port = process.address.rsplit(':').next().unwrap();
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        assert_eq!(&read_to_end(stream)[9..12], expected, "{flags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_apart_behind_a_trusted_proxy_alone() {
    let index = Index::open().await;
    let all = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"];
    for (flags, expected) in [
        (&["--access", "public", "--address-rate", "2"][..], ["200", "200", "429", "429"]),
        (
            &["--access", "public", "--address-rate", "2", "--trusted-proxy", "127.0.0.1/32"],
            ["200", "200", "429", "200"],
        ),
    ] {
        let process = Process::start(&index.url, flags);
        let answers = all.map(|from| {
            let mut stream = connect(&process);
            let head = format!("host: localhost\r\nx-forwarded-for: 198.51.100.7, {from}\r\nconnection: close");
            write!(stream, "GET /v1/status HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
            read_to_end(stream)[9..12].to_owned()
        });
        assert_eq!(answers, expected, "{flags:?}");
    }
}
