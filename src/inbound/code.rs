//! The names of what the doors themselves refuse, beside the refusals of the desk: one dialect for every surface, the
//! names of refusals. `/openapi.json` lists them all.
//!
//! To add one: a line below. A refusal that the desk decides is not one of these: it brings its own name.

use crate::desk::request::Refused;
use crate::people::PeopleRefusal;
use crate::ticket::missing::Missing;
use crate::ticket::refusal::Refusal;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a door refuses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As programs and counters have it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

codes! {
    /// Values that cannot stand in their fields.
    BadFields,
    /// The request cannot be read.
    BadRequest,
    /// A fault of ours.
    Broken,
    /// Too many requests wait.
    Busy,
    /// A file on the disk is not what was filed.
    Damaged,
    /// Something that is needed is not there.
    FieldMissing,
    /// Another site's page made the request.
    ForeignPage,
    /// Nothing can be recorded now.
    Held,
    /// A PagerDuty event that is none.
    InvalidEvent,
    /// The address does not take that method.
    MethodNotAllowed,
    /// A name in a delivery is too long.
    NameTooLong,
    /// No alert source has that name.
    NoSuchSource,
    /// No ticket has that number.
    NoSuchTicket,
    /// This service cosigns for nobody.
    NotAWitness,
    /// The person's roles do not allow it.
    NotAllowed,
    /// Nothing proves who asks.
    NotAuthentic,
    /// It cannot be looked up now.
    NotAvailable,
    /// There is nothing there.
    NotFound,
    /// The body is not JSON.
    NotJson,
    /// It could not be saved.
    NotStored,
    /// The body is not UTF-8.
    NotUtf8,
    /// A name stands twice in one object.
    RepeatedKey,
    /// The session has ended.
    SignedOut,
    /// Nested too deep.
    TooDeep,
    /// Too many bytes, or too many alerts.
    TooLarge,
    /// The body came too slowly.
    TooSlow,
    /// An alert has too many labels.
    TooManyLabels,
    /// A document holds too many values.
    TooManyValues,
    /// The database refuses something in it.
    Unfit,
    /// The connection broke at the wrong moment: nobody knows whether it was saved.
    UnknownOutcome,
    /// No source has this routing key.
    UnknownRoutingKey,
    /// The body is of a type that this address does not take.
    UnsupportedMediaType,
    /// A document is not built as its format says.
    WrongShape,
}

/// Every name that `code` can have, sorted: the doors' and the refusals'.
#[must_use]
pub fn all() -> Vec<&'static str> {
    let own = Code::ALL.iter().map(|c| c.name());
    let refusals = [Refusal::CODES, Missing::CODES, PeopleRefusal::CODES, Refused::CODES].concat();
    let mut all: Vec<&'static str> = own.chain(refusals).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::all;

    /// The names in the body of `fn code` of a source file.
    fn written(source: &str) -> Vec<&str> {
        let body = source.split("fn code(&self)").nth(1).expect("it has a fn code");
        let body = body.split("\n    }\n").next().unwrap_or_default();
        body.split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn every_refusal_has_one_name_in_one_dialect() {
        let sources = [
            include_str!("../ticket/refusal.rs"),
            include_str!("../ticket/missing.rs"),
            include_str!("../people/decide.rs"),
            include_str!("../desk/request.rs"),
        ];
        let all = all();
        for source in sources {
            let written = written(source);
            assert!(written.len() > 3, "{written:?}");
            for name in written {
                assert!(all.contains(&name), "{name} is not among the codes of /openapi.json");
            }
        }
        for name in &all {
            let camel = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric());
            assert!(camel, "{name} is not a refusal's name");
        }
        let mut folded: Vec<String> = all.iter().map(|n| n.to_lowercase()).collect();
        folded.dedup();
        assert_eq!(folded.len(), all.len(), "two spellings of one name");
    }
}
