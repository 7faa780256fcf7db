//! Golden files: what the program wrote when a person looked at it and found it good.

use std::path::Path;

/// Fails unless `found` is what stands in `tests/fixtures/NAME`. With `UPDATE_GOLDEN=1` the file is
/// written instead; look at the difference before it is committed.
#[track_caller]
pub(crate) fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty()) {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "`{name}` is out of date; if the new text is right: UPDATE_GOLDEN=1 cargo test\n\
         expected:\n{expected}\nfound:\n{found}"
    );
}
