//! Sessions, tokens, and the server itself.

use serde_json::json;

use super::{Schemas, flag, named, object, one_of, text, texts, time, whole};

pub(super) fn all() -> Schemas {
    let token = json!({
        "id": text(), "holder": text(), "kind": one_of(&["login", "service"]),
        "platform": one_of(&["cli", "sdk", "dashboard", "api", "system"]), "service": text(), "issued": time(),
        "expires": time(), "last_used": time(),
    });
    let mut new_token = token.clone();
    new_token["token"] = text();
    let always = ["id", "holder", "kind", "platform", "issued", "expires"];
    vec![
        named("Ok", object(&["ok"], json!({ "ok": flag() }))),
        named("Health", object(&["status"], json!({ "status": one_of(&["ok", "ready"]) }))),
        named(
            "Server",
            object(
                &["version", "epoch", "revision", "requests", "backend", "time", "auth"],
                json!({
                    "version": text(), "epoch": text(), "revision": whole(), "requests": whole(), "backend": text(),
                    "time": time(), "auth": flag(),
                }),
            ),
        ),
        named(
            "Login",
            object(
                &["token", "username", "expires_at"],
                json!({ "token": text(), "username": text(), "expires_at": time() }),
            ),
        ),
        named(
            "Me",
            object(
                &["username", "platform"],
                json!({
                    "username": text(), "platform": text(), "expires_at": time(),
                    "role": one_of(&["viewer", "operator", "admin"]), "services": texts(), "csrf_token": text(),
                }),
            ),
        ),
        named("Token", object(&always, token)),
        named("NewToken", object(&[&always[..], &["token"]].concat(), new_token)),
    ]
}
