//! Which steps and actions a card offers, in which order, and what each button is bound to.

use std::fmt;
use std::str::FromStr;

use super::approvals;
use super::missing;
use super::scene::Scene;
use super::words::{any_of, humanise, uncapitalise};
use crate::procedure::model::{Ask, Transition};
use crate::ticket::escalate;

/// The longest action that is read from an address.
const MAX_ACTION: usize = 80;

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a ticket of this kind by hand.
    Declare(String),
    /// Take a step of the procedure.
    Step(String),
    /// Open a record that the procedure offers, linked.
    Offer(String),
    /// Set or correct fields.
    Edit,
    /// Add a note.
    Note,
    /// File evidence, perhaps of a phase.
    Evidence(Option<String>),
    /// Say with a reason why a phase has no evidence.
    WaiveEvidence(String),
    /// Tick off a task.
    TaskDone(i64),
    /// Say with a reason why a task is not done.
    TaskWaive(i64),
    /// Make somebody the owner.
    Owner,
    /// Make somebody the lead.
    Lead,
    /// Link to another ticket or something outside, or say why there is no link; perhaps of one kind.
    Link(Option<String>),
    /// Take back the link of this number, with a reason.
    Unlink(i64),
    /// Approve or reject this step.
    Decide(String),
    /// Take back one's own decision on this step.
    Withdraw(String),
    /// Ask those who can decide once more.
    Nudge,
    /// Call the next tier, or a role.
    Escalate,
    /// "I have seen it", after an escalation.
    Seen,
    /// A notified group says that it read this.
    ReadBy(String),
    /// Decide on the line of this number.
    Line(i64),
}

impl fmt::Display for Action {
    /// As it stands in an address: `step.contain`, `evidence`, `task-done.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declare(kind) => write!(f, "declare.{kind}"),
            Self::Step(transition) => write!(f, "step.{transition}"),
            Self::Offer(name) => write!(f, "offer.{name}"),
            Self::Edit => f.write_str("edit"),
            Self::Note => f.write_str("note"),
            Self::Evidence(None) => f.write_str("evidence"),
            Self::Evidence(Some(phase)) => write!(f, "evidence.{phase}"),
            Self::WaiveEvidence(phase) => write!(f, "waive-evidence.{phase}"),
            Self::TaskDone(task) => write!(f, "task-done.{task}"),
            Self::TaskWaive(task) => write!(f, "task-waive.{task}"),
            Self::Owner => f.write_str("owner"),
            Self::Lead => f.write_str("lead"),
            Self::Link(None) => f.write_str("link"),
            Self::Link(Some(link)) => write!(f, "link.{link}"),
            Self::Unlink(link) => write!(f, "unlink.{link}"),
            Self::Decide(transition) => write!(f, "decide.{transition}"),
            Self::Withdraw(transition) => write!(f, "withdraw.{transition}"),
            Self::Nudge => f.write_str("nudge"),
            Self::Escalate => f.write_str("escalate"),
            Self::Seen => f.write_str("seen"),
            Self::ReadBy(group) => write!(f, "read-by.{group}"),
            Self::Line(line) => write!(f, "line.{line}"),
        }
    }
}

/// Not an action that a card offers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such action")]
pub struct NoSuchAction;

impl FromStr for Action {
    type Err = NoSuchAction;

    fn from_str(text: &str) -> Result<Self, NoSuchAction> {
        let (verb, of) = text.split_once('.').map_or((text, None), |(verb, of)| (verb, Some(of)));
        let plain = |of: &str| of.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) && !of.is_empty();
        if text.len() > MAX_ACTION || !of.is_none_or(plain) {
            return Err(NoSuchAction);
        }
        let counted = |of: &str| of.parse::<i64>().ok().filter(|n| *n > 0).ok_or(NoSuchAction);
        Ok(match (verb, of) {
            ("declare", Some(kind)) => Self::Declare(kind.to_owned()),
            ("step", Some(transition)) => Self::Step(transition.to_owned()),
            ("offer", Some(name)) => Self::Offer(name.to_owned()),
            ("edit", None) => Self::Edit,
            ("note", None) => Self::Note,
            ("evidence", phase) => Self::Evidence(phase.map(str::to_owned)),
            ("waive-evidence", Some(phase)) => Self::WaiveEvidence(phase.to_owned()),
            ("task-done", Some(of)) => Self::TaskDone(counted(of)?),
            ("task-waive", Some(of)) => Self::TaskWaive(counted(of)?),
            ("owner", None) => Self::Owner,
            ("lead", None) => Self::Lead,
            ("link", link) => Self::Link(link.map(str::to_owned)),
            ("unlink", Some(of)) => Self::Unlink(counted(of)?),
            ("decide", Some(transition)) => Self::Decide(transition.to_owned()),
            ("withdraw", Some(transition)) => Self::Withdraw(transition.to_owned()),
            ("nudge", None) => Self::Nudge,
            ("escalate", None) => Self::Escalate,
            ("seen", None) => Self::Seen,
            ("read-by", Some(group)) => Self::ReadBy(group.to_owned()),
            ("line", Some(of)) => Self::Line(counted(of)?),
            _ => return Err(NoSuchAction),
        })
    }
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The one next step.
    Primary,
    /// One of several.
    Plain,
    /// Ends or undoes something.
    Careful,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What it says; never empty.
    pub label: String,
    /// One sentence on what it means.
    pub help: String,
    /// What it does.
    pub action: Action,
    /// How it looks.
    pub style: Style,
    /// It opens a form; otherwise one click does it.
    pub opens_form: bool,
    /// Digest of what it is bound to, for steps.
    pub binding: Option<String>,
}

