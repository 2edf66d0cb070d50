//! Headers for caches.

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use counterfoil_core::LedgerId;

use crate::history::History;
use crate::index::{BIG, BIG_SIZE, Index};

const LIVE: LedgerId = LedgerId([7; 32]);

async fn ask(index: &Index, path: &str, known: Option<&str>) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some(known) = known {
        request = request.header("if-none-match", known);
    }
    index.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_answer_is_not_sent_twice_to_who_has_its_tag() {
    let index = Index::open().await;
    for path in [
        format!("/v1/ledgers/{BIG}"),
        format!("/v1/ledgers/{BIG}/entries"),
        format!("/v1/ledgers/{BIG}/entries/5/receipt"),
    ] {
        let first = ask(&index, &path, None).await;
        assert_eq!(first.headers()["cache-control"], "no-cache", "{path}");
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = ask(&index, &path, Some(&known)).await;
            assert_eq!((again.status(), again.headers()["etag"].to_str().unwrap()), (StatusCode::NOT_MODIFIED, &*tag));
            assert_eq!(again.headers()["cache-control"], "no-cache");
            assert!(to_bytes(again.into_body(), usize::MAX).await.unwrap().is_empty());
        }
        let other = ask(&index, &path, Some("\"other\"")).await;
        assert_eq!(other.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_tag_changes_with_the_answer() {
    let index = Index::open().await;
    let mut history = History::create(LIVE);
    history.append(300);
    history.check(&index.pool).await;
    let paths =
        ["", "/inclusion?log=entries&index=5", "/consistency?log=entries&first=5", "/entries/5", "/entries?limit=5"];
    let paths = paths.map(|path| format!("/v1/ledgers/{LIVE}{path}"));
    let mut tags = Vec::new();
    for path in &paths {
        tags.push(ask(&index, path, None).await.headers()["etag"].to_str().unwrap().to_owned());
    }
    history.append(1);
    history.check(&index.pool).await;
    for (path, tag) in paths.iter().zip(tags) {
        // How far a ledger is, is known a second late where its change is not heard of.
        let changed = loop {
            let answer = ask(&index, path, Some(&tag)).await;
            if answer.status() != StatusCode::NOT_MODIFIED {
                break answer;
            }
        };
        assert_eq!(changed.status(), StatusCode::OK, "{path}");
        assert_ne!(changed.headers()["etag"], tag.as_str(), "{path}");
    }
}

#[tokio::test]
async fn different_tiles_have_different_tags() {
    let index = Index::open().await;
    let mut tags = BTreeSet::new();
    for tile in ["entries/tile/0/000", "entries/tile/0/001", "events/tile/0/000", "entries/tile/0/000.p/255"] {
        let answer = ask(&index, &format!("/tlog/{BIG}/{tile}"), None).await;
        tags.insert(answer.headers()["etag"].to_str().unwrap().to_owned());
    }
    assert_eq!(tags.len(), 4);
}

#[tokio::test]
async fn what_is_pinned_to_a_size_may_be_kept_for_ever_and_nothing_else() {
    let index = Index::open().await;
    let immutable = "public, max-age=31536000, immutable";
    for (path, expected) in [
        (format!("inclusion?log=entries&index=5&size={BIG_SIZE}"), immutable),
        ("inclusion?log=entries&index=5&size=6".to_owned(), immutable),
        ("inclusion?log=entries&index=5".to_owned(), "no-cache"),
        ("consistency?log=events&first=7&second=9".to_owned(), immutable),
        ("consistency?log=events&first=7".to_owned(), "no-cache"),
        ("entries/5".to_owned(), "no-cache"),
    ] {
        let answer = ask(&index, &format!("/v1/ledgers/{BIG}/{path}"), None).await;
        assert_eq!(answer.headers()["cache-control"], expected, "{path}");
    }
    // A thing that is refused now may be there later.
    let refused = ask(&index, &format!("/v1/ledgers/{BIG}/inclusion?log=entries&index=5&size=5000"), None).await;
    assert_eq!((refused.status(), refused.headers().get("etag")), (StatusCode::NOT_FOUND, None));
    assert_eq!(refused.headers().get("cache-control"), None);
    let head = Request::builder().method(Method::HEAD).uri(format!("/v1/ledgers/{BIG}")).body(Body::empty()).unwrap();
    assert_eq!(index.send(head).await.headers().get("etag"), None, "the tag is of a body");
}
