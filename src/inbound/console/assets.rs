//! The style sheet, the script and the icon, inside the binary. Their addresses carry a digest of their bytes, so
//! that browsers may keep them for ever and a new release is seen at once.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::views::ROOT;

/// The content security policy of every page: nothing from elsewhere, nothing inline.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// The last part of its address.
    pub name: String,
    /// Its type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    let asset = |stem: &str, extension: &str, media_type, bytes: &'static [u8]| {
        let digest = hex::encode(Sha256::digest(bytes));
        Asset { name: format!("{stem}-{}.{extension}", digest.get(..12).unwrap_or_default()), media_type, bytes }
    };
    [
        asset("desk", "css", "text/css; charset=utf-8", include_bytes!("assets/desk.css")),
        asset("desk", "js", "text/javascript; charset=utf-8", include_bytes!("assets/desk.js")),
        asset("icon", "svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
    ]
});

/// The asset with this name (`desk-1f0c….css`).
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Address of the style sheet.
#[must_use]
pub fn style() -> String {
    address(&ASSETS[0])
}

/// Address of the script.
#[must_use]
pub fn script() -> String {
    address(&ASSETS[1])
}

/// Address of the icon.
#[must_use]
pub fn icon() -> String {
    address(&ASSETS[2])
}

fn address(asset: &Asset) -> String {
    format!("{ROOT}/assets/{}", asset.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_under_the_name_that_pages_use_and_no_other() {
        for address in [style(), script(), icon()] {
            let name = address.rsplit('/').next().expect("a name");
            assert!(!find(name).expect("embedded").bytes.is_empty());
        }
        assert!(find("desk.css").is_none() && find("../desk.css").is_none());
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in ASSETS.iter() {
            let text = std::str::from_utf8(asset.bytes).expect("text").replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("@import"), "{}", asset.name);
        }
    }
}
