//! The explorer's files. A browser tests what the page shows, in explorer/test.

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};

use crate::index::Index;

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
