//! Style, script and sign, from the binary. Their names carry a hash of their content, so browsers keep them for good.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use sha2::{Digest as _, Sha256};
use waygate_api::error::ErrorCode;

use crate::dashboard::packed::{mark, packed, takes_gzip};
use crate::error::ApiError;

/// The paths of the assets, below the dashboard's base.
#[derive(Debug)]
pub(super) struct Assets {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

struct Asset {
    name: &'static str,
    extension: &'static str,
    kind: &'static str,
    content: &'static str,
}

const STYLE: Asset = Asset {
    name: "waygate",
    extension: "css",
    kind: "text/css; charset=utf-8",
    content: include_str!("../../assets/waygate.css"),
};
const SCRIPT: Asset = Asset {
    name: "waygate",
    extension: "js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("../../assets/waygate.js"),
};
const ICON: Asset =
    Asset { name: "waygate", extension: "svg", kind: "image/svg+xml", content: include_str!("../../assets/logo.svg") };

static NAMES: LazyLock<Assets> =
    LazyLock::new(|| Assets { style: STYLE.path(), script: SCRIPT.path(), icon: ICON.path() });

pub(super) fn assets() -> &'static Assets {
    &NAMES
}

impl Asset {
    fn path(&self) -> String {
        let hash = Sha256::digest(self.content.as_bytes());
        let hash = hash.iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        format!("/ui/assets/{}-{hash:016x}.{}", self.name, self.extension)
    }

    /// The content compressed, which is done once.
    fn packed(&self) -> Bytes {
        PACKED.get(self.extension).cloned().unwrap_or_default()
    }
}

static PACKED: LazyLock<HashMap<&'static str, Bytes>> = LazyLock::new(|| {
    let packed = |asset: Asset| Some((asset.extension, packed(asset.content.as_bytes(), Compression::best())?));
    [STYLE, SCRIPT, ICON].into_iter().filter_map(packed).collect()
});

/// One asset. A name with another hash is not found: its content would be kept for good under it.
pub(super) async fn serve(Path(name): Path<String>, wanted: HeaderMap) -> Result<Response, ApiError> {
    let names = assets();
    let path = format!("/ui/assets/{name}");
    let asset = [(&names.style, STYLE), (&names.script, SCRIPT), (&names.icon, ICON)]
        .into_iter()
        .find_map(|(known, asset)| (*known == path).then_some(asset))
        .ok_or_else(|| {
            ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, format!("there is no asset `{name}`"))
        })?;
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    if !takes_gzip(&wanted) {
        return Ok((head, asset.content).into_response());
    }
    let mut response = (head, asset.packed()).into_response();
    mark(response.headers_mut());
    Ok(response)
}
