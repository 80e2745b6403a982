//! Files in and out. The bytes are on the disk before the event that names them is asked for.

use axum::body::{Body, Bytes};
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::act::{form_of, view_of, wrongly_typed};
use super::reply;
use super::routes::{Visitor, number};
use super::typed::{Data, read_time};
use super::view_of::Look;
use super::views::{FormView, ROOT};
use crate::card::form::Typed;
use crate::card::replies;
use crate::card::words::one_line;
use crate::desk::query::NoView;
use crate::desk::request::{Ask, Unanswered};
use crate::inbound::api::files::refused_unread;
use crate::inbound::app::App;
use crate::procedure::model::Permission;
use crate::ticket::command::{AttachEvidence, Command};

/// The largest file, with its form, in bytes.
pub(in crate::inbound) const MOST: usize = 25 << 20;

/// A form with a file.
struct Upload {
    data: Data,
    name: String,
    bytes: Bytes,
}

async fn read(mut parts: Multipart) -> Result<Upload, String> {
    let too_large = |_| format!("That file is too large: at most {} MB are taken.", MOST >> 20);
    let (mut pairs, mut file) = (Vec::new(), None);
    while let Some(part) = parts.next_field().await.map_err(too_large)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            let called = one_line(part.file_name().unwrap_or("file"), 120);
            file = Some((called, part.bytes().await.map_err(too_large)?));
        } else if pairs.len() < 50 {
            pairs.push((name, part.text().await.map_err(too_large)?));
        }
    }
    let (name, bytes) = file.unwrap_or_default();
    Ok(Upload { data: Data::of(pairs), name, bytes })
}

/// Files evidence.
pub(super) async fn file(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
    parts: Multipart,
) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let pinned = look.ticket(&number(&name)?).await?;
        let form = form_of(&look, &pinned, "evidence")?;
        Ok::<_, NoView>((view_of(&look, form, Some(pinned.ticket.number.to_string())), pinned.ticket.number))
    };
    let (view, number) = match made.await {
        Ok(made) => made,
        Err(error) => return reply::no_view(&app, &headers, error),
    };
    // Before a byte is read: whoever may only look cannot fill the disk.
    if app.desk.allow(&caller.person, Permission::Work).is_err() {
        let error = refused_unread(&app, &caller, number).await;
        return reply::unanswered(&app, &headers, error, None);
    }
    let upload = match read(parts).await {
        Ok(upload) => upload,
        Err(error) => return wrong(&app, &headers, view, Typed::default(), &error),
    };
    if upload.bytes.is_empty() {
        return wrong(&app, &headers, view, upload.data.typed(), "Please choose a file that is not empty.");
    }
    let captured_at = upload.data.one("captured_at").map(read_time);
    if captured_at == Some(None) {
        let mut typed = upload.data.typed();
        typed.errors.insert("captured_at".to_owned(), replies::not_a_time());
        return wrongly_typed(&app, &headers, view, &typed);
    }
    let kept = match app.desk.attachments().keep(&upload.bytes, &app.desk.env().id("f_")).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!(%error, "a file could not be kept");
            return reply::says(&app, &headers, StatusCode::SERVICE_UNAVAILABLE, "Not stored", replies::not_kept());
        }
    };
    let sha256 = kept.sha256().to_owned();
    let command = Command::AttachEvidence(AttachEvidence {
        ticket: number.clone(),
        name: app.desk.seal(upload.name.clone()),
        sha256: app.desk.seal(sha256.clone()),
        size: i64::try_from(upload.bytes.len()).unwrap_or(i64::MAX),
        media_type: sniff(&upload.bytes).to_owned(),
        phase: upload.data.one("phase").map(str::to_owned),
        captured_at: captured_at.flatten(),
    });
    let key = upload.data.one("dedupe").filter(|key| key.len() <= 200);
    let asked = caller.request(Ask::Ticket(Box::new(command)), key, &format!("{number} evidence"), sha256.as_bytes());
    match app.desk.ask(asked).await {
        Ok(_) => reply::done(&headers, &format!("{ROOT}/c/{number}"), false),
        Err(error) => {
            if let Unanswered::Refused(_) = error {
                kept.discard();
            }
            reply::unanswered(&app, &headers, error, Some((view, upload.data.typed())))
        }
    }
}

fn wrong(app: &App, headers: &HeaderMap, view: FormView, mut typed: Typed, error: &str) -> Response {
    typed.errors.insert("file".to_owned(), error.to_owned());
    wrongly_typed(app, headers, view, &typed)
}

/// What the bytes are, by their first ones (WHATWG MIME Sniffing, section 6), never by what was claimed.
#[must_use]
pub(in crate::inbound) fn sniff(bytes: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 7] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"),
    ];
    let known = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, media_type)| *media_type);
    let text = || std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
    known.unwrap_or_else(|| if text() { "text/plain" } else { "application/octet-stream" })
}

/// Hands a file out, always as a download: it is evidence, and may be hostile.
pub(super) async fn download(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path((name, file)): Path<(String, i64)>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let (called, media_type, sha256) = app.desk.file(&caller.person, &number(&name)?, file).await?;
        let opened = app.desk.attachments().open_file(&sha256).await.map_err(|_| NoView::NotFound(format!("file {file}")))?;
        Ok((called, media_type, opened))
    };
    let (called, media_type, opened) = match found.await {
        Ok(found) => found,
        Err(error) => return reply::no_view(&app, &headers, error),
    };
    let plain: String = called.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_str(&media_type).unwrap_or(HeaderValue::from_static("application/octet-stream"))),
        (header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment"))),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (headers, Body::from_stream(pieces(opened))).into_response()
}

/// A file in pieces of 64 KiB.
fn pieces(file: tokio::fs::File) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::try_unfold(file, |mut file| async move {
        use tokio::io::AsyncReadExt as _;
        let mut piece = vec![0; 64 << 10];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
}

#[cfg(test)]
mod tests {
    use super::sniff;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n...."), "image/png");
        assert_eq!(sniff("zone b drained: ok\n".as_bytes()), "text/plain");
        assert_eq!(sniff(b"<script>alert(1)</script>"), "text/plain", "never a page");
        assert_eq!(sniff(b"\x00\x01\xfe"), "application/octet-stream");
    }
}
