//! Servers' URLs, of which only scheme, host and port may be shown: keys are carried in all other parts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use reqwest::Url;

/// Reads the URL of an RPC server, for the command line, in the one form that it has: scheme and host in lower case, no
/// default port, no fragment, no empty query. So two texts of one server are equal, and it counts once towards a quorum.
///
/// # Errors
/// Says what an RPC server's URL looks like; repeats nothing of the text, which may hold a key.
pub fn parse_rpc_url(text: &str) -> Result<String, &'static str> {
    const WANTED: &str = "an RPC server's URL begins with http:// or https:// and has no spaces";
    // The parser takes more slashes than two, and spaces.
    let host = text.split_once("://").map_or("", |(_, rest)| rest);
    if host.is_empty() || host.starts_with('/') || text.contains(char::is_whitespace) {
        return Err(WANTED);
    }
    let mut url = Url::parse(text).map_err(|_| WANTED)?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(WANTED);
    }
    url.set_fragment(None);
    if url.query() == Some("") {
        url.set_query(None);
    }
    Ok(url.into())
}

/// Whether a URL leads to this machine, where no proxy can reach for it.
#[must_use]
pub fn is_local_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_here(&url))
}

fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
    })
}

/// Two of the servers that may be one under two names: the same port of this machine. By the names that may be shown.
fn one_machine_twice<'a>(urls: impl IntoIterator<Item = &'a str>) -> Option<(String, String)> {
    let mut seen: BTreeMap<u16, &str> = BTreeMap::new();
    for url in urls {
        let Some(parsed) = Url::parse(url).ok().filter(is_here) else { continue };
        let Some(port) = parsed.port_or_known_default() else { continue };
        if let Some(other) = seen.insert(port, url) {
            return Some((without_keys(other), without_keys(url)));
        }
    }
    None
}

/// The warning where two of the servers are the same port of this machine, and would count as two.
#[must_use]
pub fn one_machine_warning<'a>(urls: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (one, other) = one_machine_twice(urls)?;
    Some(format!("{one} and {other} are the same port of this machine: one server under two names, counted as two"))
}

/// An error's text without URLs: a library repeats them, keys and all, in a form of its own.
pub fn hide_urls(text: &str, server: &str) -> String {
    let words = text.split(' ').map(|word| if word.contains("://") { server } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A URL as far as it may be shown: scheme, host and port. Keys are carried in all other parts.
pub fn without_keys(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "the server".to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// How much of a server's text is shown, in characters.
const MAX_SHOWN: usize = 300;

/// The beginning of a server's text, for it may be as long as an answer: it goes to logs, to /readyz and to terminals, where
/// which escape it.
pub fn beginning(text: String) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text,
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::{hide_urls, one_machine_twice, parse_rpc_url, without_keys};

    #[test]
    fn shows_nothing_of_a_url_that_can_hold_a_key() {
        let url = "https://user:secret@rpc.example.com:8899/secret?api-key=secret#secret";
        assert_eq!(without_keys(url), "https://rpc.example.com:8899");
        assert_eq!(without_keys("secret"), "the server");
    }

    #[test]
    fn shows_no_url_of_a_librarys_error_in_whatever_form() {
        for url in [
            "http://127.0.0.1:1/?api-key=SECRET",
            "http://u:SECRET@host/k-SECRET",
            "HTTPS://host:443/SECRET",
            "wss://host/SECRET",
        ] {
            let text = format!("error sending request for url ({url}): connection refused");
            let shown = hide_urls(&text, "https://host");
            assert_eq!(shown, "error sending request for url https://host connection refused");
        }
    }

    #[test]
    fn refuses_a_url_that_is_none_and_does_not_repeat_it() {
        for text in ["SECRET", "ftp://SECRET", "http://", "http:///SECRET", "http://host/SECRET key"] {
            assert!(!parse_rpc_url(text).unwrap_err().contains("SECRET"));
        }
    }

    #[test]
    fn one_port_of_this_machine_is_one_server_under_whatever_name() {
        let twice = |urls: &[&str]| one_machine_twice(urls.iter().copied()).map(|(one, other)| [one, other].join(" "));
        let names = ["http://localhost:8899/", "http://127.0.0.1:8899/?key=SECRET", "http://[::1]:8899/"];
        assert_eq!(twice(&names[..2]).as_deref(), Some("http://localhost:8899 http://127.0.0.1:8899"));
        assert_eq!(twice(&names[1..]).as_deref(), Some("http://127.0.0.1:8899 http://[::1]:8899"));
        assert_eq!(
            twice(&["http://localhost/", "http://127.0.0.1:80/"]).as_deref(),
            Some("http://localhost http://127.0.0.1:80")
        );
        assert_eq!(twice(&["http://localhost:8899/", "http://127.0.0.1:8898/", "https://rpc.example.com:8899/"]), None);
    }

    #[test]
    fn one_server_has_one_url() {
        for (text, url) in [
            ("https://rpc.example.com/?api-key=x", "https://rpc.example.com/?api-key=x"),
            ("HTTPS://RPC.Example.com:443#x", "https://rpc.example.com/"),
            ("http://127.0.0.1:8899", "http://127.0.0.1:8899/"),
            ("http://127.0.0.1:8899/", "http://127.0.0.1:8899/"),
            ("http://127.0.0.1:8899/?", "http://127.0.0.1:8899/"),
            ("http://127.0.0.1:8899/?#x", "http://127.0.0.1:8899/"),
            ("http://127.0.0.1:80/a", "http://127.0.0.1/a"),
        ] {
            assert_eq!(parse_rpc_url(text).as_deref(), Ok(url));
        }
    }
}
