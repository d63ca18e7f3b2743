//! Keys in URLs, whatever stands there. Also run by the fuzzer.

use waygate_api::paths::{key_of_path, path_key, percent_decoded, percent_encoded};

/// Any text goes into a URL segment and comes back, and any segment that is read has one form.
pub(crate) fn segments_come_back(text: &str) {
    let segment = path_key(text);
    assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{segment}");
    assert_eq!(key_of_path(&segment).as_deref(), Some(text));
    if let Some(key) = key_of_path(text) {
        let canonical = text.replace('+', "-");
        assert_eq!(path_key(&key), canonical.trim_end_matches('='), "{text:?} is not the one form of {key:?}");
    }
    let encoded = percent_encoded(text);
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte)), "{encoded}");
    assert_eq!(percent_decoded(&encoded), text);
    let decoded = percent_decoded(text);
    assert_eq!(percent_decoded(&percent_encoded(&decoded)), decoded);
}