impl Button {
    /// A button that opens a form and is bound to nothing.
    #[must_use]
    pub fn form(label: &str, help: &str, action: Action) -> Self {
        Self { label: label.to_owned(), help: help.to_owned(), action, style: Style::Plain, opens_form: true, binding: None }
    }

    /// A button that acts at one click and is bound to nothing.
    #[must_use]
    pub fn click(label: &str, help: &str, action: Action) -> Self {
        Self { opens_form: false, ..Self::form(label, help, action) }
    }
}

/// The steps that can be taken now, in the procedure's order: from this status, under their conditions, without
/// phases that do not apply.
#[must_use]
pub fn possible<'a>(scene: &Scene<'a>) -> Vec<&'a Transition> {
    let status = scene.ticket.status.as_str();
    let applies = |t: &Transition| scene.applies(&t.name);
    let starts_here =
        |t: &Transition| t.from.iter().any(|from| from.status == status && from.when.as_ref().is_none_or(|when| scene.holds(when)));
    // What is proposed first is offered until it was: then it waits for its approval.
    let proposed = |t: &Transition| t.proposes && t.from.iter().any(|from| from.status == status) && !starts_here(t);
    let offered = |t: &Transition| (!t.automatic && starts_here(t)) || proposed(t);
    scene.kind.transitions.values().filter(|t| applies(t) && offered(t)).collect()
}

/// The next step along the procedure, whoever may take it.
#[must_use]
pub fn next<'a>(scene: &Scene<'a>) -> Option<&'a Transition> {
    possible(scene).into_iter().find(|t| is_forward(t))
}

/// The main buttons that the reader may press: the next step first, then the other ways forward, a decision that waits
/// for the reader, then the steps that end the ticket with an outcome of their own (`False alarm`). Everything else is in
/// [`more`], and what others may do in [`for_others`].
#[must_use]
pub fn main(scene: &Scene<'_>) -> Vec<Button> {
    let steps: Vec<&Transition> = possible(scene).into_iter().filter(|t| scene.may_take(t)).collect();
    let mut out: Vec<Button> = steps.iter().filter(|t| is_forward(t)).map(|t| step(scene, t)).collect();
    // Nobody is led to a step that somebody else has to take.
    let leads = next(scene).is_some_and(|t| scene.may_take(t) && !scene.needs_somebody_else(t));
    if let (Some(first), true) = (out.first_mut(), leads) {
        first.style = Style::Primary;
    }
    out.extend(approvals::decisions(scene));
    out.extend(approvals::nudge(scene));
    out.extend(offers(scene, true));
    out.extend(steps.iter().filter(|t| is_outcome(t)).map(|t| step(scene, t)));
    if escalate::calls(scene.ticket) && !scene.ticket.ended && (scene.may_work() || scene.is_called()) {
        out.push(Button::click("I have seen it", "Stops the paging; the step itself is still to be taken.", Action::Seen));
    }
    out
}

/// What stands under "More…": everyday actions first, then the remaining steps; only what the reader may do.
#[must_use]
pub fn more(scene: &Scene<'_>) -> Vec<Button> {
    let mut out = Vec::new();
    if !scene.ticket.ended && scene.may_work() {
        out.push(Button::form("Edit fields", "Set or correct what is known.", Action::Edit));
        out.push(Button::form("Add evidence", "A file that shows what was found or done.", Action::Evidence(None)));
        out.push(Button::form("Assign owner", "Who sees to it until closure.", Action::Owner));
        out.push(Button::form("Assign lead", "Who leads the work now.", Action::Lead));
        out.push(Button::form("Link", "To the cause, the remedy, a dashboard, another ticket.", Action::Link(None)));
        out.push(Button::form("Escalate", "Call the next person on call, or a role.", Action::Escalate));
    } else if !scene.ticket.ended {
        // Whoever may take a step gives the links that it requires.
        let wanted = possible(scene).into_iter().filter(|t| scene.may_take(t)).flat_map(|t| t.requires.links.keys());
        let help = "Which one, or the reason why there is none.";
        out.extend(wanted.map(|link| Button::form(&format!("Link: {}", humanise(link)), help, Action::Link(Some(link.clone())))));
    }
    out.extend(offers(scene, false));
    out.extend(approvals::withdrawals(scene));
    let rest = possible(scene).into_iter().filter(|t| !is_forward(t) && !is_outcome(t) && scene.may_take(t));
    out.extend(rest.map(|t| step(scene, t)));
    out.extend(saying_more(scene));
    out
}

