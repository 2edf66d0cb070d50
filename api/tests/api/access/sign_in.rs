//! Signing in with a wallet.

use counterfoil_api::{AccessSettings, Mode, Secret};
use serde_json::json;

use super::setting::{LIFETIME, READER, STRANGER, Setting, access, post, sign, wallet};

#[tokio::test]
async fn a_message_is_taken_once_unchanged_and_signed_by_its_address() {
    let mut setting = Setting::open().await;
    let address = wallet(READER).to_string();
    let issue = async |setting: &Setting| {
        let issued = post(&setting.index, "/v1/sign-in/message", &json!({ "address": address })).await.1;
        issued["message"].as_str().unwrap().to_owned()
    };
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Required, &secret, LIFETIME));
    let message = issue(&setting).await;
    let take = async |setting: &Setting, address: &str, message: &str, signature: String| {
        let body = json!({ "address": address, "message": message, "signature": signature });
        post(&setting.index, "/v1/sign-in", &body).await
    };
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 11, "{message}");
    // Each line changed at its end, left out, and said twice; signed as it is then.
    for at in 0..lines.len() {
        let changed = format!("{}x", lines[at]);
        let [mut altered, mut without, mut twice] = [lines.clone(), lines.clone(), lines.clone()];
        altered[at] = &changed;
        without.remove(at);
        twice.insert(at, lines[at]);
        for lines in [altered, without, twice] {
            let text = lines.join("\n");
            let (status, body) = take(&setting, &address, &text, sign(READER, &text)).await;
            assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{text}");
        }
    }
    for text in [format!("{message}\n"), message.replace('\n', "\r\n"), String::new()] {
        assert_eq!(take(&setting, &address, &text, sign(READER, &text)).await.0, 401, "{text}");
    }
    // Another's signature, over another text, and another's address.
    assert_eq!(take(&setting, &address, &message, sign(STRANGER, &message)).await.0, 401);
    assert_eq!(take(&setting, &address, &message, sign(READER, "another text")).await.0, 401);
    assert_eq!(take(&setting, &wallet(STRANGER).to_string(), &message, sign(STRANGER, &message)).await.0, 401);
    assert_eq!(take(&setting, &address, &message, "1".repeat(64)).await.0, 401);
    for signature in ["", "0", &"1".repeat(63), &"z".repeat(60_000)] {
        assert_eq!(take(&setting, &address, &message, signature.to_owned()).await.0, 400);
    }
    // None of this has used it up.
    assert_eq!(take(&setting, &address, &message, sign(READER, &message)).await.0, 200);
    let (status, body) = take(&setting, &address, &message, sign(READER, &message)).await;
    assert_eq!(status, 401);
    assert!(body["detail"].as_str().unwrap().contains("used"), "{body}");

    let message = issue(&setting).await;
    setting.serve(access(Mode::Required, &Secret::generate().unwrap(), LIFETIME));
    assert_eq!(take(&setting, &address, &message, sign(READER, &message)).await.0, 401, "another server's");
    setting.serve(AccessSettings { mode: Mode::Required, ..AccessSettings::default() });
    let (status, body) = post(&setting.index, "/v1/sign-in/message", &json!({ "address": address })).await;
    assert_eq!((status, &body["code"]), (501, &json!("not_configured")));
}
