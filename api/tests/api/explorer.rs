//! The explorer's files. A browser tests what the page shows, in explorer/test.

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};

use crate::index::{BIG, Index};

/// Their paths. The page's policy is tested here, that of all other answers in `problems`.
pub const FILES: [&str; 6] = ["/", "/app.js", "/app.css", "/worker.js", "/verifier.wasm", "/verify.html"];

async fn ask(index: &Index, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    index.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn each_file_is_sent_plain_or_compressed_and_not_twice() {
    let index = Index::open().await;
    for path in FILES {
        let plain = ask(&index, path, &[]).await;
        assert_eq!((plain.status(), plain.headers().get("content-encoding")), (StatusCode::OK, None), "{path}");
        let small = ask(&index, path, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(small.headers()["content-encoding"], "br", "{path}");
        assert_eq!(
            (&small.headers()["vary"], &small.headers()["cache-control"]),
            (&"accept-encoding".parse().unwrap(), &"no-cache".parse().unwrap())
        );
        let (policy, tag) = (small.headers()["content-security-policy"].clone(), small.headers()["etag"].clone());
        assert_ne!(tag, plain.headers()["etag"], "{path}: two bodies have two tags");
        let sizes = [plain, small].map(|answer| to_bytes(answer.into_body(), usize::MAX));
        let [plain, small] = sizes;
        assert!(small.await.unwrap().len() < plain.await.unwrap().len(), "{path}");

        let again = ask(&index, path, &[("accept-encoding", "br"), ("if-none-match", tag.to_str().unwrap())]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(
            again.headers()["content-security-policy"],
            policy,
            "{path}: a browser takes it in place of the stored one"
        );
    }
}

#[tokio::test]
async fn the_pages_policy_lets_in_its_own_scripts_alone() {
    let index = Index::open().await;
    let page = ask(&index, "/", &[]).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
    assert!(policy.contains("require-trusted-types-for 'script'") && !policy.contains("unsafe-inline"), "{policy}");
    let text = String::from_utf8(to_bytes(page.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    assert!(text.contains("src=\"./app.js\"") && !text.contains("<script>") && !text.contains("://"), "{text}");
    // Other pages get none of it.
    let docs = ask(&index, "/docs", &[]).await;
    assert!(!docs.headers()["content-security-policy"].to_str().unwrap().contains("script-src"));
}

#[tokio::test]
async fn readers_without_scripts_get_the_facts_and_are_told_that_nothing_was_verified() {
    let index = Index::open().await;
    let text = async |path: &str| {
        let answer = ask(&index, path, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src"), "{policy}");
        let text = String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
        assert!(text.contains("<strong>This page verified nothing.</strong>") && !text.contains("<script"), "{text}");
        text
    };
    let list = text("/facts").await;
    assert!(list.contains(&format!("href=\"/facts/{BIG}\"")), "{list}");
    let (_, ledger) = index.get(&format!("/v1/ledgers/{BIG}")).await;
    let page = text(&format!("/facts/{BIG}")).await;
    for path in
        ["/checked/head/size", "/checked/head/root", "/checked/event_head/root", "/checked/slot", "/missing_leaves"]
    {
        let fact = ledger.pointer(path).and_then(|fact| fact.as_str()).unwrap();
        assert!(page.contains(fact), "{path}: {fact}");
    }
    // Pages of one, to the end.
    let mut seen = 0;
    let mut path = "/facts?limit=1".to_owned();
    loop {
        let page = text(&path).await;
        seen += page.matches("href=\"/facts/").count();
        let Some((_, rest)) = page.split_once("/facts?after=") else { break };
        path = format!("/facts?limit=1&after={}", rest.split_once('"').unwrap().0);
    }
    assert_eq!(seen, list.matches("href=\"/facts/").count());
    for (path, status) in
        [("/facts/nothing", 400), ("/facts?limit=0", 400), (&*format!("/facts/{}", "1".repeat(32)), 404)]
    {
        assert_eq!(ask(&index, path, &[]).await.status().as_u16(), status, "{path}");
    }
}