/// The forms of steps that a press takes with nothing said.
fn saying_more(scene: &Scene<'_>) -> Vec<Button> {
    let steps = possible(scene).into_iter().filter(|t| t.proposes && !t.asks.is_empty() && scene.may_take(t));
    steps.map(|t| Button { label: format!("{}, saying why", scene.label(t)), opens_form: true, ..step(scene, t) }).collect()
}

/// The ways forward that the reader may not take, and who may: “Close” is for an incident manager.
#[must_use]
pub fn for_others(scene: &Scene<'_>) -> Vec<String> {
    let others = possible(scene).into_iter().filter(|t| is_forward(t) && !scene.may_take(t));
    others.map(|t| format!("“{}” is for {}.", scene.label(t), any_of(&t.by))).collect()
}

/// Records that the procedure offers, those to be seen at first sight or the others; only for who may work here.
fn offers(scene: &Scene<'_>, prominent: bool) -> Vec<Button> {
    let mine = scene.offers().into_iter().filter(|(_, first)| *first == prominent && scene.may_work());
    mine.map(|(offer, _)| Button::form(&offer.label, &offer.help, Action::Offer(offer.name.clone()))).collect()
}

/// A step's button.
fn step<'k>(scene: &Scene<'k>, transition: &'k Transition) -> Button {
    let careful = !is_forward(transition) && !is_outcome(transition) && !transition.unmerges;
    let ellipsis = if careful { "…" } else { "" };
    Button {
        label: format!("{}{ellipsis}", scene.label_with(transition)),
        help: transition.help.clone(),
        action: Action::Step(transition.name.clone()),
        style: if careful { Style::Careful } else { Style::Plain },
        opens_form: scene.with_then(transition).into_iter().any(|t| opens_form(scene, t)),
        binding: Some(scene.binding(transition)),
    }
}

/// A step of which the form would be empty takes effect at one click.
fn opens_form<'k>(scene: &Scene<'k>, transition: &'k Transition) -> bool {
    let wants_fields = transition.wants.iter().any(|owed| matches!(owed.what, crate::procedure::model::OwedWhat::Field(_)));
    // Asking for what somebody approves is one press; who wants to say more opens its form ([`saying_more`]).
    let asks = (!transition.asks.is_empty() && !transition.proposes)
        || !transition.requires.fields.is_empty()
        || wants_fields
        || scene.asks_more(transition);
    // What has to be linked first is said before it is refused.
    asks || !missing::links_wanted(scene, transition).is_empty()
}

/// It leads on along the procedure: nothing is merged or taken back. A reason alone marks a side exit (void); a step
/// that also requires fields, as closing does, is on the way.
fn is_forward(transition: &Transition) -> bool {
    let side_exit = transition.asks.contains(&Ask::Reason) && transition.requires.fields.is_empty();
    !(side_exit || transition.merges || transition.unmerges || transition.reopens)
}

/// It asks for a reason and settles how the ticket ended (a disposition), as a false alarm does.
fn is_outcome(transition: &Transition) -> bool {
    !is_forward(transition) && !transition.sets.is_empty() && !transition.reopens && !transition.merges && !transition.unmerges
}

