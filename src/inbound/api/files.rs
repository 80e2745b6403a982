//! Evidence files: in by multipart form, on the disk before the event that names them, out again byte for byte.

use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::body::{key_of, moment, number};
use super::write::recorded;
use crate::desk::request::{Ask as Asked, Unanswered};
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::code::Code;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;
use crate::ticket::command::{AttachEvidence, Command};
use crate::ticket::media;
use crate::ticket::number::Number;

/// Bytes of a file at most.
pub const MOST_BYTES: usize = 25 << 20;

/// Bytes of a whole form at most: the file, and what stands around it.
pub const MOST_REQUEST: usize = MOST_BYTES + (64 << 10);

/// A file on its way in.
pub struct Upload {
    /// Its name, without folders and control characters.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The phase it is evidence of.
    pub phase: Option<String>,
    /// When it was captured.
    pub captured_at: Option<String>,
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        Code::TooLarge,
        format!("A file has at most {} MiB. Attach the part that matters, or a link.", MOST_BYTES >> 20),
    )
}

/// A file's name as it is kept: the last part of a path, at most 200 characters, no control characters.
fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    if name.trim().is_empty() { "file".to_owned() } else { name }
}

impl Upload {
    /// Reads a multipart form with the parts `file`, and perhaps `phase` and `captured_at`.
    ///
    /// # Errors
    /// When there is no file, it is empty, cut off, or too large.
    pub async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        let declared: Option<usize> =
            request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        if declared.is_some_and(|n| n > MOST_REQUEST) {
            return Err(too_large());
        }
        let broken = |_| {
            Problem::bad_request(
                "The upload broke off or is not multipart/form-data with a part called file. Nothing was kept; send it again.",
            )
        };
        let mut form = Multipart::from_request(request, app).await.map_err(|_| {
            let detail = "A file comes as multipart/form-data, in a part called file.";
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, detail)
        })?;
        let (mut file, mut phase, mut captured_at) = (None, None, None);
        while let Some(mut part) = form.next_field().await.map_err(|_| broken(()))? {
            let name = part.name().unwrap_or_default().to_owned();
            let limit = if name == "file" { MOST_BYTES } else { 1024 };
            let called = clean(part.file_name().unwrap_or("file"));
            let mut bytes = Vec::new();
            while let Some(chunk) = part.chunk().await.map_err(|_| broken(()))? {
                if bytes.len() + chunk.len() > limit {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&chunk);
            }
            let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).trim().to_owned()).filter(|t| !t.is_empty());
            match name.as_str() {
                "file" if file.is_none() => file = Some((called, bytes)),
                "phase" => phase = text(&bytes),
                "captured_at" => captured_at = text(&bytes),
                _ => return Err(Problem::bad_request("The form has the parts file (once), phase and captured_at, nothing else.")),
            }
        }
        let (name, bytes) = file.filter(|(_, bytes)| !bytes.is_empty()).ok_or_else(|| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::FieldMissing, "There is no file in it, or it is empty.")
                .with_fields(vec![("file".to_owned(), "Choose a file that is not empty.".to_owned())])
        })?;
        Ok(Self { name, bytes, phase, captured_at })
    }

    /// Keeps the bytes and asks the desk to file them. The bytes are on the disk before the event that names them.
    ///
    /// # Errors
    /// What the desk refuses, or that the disk did not take the file.
    pub async fn file(self, app: &App, caller: &Caller, ticket: &str, key: Option<&str>) -> Result<crate::desk::request::Answer, Problem> {
        let ticket = number(ticket)?;
        let captured_at = moment("captured_at", self.captured_at.as_deref())?;
        app.desk.ticket(&caller.person, &ticket).await?;
        let kept = app.desk.attachments().keep(&self.bytes, &app.desk.env().id("")).await.map_err(|error| {
            tracing::error!(%error, "a file could not be kept");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Code::NotStored,
                "I could not save that file. Nothing was recorded; please try again in a minute.",
            )
        })?;
        let sha256 = kept.sha256().to_owned();
        let path = format!("{ticket}/attachments");
        let digest = hex::encode(Sha256::digest(format!("{sha256}\n{}\n{:?}\n{:?}", self.name, self.phase, self.captured_at)));
        let command = Command::AttachEvidence(AttachEvidence {
            ticket,
            size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
            media_type: media::sniff(&self.bytes).to_owned(),
            name: app.desk.seal(self.name),
            sha256: app.desk.seal(sha256),
            phase: self.phase,
            captured_at,
        });
        let request = caller.request(Asked::Ticket(Box::new(command)), key, &path, digest.as_bytes());
        let answer = app.desk.ask(request).await;
        // Only where nobody knows may an event name it.
        if answer.as_ref().is_err_and(|error| !matches!(error, Unanswered::Unknown)) {
            kept.discard();
        }
        Ok(answer?)
    }
}

/// The refusal of a file that was not read, because whoever sends it may attach none. It goes through the desk like every
/// other, so that the record has it; a file without a name is never attached, whatever roles may change meanwhile.
pub(in crate::inbound) async fn refused_unread(app: &App, caller: &Caller, ticket: Number) -> Unanswered {
    let nothing = || app.desk.seal("");
    let (name, sha256, media_type) = (nothing(), nothing(), String::new());
    let file = AttachEvidence { ticket, name, sha256, size: 0, media_type, phase: None, captured_at: None };
    let request = caller.request(Asked::Ticket(Box::new(Command::AttachEvidence(file))), None, "attachments", &[]);
    app.desk.ask(request).await.err().unwrap_or(Unanswered::Unknown)
}

pub(super) async fn attach(
    State(app): State<App>,
    Path(ticket): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let key = key_of(request.headers())?;
    // Before a byte is read: whoever may only look cannot fill the disk.
    if app.desk.allow(&caller.person, Permission::Work).is_err() {
        return Err(refused_unread(&app, &caller, number(&ticket)?).await.into());
    }
    let upload = Upload::read(request, &app).await?;
    let answer = upload.file(&app, &caller, &ticket, key.as_deref()).await?;
    Ok(recorded(&app, &answer, StatusCode::CREATED).await)
}

pub(super) async fn download(
    State(app): State<App>,
    Path((ticket, file)): Path<(String, i64)>,
    caller: Caller,
) -> Result<Response, Problem> {
    let (name, media_type, sha256) = app.desk.file(&caller.person, &number(&ticket)?, file).await?;
    let mut bytes = Vec::new();
    let unreadable = |error: std::io::Error| {
        tracing::error!(%error, "a file that an event names cannot be read");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::NotAvailable,
            "The file cannot be read now. `countersign verify --database` says whether it is damaged.",
        )
    };
    app.desk.attachments().open_file(&sha256).await.map_err(unreadable)?.read_to_end(&mut bytes).await.map_err(unreadable)?;
    if hex::encode(Sha256::digest(&bytes)) != sha256 {
        tracing::error!("a file on the disk is not what its event says");
        return Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Damaged,
            "This file was changed on the disk: it is not what was filed.",
        ));
    }
    let ascii: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_ ".contains(c) { c } else { '_' }).collect();
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_str(&media_type).unwrap_or(HeaderValue::from_static("application/octet-stream")));
    // Never shown in the page's own origin: whatever it is, it is only downloaded.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{ascii}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    if let Ok(value) = HeaderValue::from_str(&sha256) {
        headers.insert("x-content-sha256", value);
    }
    Ok(response)
}
