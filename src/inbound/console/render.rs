//! Views become HTML. One function a page; the templates stand under `templates/console`.
//!
//! Rendering cannot fail on a view that type-checks: the only error is a formatter that refuses to write, and a
//! `String` never does.

use askama::Template;
use askama::filters::HtmlSafe;

use super::assets;
use super::fragments::{CardPart, ChannelsPart, IncidentsPart, KnownPart, MessagePart, tone_class};
use super::html::{self, Moment, Sentence, Stamp};
use super::views::{CalendarView, Desk, Ended, Entry, FormView, LinkView, People, PersonLine, Plain, ROOT, Room, Shell, SignIn, Timeline};
use crate::card::buttons::{Action, Button, Style};
use crate::card::form::{Choice, Form, FormField, Input, Needed};
use crate::card::words::Words;
use crate::env::Timestamp;

/// The desk: `#incidents`, or one ticket's channel.
#[must_use]
pub fn desk_page(view: &Desk) -> String {
    let shell = &view.shell;
    let (key, now) = (shell.key.as_str(), shell.now);
    let incidents = match &view.room {
        Room::Incidents { open, ended } => Some(IncidentsPart { open, ended, key, now }),
        Room::Ticket { .. } => None,
    };
    let (card_part, known_part, message_parts) = match &view.room {
        Room::Incidents { .. } => (None, None, Vec::new()),
        Room::Ticket { card, messages, .. } => {
            let part = |m| MessagePart { m, number: &card.number, now };
            (Some(CardPart { card, key, now }), Some(KnownPart { card, key, now }), messages.iter().map(part).collect())
        }
    };
    let channels = ChannelsPart::of(shell, true);
    DeskPage {
        shell,
        channels,
        room: &view.room,
        incidents: Part(incidents),
        card_part: Part(card_part),
        known_part: Part(known_part),
        message_parts,
    }
    .to_string()
}

/// A form, as the dialog shows it.
#[must_use]
pub fn form_sheet(view: &FormView) -> String {
    FormSheet::of(view).to_string()
}

/// A form on a page of its own, for browsers without the script.
#[must_use]
pub fn form_page(view: &FormView) -> String {
    FormPage { title: &view.form.title, form: FormSheet::of(view) }.to_string()
}

/// Every event of a ticket.
#[must_use]
pub fn timeline_page(view: &Timeline) -> String {
    TimelinePage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view }.to_string()
}

/// Tickets whose work has ended.
#[must_use]
pub fn ended_page(view: &Ended) -> String {
    EndedPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view }.to_string()
}

/// Everybody in the directory.
#[must_use]
pub fn people_page(view: &People) -> String {
    PeoplePage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), people: &view.people }.to_string()
}

/// The page of a one-time link, or of somebody who is not signed in.
#[must_use]
pub fn sign_in_page(view: &SignIn) -> String {
    SignInPage { view }.to_string()
}

/// The page on which somebody links a chat account.
#[must_use]
pub fn link_page(view: &LinkView) -> String {
    LinkPage { view }.to_string()
}

/// Freezes ahead, and the address of one's own calendar.
#[must_use]
pub fn calendar_page(view: &CalendarView, now: Timestamp) -> String {
    CalendarPage { view, now }.to_string()
}

/// A page that says one thing.
#[must_use]
pub fn plain_page(view: &Plain, now: Timestamp) -> String {
    PlainPage { view, text: Sentence { words: &view.text, now } }.to_string()
}

/// A part of a page that may be absent.
struct Part<T>(Option<T>);

impl<T: std::fmt::Display> std::fmt::Display for Part<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |part| part.fmt(f))
    }
}

impl<T: HtmlSafe> HtmlSafe for Part<T> {}

#[derive(Template)]
#[template(path = "console/desk.html")]
struct DeskPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    room: &'a Room,
    incidents: Part<IncidentsPart<'a>>,
    card_part: Part<CardPart<'a>>,
    known_part: Part<KnownPart<'a>>,
    message_parts: Vec<MessagePart<'a>>,
}