/// What an action is called where there is no button at hand: the title of its form.
#[must_use]
pub fn title(scene: &Scene<'_>, action: &Action) -> String {
    let phase = |name: &String| scene.kind.transitions.get(name).map_or_else(|| humanise(name), |t| scene.label(t));
    let task = |n: &i64| scene.ticket.tasks.iter().find(|t| t.task == *n).map_or_else(|| format!("Task {n}"), |t| t.text.clone());
    match action {
        Action::Declare(_) => format!("New {}", uncapitalise(&scene.kind.title)),
        Action::Step(name) => scene.kind.transitions.get(name).map_or_else(|| humanise(name), |t| scene.label_with(t)),
        Action::Offer(name) => scene.kind.offers.get(name).map_or_else(|| humanise(name), |o| o.label.clone()),
        Action::Edit => "Edit fields".to_owned(),
        Action::Note => "Add a note".to_owned(),
        Action::Evidence(None) => "Add evidence".to_owned(),
        Action::Evidence(Some(name)) => format!("Evidence: {}", phase(name)),
        Action::WaiveEvidence(name) => format!("No evidence: {}", phase(name)),
        Action::TaskDone(n) => format!("Done: {}", task(n)),
        Action::TaskWaive(n) => format!("Not needed: {}", task(n)),
        Action::Owner => "Assign owner".to_owned(),
        Action::Lead => "Assign lead".to_owned(),
        Action::Link(_) => "Link".to_owned(),
        Action::Unlink(_) => "Take the link back".to_owned(),
        Action::Decide(name) => approvals::to_decide(&phase(name)),
        Action::Withdraw(name) => format!("Take back your decision: {}", phase(name)),
        Action::Nudge => "Ask again".to_owned(),
        Action::Escalate => "Escalate".to_owned(),
        Action::Seen => "I have seen it".to_owned(),
        Action::ReadBy(group) => format!("Read by {}", humanise(group)),
        Action::Line(line) => format!("Decide on line {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Stage, at, contained, opened};
    use super::*;

    fn labels(buttons: &[Button]) -> Vec<&str> {
        buttons.iter().map(|b| b.label.as_str()).collect()
    }

    #[test]
    fn the_next_step_comes_first_then_the_false_alarm_and_the_rest_is_under_more() {
        let (stage, ticket) = (Stage::new(), opened());
        let scene = stage.scene(&ticket, at("03:03"));
        let main = main(&scene);
        assert_eq!(labels(&main), ["Acknowledge", "False alarm"]);
        assert_eq!(main[0].style, Style::Primary);
        assert!(!main[0].opens_form, "acknowledging asks for nothing");
        assert!(main[1].opens_form, "a false alarm asks for its reason");
        assert!(main.iter().all(|b| b.binding.is_some()), "steps are bound to what was shown");
        assert_eq!(
            labels(&more(&scene)),
            ["Edit fields", "Add evidence", "Assign owner", "Assign lead", "Link", "Escalate", "Merge…", "Void…"]
        );
    }

    #[test]
    fn a_condition_that_does_not_hold_and_a_phase_that_does_not_apply_offer_no_button() {
        let (mut stage, mut ticket) = (Stage::new(), opened());
        ticket.status = "acknowledged".to_owned();
        let scene = stage.scene(&ticket, at("03:10"));
        assert_eq!(labels(&main(&scene)), ["Mitigated", "Restored", "False alarm"], "in the response's words");
        stage.response.skippable = false;
        assert_eq!(labels(&main(&stage.scene(&ticket, at("03:10")))), ["Mitigated", "False alarm"]);
        stage.response.skippable = true;
        stage.response.not_applicable.insert("contain".to_owned());
        assert_eq!(labels(&main(&stage.scene(&ticket, at("03:10")))), ["Restored", "False alarm"]);
    }

    #[test]
    fn every_button_on_every_status_has_a_name_and_a_sentence() {
        let stage = Stage::new();
        for status in &stage.kind.statuses {
            let mut ticket = contained();
            ticket.status.clone_from(status);
            ticket.ended = stage.kind.ended.contains(status);
            let scene = stage.scene(&ticket, at("03:40"));
            for button in main(&scene).into_iter().chain(more(&scene)) {
                assert!(!button.label.is_empty() && !button.help.is_empty(), "{button:?}");
            }
        }
    }

    #[test]
    fn an_ended_ticket_offers_reopening_only() {
        let (stage, mut ticket) = (Stage::new(), contained());
        (ticket.status, ticket.ended) = ("closed".to_owned(), true);
        let scene = stage.scene(&ticket, at("09:00"));
        assert!(main(&scene).is_empty());
        assert_eq!(labels(&more(&scene)), ["Reopen…"]);
    }

    #[test]
    fn an_action_reads_back_from_its_address_and_nothing_else_does() {
        let actions = [
            Action::Declare("change".into()),
            Action::Step("false_positive".into()),
            Action::Unlink(7),
            Action::Decide("start".into()),
            Action::Withdraw("start".into()),
            Action::Evidence(None),
            Action::Evidence(Some("contain".into())),
            Action::TaskDone(3),
            Action::Link(Some("caused_by".into())),
            Action::ReadBy("on-call.manager".into()),
            Action::Line(12),
        ];
        for action in actions {
            assert_eq!(action.to_string().parse(), Ok(action));
        }
        for wrong in [
            "",
            "step",
            "step.",
            "step.a/b",
            "task-done.0",
            "task-done.x",
            "declare",
            "unlink",
            "unlink.0",
            "decide",
            "nothing",
            &"link.".repeat(40),
        ] {
            assert_eq!(wrong.parse::<Action>(), Err(NoSuchAction), "{wrong}");
        }
    }
}
