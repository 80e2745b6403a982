//! A sealed text that is sent as it stands is no change: programs send whole records back, and a seal is made anew each time,
//! so that the desk could not see it. The text is compared on the way to the queue; where it is the same, the field is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::Desk;
use super::query::NoView;
use super::request::{Ask, Request};
use crate::ticket::command::{Command, FieldInput, Fields};
use crate::ticket::number::Number;
use crate::ticket::state::{Held, SealedRef};

/// The fields that a command sets, in the order of its steps.
fn fields_of(command: &mut Command) -> Option<(Number, Vec<&mut Fields>)> {
    match command {
        Command::SetFields { ticket, fields, .. } => Some((ticket.clone(), vec![fields])),
        Command::Take(take) => Some((take.ticket.clone(), take.steps.iter_mut().map(|step| &mut step.fields).collect())),
        _ => None,
    }
}

impl Desk {
    /// The request without the sealed texts that stand there already.
    pub(super) async fn without_the_same(&self, mut request: Request) -> Request {
        if let Ask::Ticket(command) = &mut request.ask
            && let Some((number, sets)) = fields_of(command)
            && sets.iter().any(|fields| fields.values().any(|input| matches!(input, FieldInput::Sealed(_))))
            && let Err(error) = self.leave_out(&number, sets).await
        {
            // The desk decides on it as it came.
            tracing::debug!(%error, "what stands in the fields cannot be read");
        }
        request
    }

    async fn leave_out(&self, number: &Number, sets: Vec<&mut Fields>) -> Result<(), NoView> {
        let ticket = self.ticket_unchecked(number).await?;
        let held = |name: &String| match ticket.fields.get(name) {
            Some(Held::Sealed(held)) => Some(held.clone()),
            _ => None,
        };
        let sealed = |fields: &Fields| -> Vec<String> {
            let sealed = fields.iter().filter(|(_, input)| matches!(input, FieldInput::Sealed(_)));
            sealed.map(|(name, _)| name.clone()).collect()
        };
        let named: BTreeMap<String, SealedRef> =
            sets.iter().flat_map(|fields| sealed(fields)).filter_map(|name| Some((name.clone(), held(&name)?))).collect();
        let events: BTreeSet<i64> = named.values().map(|held| held.seq).collect();
        if events.is_empty() {
            return Ok(());
        }
        let rows = self.store().sealed_of_events(events.into_iter().collect()).await?;
        let texts: BTreeMap<(i64, &str), &[u8]> = rows.iter().map(|row| ((row.seq, row.name.as_str()), row.bytes.as_slice())).collect();
        // What an earlier step sets is not what stands there when a later one sets it.
        let mut set_before: BTreeSet<String> = BTreeSet::new();
        for fields in sets {
            let before = set_before.clone();
            set_before.extend(fields.keys().cloned());
            fields.retain(|name, input| {
                let text = named.get(name).and_then(|held| texts.get(&(held.seq, held.name.as_str())));
                let same = matches!((input, text), (FieldInput::Sealed(given), Some(text)) if given.bytes == **text);
                !same || before.contains(name)
            });
        }
        Ok(())
    }
}