#[derive(Template)]
#[template(path = "console/form_page.html")]
struct FormPage<'a> {
    title: &'a str,
    form: FormSheet<'a>,
}

#[derive(Template)]
#[template(path = "console/form.html")]
struct FormSheet<'a> {
    view: &'a FormView,
    form: &'a Form,
    /// Address of the ticket's channel, or of the desk.
    base: String,
    /// Where the form is sent.
    action: String,
    /// Where closing it leads.
    back: String,
}

impl HtmlSafe for FormSheet<'_> {}

impl<'a> FormSheet<'a> {
    fn of(view: &'a FormView) -> Self {
        let base = view.number.as_ref().map_or_else(|| ROOT.to_owned(), |number| format!("{ROOT}/c/{number}"));
        let action = match &view.form.action {
            Action::Declare(kind) => format!("{base}/declare/{kind}"),
            // The phase travels in the form, where it can be changed.
            Action::Evidence(_) => format!("{base}/do/evidence"),
            action => format!("{base}/do/{action}"),
        };
        let back = if view.number.is_some() { base.clone() } else { format!("{ROOT}/") };
        Self { view, form: &view.form, base, action, back }
    }

    fn has_file(&self) -> bool {
        self.form.fields.iter().any(|f| f.input == Input::File)
    }

    fn any_audit(&self) -> bool {
        self.form.fields.iter().any(|f| f.audit)
    }

    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.view.now }
    }

    fn field<'f>(&self, f: &'f FormField) -> FieldPart<'f> {
        FieldPart { id: format!("f-{}", f.name.replace('.', "-")), f }
    }
}

#[derive(Template)]
#[template(path = "console/field.html")]
struct FieldPart<'a> {
    id: String,
    f: &'a FormField,
}

impl HtmlSafe for FieldPart<'_> {}

impl FieldPart<'_> {
    fn first(&self) -> &str {
        self.f.values.first().map_or("", String::as_str)
    }

    fn must(&self) -> bool {
        self.f.needed == Needed::Now
    }

    fn is_group(&self) -> bool {
        matches!(self.f.input, Input::Choice(_) | Input::Choices(_) | Input::Bool)
    }

    fn many(&self) -> bool {
        matches!(self.f.input, Input::Choices(_))
    }

    fn chosen(&self, choice: &Choice) -> bool {
        self.f.values.contains(&choice.value)
    }

    /// The options of a group; an optional choice can be left open again.
    fn options(&self) -> Vec<Choice> {
        let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
        let mut options = match &self.f.input {
            Input::Choice(of) | Input::Choices(of) => of.clone(),
            _ => vec![choice("true", "Yes"), choice("false", "No")],
        };
        if !self.many() && !self.must() && !options.iter().any(|o| o.value.is_empty()) {
            options.push(choice("", "Not set"));
        }
        options
    }

    /// Whether one of the choices says that nothing is chosen; otherwise an empty one is put before them.
    fn has_none(&self) -> bool {
        matches!(&self.f.input, Input::Pick(of) if of.iter().any(|c| c.value.is_empty()))
    }

    /// A moment as `datetime-local` wants it, in UTC; anything else as it was typed.
    fn local(&self) -> String {
        let typed = self.first();
        Timestamp::parse(typed).map_or_else(|| typed.to_owned(), |at| at.utc().format("%Y-%m-%dT%H:%M").to_string())
    }
}

#[derive(Template)]
#[template(path = "console/timeline.html")]
struct TimelinePage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a Timeline,
}

impl TimelinePage<'_> {
    fn tone(&self, entry: &Entry) -> &'static str {
        tone_class(entry.message.said.tone)
    }

    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.shell.now }
    }

    fn stamp(&self, at: &Timestamp) -> Stamp {
        Stamp { moment: Moment { at: *at, now: self.shell.now } }
    }
}

#[derive(Template)]
#[template(path = "console/ended.html")]
struct EndedPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a Ended,
}

#[derive(Template)]
#[template(path = "console/people.html")]
struct PeoplePage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    people: &'a [PersonLine],
}

impl PeoplePage<'_> {
    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.shell.now }
    }
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    view: &'a SignIn,
}

#[derive(Template)]
#[template(path = "console/link.html")]
struct LinkPage<'a> {
    view: &'a LinkView,
}

#[derive(Template)]
#[template(path = "console/calendar.html")]
struct CalendarPage<'a> {
    view: &'a CalendarView,
    now: Timestamp,
}

impl CalendarPage<'_> {
    fn moment(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.now }
    }
}

#[derive(Template)]
#[template(path = "console/plain.html")]
struct PlainPage<'a> {
    view: &'a Plain,
    text: Sentence<'a>,
}

/// The class for a button's style.
pub(super) fn style_class(button: &Button) -> &'static str {
    match button.style {
        Style::Primary => "primary",
        Style::Plain => "plain",
        Style::Careful => "careful",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::super::views::SignIn;
    use super::*;
    use crate::card::live::card;
    use crate::card::samples::{Stage, at, contained, opened, recovered};

    /// Every kind of page with sample content. With `COUNTERSIGN_PAGES` set to a folder they are written there, to be
    /// looked at in a browser.
    fn pages() -> Vec<(&'static str, String)> {
        let pages = vec![
            ("ticket", desk_page(&samples::ticket_desk())),
            ("incidents", desk_page(&samples::incidents_desk())),
            ("close", form_page(&samples::refused_closing())),
            ("contain", form_page(&samples::form_view(&opened(), "step.contain"))),
            ("edit", form_page(&samples::form_view(&contained(), "edit"))),
            ("evidence", form_page(&samples::form_view(&recovered(), "evidence.contain"))),
            ("timeline", timeline_page(&samples::timeline())),
            ("people", people_page(&samples::people())),
            ("sign-in", sign_in_page(&samples::sign_in(Some("s3cret"), false))),
            ("who", sign_in_page(&samples::sign_in(None, true))),
            ("link", link_page(&samples::linking(None))),
            ("link-code", link_page(&samples::linking(Some("ABCD-EFGH")))),
            ("not-found", plain_page(&samples::not_found(), at("03:40"))),
        ];
        if let Some(folder) = std::env::var_os("COUNTERSIGN_PAGES") {
            for (name, html) in &pages {
                std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), html).expect("written");
            }
        }
        pages
    }

    /// The tags of a page, without their text: `<a href="…">`.
    fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
        let open = format!("<{name}");
        let starts = html.match_indices(&open).filter(|(at, _)| html[at + open.len()..].starts_with([' ', '>']));
        starts.map(|(at, _)| &html[at..=at + html[at..].find('>').expect("a tag ends")]).collect()
    }

    fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
        let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
        tag[start..].split('"').next()
    }

    #[test]
    fn nothing_stands_inline_and_nothing_comes_from_elsewhere() {
        for (page, html) in pages() {
            assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"), "{page}");
            assert!(tags(&html, "script").iter().all(|tag| attribute(tag, "src").is_some_and(|src| src.starts_with(ROOT))), "{page}");
            assert!(!html.contains("http://") && !html.contains("src=\"//"), "{page}");
        }
    }

    #[test]
    fn every_input_has_a_label_and_points_to_its_help_and_its_error() {
        for (page, html) in pages() {
            for tag in ["input", "textarea", "select"].iter().flat_map(|name| tags(&html, name)) {
                if attribute(tag, "type") == Some("hidden") {
                    continue;
                }
                let id = attribute(tag, "id").unwrap_or_else(|| panic!("{page}: {tag} has no id"));
                assert!(html.contains(&format!("for=\"{id}\"")), "{page}: {tag} has no label");
                for described in attribute(tag, "aria-describedby").unwrap_or_default().split_whitespace() {
                    assert!(html.contains(&format!("id=\"{described}\"")), "{page}: {tag} points to nothing");
                }
            }
        }
    }

    #[test]
    fn ids_are_unique_on_every_page() {
        for (page, html) in pages() {
            let mut ids: Vec<&str> = html.match_indices(" id=\"").filter_map(|(at, _)| html[at + 5..].split('"').next()).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all, "{page}");
        }
    }

    #[test]
    fn every_form_that_changes_something_carries_a_key_against_double_clicks() {
        for (page, html) in pages() {
            for form in html.split("<form ").skip(1) {
                let tag = form.split('>').next().unwrap_or_default();
                let body = form.split("</form>").next().unwrap_or_default();
                let session = ["/be", "/sign-in", "/sign-out"].iter().any(|end| tag.contains(&format!("{ROOT}{end}\"")));
                // A second code takes the first one's place, and an account is taken back once.
                let account = tag.contains("action=\"/auth/");
                assert!(session || account || body.contains("name=\"dedupe\""), "{page}: {tag}");
                assert!(tag.contains("method=\"post\""), "{page}: {tag}");
            }
        }
    }

    #[test]
    fn every_button_and_link_has_a_name() {
        for (page, html) in pages() {
            for name in ["button", "a"] {
                for element in html.split(&format!("<{name} ")).skip(1) {
                    let (tag, rest) = element.split_once('>').expect("a tag ends");
                    let inside = rest.split(&format!("</{name}>")).next().unwrap_or_default();
                    let text: String = inside.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
                    let hidden = tag.contains("aria-hidden=\"true\"");
                    assert!(hidden || tag.contains("aria-label=\"") || !text.trim().is_empty(), "{page}: <{name} {tag}>");
                }
            }
        }
    }

    #[test]
    fn a_hostile_title_is_text_wherever_it_is_shown() {
        let hostile = "</title><script>alert(1)</script>\"' onmouseover=x";
        let plaintext = |_: i64, _: &str| Some(hostile.to_owned());
        let (stage, ticket) = (Stage::new(), contained());
        let mut scene = stage.scene(&ticket, at("03:40"));
        scene.known.plaintext = &plaintext;
        let mut desk = samples::ticket_desk();
        let card = card(&scene);
        desk.shell.channels = vec![super::super::views::ChannelLink::of(&card)];
        desk.room = Room::Ticket { card: Box::new(card.clone()), messages: Vec::new(), may_write: true, lines: None };
        let html = desk_page(&desk);
        assert!(!html.contains("<script>") && !html.contains("\"' onmouseover"), "{html}");
        desk.room = Room::Incidents { open: vec![card], ended: Vec::new() };
        assert!(!desk_page(&desk).contains("<script>"));
    }

    // proves: TRN-01, TRN-02
    #[test]
    fn audit_fields_are_marked_and_explained_in_the_form() {
        let html = form_page(&samples::refused_closing());
        let fields = html.matches("class=\"field").count() - html.matches("class=\"field-error").count();
        assert_eq!(fields, 6, "five fields and the reason");
        assert_eq!(html.matches("<span class=\"audit\">Audit</span>").count(), 5 + 1, "each field and the legend");
        assert_eq!(html.matches("class=\"help\"").count(), fields);
    }

    #[test]
    fn what_was_typed_is_still_there_beside_the_error() {
        let html = form_page(&samples::refused_closing());
        assert!(html.contains("A deployment filled the disk of zone b."));
        assert!(html.contains("<p class=\"field-error\" id=\"f-field-class-error\">Class is needed here.</p>"));
        assert!(html.contains("aria-describedby=\"f-field-class-help f-field-class-error\" aria-invalid=\"true\""));
        assert!(html.contains("payments-api\nledger-db</textarea>"));
    }

    #[test]
    fn a_file_form_is_sent_in_parts_and_the_others_are_not() {
        assert!(form_sheet(&samples::form_view(&recovered(), "evidence")).contains("enctype=\"multipart/form-data\""));
        assert!(!form_sheet(&samples::refused_closing()).contains("enctype"));
    }

    #[test]
    fn a_one_time_link_is_used_by_a_click_and_not_by_looking() {
        let html = sign_in_page(&SignIn { refused: Some("Too old.".into()), ..samples::sign_in(Some("s3cret"), false) });
        assert!(html.contains(r#"<input type="hidden" name="token" value="s3cret">"#) && html.contains("Too old."));
    }
}
